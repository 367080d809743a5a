/* An encoder: image -> a sequence of features, one per position, and where each position looks. One file per encoder,
 * models/encoder/<name>.c, that defines `const Encoder encoder_<name>`; the table is generated from the file names.
 * Depends on nn, option. */
#ifndef MODELS_ENCODER_H
#define MODELS_ENCODER_H

#include "models/nn.h"
#include "models/option.h"

/* The receptive field of a map along one axis, in edge coordinates of the input (pixel i covers [i, i+1)): position j
 * is centred at start + j jump and sees `size` pixels. PAPER 1.4, applied layer by layer from the image upwards. */
typedef struct Field {
    double start, jump, size;
} Field;

static inline Field field_of_image(void) { return (Field){0.5, 1.0, 1.0}; }

/* The field behind one more layer with this kernel, stride and leading padding. */
static inline Field field_through(Field f, int kernel, int stride, int pad) {
    f.start += ((kernel - 1) / 2.0 - pad) * f.jump;
    f.size += (kernel - 1) * f.jump;
    f.jump *= stride;
    return f;
}

typedef struct Encoded {
    TensorId features; /* [N,L,D] */
    Field field_x, field_y;
    TensorId map; /* [N,Hm,Wm,C]: the last map that still has rows, for branches that crop features */
    int32_t map_stride_y, map_stride_x;
} Encoded;

typedef struct Encoder {
    const char *name; /* as in the grid: crnn-small */
    const char *about;
    /* image [N,H,W,3]. An image that is too small or does not come down to one row is an error of the graph that says
     * what would fit. */
    Encoded (*build)(Graph *g, TensorId image, const Settings *settings, bool training);
} Encoder;

const Encoder *const *encoder_table(int *n);
const Encoder *encoder_find(const char *name); /* NULL when there is none */

/* Convolution (without bias, with batch norm) and max pooling that keep track of the field. */
typedef struct MapBuilder {
    Graph *g;
    TensorId map; /* [N,H,W,C] */
    Field x, y;
    bool training;
} MapBuilder;

void map_conv(MapBuilder *b, const char *name, Conv2dAttr attr, Activation activation);
void map_pool(MapBuilder *b, const char *name, PoolAttr attr);

/* A 3 x 3 convolution that keeps rows and columns. */
Conv2dAttr map_conv3x3(int32_t channels);

/* What an encoder ends with: the map [N,1,L,D] as a sequence [N,L,D] and model.blstm's LSTM on it, if it is not 0. */
void map_finish(Encoded *out, const MapBuilder *b, const Settings *settings);

#endif
