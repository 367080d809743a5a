#include "kernels/conv.h"

#include <string.h>

#include "kernels/tile.h"

/* K_BLOCK: rows of a packed panel, which stays in the first-level cache. STRIP_FLOATS: of a padded copy of image rows,
 * which stays in the second-level cache. STRIP_PIXELS: of dy that are summed in registers before dw is touched. */
enum { K_BLOCK = 384, STRIP_FLOATS = 24 * 1024, STRIP_PIXELS = 256, ALIGN_FLOATS = 16 };

/* ---- y(row, column) = sum over the kernel of x(row step - before + kernel row, ...) times weights ---- */

/* A correlation of one image. Backward data is a set of them: with a stride, the rows and columns of dx fall into
 * classes, each of which sees a part of the kernel, flipped, and moves over dy by single steps. */
typedef struct Correlation {
    int64_t h, w, c;            /* of the input */
    int64_t kernel_h, kernel_w; /* of this part of the kernel */
    int64_t step_h, step_w, before_h, before_w;
    int64_t n_rows, n_columns, n_channels; /* of the output */
    int64_t row_stride, column_stride;     /* between its outputs, in floats */
} Correlation;

static int64_t depth_of(const Correlation *g) { return g->kernel_h * g->kernel_w * g->c; }

/* A block of k is some kernel rows, whole, or a piece of one. */
typedef struct KBlock {
    int64_t first, n_segments, length; /* the first k; the product of the others is the number of k */
} KBlock;

static KBlock block_at(const Correlation *g, int64_t k) {
    const int64_t segment = g->kernel_w * g->c, left = segment - k % segment;
    if (segment > K_BLOCK) return (KBlock){k, 1, tile_min(left, K_BLOCK)};
    return (KBlock){k, tile_min(K_BLOCK / segment, (depth_of(g) - k) / segment), segment};
}

static int64_t packed_floats(const Correlation *g) { return depth_of(g) * tile_round_up(g->n_channels, TILE_MAX_COLS); }

/* Strips of output rows, and the padded copy of the input that one needs. */
static int64_t padded_width(const Correlation *g) { return (g->n_columns - 1) * g->step_w + g->kernel_w; }
static int64_t padded_rows(const Correlation *g, int64_t n_rows) { return (n_rows - 1) * g->step_h + g->kernel_h; }

static int64_t strip_rows(const Correlation *g, int64_t max_floats) {
    const int64_t row = padded_width(g) * g->c, beyond = g->kernel_h - g->step_h;
    const int64_t n = (max_floats / row - beyond) / g->step_h;
    return n < 1 ? 1 : tile_min(n, g->n_rows);
}

static int64_t strip_floats(const Correlation *g, int64_t n_rows) {
    return tile_round_up(padded_rows(g, n_rows) * padded_width(g) * g->c, ALIGN_FLOATS);
}

static int64_t clamp(int64_t n, int64_t low, int64_t high) { return n < low ? low : n > high ? high : n; }

/* Or can the rows be read where they are? */
static bool needs_copy(const Correlation *g, int64_t first_row, int64_t n_rows) {
    const int64_t top = first_row * g->step_h - g->before_h;
    return g->before_w != 0 || padded_width(g) > g->w || top < 0 || top + padded_rows(g, n_rows) > g->h;
}

