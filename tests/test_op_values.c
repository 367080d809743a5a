/* Values worked out by hand, or by another way, for the ops whose reference could share a misreading with its kernel:
 * conventions of rounding, borders, boxes, clipping and updates. Both devices are asked. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/mem.h"
#include "kernels/op.h"
#include "kernels/ops.h"
#include "kernels/update.h"

enum { MAX_VALUES = 128, MAX_SCRATCH = 4096 };

/* An operand of at most MAX_VALUES elements, as the device sees it. */
typedef union Operand {
    float f[MAX_VALUES];
    double d[MAX_VALUES];
    int32_t i[MAX_VALUES];
} Operand;

typedef struct Trial {
    Device device;
    const Op *op;
    OpSpec spec;
    OpCall call;
    Operand x[OP_MAX_X], y[OP_MAX_Y], dy, dx[OP_MAX_X];
    union {
        double align;
        char bytes[MAX_SCRATCH];
    } scratch;
} Trial;

static void begin(Trial *t, Device device, const char *op, const void *attr) {
    memset(t, 0, sizeof *t);
    t->device = device;
    t->op = op_find(op);
    t->spec.attr = attr;
    assert_non_null(t->op);
}

static void set(Trial *t, Operand *to, DType type, int64_t k, double value) {
    assert_in_range(k, 0, MAX_VALUES - 1);
    if (type == DT_INT)
        to->i[k] = (int32_t)value;
    else if (t->device == DEVICE_REF)
        to->d[k] = value;
    else
        to->f[k] = (float)value;
}

static double get(const Trial *t, const Operand *from, DType type, int64_t k) {
    if (type == DT_INT) return (double)from->i[k];
    return t->device == DEVICE_REF ? from->d[k] : (double)from->f[k];
}

/* Adds an input. */
static void give(Trial *t, Shape shape, DType type, const double *values) {
    int i = t->spec.n_x++;
    t->spec.x[i] = shape;
    t->spec.x_type[i] = type;
    t->call.x[i] = &t->x[i];
    for (int64_t k = 0; k < shape_count(&shape); k++) set(t, &t->x[i], type, k, values[k]);
}

static Err forward(Trial *t) {
    assert_int_equal(op_infer(t->op, &t->spec), ERR_OK);
    for (int i = 0; i < t->spec.n_y; i++) t->call.y[i] = &t->y[i];
    t->call.spec = &t->spec;
    t->call.scratch = t->scratch.bytes;
    t->call.shards = 1;
    if (t->op->scratch_bytes != NULL)
        assert_in_range(t->op->scratch_bytes(&t->spec, t->device, false, 0, 1), 0, MAX_SCRATCH);
    return t->device == DEVICE_REF ? t->op->ref_fwd(&t->call) : t->op->fwd(&t->call);
}

/* dx[i] for a gradient of ones at output 0, after forward. */
static void backward(Trial *t, int i) {
    for (int64_t k = 0; k < shape_count(&t->spec.y[0]); k++) set(t, &t->dy, DT_REAL, k, 1.0);
    t->call.dy[0] = &t->dy;
    t->call.dx[i] = &t->dx[i];
    assert_int_equal(t->device == DEVICE_REF ? t->op->ref_bwd(&t->call) : t->op->bwd(&t->call), ERR_OK);
}

static void expect(const Trial *t, const Operand *got, DType type, const double *expected, int64_t n) {
    for (int64_t k = 0; k < n; k++) {
        double v = get(t, got, type, k);
        bool same =
            isnan(expected[k]) ? isnan(v) : v == expected[k] || fabs(v - expected[k]) <= 2e-6 * fabs(expected[k]);
        if (!same) fail_msg("%s: element %lld is %.9g, expected %.9g", t->op->name, (long long)k, v, expected[k]);
    }
}

static Trial trial;
static const Device devices[] = {DEVICE_CPU, DEVICE_REF};
#define EACH_DEVICE(device) for (int device##_i = 0; device##_i < 2; device##_i++)
#define VALUES(...) ((const double[]){__VA_ARGS__})

/* ---- patch_crop ---- */

