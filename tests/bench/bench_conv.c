/* How near the convolutions of crnn-small come to the FMA peak of one core: forward and backward of each layer at batch
 * 32 in processor time, interleaved with measurements of the peak. Both are the fastest of many rounds, since a
 * neighbour on the same core can only slow them down; the medians stand below. Prints one line a layer and the
 * flop-weighted share of layers 2 to 5; the first layer, which has 3 input channels and no gradient of its input,
 * stands apart. --json FILE for programs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/mem.h"
#include "kernels/op.h"
#include "kernels/ops.h"
#include "kernels/rng.h"
#include "tests/bench/peak.h"

enum { N_LAYERS = 5, N_ROUNDS = 100, N_WARM = 5, BATCH = 32, N_PASSES = 2 };

typedef struct Layer {
    const char *name;
    Conv2dAttr attr;
    Shape x;
    OpSpec spec;
    OpCall call[N_PASSES]; /* forward, backward */
    void *state[N_PASSES];
    double ms[N_PASSES][N_ROUNDS];
    double flops[N_PASSES];
} Layer;

static Conv2dAttr conv3(int32_t channels_out) { return (Conv2dAttr){3, 3, channels_out, 1, 1, 1, 1, 1, 1}; }

static void describe(Layer layers[N_LAYERS]) {
    layers[0] = (Layer){.name = "conv1 3x3   3->16 32x128", .attr = conv3(16), .x = SHAPE4(BATCH, 32, 128, 3)};
    layers[1] = (Layer){.name = "conv2 3x3  16->32 16x64 ", .attr = conv3(32), .x = SHAPE4(BATCH, 16, 64, 16)};
    layers[2] = (Layer){.name = "conv3 3x3  32->64  8x32 ", .attr = conv3(64), .x = SHAPE4(BATCH, 8, 32, 32)};
    layers[3] = (Layer){.name = "conv4 3x3  64->96  4x32 ", .attr = conv3(96), .x = SHAPE4(BATCH, 4, 32, 64)};
    layers[4] = (Layer){
        .name = "conv5 2x1  96->96  2x32 ", .attr = {2, 1, 96, 1, 1, 0, 0, 0, 0}, .x = SHAPE4(BATCH, 2, 32, 96)};
}

static Err new_values(void **out, const Shape *shape, uint64_t element) {
    float *values = NULL;
    int64_t n = shape_count(shape);
    Err err = mem_alloc(&values, (size_t)n, sizeof *values);
    Rng rng = rng_at(rng_stream(1, "bench"), 0, element);
    for (int64_t i = 0; err == ERR_OK && i < n; i++) values[i] = (float)rng_range(&rng, -1, 1);
    *out = values;
    return err;
}

