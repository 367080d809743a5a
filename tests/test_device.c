/* Devices by name, and CUDA's scratch as a function of shapes: what a plan without a card rests on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/cuda_scratch.h"
#include "kernels/device.h"
#include "kernels/isa.h"
#include "kernels/ops.h"
#include "kernels/tile.h"
#include "tests/op_run.h"

static void test_names(void **state) {
    static const char *const wrong[] = {"", "CUDA", "cuda:", "cuda:x", "cuda:1x", "cuda1", "gpu", "ref", "cpu:0"};
    Device device = DEVICE_REF;
    (void)state;
    assert_int_equal(device_find(&device, "cpu"), ERR_OK);
    assert_int_equal(device, DEVICE_CPU);
    assert_int_equal(device_find(&device, "cuda"), ERR_OK);
    assert_int_equal(device, DEVICE_CUDA);
    assert_int_equal(device_find(&device, "cuda:12"), ERR_OK);
    assert_int_equal(device, DEVICE_CUDA);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(device_find(&device, wrong[i]), ERR_ARG);
        assert_non_null(strstr(err_message(), "expected cpu, cuda or cuda:NUMBER"));
    }
    assert_string_equal(device_name(DEVICE_CPU), "cpu");
    assert_string_equal(device_name(DEVICE_CUDA), "cuda");
}

static void test_lists(void **state) {
    static const char *const wrong[] = {"",         "cuda:0,",     "cuda:,1",  "cuda:0,,1", "cpu,cuda", "cuda:0,cpu",
                                        "cuda:0,0", "cuda,cuda:0", "cuda:0,x", "0,1",       "cuda:0 1", "cpu,"};
    static const char *const many = "cuda:0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16";
    Device device = DEVICE_REF;
    int ordinals[DEVICE_MAX], n = 0;
    (void)state;
    assert_int_equal(device_parse_list(&device, ordinals, &n, "cpu"), ERR_OK);
    assert_int_equal(device, DEVICE_CPU);
    assert_int_equal(n, 1);
    assert_int_equal(device_parse_list(&device, ordinals, &n, "cuda"), ERR_OK);
    assert_int_equal(device, DEVICE_CUDA);
    assert_int_equal(n, 1);
    assert_int_equal(ordinals[0], 0);
    assert_int_equal(device_parse_list(&device, ordinals, &n, "cuda:3,0,cuda:12"), ERR_OK);
    assert_int_equal(n, 3);
    assert_int_equal(ordinals[0], 3);
    assert_int_equal(ordinals[1], 0);
    assert_int_equal(ordinals[2], 12);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(device_parse_list(&device, ordinals, &n, wrong[i]), ERR_ARG);
    assert_int_equal(device_parse_list(&device, ordinals, &n, many), ERR_ARG);
    assert_non_null(strstr(err_message(), "at most 16 devices"));
}

/* A class of CPUs is told by the panels that its scratch is made for. */
static void test_classes(void **state) {
    (void)state;
    assert_string_equal(device_class(DEVICE_CUDA), "cuda");
    const bool wide = tile_kernel(512).cols == 32;
    assert_int_equal(strcmp(device_class(DEVICE_CPU), "cpu-avx512") == 0, wide);
    assert_int_equal(strncmp(device_class(DEVICE_CPU), "cpu-", 4), 0);
    assert_int_equal(device_workspace_bytes(DEVICE_CPU), 0);
    assert_int_equal(device_workspace_bytes(DEVICE_CUDA), 32 << 20);
}

/* A pinned instruction set decides the class, whether or not this CPU has it; only what it has can be run. */
static void test_pinned(void **state) {
    (void)state;
    for (int i = 0; i < ISA_COUNT; i++) {
        const Isa isa = (Isa)i;
        char class[32];
        (void)snprintf(class, sizeof class, "cpu-%s", isa_name(isa));
        assert_int_equal(isa_pin(isa_name(isa)), ERR_OK);
        assert_true(isa_is_pinned());
        assert_string_equal(device_class(DEVICE_CPU), class);
        assert_int_equal(tile_kernel(512).cols, isa == ISA_AVX512 ? 32 : 16);
        assert_int_equal(isa_check(), isa_is_here(isa) ? ERR_OK : ERR_UNSUPPORTED);
        assert_string_equal(device_class(DEVICE_CUDA), "cuda");
    }
    assert_int_equal(isa_pin("sse"), ERR_ARG);
    assert_string_equal(err_message(), "unknown instruction set 'sse', expected avx512, avx2 or plain");
    assert_int_equal(isa_pin(NULL), ERR_OK);
    assert_false(isa_is_pinned());
    assert_int_equal(isa_in_use(), isa_best());
    assert_int_equal(isa_check(), ERR_OK);
}