/* A 3 x 4 image of one channel whose element (r, c) is 10 r + c + 1, of class r; a step with box and centre. */
static void crop(Device device, const PatchCropAttr *attr, const double *box, double x, double y) {
    begin(&trial, device, "patch_crop", attr);
    give(&trial, SHAPE4(1, 3, 4, 1), DT_REAL, VALUES(1, 2, 3, 4, 11, 12, 13, 14, 21, 22, 23, 24));
    give(&trial, SHAPE3(1, 3, 4), DT_INT, VALUES(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2));
    give(&trial, SHAPE3(1, 1, 4), DT_REAL, box);
    give(&trial, SHAPE2(1, 1), DT_REAL, &x);
    give(&trial, SHAPE2(1, 1), DT_REAL, &y);
    assert_int_equal(forward(&trial), ERR_OK);
}

static void patch_is_centred_and_rounded_down(void **state) {
    (void)state;
    static const PatchCropAttr attr = {3, 2, 1, 1, 3, 9, 0};
    const double box[] = {0, 0, 4, 3};
    EACH_DEVICE(d) {
        /* Row 1 is patch row 1, column 2 patch column 1: pixel 2 covers [2, 3). */
        crop(devices[d_i], &attr, box, 2.0, 1.0);
        expect(&trial, &trial.y[0], DT_REAL, VALUES(2, 3, 12, 13, 22, 23), 6);
        expect(&trial, &trial.y[1], DT_INT, VALUES(0, 0, 1, 1, 2, 2), 6);
        crop(devices[d_i], &attr, box, 2.999, 1.999);
        expect(&trial, &trial.y[0], DT_REAL, VALUES(2, 3, 12, 13, 22, 23), 6);
        crop(devices[d_i], &attr, box, 3.0, 1.0);
        expect(&trial, &trial.y[0], DT_REAL, VALUES(3, 4, 13, 14, 23, 24), 6);
        crop(devices[d_i], &attr, box, -0.001, 0.0); /* floor, not truncation */
        expect(&trial, &trial.y[0], DT_REAL, VALUES(0, 0, 0, 0, 0, 0), 6);
        expect(&trial, &trial.y[1], DT_INT, VALUES(9, 9, 9, 9, 9, 9), 6);
    }
}

static void patch_at_the_border_and_beyond(void **state) {
    (void)state;
    static const PatchCropAttr attr = {3, 2, 1, 1, 3, 9, 0};
    const double box[] = {0, 0, 4, 3}, far[] = {INFINITY, -INFINITY, 1e30, -1e30, 1e9};
    EACH_DEVICE(d) {
        crop(devices[d_i], &attr, box, 4.0, 2.0);
        expect(&trial, &trial.y[0], DT_REAL, VALUES(14, 0, 24, 0, 0, 0), 6);
        expect(&trial, &trial.y[1], DT_INT, VALUES(1, 9, 2, 9, 9, 9), 6);
        crop(devices[d_i], &attr, box, NAN, NAN); /* counts as 0 */
        expect(&trial, &trial.y[0], DT_REAL, VALUES(0, 0, 0, 1, 0, 11), 6);
        backward(&trial, 0);
        expect(&trial, &trial.dx[0], DT_REAL, VALUES(1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0), 12);
        for (size_t i = 0; i < sizeof far / sizeof far[0]; i++) {
            crop(devices[d_i], &attr, box, far[i], far[i]);
            expect(&trial, &trial.y[0], DT_REAL, VALUES(0, 0, 0, 0, 0, 0), 6);
            expect(&trial, &trial.y[1], DT_INT, VALUES(9, 9, 9, 9, 9, 9), 6);
            backward(&trial, 0);
            expect(&trial, &trial.dx[0], DT_REAL, VALUES(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), 12);
        }
    }
}

