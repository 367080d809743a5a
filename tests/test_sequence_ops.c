/* What the generic test of ops cannot ask of the sequence ops: values that no fill produces, and independence of the
 * number of shards, which the contract does not demand but these ops promise. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/op.h"
#include "tests/op_run.h"

static Err run_embedding(const int32_t *token, float *y) {
    OpSpec spec = {.n_x = 2, .x = {SHAPE1(2), SHAPE2(3, 2)}, .x_type = {DT_INT, DT_REAL}};
    const float table[] = {1, 2, 3, 4, 5, 6};
    assert_int_equal(op_infer(op_find("embedding"), &spec), ERR_OK);
    const OpCall call = {.spec = &spec, .x = {token, table}, .y = {y}, .shards = 1};
    return op_find("embedding")->fwd(&call);
}

static void test_embedding_refuses_unknown_tokens(void **state) {
    (void)state;
    float y[4] = {0};
    assert_int_equal(run_embedding((const int32_t[]){2, -1}, y), ERR_OK);
    assert_memory_equal(y, ((const float[]){5, 6, 0, 0}), sizeof y);
    assert_int_equal(run_embedding((const int32_t[]){0, 3}, y), ERR_DATA);
    assert_non_null(strstr(err_message(), "token 3 at 1"));
}

static Err run_cross_entropy(const float *logits, const int32_t *label, float *loss) {
    OpSpec spec = {.n_x = 3, .x = {SHAPE2(2, 3), SHAPE1(2), SHAPE0()}, .x_type = {DT_REAL, DT_INT, DT_REAL}};
    float log_z[2], scratch[16];
    assert_int_equal(op_infer(op_find("cross_entropy"), &spec), ERR_OK);
    const OpCall call = {.spec = &spec,
                         .x = {logits, label, (const float[]){0.5f}},
                         .y = {loss, log_z},
                         .scratch = scratch,
                         .shards = 1};
    return op_find("cross_entropy")->fwd(&call);
}

static void test_cross_entropy_edges(void **state) {
    (void)state;
    float loss = -1.0f;
    const float logits[] = {1e30f, 0, -1e30f, 7, 7, 7}, broken[] = {0, NAN, 0, 0, 0, 0};
    assert_int_equal(run_cross_entropy(logits, (const int32_t[]){-1, -1}, &loss), ERR_OK);
    assert_true(loss == 0.0f);
    assert_int_equal(run_cross_entropy(logits, (const int32_t[]){0, 1}, &loss), ERR_OK);
    assert_true(fabs((double)loss - 0.5 * log(3.0)) < 1e-6);
    assert_int_equal(run_cross_entropy(broken, (const int32_t[]){0, -1}, &loss), ERR_OK);
    assert_true(isnan(loss));
    assert_int_equal(run_cross_entropy(logits, (const int32_t[]){0, 3}, &loss), ERR_DATA);
    assert_non_null(strstr(err_message(), "label 3 at 1, but there are 3 classes"));
}

static void test_argmax_passes_over_nan(void **state) {
    (void)state;
    OpSpec spec = {.n_x = 1, .x = {SHAPE2(4, 3)}};
    const float x[] = {NAN, 1, 2, 3, 3, -NAN, NAN, NAN, NAN, NAN, -INFINITY, -INFINITY};
    int32_t y[4];
    assert_int_equal(op_infer(op_find("argmax"), &spec), ERR_OK);
    const OpCall call = {.spec = &spec, .x = {x}, .y = {y}, .shards = 2};
    assert_int_equal(op_find("argmax")->fwd(&call), ERR_OK);
    assert_memory_equal(y, ((const int32_t[]){2, 0, 0, 1}), sizeof y);
}

static void assert_same(double *const *a, double *const *b, const Shape *shape, int n) {
    for (int i = 0; i < n; i++)
        if (a[i] != NULL) assert_memory_equal(a[i], b[i], (size_t)shape_count(&shape[i]) * sizeof *a[i]);
}

/* Forward and backward in 1 and in 3 shards. */
static void check_shards(const Op *op, const OpCase *op_case) {
    OpData data = {0};
    OpValues before[2] = {0}, after[2] = {0};
    assert_int_equal(op_data_init(&data, op, op_case), ERR_OK);
    for (int k = 0; k < 2; k++) {
        OpHow how = {.device = DEVICE_CPU, .shards = 1 + 2 * k};
        assert_int_equal(op_run_forward(&before[k], &data, &how, NULL), ERR_OK);
        how.wanted = op->differentiable;
        if (op->bwd != NULL) assert_int_equal(op_run_backward(&after[k], &data, &how, &before[k]), ERR_OK);
    }
    assert_same(before[0].y, before[1].y, data.spec.y, data.spec.n_y);
    assert_same(after[0].dx, after[1].dx, data.spec.x, data.spec.n_x);
    for (int k = 0; k < 2; k++) {
        op_values_clear(&before[k]);
        op_values_clear(&after[k]);
    }
    op_data_clear(&data);
}

static void test_bits_do_not_depend_on_shards(void **state) {
    (void)state;
    static const char *const names[] = {"argmax",    "attention",   "blstm",     "cross_entropy",
                                        "embedding", "log_softmax", "lstm_step", "tanh"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const Op *op = op_find(names[i]);
        assert_non_null(op);
        for (int c = 0; c < op->n_cases; c++) check_shards(op, &op->cases[c]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_embedding_refuses_unknown_tokens),
        cmocka_unit_test(test_cross_entropy_edges),
        cmocka_unit_test(test_argmax_passes_over_nan),
        cmocka_unit_test(test_bits_do_not_depend_on_shards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