/* The input of output rows [first_row, +n_rows): a pointer to its first element, and the length of its rows. */
static const float *place_strip(const Correlation *g, const float *x, int64_t first_row, int64_t n_rows, float *copy,
                                int64_t *row_floats) {
    const int64_t top = first_row * g->step_h - g->before_h;
    if (!needs_copy(g, first_row, n_rows)) {
        *row_floats = g->w * g->c;
        return x + top * *row_floats;
    }
    const int64_t width = padded_width(g);
    const int64_t first = clamp(g->before_w, 0, width), last = clamp(g->before_w + g->w, first, width);
    *row_floats = width * g->c;
    for (int64_t r = 0; r < padded_rows(g, n_rows); r++) {
        float *row = copy + r * *row_floats;
        const bool inside = top + r >= 0 && top + r < g->h;
        const int64_t from = inside ? first : width, to = inside ? last : width;
        memset(row, 0, (size_t)(from * g->c) * sizeof *row);
        memcpy(row + from * g->c, x + ((top + r) * g->w + from - g->before_w) * g->c,
               (size_t)((to - from) * g->c) * sizeof *row);
        memset(row + to * g->c, 0, (size_t)((width - to) * g->c) * sizeof *row);
    }
    return copy;
}

/* The kernel rows among [first, first + n) that see the image, for an output row: [*from, *to), from first. */
static void rows_inside(const Correlation *g, int64_t output_row, int64_t first, int64_t n, int64_t *from,
                        int64_t *to) {
    const int64_t top = output_row * g->step_h - g->before_h + first;
    *from = clamp(-top, 0, n);
    *to = clamp(g->h - top, *from, n);
}

/* A piece of the work: output rows [row, row + n_rows) whose padded input is at strip. */
typedef struct Strip {
    const float *at;
    int64_t row_floats, row, n_rows;
} Strip;

static Strip strip_at(const Correlation *g, const float *x, int64_t row, int64_t max_rows, float *copy) {
    Strip s = {.row = row, .n_rows = tile_min(max_rows, g->n_rows - row)};
    s.at = place_strip(g, x, row, s.n_rows, copy, &s.row_floats);
    return s;
}

/* One block of k and one panel of columns over the rows of a strip. Kernel rows that lie in the padding are skipped. */
static void correlate_panel(const Correlation *g, const TileKernel *kernel, const Strip *strip, KBlock block,
                            const float *panel, int cols, const float *bias, float *y, bool add) {
    const int64_t segment = g->kernel_w * g->c, kernel_row = block.first / segment;
    const float *at = strip->at + kernel_row * strip->row_floats + block.first % segment;
    for (int64_t r = 0; r < strip->n_rows; r++) {
        int64_t from, to;
        rows_inside(g, strip->row + r, kernel_row, block.n_segments, &from, &to);
        if (from == to && add) continue;
        const Tile tile = {.a = at + (r * g->step_h + from) * strip->row_floats,
                           .b = panel + from * block.length * kernel->cols,
                           .a_row = g->step_w * g->c,
                           .a_col = 1,
                           .a_segment = strip->row_floats,
                           .b_row = kernel->cols,
                           .k = block.length,
                           .n_segments = to - from,
                           .add = add,
                           .bias = bias};
        tile_column(kernel, g->n_columns, cols, &tile, y + (strip->row + r) * g->row_stride, g->column_stride);
    }
}

/* bias: of the channels, or NULL. */
static void correlate(const Correlation *g, const float *x, const float *packed, const float *bias, float *y, bool add,
                      float *scratch) {
    const TileKernel kernel = tile_kernel(g->n_channels);
    const int64_t max_rows = strip_rows(g, STRIP_FLOATS), width = tile_round_up(g->n_channels, kernel.cols);
    for (int64_t row = 0; row < g->n_rows; row += max_rows) {
        const Strip strip = strip_at(g, x, row, max_rows, scratch);
        KBlock b = {0};
        for (int64_t k = 0; k < depth_of(g); k += b.n_segments * b.length) {
            b = block_at(g, k);
            for (int64_t j = 0; j < g->n_channels; j += kernel.cols)
                correlate_panel(g, &kernel, &strip, b, packed + k * width + j * b.n_segments * b.length,
                                (int)tile_min(g->n_channels - j, kernel.cols), bias == NULL ? NULL : bias + j, y + j,
                                add || k > 0);
        }
    }
}

/* ---- forward ---- */