static void labels_follow_box_and_classes(void **state) {
    (void)state;
    static const PatchCropAttr any = {3, 4, 1, 1, 2, 9, 0}, own = {3, 4, 1, 1, 3, 9, 1};
    EACH_DEVICE(d) {
        crop(devices[d_i], &any, VALUES(0, 0, 4, 3), 2.0, 1.0); /* class 2 is none of 0, 1 */
        expect(&trial, &trial.y[1], DT_INT, VALUES(0, 0, 0, 0, 1, 1, 1, 1, 9, 9, 9, 9), 12);
        crop(devices[d_i], &own, VALUES(1, 1, 3, 3), 2.0, 1.0); /* pixel 1 has its middle inside, pixel 3 outside */
        expect(&trial, &trial.y[1], DT_INT, VALUES(9, 9, 9, 9, 9, 1, 1, 9, 9, 2, 2, 9), 12);
        crop(devices[d_i], &own, VALUES(3, 1, 3, 3), 2.0, 1.0); /* no width: no box */
        expect(&trial, &trial.y[1], DT_INT, VALUES(-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1), 12);
        expect(&trial, &trial.y[0], DT_REAL, VALUES(1, 2, 3, 4, 11, 12, 13, 14, 21, 22, 23, 24), 12);
    }
}

/* A feature map at half the mask's resolution: element (0, 1) lies on the mask's (1, 3), that is (.5 2, 1.5 2). */
static void patch_of_a_feature_map(void **state) {
    (void)state;
    static const PatchCropAttr attr = {1, 3, 2, 2, 100, 99, 0};
    double mask[4 * 6];
    for (int k = 0; k < 24; k++) mask[k] = k;
    EACH_DEVICE(d) {
        begin(&trial, devices[d_i], "patch_crop", &attr);
        give(&trial, SHAPE4(1, 2, 3, 1), DT_REAL, VALUES(1, 2, 3, 4, 5, 6));
        give(&trial, SHAPE3(1, 4, 6), DT_INT, mask);
        give(&trial, SHAPE3(1, 1, 4), DT_REAL, VALUES(0, 0, 6, 4));
        give(&trial, SHAPE2(1, 1), DT_REAL, VALUES(3.9));
        give(&trial, SHAPE2(1, 1), DT_REAL, VALUES(1.9));
        assert_int_equal(forward(&trial), ERR_OK);
        expect(&trial, &trial.y[0], DT_REAL, VALUES(1, 2, 3), 3);
        expect(&trial, &trial.y[1], DT_INT, VALUES(7, 9, 11), 3);
    }
}

/* ---- losses on attention ---- */

static void attend(Device device, const char *op, const void *attr, const double *box) {
    begin(&trial, device, op, attr);
    give(&trial, SHAPE3(1, 1, 4), DT_REAL, VALUES(0.1, 0.2, 0.3, 0.4));
    give(&trial, SHAPE3(1, 1, 4), DT_REAL, box);
    give(&trial, SHAPE1(4), DT_REAL, VALUES(2, 6, 10, 14));
    give(&trial, SHAPE0(), DT_REAL, VALUES(0.5));
    assert_int_equal(forward(&trial), ERR_OK);
    backward(&trial, 0);
}

/* Cells of 4 pixels: [4, 10) holds all of the second and half of the third: .2 + .15. */
static void mass_counts_parts_of_cells(void **state) {
    (void)state;
    static const AttentionMassAttr attr = {4.0, 1e-8};
    EACH_DEVICE(d) {
        attend(devices[d_i], "attention_mass", &attr, VALUES(4, 0, 10, 8));
        expect(&trial, &trial.y[0], DT_REAL, VALUES(-0.5 * log(0.35)), 1);
        expect(&trial, &trial.dx[0], DT_REAL, VALUES(0, -0.5 / 0.35, -0.25 / 0.35, 0), 4);
        attend(devices[d_i], "attention_mass", &attr, VALUES(10, 0, 4, 8)); /* no box */
        expect(&trial, &trial.y[0], DT_REAL, VALUES(0), 1);
        expect(&trial, &trial.dx[0], DT_REAL, VALUES(0, 0, 0, 0), 4);
        attend(devices[d_i], "attention_mass", &attr, VALUES(100, 0, 120, 8)); /* beyond every cell */
        expect(&trial, &trial.y[0], DT_REAL, VALUES(-0.5 * log(1e-8)), 1);
        expect(&trial, &trial.dx[0], DT_REAL, VALUES(0, 0, 0, 0), 4);
    }
}

