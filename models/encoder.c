/* The table of encoders, and layers that keep track of the receptive field. */
#include "models/encoder.h"

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

void map_conv(MapBuilder *b, const char *name, Conv2dAttr attr) {
    b->map = nn_conv_norm_relu(b->g, name, b->map, &attr, b->training);
    b->x = field_through(b->x, attr.kernel_w, attr.stride_w, attr.pad_left);
    b->y = field_through(b->y, attr.kernel_h, attr.stride_h, attr.pad_top);
}

void map_pool(MapBuilder *b, const char *name, PoolAttr attr) {
    b->map = g_max_pool(b->g, name, b->map, &attr);
    b->x = field_through(b->x, attr.kernel_w, attr.stride_w, attr.pad_left);
    b->y = field_through(b->y, attr.kernel_h, attr.stride_h, attr.pad_top);
}
