/* The CPU default: five convolutions that bring 32 rows down to one, every fourth column a position, then one
 * bidirectional LSTM. 180,752 parameters with blstm 64. Position j is centred at pixel 4 j + 2. */
#include "models/encoder.h"

static PoolAttr pool(int32_t h, int32_t w) {
    return (PoolAttr){.kernel_h = h, .kernel_w = w, .stride_h = h, .stride_w = w};
}

static bool image_fits(Graph *g, TensorId image) {
    if (g->err != ERR_OK) return false;
    const Shape *s = graph_shape(g, image);
    int64_t h = s->dim[1], w = s->dim[2];
    if (h == 32 && w >= 4) return true;
    (void)graph_fail(
        g, ERR_SPEC,
        "data.image [%lld, %lld] does not suit the encoder crnn-small, expected a height of 32 and a width "
        "of at least 4",
        (long long)h, (long long)w);
    return false;
}

static Encoded build(Graph *g, TensorId image, const Settings *settings, bool training) {
    Encoded out = {.features = TENSOR_NONE, .map = TENSOR_NONE};
    if (!image_fits(g, image)) return out;
    MapBuilder b = {.g = g, .map = image, .x = field_of_image(), .y = field_of_image(), .training = training};
    map_conv(&b, "conv1", map_conv3x3(16), RELU);
    map_pool(&b, "pool1", pool(2, 2));
    map_conv(&b, "conv2", map_conv3x3(32), RELU);
    map_pool(&b, "pool2", pool(2, 2));
    map_conv(&b, "conv3", map_conv3x3(64), RELU);
    map_pool(&b, "pool3", pool(2, 1));
    map_conv(&b, "conv4", map_conv3x3(96), RELU);
    out.map = b.map;
    out.map_stride_y = (int32_t)b.y.jump;
    out.map_stride_x = (int32_t)b.x.jump;
    map_pool(&b, "pool4", pool(2, 1));
    map_conv(&b, "conv5", (Conv2dAttr){.kernel_h = 2, .kernel_w = 1, .channels_out = 96, .stride_h = 1, .stride_w = 1},
             RELU);
    map_finish(&out, &b, settings);
    return out;
}

const Encoder encoder_crnn_small = {
    .name = "crnn-small",
    .about = "5 convolutions + BLSTM, for images of 32 rows; trains on a CPU",
    .build = build,
};
