/* conv.c against plain loops, on random shapes. Values are small integers: every sum is exact, so that comparisons are
 * of bits, and a result that was added twice or left out shows. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/conv.h"
#include "kernels/isa.h"
#include "kernels/mem.h"
#include "kernels/rng.h"
#include "tests/guarded.h"

enum { N_SHAPES = 300, N_IMAGES = 2 };

/* n floats, NaN. */
static Guarded block_new(int64_t n) {
    Guarded block;
    assert_int_equal(guarded_init(&block, (size_t)n * sizeof(float), 0), ERR_OK);
    return block;
}

static void block_free(Guarded *block) {
    assert_true(guarded_intact(block));
    guarded_clear(block);
}

static Guarded integers_new(int64_t n, Rng *rng) {
    Guarded block = block_new(n);
    float *at = block.data;
    for (int64_t i = 0; i < n; i++) at[i] = (float)rng_below(rng, 7) - 3.0f;
    return block;
}

static Window random_window(Rng *rng, int64_t n_in) {
    Window w = {.kernel = (int32_t)rng_below(rng, 5) + 1, .stride = (int32_t)rng_below(rng, 3) + 1};
    w.before = (int32_t)rng_below(rng, (uint32_t)w.kernel);
    w.after = (int32_t)rng_below(rng, (uint32_t)w.kernel);
    if (n_in + w.before + w.after < w.kernel) w = (Window){1, w.stride, 0, 0};
    return w;
}

/* Mostly small; now and then a size beyond one block of k, one strip, one panel. */
static Conv random_conv(Rng *rng) {
    Conv c = {.h = rng_below(rng, 9) + 1, .w = rng_below(rng, 13) + 1};
    c.c = rng_below(rng, 10) == 0 ? 90 + rng_below(rng, 60) : rng_below(rng, 20) + 1;
    c.o = rng_below(rng, 10) == 0 ? 30 + rng_below(rng, 60) : rng_below(rng, 20) + 1;
    if (rng_below(rng, 20) == 0) c.w += 250;
    if (rng_below(rng, 20) == 0) c.h += 60;
    c.rows = random_window(rng, c.h);
    c.columns = random_window(rng, c.w);
    assert_int_equal(window_count(&c.ho, &c.rows, c.h, "height"), ERR_OK);
    assert_int_equal(window_count(&c.wo, &c.columns, c.w, "width"), ERR_OK);
    return c;
}

/* One shape with everything that belongs to it. */
typedef struct Trial {
    Conv conv;
    int64_t n_x, n_y, n_w;
    Guarded x_block, w_block, bias_block, dy_block;
    const float *x, *w, *bias, *dy;
    double *y, *dx, *dw; /* sums by plain loops, without bias */
} Trial;

static void sum_plainly(Trial *t) {
    const Conv *c = &t->conv;
    for (int64_t i_y = 0; i_y < t->n_y; i_y++)
        for (int64_t k = 0; k < c->rows.kernel * c->columns.kernel * c->c; k++) {
            const int64_t o = i_y % c->o, column = i_y / c->o % c->wo, row = i_y / (c->o * c->wo) % c->ho;
            const int64_t n = i_y / (c->o * c->wo * c->ho);
            const int64_t i = row * c->rows.stride - c->rows.before + k / (c->c * c->columns.kernel);
            const int64_t j = column * c->columns.stride - c->columns.before + k / c->c % c->columns.kernel;
            if (i < 0 || i >= c->h || j < 0 || j >= c->w) continue;
            const int64_t i_x = ((n * c->h + i) * c->w + j) * c->c + k % c->c, i_w = k * c->o + o;
            t->y[i_y] += (double)t->x[i_x] * (double)t->w[i_w];
            t->dx[i_x] += (double)t->dy[i_y] * (double)t->w[i_w];
            t->dw[i_w] += (double)t->dy[i_y] * (double)t->x[i_x];
        }
}

static Trial trial_new(Rng *rng) {
    Trial t = {.conv = random_conv(rng)};
    const Conv *c = &t.conv;
    t.n_x = N_IMAGES * c->h * c->w * c->c;
    t.n_y = N_IMAGES * c->ho * c->wo * c->o;
    t.n_w = c->rows.kernel * c->columns.kernel * c->c * c->o;
    t.x_block = integers_new(t.n_x, rng);
    t.w_block = integers_new(t.n_w, rng);
    t.dy_block = integers_new(t.n_y, rng);
    t.bias_block = integers_new(c->o, rng);
    t.x = t.x_block.data, t.w = t.w_block.data, t.dy = t.dy_block.data, t.bias = t.bias_block.data;
    assert_int_equal(mem_alloc(&t.y, (size_t)t.n_y, sizeof *t.y), ERR_OK);
    assert_int_equal(mem_alloc(&t.dx, (size_t)t.n_x, sizeof *t.dx), ERR_OK);
    assert_int_equal(mem_alloc(&t.dw, (size_t)t.n_w, sizeof *t.dw), ERR_OK);
    sum_plainly(&t);
    return t;
}

static void trial_free(Trial *t) {
    block_free(&t->x_block);
    block_free(&t->w_block);
    block_free(&t->dy_block);
    block_free(&t->bias_block);
    mem_free(t->y);
    mem_free(t->dx);
    mem_free(t->dw);
}

