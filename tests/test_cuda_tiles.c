/* Ops whose CUDA kernels work in tiles, or give a block several parts of the work, at sizes that make more than one: on
 * the emulated device against the CPU, and linked without it (make test-gpu) on cuda:0. The cases of the ops themselves
 * fit into one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernels/cuda_scratch.h"
#include "kernels/ops.h"
#include "kernels/patch_nll.h"
#include "tests/cuda_site.h"
#include "tests/op_compare.h"
#include "tests/op_run.h"

static const double tolerance = 1e-4;
static const Backend *cuda;
static double worst;

#define OK(call) check_ok(call, #call, __LINE__)
static void check_ok(Err err, const char *text, int line) {
    if (err != ERR_OK) fail_msg("line %d: %s: %s", line, text, err_message());
}

static OpHow how_on(Device device) {
    return (OpHow){.device = device, .shards = 1, .cuda = cuda, .reorder = emu_order, .worst = &worst};
}

static uint32_t all_dx(const OpData *data) {
    uint32_t all = 0;
    for (int i = 0; i < data->spec.n_x; i++)
        if (op_data_has_dx(data, i)) all |= OP_X(i);
    return all;
}

/* Forward, once more; on the emulated device with threads that run ahead. */
static void repeat_forward(const OpData *data, const OpValues *expected) {
    OpValues again = {0};
    OpHow how = how_on(DEVICE_CUDA);
    how.order = 1;
    OK(op_run_forward(&again, data, &how, NULL));
    OK(compare_forward(data, &how, &again, expected, 0.0));
    op_values_clear(&again);
}

/* Both passes, written and added. */
static void compare_devices(const char *name, const OpCase *op_case, bool repeated) {
    OpData data = {0};
    OpValues cpu = {0}, got = {0}, cpu_dx = {0}, got_dx = {0};
    OpHow on_cpu = how_on(DEVICE_CPU), on_cuda = how_on(DEVICE_CUDA);
    OK(op_data_init(&data, op_find(name), op_case));
    OK(op_run_forward(&cpu, &data, &on_cpu, NULL));
    OK(op_run_forward(&got, &data, &on_cuda, NULL));
    OK(compare_forward(&data, &on_cuda, &got, &cpu, tolerance));
    if (repeated) repeat_forward(&data, &got);
    on_cpu.wanted = on_cuda.wanted = all_dx(&data);
    for (int add = 0; add < 2; add++) {
        on_cpu.accumulate = on_cuda.accumulate = add ? on_cpu.wanted : 0;
        OK(op_run_backward(&cpu_dx, &data, &on_cpu, &cpu));
        OK(op_run_backward(&got_dx, &data, &on_cuda, &got));
        OK(compare_backward(&data, &on_cuda, &got_dx, &cpu_dx, 0, tolerance));
        op_values_clear(&cpu_dx);
        op_values_clear(&got_dx);
    }
    op_values_clear(&cpu);
    op_values_clear(&got);
    op_data_clear(&data);
}

/* row_bytes: of one of n_rows rows that do not all fit into a tile. */
static void compare_tiles(const char *name, const OpCase *op_case, int64_t n_rows, size_t row_bytes) {
    assert_in_range(cuda_tile_rows(n_rows, row_bytes), 2, n_rows - 2);
    compare_devices(name, op_case, false);
}

/* The second tile begins inside an image; windows of both reach the same rows of x. */
static void test_conv2d(void **state) {
    enum { N = 5, H = 100, W = 40, C = 32, KH = 7, KW = 9, O = 3, HO = 50 };
    (void)state;
    const Conv2dAttr attr = {KH, KW, O, 2, 1, 3, 2, 4, 4};
    const OpCase op_case = {.name = "two tiles",
                            .attr = &attr,
                            .n_x = 3,
                            .x = {{.shape = {4, {N, H, W, C}}}, {.shape = {4, {KH, KW, C, O}}}, {.shape = {1, {O}}}}};
    compare_tiles("conv2d", &op_case, (int64_t)N * HO, (size_t)W * KH * KW * C * sizeof(float));
}

/* Rows that no window reaches lie between two windows, on the boundary of tiles, and at the end of each image. */
static void test_conv2d_gaps(void **state) {
    enum { N = 4, H = 280, W = 64, C = 16, KH = 2, KW = 31, O = 2, HO = 70 };
    (void)state;
    const Conv2dAttr attr = {KH, KW, O, 4, 1, 0, 0, 15, 15};
    const OpCase op_case = {
        .name = "gaps", .attr = &attr, .n_x = 2, .x = {{.shape = {4, {N, H, W, C}}}, {.shape = {4, {KH, KW, C, O}}}}};
    compare_tiles("conv2d", &op_case, (int64_t)N * HO, (size_t)W * KH * KW * C * sizeof(float));
}