static void kl_has_its_targets(void **state) {
    (void)state;
    static const AttentionKlAttr box = {4.0, 1e-8, 0.35, 4.0, 0}, gaussian = {4.0, 1e-8, 0.35, 4.0, 1};
    /* exp(-(x - 7)^2 / (2 (.35 6)^2)) over 2, 6, 10, 14, normalised */
    const double q[] = {0.0446469292, 0.678492866, 0.273922299, 0.00293790603};
    EACH_DEVICE(d) {
        attend(devices[d_i], "attention_kl", &box, VALUES(4, 0, 10, 8));
        expect(&trial, &trial.y[0], DT_REAL, VALUES(-0.5 * (2.0 / 3.0 * log(0.2) + 1.0 / 3.0 * log(0.3))), 1);
        expect(&trial, &trial.dx[0], DT_REAL, VALUES(0, -0.5 * 2.0 / 3.0 / 0.2, -0.5 / 3.0 / 0.3, 0), 4);
        attend(devices[d_i], "attention_kl", &gaussian, VALUES(4, 0, 10, 8));
        expect(&trial, &trial.y[0], DT_REAL, VALUES(0.5 * 1.52728247), 1);
        expect(&trial, &trial.dx[0], DT_REAL,
               VALUES(-0.5 * q[0] / 0.1, -0.5 * q[1] / 0.2, -0.5 * q[2] / 0.3, -0.5 * q[3] / 0.4), 4);
    }
}

/* Through the softmax, the gradient on the scores is alpha - q: alpha_j (d_j - sum_k alpha_k d_k), d = -q / alpha. */
static void kl_gradient_on_scores_is_alpha_minus_q(void **state) {
    (void)state;
    static const AttentionKlAttr attr = {4.0, 0.0, 0.35, 4.0, 1};
    const double alpha[] = {0.1, 0.2, 0.3, 0.4}, q[] = {0.0446469292, 0.678492866, 0.273922299, 0.00293790603};
    EACH_DEVICE(d) {
        double inner = 0.0;
        attend(devices[d_i], "attention_kl", &attr, VALUES(4, 0, 10, 8));
        for (int j = 0; j < 4; j++) inner += alpha[j] * get(&trial, &trial.dx[0], DT_REAL, j);
        for (int j = 0; j < 4; j++) {
            double score = alpha[j] * (get(&trial, &trial.dx[0], DT_REAL, j) - inner);
            assert_true(fabs(score - 0.5 * (alpha[j] - q[j])) < 1e-6);
        }
    }
}

/* ---- updates ---- */

static void clip(Device device, double sum_sq, double limit, double scale, double norm) {
    begin(&trial, device, "clip_scale", NULL);
    give(&trial, SHAPE0(), DT_REAL, &sum_sq);
    give(&trial, SHAPE0(), DT_REAL, &limit);
    assert_int_equal(forward(&trial), ERR_OK);
    expect(&trial, &trial.y[0], DT_REAL, &scale, 1);
    expect(&trial, &trial.y[1], DT_REAL, &norm, 1);
}

static void clipping(void **state) {
    (void)state;
    EACH_DEVICE(d) {
        clip(devices[d_i], 25.0, 2.0, 0.4, 5.0);
        clip(devices[d_i], 25.0, 5.0, 1.0, 5.0);
        clip(devices[d_i], 25.0, 0.0, 1.0, 5.0);
        clip(devices[d_i], 0.0, 1.0, 1.0, 0.0);
        clip(devices[d_i], INFINITY, 1.0, 0.0, INFINITY);
        clip(devices[d_i], NAN, 1.0, 1.0, NAN);
    }
}

/* Parameters 1, -2, 0.5 under gradients that change from step to step, for some steps of one optimiser. */
static void optimise(Device device, const char *op, int n_states, const double *own, int n_steps, double scale) {
    const double zero[3] = {0};
    double hyper[HYPER_COUNT] = {0.01, 0.0, 0.1};
    memcpy(hyper + HYPER_FIRST_OWN, own, 3 * sizeof *own);
    begin(&trial, device, op, NULL);
    give(&trial, SHAPE1(3), DT_REAL, VALUES(1, -2, 0.5));
    give(&trial, SHAPE1(3), DT_REAL, zero);
    for (int i = 0; i < n_states; i++) give(&trial, SHAPE1(3), DT_REAL, zero);
    give(&trial, SHAPE1(HYPER_COUNT), DT_REAL, hyper);
    give(&trial, SHAPE0(), DT_REAL, &scale);
    for (int step = 1; step <= n_steps; step++) {
        for (int k = 0; k < 3; k++) set(&trial, &trial.x[1], DT_REAL, k, sin(step + 2.0 * k) * (k + 1));
        set(&trial, &trial.x[2 + n_states], DT_REAL, HYPER_STEP, step);
        trial.spec.n_y = 0;
        assert_int_equal(forward(&trial), ERR_OK);
    }
}

