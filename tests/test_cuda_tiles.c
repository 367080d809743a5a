/* Ops whose CUDA kernels work in tiles, at sizes that make more than one: on the emulated device against the CPU. The
 * cases of the ops themselves fit into one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernels/cuda_plugin.h"
#include "kernels/cuda_scratch.h"
#include "kernels/ops.h"
#include "tests/op_compare.h"
#include "tests/op_run.h"

static const double tolerance = 1e-4;
static const Backend *cuda;

#define OK(call) check_ok(call, #call, __LINE__)
static void check_ok(Err err, const char *text, int line) {
    if (err != ERR_OK) fail_msg("line %d: %s: %s", line, text, err_message());
}

static OpHow how_on(Device device) { return (OpHow){.device = device, .shards = 1, .cuda = cuda}; }

static uint32_t all_dx(const OpData *data) {
    uint32_t all = 0;
    for (int i = 0; i < data->spec.n_x; i++)
        if (op_data_has_dx(data, i)) all |= OP_X(i);
    return all;
}

/* Both passes, written and added. row_bytes: of one of n_rows rows that do not all fit into a tile. */
static void compare_devices(const char *name, const OpCase *op_case, int64_t n_rows, size_t row_bytes) {
    OpData data = {0};
    OpValues cpu = {0}, got = {0}, cpu_dx = {0}, got_dx = {0};
    OpHow on_cpu = how_on(DEVICE_CPU), on_cuda = how_on(DEVICE_CUDA);
    assert_in_range(cuda_tile_rows(n_rows, row_bytes), 2, n_rows - 2);
    OK(op_data_init(&data, op_find(name), op_case));
    OK(op_run_forward(&cpu, &data, &on_cpu, NULL));
    OK(op_run_forward(&got, &data, &on_cuda, NULL));
    OK(compare_forward(&data, &got, &cpu, tolerance));
    on_cpu.wanted = on_cuda.wanted = all_dx(&data);
    for (int add = 0; add < 2; add++) {
        on_cpu.accumulate = on_cuda.accumulate = add ? on_cpu.wanted : 0;
        OK(op_run_backward(&cpu_dx, &data, &on_cpu, &cpu));
        OK(op_run_backward(&got_dx, &data, &on_cuda, &got));
        OK(compare_backward(&data, &got_dx, &cpu_dx, on_cuda.wanted, 0, tolerance));
        op_values_clear(&cpu_dx);
        op_values_clear(&got_dx);
    }
    op_values_clear(&cpu);
    op_values_clear(&got);
    op_data_clear(&data);
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
    compare_devices("conv2d", &op_case, (int64_t)N * HO, (size_t)W * KH * KW * C * sizeof(float));
}

/* Rows that no window reaches lie between two windows, on the boundary of tiles, and at the end of each image. */
static void test_conv2d_gaps(void **state) {
    enum { N = 4, H = 280, W = 64, C = 16, KH = 2, KW = 31, O = 2, HO = 70 };
    (void)state;
    const Conv2dAttr attr = {KH, KW, O, 4, 1, 0, 0, 15, 15};
    const OpCase op_case = {
        .name = "gaps", .attr = &attr, .n_x = 2, .x = {{.shape = {4, {N, H, W, C}}}, {.shape = {4, {KH, KW, C, O}}}}};
    compare_devices("conv2d", &op_case, (int64_t)N * HO, (size_t)W * KH * KW * C * sizeof(float));
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
    compare_devices("patch_nll", &op_case, (int64_t)N * H * W, K * sizeof(float));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conv2d),
        cmocka_unit_test(test_conv2d_gaps),
        cmocka_unit_test(test_patch_nll),
    };
    const CudaSettings settings = {.ordinal = 0};
    if (cuda_backend_open(&cuda, &settings) != ERR_OK) return 1;
    const int n_failed = cmocka_run_group_tests_name("cuda tiles", tests, NULL, NULL);
    backend_close(cuda);
    return n_failed;
}