static Correlation forward_of(const Conv *c) {
    return (Correlation){.h = c->h,
                         .w = c->w,
                         .c = c->c,
                         .kernel_h = c->rows.kernel,
                         .kernel_w = c->columns.kernel,
                         .step_h = c->rows.stride,
                         .step_w = c->columns.stride,
                         .before_h = c->rows.before,
                         .before_w = c->columns.before,
                         .n_rows = c->ho,
                         .n_columns = c->wo,
                         .n_channels = c->o,
                         .row_stride = c->wo * c->o,
                         .column_stride = c->o};
}

void conv_pack_forward(const Conv *conv, const float *weights, float *packed, int n_tasks, int i_task) {
    const Correlation g = forward_of(conv);
    const TileKernel kernel = tile_kernel(g.n_channels);
    KBlock b = {0};
    int64_t i = 0;
    for (int64_t k = 0; k < depth_of(&g); k += b.n_segments * b.length, i++) {
        b = block_at(&g, k);
        const int64_t rows = b.n_segments * b.length;
        for (int64_t j = 0; j < g.n_channels && i % n_tasks == i_task; j += kernel.cols)
            tile_pack(packed + k * tile_round_up(g.n_channels, kernel.cols) + j * rows, weights + k * conv->o + j,
                      conv->o, rows, (int)tile_min(g.n_channels - j, kernel.cols), kernel.cols);
    }
}

int64_t conv_forward_scratch(const Conv *conv) {
    const Correlation g = forward_of(conv);
    return needs_copy(&g, 0, g.n_rows) ? strip_floats(&g, strip_rows(&g, STRIP_FLOATS)) : 0;
}

void conv_forward(const Conv *conv, const float *x, const float *packed, const float *bias, float *y, float *scratch) {
    const Correlation g = forward_of(conv);
    correlate(&g, x, packed, bias, y, false, scratch);
}

/* ---- backward data ---- */

/* One dimension of a class: elements of dx at first, first + stride, ...; kernel offsets phase + stride j, j < n. */
typedef struct Class {
    int64_t first, n_elements, phase, n_offsets, before;
} Class;

static Class class_of(const Window *w, int64_t n_in, int64_t first) {
    Class c = {.first = first, .phase = (first + w->before) % w->stride};
    c.n_elements = first < n_in ? (n_in - first - 1) / w->stride + 1 : 0;
    c.n_offsets = c.phase < w->kernel ? (w->kernel - c.phase - 1) / w->stride + 1 : 0;
    /* dx(first + stride i) = sum over j of dy(q + i - j) w(phase + stride j), q = (first + before) / stride. */
    c.before = c.n_offsets - 1 - (first + w->before) / w->stride;
    return c;
}

static Correlation backward_of(const Conv *c, const Class *rows, const Class *columns) {
    return (Correlation){.h = c->ho,
                         .w = c->wo,
                         .c = c->o,
                         .kernel_h = rows->n_offsets,
                         .kernel_w = columns->n_offsets,
                         .step_h = 1,
                         .step_w = 1,
                         .before_h = rows->before,
                         .before_w = columns->before,
                         .n_rows = rows->n_elements,
                         .n_columns = columns->n_elements,
                         .n_channels = c->c,
                         .row_stride = c->rows.stride * c->w * c->c,
                         .column_stride = c->columns.stride * c->c};
}

/* Does something with each class of dx; visit gets the packed weights of its own. */
typedef struct DataPass {
    const Conv *conv;
    const float *from; /* weights, or dy */
    float *packed, *dx, *scratch;
    bool add;
    int n_tasks, i_task;
    int64_t most; /* scratch floats that any class needs */
} DataPass;