static void test_tiles(void **state) {
    (void)state;
    assert_int_equal(cuda_tile_rows(10, 1 << 20), 10);
    assert_int_equal(cuda_tile_rows(100, 1 << 20), 64);
    assert_int_equal(cuda_tile_rows(100, 3 << 20), 21);
    assert_int_equal(cuda_tile_bytes(100, 3 << 20), 21 * (3 << 20));
    assert_int_equal(cuda_tile_rows(100, (size_t)1 << 30), 1); /* a row is not cut */
    assert_int_equal(cuda_tile_rows(7, 0), 7);
}

static void test_sums(void **state) {
    (void)state;
    assert_int_equal(cuda_sum_bytes(256, 100), 0);
    assert_int_equal(cuda_sum_parts(257, 100), 2);
    assert_int_equal(cuda_sum_bytes(257, 100), 2 * 100 * sizeof(double));
    assert_int_equal(cuda_sum_parts(1 << 30, 1000), (1 << 18) / 1000);
    assert_int_equal(cuda_sum_bytes(1 << 30, 1 << 20), 0); /* so many columns keep every block busy */
}

/* Columns of 3 x 3 windows: [rows of y, 9 C] floats, whole when small, else at most 64 MiB. */
static void test_convolution(void **state) {
    Conv2dAttr attr = {.kernel_h = 3, .kernel_w = 3, .channels_out = 64, .stride_h = 1, .stride_w = 1};
    attr.pad_top = attr.pad_bottom = attr.pad_left = attr.pad_right = 1;
    const Op *op = op_find("conv2d");
    OpSpec spec = {.attr = &attr, .n_x = 2, .x = {SHAPE4(1, 8, 16, 32), SHAPE4(3, 3, 32, 64)}};
    (void)state;
    assert_int_equal(op_infer(op, &spec), ERR_OK);
    assert_int_equal(op->scratch_bytes(&spec, DEVICE_CUDA, false, 0, 4), 8 * 16 * 9 * 32 * sizeof(float));
    spec.x[0].dim[0] = 4096;
    spec.n_y = 0;
    assert_int_equal(op_infer(op, &spec), ERR_OK);
    const size_t row = 16 * 9 * 32 * sizeof(float), most = 64 << 20;
    assert_int_equal(op->scratch_bytes(&spec, DEVICE_CUDA, true, OP_X(0) | OP_X(1), 4), most / row * row);
    attr = (Conv2dAttr){.kernel_h = 1, .kernel_w = 1, .channels_out = 64, .stride_h = 1, .stride_w = 1};
    spec.x[1] = SHAPE4(1, 1, 32, 64);
    spec.n_y = 0;
    assert_int_equal(op_infer(op, &spec), ERR_OK);
    assert_int_equal(op->scratch_bytes(&spec, DEVICE_CUDA, true, OP_X(0) | OP_X(1), 4), 0);
}

/* The batch is not cut on CUDA: no op may ask for more because the CPU has more shards. */
static void test_no_shards(void **state) {
    int n_ops = 0, n_checked = 0;
    const Op *const *ops = op_table(&n_ops);
    (void)state;
    for (int k = 0; k < n_ops; k++)
        for (int c = 0; c < ops[k]->n_cases && ops[k]->scratch_bytes != NULL; c++) {
            OpSpec spec = op_case_spec(&ops[k]->cases[c]);
            assert_int_equal(op_infer(ops[k], &spec), ERR_OK);
            for (int backward = 0; backward < 2; backward++) {
                const uint32_t wanted = backward ? ops[k]->differentiable : 0;
                const size_t bytes = ops[k]->scratch_bytes(&spec, DEVICE_CUDA, backward, wanted, 1);
                if (bytes != ops[k]->scratch_bytes(&spec, DEVICE_CUDA, backward, wanted, 7))
                    fail_msg("%s/%s: CUDA's scratch depends on the shards", ops[k]->name, ops[k]->cases[c].name);
                n_checked++;
            }
        }
    assert_true(n_checked > 50);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_names),       cmocka_unit_test(test_lists),
                                       cmocka_unit_test(test_classes),     cmocka_unit_test(test_pinned),
                                       cmocka_unit_test(test_tiles),       cmocka_unit_test(test_sums),
                                       cmocka_unit_test(test_convolution), cmocka_unit_test(test_no_shards)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