/* The same by the book, written down once more: torch.optim's formulas in double. */
typedef struct Book {
    double p, a, b;
} Book;

typedef void (*BookStep)(Book *s, double g, int step, const double *own);

static void book_sgd(Book *s, double g, int step, const double *own) {
    s->a = step == 1 ? g : own[0] * s->a + g;
    s->p -= 0.01 * s->a;
}

static void book_adam(Book *s, double g, int step, const double *own) {
    s->a += (1.0 - own[0]) * (g - s->a);
    s->b = own[1] * s->b + (1.0 - own[1]) * g * g;
    double size = 0.01 / (1.0 - pow(own[0], step)), root = sqrt(1.0 - pow(own[1], step));
    s->p -= size * s->a / (sqrt(s->b) / root + own[2]);
}

static void book_adadelta(Book *s, double g, int step, const double *own) {
    (void)step;
    s->a = s->a * own[0] + g * g * (1.0 - own[0]);
    double delta = sqrt(s->b + own[1]) / sqrt(s->a + own[1]) * g;
    s->b = s->b * own[0] + delta * delta * (1.0 - own[0]);
    s->p -= 0.01 * delta;
}

static void check_optimiser(const char *op, int n_states, const double *own, BookStep book) {
    enum { N_STEPS = 25 };
    const double start[] = {1, -2, 0.5}, scale = 0.7;
    double expected[3];
    for (int k = 0; k < 3; k++) {
        Book s = {start[k], 0.0, 0.0};
        for (int step = 1; step <= N_STEPS; step++)
            book(&s, scale * sin(step + 2.0 * k) * (k + 1) + 0.1 * s.p, step, own);
        expected[k] = s.p;
    }
    EACH_DEVICE(d) {
        optimise(devices[d_i], op, n_states, own, N_STEPS, scale);
        expect(&trial, &trial.x[0], DT_REAL, expected, 3);
    }
}

static void sgd_over_steps(void **state) {
    (void)state;
    check_optimiser("sgd", 1, VALUES(0.9, 0, 0), book_sgd);
}

static void adam_over_steps(void **state) {
    (void)state;
    check_optimiser("adam", 2, VALUES(0.9, 0.999, 1e-8), book_adam);
}

static void adadelta_over_steps(void **state) {
    (void)state;
    check_optimiser("adadelta", 2, VALUES(0.95, 1e-6, 0), book_adadelta);
}

/* ---- the rest ---- */

static void broadcasting(void **state) {
    (void)state;
    EACH_DEVICE(d) {
        begin(&trial, devices[d_i], "mul", NULL);
        give(&trial, SHAPE2(2, 1), DT_REAL, VALUES(2, 3));
        give(&trial, SHAPE1(3), DT_REAL, VALUES(1, 10, 100));
        assert_int_equal(forward(&trial), ERR_OK);
        assert_true(shape_equal(&trial.spec.y[0], &SHAPE2(2, 3)));
        expect(&trial, &trial.y[0], DT_REAL, VALUES(2, 20, 200, 3, 30, 300), 6);
        backward(&trial, 0);
        expect(&trial, &trial.dx[0], DT_REAL, VALUES(111, 111), 2);
        trial.call.dx[0] = NULL;
        backward(&trial, 1);
        expect(&trial, &trial.dx[1], DT_REAL, VALUES(5, 5, 5), 3);
    }
}