static int64_t each_class(DataPass *pass,
                          void (*visit)(DataPass *, const Correlation *, const Class *, const Class *)) {
    const Conv *conv = pass->conv;
    int64_t floats = 0;
    for (int64_t i = 0; i < conv->rows.stride; i++)
        for (int64_t j = 0; j < conv->columns.stride; j++) {
            const Class rows = class_of(&conv->rows, conv->h, i), columns = class_of(&conv->columns, conv->w, j);
            const Correlation g = backward_of(conv, &rows, &columns);
            if (rows.n_elements == 0 || columns.n_elements == 0) continue;
            if (visit != NULL) visit(pass, &g, &rows, &columns);
            pass->packed += pass->packed == NULL ? 0 : packed_floats(&g);
            floats += packed_floats(&g);
        }
    return floats;
}

int64_t conv_packed_floats(const Conv *conv, bool backward) {
    const Correlation g = forward_of(conv);
    DataPass pass = {.conv = conv};
    return backward ? each_class(&pass, NULL) : packed_floats(&g);
}

/* Rows [k, k + n_k) of one panel: B is w transposed, kernel offset by kernel offset, last offset first. */
static void pack_class_panel(const DataPass *pass, const Class *rows, const Class *columns, int64_t k, int64_t n_k,
                             int64_t channel, int cols, int width, float *dst) {
    const Conv *c = pass->conv;
    for (int64_t end = k + n_k, n = 0; k < end; k += n, dst += n * width) {
        const int64_t o = k % c->o, offset = k / c->o;
        const int64_t i = rows->n_offsets - 1 - offset / columns->n_offsets;
        const int64_t j = columns->n_offsets - 1 - offset % columns->n_offsets;
        const int64_t kernel_row = rows->phase + c->rows.stride * i;
        const int64_t kernel_column = columns->phase + c->columns.stride * j;
        const int64_t at = ((kernel_row * c->columns.kernel + kernel_column) * c->c + channel) * c->o + o;
        n = tile_min(c->o - o, end - k);
        tile_pack_transposed(dst, pass->from + at, c->o, n, cols, width);
    }
}

static void pack_class(DataPass *pass, const Correlation *g, const Class *rows, const Class *columns) {
    const TileKernel kernel = tile_kernel(g->n_channels);
    KBlock b = {0};
    int64_t i = 0;
    for (int64_t k = 0; k < depth_of(g); k += b.n_segments * b.length, i++) {
        b = block_at(g, k);
        const int64_t n_k = b.n_segments * b.length;
        for (int64_t j = 0; j < g->n_channels && i % pass->n_tasks == pass->i_task; j += kernel.cols)
            pack_class_panel(pass, rows, columns, k, n_k, j, (int)tile_min(g->n_channels - j, kernel.cols), kernel.cols,
                             pass->packed + k * tile_round_up(g->n_channels, kernel.cols) + j * n_k);
    }
}

void conv_pack_backward(const Conv *conv, const float *weights, float *packed, int n_tasks, int i_task) {
    DataPass pass = {.conv = conv, .from = weights, .packed = packed, .n_tasks = n_tasks, .i_task = i_task};
    (void)each_class(&pass, pack_class);
}

static void measure_class(DataPass *pass, const Correlation *g, const Class *rows, const Class *columns) {
    (void)rows, (void)columns;
    if (depth_of(g) == 0 || !needs_copy(g, 0, g->n_rows)) return;
    const int64_t floats = strip_floats(g, strip_rows(g, STRIP_FLOATS));
    if (floats > pass->most) pass->most = floats;
}

int64_t conv_data_scratch(const Conv *conv) {
    DataPass pass = {.conv = conv};
    (void)each_class(&pass, measure_class);
    return pass.most;
}

static void run_class(DataPass *pass, const Correlation *g, const Class *rows, const Class *columns) {
    float *dx = pass->dx + (rows->first * pass->conv->w + columns->first) * pass->conv->c;
    if (depth_of(g) > 0) {
        correlate(g, pass->from, pass->packed, NULL, dx, pass->add, pass->scratch);
        return;
    }
    for (int64_t r = 0; r < g->n_rows && !pass->add; r++) /* no window covers these */
        for (int64_t i = 0; i < g->n_columns; i++)
            memset(dx + r * g->row_stride + i * g->column_stride, 0, (size_t)g->n_channels * sizeof *dx);
}