/* Everything that a pass needs is made here, so that the timed call computes only. Lives until the program ends. */
static Err prepare(Layer *layer, const Op *op, int i_layer) {
    Err err = ERR_OK;
    uint32_t wanted = i_layer == 0 ? 2 : 3; /* dw; and dx behind the first layer */
    void *x = NULL, *w = NULL, *y = NULL, *dy = NULL, *dx = NULL, *dw = NULL;
    Shape shape_w = SHAPE4(layer->attr.kernel_h, layer->attr.kernel_w, layer->x.dim[3], layer->attr.channels_out);
    layer->spec = (OpSpec){.attr = &layer->attr, .n_x = 3, .x = {layer->x, shape_w, {SHAPE_ABSENT, {0}}}};
    TRY(op_infer(op, &layer->spec));
    const Shape *shape_y = &layer->spec.y[0];
    TRY(new_values(&x, &layer->x, 0));
    TRY(new_values(&w, &shape_w, 1));
    TRY(new_values(&y, shape_y, 2));
    TRY(new_values(&dy, shape_y, 3));
    TRY(new_values(&dx, &layer->x, 4));
    TRY(new_values(&dw, &shape_w, 5));
    for (int pass = 0; pass < N_PASSES; pass++) {
        bool backward = pass == 1;
        OpCall *call = &layer->call[pass];
        *call = (OpCall){.spec = &layer->spec, .x = {x, w}, .y = {y}, .shards = 1};
        if (backward) {
            call->dy[0] = dy;
            call->dx[0] = i_layer == 0 ? NULL : dx;
            call->dx[1] = dw;
        }
        size_t bytes = op->scratch_bytes != NULL
                           ? op->scratch_bytes(&layer->spec, DEVICE_CPU, backward, backward ? wanted : 0, 1)
                           : 0;
        TRY(mem_alloc(&call->scratch, bytes, 1));
        if (op->prepare != NULL) TRY(op->prepare(&call->state, &layer->spec, backward, backward ? wanted : 0, 0, 1));
        layer->flops[pass] = (double)op_flops(op, &layer->spec, backward);
        /* op_flops counts both gradients; the first layer computes one of the two. */
        if (backward && i_layer == 0) layer->flops[pass] /= 2;
    }
done:
    return err;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(const double *values, int n) {
    double sorted[N_ROUNDS];
    memcpy(sorted, values, (size_t)n * sizeof *sorted);
    qsort(sorted, (size_t)n, sizeof *sorted, by_value);
    return n % 2 == 1 ? sorted[n / 2] : 0.5 * (sorted[n / 2 - 1] + sorted[n / 2]);
}

static double least(const double *values, int n) {
    double best = values[0];
    for (int i = 1; i < n; i++) best = values[i] < best ? values[i] : best;
    return best;
}

static double most(const double *values, int n) {
    double best = values[0];
    for (int i = 1; i < n; i++) best = values[i] > best ? values[i] : best;
    return best;
}

static Err measure(Layer layers[N_LAYERS], const Op *op, double peaks[N_ROUNDS]) {
    for (int round = -N_WARM; round < N_ROUNDS; round++) {
        double peak = peak_gflops(0.005);
        if (round >= 0) peaks[round] = peak;
        for (int i = 0; i < N_LAYERS; i++)
            for (int pass = 0; pass < N_PASSES; pass++) {
                double before = bench_cpu();
                Err err = pass == 0 ? op->fwd(&layers[i].call[pass]) : op->bwd(&layers[i].call[pass]);
                double ms = 1e3 * (bench_cpu() - before);
                if (err != ERR_OK) return err;
                if (round >= 0) layers[i].ms[pass][round] = ms;
            }
    }
    return ERR_OK;
}

/* The share of the peak that layers 2 to 5 reach together; *ms: their time. `of` picks one of the rounds. */
static double share_of(const Layer layers[N_LAYERS], double peak, double (*of)(const double *, int), double *ms) {
    double flops = 0;
    *ms = 0;
    for (int i = 1; i < N_LAYERS; i++)
        for (int pass = 0; pass < N_PASSES; pass++) {
            flops += layers[i].flops[pass];
            *ms += of(layers[i].ms[pass], N_ROUNDS);
        }
    return flops / *ms * 1e-6 / peak;
}

static void print_layer(const Layer *layer, double peak) {
    double fwd = least(layer->ms[0], N_ROUNDS), bwd = least(layer->ms[1], N_ROUNDS);
    double gflops = (layer->flops[0] + layer->flops[1]) / (fwd + bwd) * 1e-6;
    printf("%-26s %10.3f %10.3f %10.1f %7.1f%%\n", layer->name, fwd, bwd, gflops, 100 * gflops / peak);
}

/* Of the fastest rounds. */
static double print_all(const Layer layers[N_LAYERS], const double peaks[N_ROUNDS]) {
    double peak = most(peaks, N_ROUNDS), usual = median(peaks, N_ROUNDS), ms, usual_ms;
    printf("FMA peak of one core: %.1f GFLOP/s (%s)\n", peak, peak_instructions());
    printf("%-26s %10s %10s %10s %8s\n", "convolution, batch 32", "fwd ms", "bwd ms", "GFLOP/s", "of peak");
    for (int i = 0; i < N_LAYERS; i++) print_layer(&layers[i], peak);
    double share = share_of(layers, peak, least, &ms), usual_share = share_of(layers, usual, median, &usual_ms);
    printf("%-26s %10s %10.3f %10.1f %7.1f%%\n", "conv2 to conv5", "", ms, share * peak, 100 * share);
    printf("%-26s %10s %10.3f %10.1f %7.1f%%\n", "  medians", "", usual_ms, usual_share * usual, 100 * usual_share);
    return share;
}

int main(int argc, char **argv) {
    static Layer layers[N_LAYERS];
    static double peaks[N_ROUNDS];
    const Op *op = op_find("conv2d");
    if (op == NULL) {
        fprintf(stderr, "bench_conv: this build has no op conv2d\n");
        return 1;
    }
    describe(layers);
    Err err = ERR_OK;
    for (int i = 0; i < N_LAYERS && err == ERR_OK; i++) err = prepare(&layers[i], op, i);
    if (err == ERR_OK) err = measure(layers, op, peaks);
    if (err != ERR_OK) {
        fprintf(stderr, "bench_conv: %s\n", err_message());
        return 1;
    }
    double share = print_all(layers, peaks);
    if (argc == 3 && strcmp(argv[1], "--json") == 0) {
        FILE *file = fopen(argv[2], "w");
        if (file == NULL) return 1;
        fprintf(file, "{\"fma_peak_gflops\": %.2f, \"conv_share_of_peak\": %.4f}\n", most(peaks, N_ROUNDS), share);
        if (fclose(file) != 0) return 1;
    }
    return 0;
}