static void sum_shapes(void **state) {
    (void)state;
    static const SumAttr attr[] = {{0, 0}, {1, 0}, {1, 1}, {-1, 0}, {-1, 1}};
    const Shape expected[] = {SHAPE1(3), SHAPE1(2), SHAPE2(2, 1), SHAPE0(), SHAPE2(1, 1)};
    for (size_t i = 0; i < sizeof attr / sizeof attr[0]; i++) {
        begin(&trial, DEVICE_CPU, "sum", &attr[i]);
        give(&trial, SHAPE2(2, 3), DT_REAL, VALUES(1, 2, 3, 10, 20, 30));
        assert_int_equal(forward(&trial), ERR_OK);
        assert_true(shape_equal(&trial.spec.y[0], &expected[i]));
    }
    expect(&trial, &trial.y[0], DT_REAL, VALUES(66), 1);
}

static void logarithm_and_exponential_at_their_ends(void **state) {
    (void)state;
    EACH_DEVICE(d) {
        begin(&trial, devices[d_i], "log", &(LogAttr){0.0});
        give(&trial, SHAPE1(4), DT_REAL, VALUES(0, 1, -1, INFINITY));
        assert_int_equal(forward(&trial), ERR_OK);
        expect(&trial, &trial.y[0], DT_REAL, VALUES(-INFINITY, 0, NAN, INFINITY), 4);
        begin(&trial, devices[d_i], "exp", NULL);
        give(&trial, SHAPE1(4), DT_REAL, VALUES(-INFINITY, 0, NAN, INFINITY));
        assert_int_equal(forward(&trial), ERR_OK);
        expect(&trial, &trial.y[0], DT_REAL, VALUES(0, 1, NAN, INFINITY), 4);
    }
}

static void nll_refuses_a_label_beyond_the_classes(void **state) {
    (void)state;
    begin(&trial, DEVICE_CPU, "nll", NULL);
    give(&trial, SHAPE2(2, 3), DT_REAL, VALUES(-1, -2, -3, -4, -5, -6));
    give(&trial, SHAPE1(2), DT_INT, VALUES(-1, 3));
    assert_int_equal(forward(&trial), ERR_DATA);
    assert_string_equal(err_message(), "nll: label 1 is 3, expected less than 3");
}

/* A float accumulator would be off by percents here. */
static void long_sums_keep_their_digits(void **state) {
    (void)state;
    enum { N = 3000000 };
    float *x = NULL, y = 0.0f;
    double scratch[1024];
    assert_int_equal(mem_alloc(&x, N, sizeof *x), ERR_OK);
    for (int k = 0; k < N; k++) x[k] = 0.1f;
    const char *const name[] = {"sum", "grad_norm"};
    const double expected[] = {N * (double)0.1f, N * (double)0.1f * (double)0.1f};
    for (int i = 0; i < 2; i++) {
        const Op *op = op_find(name[i]);
        OpSpec spec = {.attr = &(SumAttr){-1, 0}, .n_x = 1, .x = {SHAPE1(N)}};
        assert_int_equal(op_infer(op, &spec), ERR_OK);
        for (int shards = 1; shards <= 5; shards += 2) {
            assert_in_range(op->scratch_bytes(&spec, DEVICE_CPU, false, 0, shards), 0, sizeof scratch);
            OpCall call = {.spec = &spec, .x = {x}, .y = {&y}, .scratch = scratch, .shards = shards};
            assert_int_equal(op->fwd(&call), ERR_OK);
            assert_true(fabs((double)y - expected[i]) <= 1e-7 * expected[i]);
        }
    }
    mem_free(x);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patch_is_centred_and_rounded_down),
        cmocka_unit_test(patch_at_the_border_and_beyond),
        cmocka_unit_test(labels_follow_box_and_classes),
        cmocka_unit_test(patch_of_a_feature_map),
        cmocka_unit_test(mass_counts_parts_of_cells),
        cmocka_unit_test(kl_has_its_targets),
        cmocka_unit_test(kl_gradient_on_scores_is_alpha_minus_q),
        cmocka_unit_test(clipping),
        cmocka_unit_test(sgd_over_steps),
        cmocka_unit_test(adam_over_steps),
        cmocka_unit_test(adadelta_over_steps),
        cmocka_unit_test(broadcasting),
        cmocka_unit_test(sum_shapes),
        cmocka_unit_test(logarithm_and_exponential_at_their_ends),
        cmocka_unit_test(nll_refuses_a_label_beyond_the_classes),
        cmocka_unit_test(long_sums_keep_their_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