void conv_backward_data(const Conv *conv, const float *dy, const float *packed, float *dx, bool add, float *scratch) {
    /* The weights are not written; the field serves packing too. */
    DataPass pass = {
        .conv = conv, .from = dy, .packed = (float *)(uintptr_t)packed, .dx = dx, .scratch = scratch, .add = add};
    (void)each_class(&pass, run_class);
}

/* ---- backward weights: dw(kernel row) += rows of x, transposed, times rows of dy ---- */

static int64_t weights_strip(const Correlation *g) {
    const int64_t n = STRIP_PIXELS / g->n_columns;
    return n < 1 ? 1 : tile_min(n, g->n_rows);
}

/* Floats of a panel of dy. */
static int64_t panel_floats(const Correlation *g) { return weights_strip(g) * g->n_columns * TILE_MAX_COLS; }

/* The rows of a strip, counted in it, whose kernel row r lies in the image: [*from, *to). */
static void outputs_inside(const Correlation *g, const Strip *strip, int64_t r, int64_t *from, int64_t *to) {
    const int64_t top = strip->row * g->step_h - g->before_h + r; /* the input row of output 0 */
    *from = clamp((-top + g->step_h - 1) / g->step_h, 0, strip->n_rows);
    *to = clamp((g->h - top + g->step_h - 1) / g->step_h, *from, strip->n_rows);
}

int64_t conv_weights_scratch(const Conv *conv) {
    const Correlation g = forward_of(conv);
    return panel_floats(&g) + (needs_copy(&g, 0, g.n_rows) ? strip_floats(&g, weights_strip(&g)) : 0);
}

static void add_strip(const Correlation *g, const TileKernel *kernel, const Strip *strip, const float *dy, float *panel,
                      float *dw, bool add) {
    const int64_t segment = g->kernel_w * g->c;
    for (int64_t j = 0; j < g->n_channels; j += kernel->cols) {
        const int cols = (int)tile_min(g->n_channels - j, kernel->cols);
        const float *rows = dy; /* one panel of all channels is what tile_pack would make */
        if (g->n_channels != kernel->cols) {
            tile_pack(panel, dy + j, g->n_channels, strip->n_rows * g->n_columns, cols, kernel->cols);
            rows = panel;
        }
        for (int64_t r = 0; r < g->kernel_h; r++) {
            int64_t from, to;
            outputs_inside(g, strip, r, &from, &to);
            if (from == to && add) continue;
            const Tile tile = {.a = strip->at + (from * g->step_h + r) * strip->row_floats,
                               .b = rows + from * g->n_columns * kernel->cols,
                               .a_row = 1,
                               .a_col = g->step_w * g->c,
                               .a_segment = g->step_h * strip->row_floats,
                               .b_row = kernel->cols,
                               .k = g->n_columns,
                               .n_segments = to - from,
                               .add = add};
            tile_column(kernel, segment, cols, &tile, dw + r * segment * g->n_channels + j, g->n_channels);
        }
    }
}

void conv_backward_weights(const Conv *conv, const float *x, const float *dy, int64_t n_images, float *dw, bool add,
                           float *scratch) {
    const Correlation g = forward_of(conv);
    const TileKernel kernel = tile_kernel(g.n_channels);
    const int64_t max_rows = weights_strip(&g);
    float *panel = scratch, *copy = scratch + panel_floats(&g);
    for (int64_t i = 0; i < n_images; i++, x += g.h * g.w * g.c, dy += g.n_rows * g.row_stride)
        for (int64_t row = 0; row < g.n_rows; row += max_rows) {
            const Strip strip = strip_at(&g, x, row, max_rows, copy);
            add_strip(&g, &kernel, &strip, dy + row * g.row_stride, panel, dw, add || i > 0 || row > 0);
        }
}