/* got[i] is sum[i] plus start (if not NULL, n_start values over and over). */
static void expect(const Trial *t, const char *what, const float *got, const double *sum, int64_t n, const float *start,
                   int64_t n_start) {
    const Conv *c = &t->conv;
    for (int64_t i = 0; i < n; i++) {
        const double want = sum[i] + (start == NULL ? 0.0 : (double)start[i % n_start]);
        if ((double)got[i] == want) continue;
        fail_msg("%s[%lld] is %g, expected %g: x %lldx%lldx%lld, %lld outputs, kernel %dx%d, strides %d %d, padding %d "
                 "%d %d %d",
                 what, (long long)i, (double)got[i], want, (long long)c->h, (long long)c->w, (long long)c->c,
                 (long long)c->o, c->rows.kernel, c->columns.kernel, c->rows.stride, c->columns.stride, c->rows.before,
                 c->rows.after, c->columns.before, c->columns.after);
    }
}

static Guarded pack(const Trial *t, bool backward, int n_tasks) {
    Guarded packed = block_new(conv_packed_floats(&t->conv, backward));
    for (int i = n_tasks - 1; i >= 0; i--) {
        if (backward)
            conv_pack_backward(&t->conv, t->w, packed.data, n_tasks, i);
        else
            conv_pack_forward(&t->conv, t->w, packed.data, n_tasks, i);
    }
    return packed;
}

static void check_forward(const Trial *t, int n_tasks) {
    Guarded packed = pack(t, false, n_tasks), scratch = block_new(conv_forward_scratch(&t->conv));
    Guarded y = block_new(t->n_y);
    for (int with_bias = 0; with_bias < 2; with_bias++) {
        for (int n = 0; n < N_IMAGES; n++)
            conv_forward(&t->conv, t->x + n * t->n_x / N_IMAGES, packed.data, with_bias ? t->bias : NULL,
                         (float *)y.data + n * t->n_y / N_IMAGES, scratch.data);
        expect(t, "y", y.data, t->y, t->n_y, with_bias ? t->bias : NULL, t->conv.o);
    }
    block_free(&packed);
    block_free(&scratch);
    block_free(&y);
}

static void check_data(const Trial *t, int n_tasks) {
    Guarded packed = pack(t, true, n_tasks), scratch = block_new(conv_data_scratch(&t->conv));
    Guarded dx = block_new(t->n_x);
    for (int add = 0; add < 2; add++) {
        if (add) memcpy(dx.data, t->x, (size_t)t->n_x * sizeof *t->x);
        for (int n = 0; n < N_IMAGES; n++)
            conv_backward_data(&t->conv, t->dy + n * t->n_y / N_IMAGES, packed.data,
                               (float *)dx.data + n * t->n_x / N_IMAGES, add, scratch.data);
        expect(t, "dx", dx.data, t->dx, t->n_x, add ? t->x : NULL, t->n_x);
    }
    block_free(&packed);
    block_free(&scratch);
    block_free(&dx);
}

static void check_weights(const Trial *t) {
    Guarded scratch = block_new(conv_weights_scratch(&t->conv)), dw = block_new(t->n_w);
    conv_backward_weights(&t->conv, t->x, t->dy, N_IMAGES, dw.data, false, scratch.data);
    expect(t, "dw", dw.data, t->dw, t->n_w, NULL, 1);
    memcpy(dw.data, t->w, (size_t)t->n_w * sizeof *t->w);
    conv_backward_weights(&t->conv, t->x, t->dy, N_IMAGES, dw.data, true, scratch.data);
    expect(t, "dw", dw.data, t->dw, t->n_w, t->w, t->n_w);
    block_free(&scratch);
    block_free(&dw);
}

static void test_random_shapes(void **state) {
    (void)state;
    for (uint64_t i = 0; i < N_SHAPES; i++) {
        Rng rng = rng_at(rng_stream(1, "conv"), 0, i);
        Trial t = trial_new(&rng);
        check_forward(&t, (int)(i % 3) + 1);
        check_data(&t, (int)(i % 4) + 1);
        check_weights(&t);
        trial_free(&t);
    }
}

static void test_windows_that_make_no_sense(void **state) {
    (void)state;
    static const struct {
        Window window;
        int64_t n_in;
        const char *message;
    } bad[] = {
        {{0, 1, 0, 0}, 5, "height: kernel 0 with stride 1, expected at least 1"},
        {{3, 0, 0, 0}, 5, "height: kernel 3 with stride 0, expected at least 1"},
        {{3, 1, 3, 0}, 5, "height: padding 3 and 0, expected 0 to 2 (less than the kernel)"},
        {{3, 1, 0, -1}, 5, "height: padding 0 and -1, expected 0 to 2 (less than the kernel)"},
        {{5, 1, 1, 1}, 2, "height: 2 elements and padding 1 and 1 hold no window of 5"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int64_t n_out = -1;
        assert_int_equal(window_count(&n_out, &bad[i].window, bad[i].n_in, "height"), ERR_SHAPE);
        assert_string_equal(err_message(), bad[i].message);
        assert_int_equal(n_out, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_shapes),
                                       cmocka_unit_test(test_windows_that_make_no_sense)};
    int n_failed = 0;
    for (int isa = 0; isa < ISA_COUNT; isa++) { /* each that this CPU has */
        char name[32];
        (void)snprintf(name, sizeof name, "conv %s", isa_name((Isa)isa));
        if (isa_is_here((Isa)isa) && isa_pin(isa_name((Isa)isa)) == ERR_OK)
            n_failed += cmocka_run_group_tests_name(name, tests, NULL, NULL);
    }
    return n_failed;
}
