/* The table of encoders, and layers that keep track of the receptive field. */
#include "models/encoder.h"

#include <stdio.h>
#include <string.h>

#define X(name) extern const Encoder encoder_##name;
#include "gen/encoders.inc"
#undef X

static const Encoder *const table[] = {
#define X(name) &encoder_##name,
#include "gen/encoders.inc"
#undef X
};

const Encoder *const *encoder_table(int *n) {
    *n = (int)(sizeof table / sizeof table[0]);
    return table;
}

const Encoder *encoder_find(const char *name) {
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (strcmp(table[i]->name, name) == 0) return table[i];
    return NULL;
}

Conv2dAttr map_conv3x3(int32_t channels) {
    return (Conv2dAttr){.kernel_h = 3,
                        .kernel_w = 3,
                        .channels_out = channels,
                        .stride_h = 1,
                        .stride_w = 1,
                        .pad_top = 1,
                        .pad_bottom = 1,
                        .pad_left = 1,
                        .pad_right = 1};
}

void map_conv(MapBuilder *b, const char *name, Conv2dAttr attr, Activation activation) {
    b->map = nn_conv_norm(b->g, name, b->map, &attr, activation, b->training);
    b->x = field_through(b->x, attr.kernel_w, attr.stride_w, attr.pad_left);
    b->y = field_through(b->y, attr.kernel_h, attr.stride_h, attr.pad_top);
}

void map_pool(MapBuilder *b, const char *name, PoolAttr attr) {
    b->map = g_max_pool(b->g, name, b->map, &attr);
    b->x = field_through(b->x, attr.kernel_w, attr.stride_w, attr.pad_left);
    b->y = field_through(b->y, attr.kernel_h, attr.stride_h, attr.pad_top);
}

void map_finish(Encoded *out, const MapBuilder *b, const Settings *settings) {
    if (b->g->err != ERR_OK) return;
    const Shape *s = graph_shape(b->g, b->map);
    int64_t hidden = settings_int(settings, "model.blstm");
    out->field_x = b->x;
    out->field_y = b->y;
    out->features = graph_reshape(b->g, b->map, SHAPE3(s->dim[0], s->dim[2], s->dim[3]));
    for (int64_t i = 0; hidden > 0 && i < settings_int(settings, "model.blstm_layers"); i++) {
        char name[32];
        (void)snprintf(name, sizeof name, i == 0 ? "blstm" : "blstm%d", (int)i + 1);
        out->features = nn_blstm(b->g, name, out->features, hidden);
    }
}