/* q of three hundred classes at every element of eight maps; patches reach the last rows of the last map. */
static void test_patch_nll(void **state) {
    enum { T = 5, N = 8, H = 70, W = 101, D = 3, K = 300, C = 2 };
    (void)state;
    const PatchNllAttr attr = {.crop = {37, 7, 1, 1, 290, 295, 0}, .tanh = 1, .scale = 1};
    const OpCase op_case = {.name = "two tiles",
                            .attr = &attr,
                            .n_x = 11,
                            .x = {{{3, {N, H, W}}, DT_INT, FILL_LABEL, 290, false},
                                  {{3, {T, N, 4}}, DT_REAL, FILL_BOX, H, false},
                                  {{2, {T, N}}, DT_REAL, FILL_POSITIVE, W, false},
                                  {{2, {T, N}}, DT_REAL, FILL_POSITIVE, H, false},
                                  {{3, {T, N, D}}, DT_REAL, FILL_NORMAL, 1, false},
                                  {{2, {D, K}}, DT_REAL, FILL_NORMAL, 0.5, false},
                                  {{2, {C, K}}, DT_REAL, FILL_NORMAL, 0.5, false},
                                  {{1, {K}}, DT_REAL, FILL_NORMAL, 0.5, false},
                                  {{0}, DT_REAL, FILL_POSITIVE, 1, false},
                                  {.absent = true},
                                  {{4, {N, H, W, C}}, DT_REAL, FILL_NORMAL, 1, false}}};
    compare_tiles("patch_nll", &op_case, (int64_t)N * H * W, K * sizeof(float));
}

/* A patch of two pixels for each of so many steps that a block has several, one after the other. */
static void compare_steps(int64_t t, int64_t n, int64_t classes) {
    enum { H = 3, W = 4, D = 2, C = 2 };
    const int64_t slabs = (classes + PATCH_NLL_SLAB - 1) / PATCH_NLL_SLAB;
    const int32_t background = (int32_t)classes - 1;
    const PatchNllAttr attr = {.crop = {2, 1, 1, 1, background, background, 0}, .tanh = 1, .scale = 1};
    const OpCase op_case = {.name = "steps",
                            .attr = &attr,
                            .n_x = 10,
                            .x = {{{3, {n, H, W}}, DT_INT, FILL_LABEL, (double)background, false},
                                  {{3, {t, n, 4}}, DT_REAL, FILL_BOX, W, false},
                                  {{2, {t, n}}, DT_REAL, FILL_POSITIVE, W, false},
                                  {{2, {t, n}}, DT_REAL, FILL_POSITIVE, H, false},
                                  {{3, {t, n, D}}, DT_REAL, FILL_NORMAL, 1, false},
                                  {{2, {D, classes}}, DT_REAL, FILL_NORMAL, 0.5, false},
                                  {{2, {C, classes}}, DT_REAL, FILL_NORMAL, 0.5, false},
                                  {{1, {classes}}, DT_REAL, FILL_NORMAL, 0.5, false},
                                  {{0}, DT_REAL, FILL_POSITIVE, 1, false},
                                  {{4, {n, H, W, C}}, DT_REAL, FILL_NORMAL, 1, false}}};
    assert_true(t * n > PATCH_NLL_BLOCKS / slabs);
    compare_devices("patch_nll", &op_case, true);
}

/* One slab of classes, then two, of which the second has one class. */
static void test_patch_nll_steps(void **state) {
    (void)state;
    compare_steps(1031, 2, 3);
}

static void test_patch_nll_slabs(void **state) {
    (void)state;
    compare_steps(367, 3, PATCH_NLL_SLAB + 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conv2d),          cmocka_unit_test(test_conv2d_gaps),
        cmocka_unit_test(test_patch_nll),       cmocka_unit_test(test_patch_nll_steps),
        cmocka_unit_test(test_patch_nll_slabs),
    };
    const Err err = cuda_site_open(&cuda);
    if (err != ERR_OK) return cuda_site_refused("test_cuda_tiles", err);
    const int n_failed = cmocka_run_group_tests_name("cuda tiles", tests, NULL, NULL);
    cuda_site_tell("several tiles", worst);
    return n_failed + cuda_site_close("test_cuda_tiles", cuda);
}
