/* The paper's encoder (PAPER 1.1): 29 convolutions on the main path and 3 shortcuts, 44.26 million parameters before
 * the BLSTM. 32 rows come down to one, and W columns to W / 4 + 1 positions. Position j is centred at pixel 4 j (edge
 * coordinates; c = 4 j - 3.5 in the paper's, which count pixels and positions from 1) and sees 208 x 360 pixels. */
#include "models/encoder.h"

static PoolAttr pool2x2(void) { return (PoolAttr){.kernel_h = 2, .kernel_w = 2, .stride_h = 2, .stride_w = 2}; }

/* Two convolutions and what came in, by a 1 x 1 convolution where the channels change. The shortcut sees less than the
 * main path, so that it does not widen the receptive field. */
static void block(MapBuilder *b, int stage, int i, int32_t channels) {
    Graph *g = b->g;
    TensorId in = b->map;
    graph_enter(g, "conv%d.%d", stage, i);
    if (g->err == ERR_OK && shape_last(graph_shape(g, in)) != channels) {
        Conv2dAttr one = {.kernel_h = 1, .kernel_w = 1, .channels_out = channels, .stride_h = 1, .stride_w = 1};
        in = nn_conv_norm(g, "shortcut", in, &one, LINEAR, b->training);
    }
    map_conv(b, "first", map_conv3x3(channels), RELU);
    map_conv(b, "second", map_conv3x3(channels), LINEAR);
    b->map = g_relu(g, "out", g_add(g, "sum", b->map, in));
    graph_leave(g);
}

static void blocks(MapBuilder *b, int stage, int n, int32_t channels) {
    for (int i = 1; i <= n; i++) block(b, stage, i, channels);
}

static bool image_fits(Graph *g, TensorId image) {
    if (g->err != ERR_OK) return false;
    const Shape *s = graph_shape(g, image);
    if (s->dim[1] == 32 && s->dim[2] >= 4) return true;
    (void)graph_fail(
        g, ERR_SPEC,
        "data.image [%lld, %lld] does not suit the encoder resnet32, expected a height of 32 and a width of "
        "at least 4",
        (long long)s->dim[1], (long long)s->dim[2]);
    return false;
}

static Encoded build(Graph *g, TensorId image, const Settings *settings, bool training) {
    Encoded out = {.features = TENSOR_NONE, .map = TENSOR_NONE};
    if (!image_fits(g, image)) return out;
    MapBuilder b = {.g = g, .map = image, .x = field_of_image(), .y = field_of_image(), .training = training};
    map_conv(&b, "conv1.first", map_conv3x3(32), RELU);
    map_conv(&b, "conv1.second", map_conv3x3(64), RELU);
    map_pool(&b, "pool1", pool2x2());
    blocks(&b, 2, 1, 128);
    map_conv(&b, "conv2", map_conv3x3(128), RELU);
    map_pool(&b, "pool2", pool2x2());
    blocks(&b, 3, 2, 256);
    map_conv(&b, "conv3", map_conv3x3(256), RELU);
    out.map = b.map; /* the last one whose positions are centred in cells of whole strides */
    out.map_stride_y = (int32_t)b.y.jump;
    out.map_stride_x = (int32_t)b.x.jump;
    map_pool(&b, "pool3",
             (PoolAttr){.kernel_h = 2, .kernel_w = 2, .stride_h = 2, .stride_w = 1, .pad_left = 1, .pad_right = 1});
    blocks(&b, 4, 5, 512);
    map_conv(&b, "conv4", map_conv3x3(512), RELU);
    blocks(&b, 5, 3, 512);
    Conv2dAttr down = {
        .kernel_h = 2, .kernel_w = 2, .channels_out = 512, .stride_h = 2, .stride_w = 1, .pad_left = 1, .pad_right = 1};
    map_conv(&b, "conv5.down", down, RELU);
    Conv2dAttr last = {.kernel_h = 2, .kernel_w = 2, .channels_out = 512, .stride_h = 1, .stride_w = 1};
    map_conv(&b, "conv5.last", last, RELU);
    map_finish(&out, &b, settings);
    return out;
}

const Encoder encoder_resnet32 = {
    .name = "resnet32",
    .about = "the paper's encoder: 32 convolutions in residual blocks + BLSTM, for images of 32 rows",
    .build = build,
};
