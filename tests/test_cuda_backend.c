/* The CUDA backend on the emulated device: opening and failing, memory, whole graphs, captured runs, products. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <math.h>

#include <cmocka.h>

#include "kernels/cuda_plugin.h"
#include "kernels/cuda_scratch.h"
#include "kernels/gemm.h"
#include "kernels/mem.h"
#include "kernels/update.h"
#include "models/nn.h"
#include "tests/emu/calls.h"
#include "tests/emu/emu.h"
#include "tests/random_graph.h"

enum { N_GRAPHS = 12, OUT_OF_MEMORY = 2, INSUFFICIENT_DRIVER = 35, ALLOC_FAILED = 3 };

#define OK(call) check_ok(call, #call, __LINE__)
static void check_ok(Err err, const char *text, int line) {
    if (err != ERR_OK) fail_msg("line %d: %s: %s", line, text, err_message());
}

static const CudaSettings first_device = {.ordinal = 0};

static void expect_message(const char *text) {
    if (strstr(err_message(), text) == NULL) fail_msg("expected \"%s\" in \"%s\"", text, err_message());
}

/* ---- opening ---- */

static void test_open(void **state) {
    const Backend *backend = NULL;
    size_t free_bytes = 0, total = 0;
    (void)state;
    emu_devices(1, (size_t)1 << 30);
    OK(cuda_backend_open(&backend, &first_device));
    assert_int_equal(backend->device, DEVICE_CUDA);
    assert_string_equal(backend->model, "emulated device, 7.5");
    assert_false(backend->on_host);
    OK(backend->memory(backend, &free_bytes, &total));
    assert_int_equal(total, (size_t)1 << 30);
    assert_int_equal(total - free_bytes, CUDA_BLAS_BYTES); /* all that it takes before an arena is made */
    assert_null(backend->kernel(backend, &(const Op){.name = "no such op"}, false));
    backend_close(backend);
    assert_int_equal(emu_stats().n_live, 0);
    assert_int_equal(strlen(cuda_backend_headers()), 64);
}

static void test_no_device(void **state) {
    const Backend *backend = NULL;
    (void)state;
    emu_devices(0, 0);
    assert_int_equal(cuda_backend_open(&backend, &first_device), ERR_DEVICE);
    expect_message("cuda:0: cudaGetDeviceCount failed: no CUDA-capable device is detected (cudaErrorNoDevice)");
    emu_devices(2, (size_t)1 << 30);
    assert_int_equal(cuda_backend_open(&backend, &(const CudaSettings){.ordinal = 2}), ERR_DEVICE);
    expect_message("there is no cuda:2, this machine has 2 CUDA devices");
    assert_null(backend);
    emu_devices(1, (size_t)CUDA_BLAS_BYTES - 1);
    assert_int_equal(cuda_backend_open(&backend, &first_device), ERR_DEVICE_FULL);
    expect_message("out of memory on cuda:0: 33554432 bytes asked for, 33554431 of 33554431 bytes are free");
    assert_int_equal(emu_stats().n_live, 0);
    emu_devices(1, (size_t)1 << 30);
}

/* Whatever call fails while it opens, the error is told and nothing is left behind. */
static void test_open_fails_anywhere(void **state) {
    int n_failed = 0;
    (void)state;
    for (uint64_t k = 1;; k++) {
        const Backend *backend = NULL;
        const uint64_t live = mem_stats().live_blocks;
        emu_fail_at(k, INSUFFICIENT_DRIVER);
        const Err err = cuda_backend_open(&backend, &first_device);
        emu_fail_at(0, 0);
        if (err == ERR_OK) {
            backend_close(backend);
            break;
        }
        n_failed++;
        assert_int_equal(err, ERR_DEVICE);
        assert_null(backend);
        assert_int_equal(emu_stats().n_live, 0);
        assert_int_equal(mem_stats().live_blocks, live);
    }
    assert_true(n_failed >= 9);
    assert_int_equal(emu_stats().n_live, 0);
}

/* ---- memory ---- */

static void test_memory(void **state) {
    const Backend *backend = NULL;
    void *block = NULL;
    float real[16], back[16];
    const int32_t whole[4] = {1, -2, 3, INT32_MAX};
    int32_t whole_back[4];
    (void)state;
    OK(cuda_backend_open(&backend, &first_device));
    const size_t before = emu_stats().live_bytes;
    OK(backend->alloc(backend, &block, 64));
    assert_int_equal(emu_stats().live_bytes, before + 64); /* exactly what the plan says */
    OK(backend->download(backend, back, block, 16, DT_REAL));
    for (int i = 0; i < 16; i++) assert_true(back[i] == 0.0f);
    for (int i = 0; i < 16; i++) real[i] = (float)i / 3.0f;
    OK(backend->upload(backend, block, real, 16, DT_REAL));
    OK(backend->download(backend, back, block, 16, DT_REAL));
    assert_memory_equal(real, back, sizeof real);
    OK(backend->upload(backend, block, whole, 4, DT_INT));
    OK(backend->download(backend, whole_back, block, 4, DT_INT));
    assert_memory_equal(whole, whole_back, sizeof whole);
    backend->set(backend, block, BACKEND_POISON, 64);
    OK(backend->download(backend, back, block, 16, DT_REAL));
    for (int i = 0; i < 16; i++) assert_true(isnan(back[i]));
    assert_int_equal(backend->upload(backend, block, real, 17, DT_REAL), ERR_DEVICE);
    expect_message("cuda:0: cudaMemcpyAsync failed: invalid argument (cudaErrorInvalidValue)");
    backend->free(backend, block, 64);
    backend->free(backend, NULL, 64);
    assert_int_equal(backend->alloc(backend, &block, (size_t)1 << 40), ERR_DEVICE_FULL);
    expect_message("out of memory on cuda:0: 1099511627776 bytes asked for, 1040187392 of 1073741824 bytes are free");
    assert_null(block);
    emu_fail_at(2, OUT_OF_MEMORY); /* in clearing what could be had */
    assert_int_equal(backend->alloc(backend, &block, 64), ERR_DEVICE_FULL);
    assert_null(block);
    assert_int_equal(emu_stats().live_bytes, before);
    backend_close(backend);
    assert_int_equal(emu_stats().n_live, 0);
}

/* ---- graphs ---- */

static void close_to(const float *got, const float *expected, size_t n) {
    float largest = 1e-3f;
    for (size_t i = 0; i < n; i++) largest = fmaxf(largest, fabsf(expected[i]));
    for (size_t i = 0; i < n; i++)
        if (!(fabsf(got[i] - expected[i]) <= 1e-5f * largest))
            fail_msg("value %zu of %zu is %.9g, expected %.9g", i, n, (double)got[i], (double)expected[i]);
}

/* Modes of memory and orders of threads change no bit; the CPU says the same but for rounding. */
static void test_graphs(void **state) {
    static const ExecMode modes[] = {EXEC_ARENA, EXEC_POISON, EXEC_CHECKED, EXEC_SEPARATE};
    const Backend *backend = NULL;
    (void)state;
    OK(cuda_backend_open(&backend, &first_device));
    for (uint64_t seed = 0; seed < N_GRAPHS; seed++) {
        RandomGraph b, host;
        Plan *plan = NULL, *host_plan = NULL;
        float *first = NULL, *other = NULL;
        size_t n = 0, peak = 0;
        OK(random_graph_build(&b, seed, DEVICE_CUDA));
        OK(random_graph_build(&host, seed, DEVICE_CPU));
        OK(plan_build(&plan, b.g, sizeof(float), true));
        OK(plan_build(&host_plan, host.g, sizeof(float), true));
        emu_order(0);
        OK(random_graph_run(&first, &n, &peak, &b, plan, backend, EXEC_ARENA));
        OK(random_graph_run(&other, &n, &peak, &host, host_plan, backend_cpu(), EXEC_ARENA));
        close_to(first, other, n);
        mem_free(other);
        for (int m = 0; m < 4; m++) {
            emu_order(seed + 1);
            OK(random_graph_run(&other, &n, &peak, &b, plan, backend, modes[m]));
            if (memcmp(first, other, n * sizeof *first) != 0) fail_msg("graph %d, mode %d: other bits", (int)seed, m);
            if (modes[m] == EXEC_CHECKED) assert_int_equal(peak, plan->live_bytes);
            mem_free(other);
        }
        mem_free(first);
        plan_free(plan);
        plan_free(host_plan);
        random_graph_clear(&b);
        random_graph_clear(&host);
    }
    emu_order(0);
    backend_close(backend);
    assert_int_equal(emu_stats().n_live, 0);
}

/* w moves by sgd towards the input: a replay follows inputs and hyper, which live on the device. */
typedef struct Descent {
    ParamSet params;
    Graph *g;
    TensorId w, target, hyper, loss;
    Plan *plan;
    Arena *arena;
    Exec *exec;
} Descent;

enum { N = 37 };

static void open_descent(Descent *d, const Backend *backend) {
    memset(d, 0, sizeof *d);
    params_init(&d->params);
    OK(graph_new(&d->g, &d->params));
    d->w = graph_param(d->g, "w", SHAPE1(N), init_uniform(1));
    d->target = graph_input(d->g, "target", DT_REAL, SHAPE1(N));
    d->hyper = graph_input(d->g, "hyper", DT_REAL, SHAPE1(HYPER_COUNT));
    TensorId off = g_add(d->g, "off", d->w, g_scale(d->g, "minus", d->target, -1, 0));
    d->loss = graph_keep(d->g, g_sum(d->g, "loss", g_mul(d->g, "square", off, off), -1, false));
    graph_backward(d->g, d->loss);
    TensorId one = graph_op(d->g, "fill", "one", &(FillAttr){1.0, SHAPE0()}, NULL, 0, NULL);
    TensorId velocity = graph_state(d->g, "velocity", SHAPE1(N), init_uniform(0));
    (void)graph_op(d->g, "sgd", "update", NULL, (TensorId[]){d->w, graph_grad(d->g, d->w), velocity, d->hyper, one}, 5,
                   NULL);
    graph_finish(d->g, backend->device, 1);
    OK(graph_status(d->g));
    OK(plan_build(&d->plan, d->g, sizeof(float), true));
    OK(arena_new(&d->arena, backend, &d->params, d->plan->transient_bytes));
    OK(arena_initialise(d->arena, 3));
    OK(exec_new(&d->exec, d->plan, d->arena, EXEC_ARENA, NULL));
}

static float step(Descent *d, int i) {
    float target[N], hyper[HYPER_COUNT] = {[HYPER_LR] = 0.1f / (float)(i + 1), [HYPER_FIRST_OWN] = 0.5f}, loss = 0;
    for (int k = 0; k < N; k++) target[k] = (float)((k * 7 + i) % 5);
    OK(exec_upload(d->exec, d->target, target));
    OK(exec_upload(d->exec, d->hyper, hyper));
    OK(exec_run(d->exec));
    OK(exec_download(d->exec, d->loss, &loss));
    return loss;
}

static void close_descent(Descent *d) {
    exec_free(d->exec);
    arena_free(d->arena);
    plan_free(d->plan);
    graph_free(d->g);
    params_clear(&d->params);
}

static void test_replay(void **state) {
    Descent cuda, cpu;
    const Backend *backend = NULL;
    (void)state;
    OK(cuda_backend_open(&backend, &first_device));
    open_descent(&cuda, backend);
    open_descent(&cpu, backend_cpu());
    const int n_nodes = cuda.g->n_nodes;
    for (int i = 0; i < 6; i++) {
        const EmuStats before = emu_stats();
        const float loss = step(&cuda, i), expected = step(&cpu, i);
        close_to(&loss, &expected, 1);
        assert_true(emu_stats().n_launches >= before.n_launches + (uint64_t)n_nodes);
        assert_int_equal(emu_stats().n_replays, before.n_replays + (i > 0));
        assert_int_equal(emu_stats().live_bytes, before.live_bytes);
    }
    close_descent(&cuda);
    close_descent(&cpu);
    backend_close(backend);
    assert_int_equal(emu_stats().n_live, 0);
}

/* A call that fails while a run is captured: its message, and the next run begins anew. */
static void test_capture_fails(void **state) {
    Descent d;
    const Backend *backend = NULL;
    (void)state;
    OK(cuda_backend_open(&backend, &first_device));
    for (uint64_t k = 1; k < 12; k++) {
        open_descent(&d, backend);
        OK(exec_run(d.exec));
        emu_fail_at(k, OUT_OF_MEMORY);
        const Err err = exec_run(d.exec);
        emu_fail_at(0, 0);
        assert_int_equal(err, ERR_DEVICE_FULL);
        expect_message("out of memory (cudaErrorMemoryAllocation)");
        OK(exec_run(d.exec));
        close_descent(&d);
    }
    backend_close(backend);
    assert_int_equal(emu_stats().n_live, 0);
}

static OpFn no_kernel(const Backend *backend, const Op *op, bool backward) {
    return strcmp(op->name, "sgd") == 0 && !backward ? NULL : backend_cpu()->kernel(backend, op, backward);
}

static void test_missing_kernel(void **state) {
    Descent d;
    Backend lacking = *backend_cpu();
    Exec *exec = NULL;
    Arena *arena = NULL;
    (void)state;
    lacking.name = "cuda";
    lacking.kernel = no_kernel;
    open_descent(&d, backend_cpu());
    OK(arena_new(&arena, &lacking, &d.params, d.plan->transient_bytes));
    assert_int_equal(exec_new(&exec, d.plan, arena, EXEC_ARENA, NULL), ERR_UNSUPPORTED);
    expect_message("update: the cuda backend has no forward pass of op sgd");
    arena_free(arena);
    close_descent(&d);
}

/* REFOCUS_CUDA_SYNC: an error is told by the launch that it belongs to, and nothing is captured. */
static void test_waiting(void **state) {
    Descent d;
    const Backend *backend = NULL;
    (void)state;
    assert_int_equal(setenv("REFOCUS_CUDA_SYNC", "1", 1), 0);
    OK(cuda_backend_open(&backend, &first_device));
    assert_int_equal(unsetenv("REFOCUS_CUDA_SYNC"), 0);
    assert_null(backend->capture_begin);
    open_descent(&d, backend);
    const uint64_t replays = emu_stats().n_replays;
    for (int i = 0; i < 3; i++) (void)step(&d, i);
    assert_int_equal(emu_stats().n_replays, replays);
    emu_fail_at(2, OUT_OF_MEMORY);
    assert_int_equal(exec_run(d.exec), ERR_DEVICE_FULL);
    expect_message("minus: cuda:0: a kernel failed");
    close_descent(&d);
    backend_close(backend);
}

/* ---- products ---- */

enum { ROOM = 4096 };

static void run_product(const Backend *backend, const Gemm *g, int64_t n_batch) {
    static float a[ROOM], b[ROOM], c[ROOM], expected[ROOM];
    static char scratch[768 << 10] __attribute__((aligned(64)));
    void *block = NULL;
    const OpCall call = {.context = backend->context};
    const int64_t step_a = ROOM / 4, step_b = ROOM / 8, step_c = ROOM / 4;
    assert_true(gemm_scratch_bytes(g) <= sizeof scratch);
    OK(backend->alloc(backend, &block, 3 * sizeof a));
    float *da = block, *db = da + ROOM, *dc = db + ROOM;
    for (int i = 0; i < ROOM; i++) {
        a[i] = (float)(i * 37 % 101) / 101.0f - 0.5f;
        b[i] = (float)(i * 53 % 97) / 97.0f - 0.5f;
        c[i] = expected[i] = (float)(i % 13);
    }
    OK(backend->upload(backend, da, a, ROOM, DT_REAL));
    OK(backend->upload(backend, db, b, ROOM, DT_REAL));
    OK(backend->upload(backend, dc, c, ROOM, DT_REAL));
    for (int64_t i = 0; i < n_batch; i++) gemm_run(g, a + i * step_a, b + i * step_b, expected + i * step_c, scratch);
    if (n_batch == 1)
        OK(call_gemm(&call, g, da, db, dc));
    else
        OK(call_gemm_batch(&call, g, n_batch, da, step_a, db, step_b, dc, step_c));
    OK(backend->download(backend, c, dc, ROOM, DT_REAL));
    close_to(c, expected, ROOM);
    backend->free(backend, block, 3 * sizeof a);
}

static void test_products(void **state) {
    static const int64_t sizes[][3] = {{1, 1, 1}, {5, 7, 3}, {16, 1, 9}, {1, 17, 4}, {13, 19, 21}};
    const Backend *backend = NULL;
    (void)state;
    OK(cuda_backend_open(&backend, &first_device));
    const uint64_t hidden = emu_stats().n_hidden;
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
        for (int kind = 0; kind < 8; kind++) {
            const int64_t m = sizes[s][0], n = sizes[s][1], k = sizes[s][2];
            const bool trans_a = (kind & 1) != 0, trans_b = (kind & 2) != 0, add = (kind & 4) != 0;
            /* rows further apart than they are long */
            const Gemm g = {m, n, k, trans_a, trans_b, add, (trans_a ? m : k) + 2, (trans_b ? k : n) + 1, n + 3};
            run_product(backend, &g, 1);
            run_product(backend, &g, 3);
        }
    assert_int_equal(emu_stats().n_hidden, hidden); /* all in the planned workspace */
    const OpCall call = {.context = backend->context};
    Gemm wrong = gemm_nn(4, 5, 6, false);
    wrong.lda = 5;
    assert_int_equal(call_gemm(&call, &wrong, NULL, NULL, NULL), ERR_DEVICE);
    expect_message("cuda:0: cublasSgemm_64 failed: CUBLAS_STATUS_INVALID_VALUE");
    emu_fail_at(1, ALLOC_FAILED);
    assert_int_equal(call_gemm(&call, &wrong, NULL, NULL, NULL), ERR_DEVICE_FULL);
    backend_close(backend);
    assert_int_equal(emu_stats().n_live, 0);
}

/* ---- what the device cannot refuse ---- */

static float first_value(const Backend *backend, const char *name, int32_t token) {
    const Op *op = op_find(name);
    const float values[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    const bool embeds = strcmp(name, "embedding") == 0;
    OpSpec spec = {.n_x = 2, .x_type = {DT_REAL, DT_INT}, .x = {SHAPE2(1, 3), SHAPE1(1)}};
    if (embeds) spec = (OpSpec){.n_x = 2, .x_type = {DT_INT, DT_REAL}, .x = {SHAPE1(1), SHAPE2(3, 4)}};
    void *block = NULL;
    float y = 0;
    OK(op_infer(op, &spec));
    OK(backend->alloc(backend, &block, 192));
    float *reals = block, *index = reals + 16, *out = reals + 32;
    OK(backend->upload(backend, reals, values, 12, DT_REAL));
    OK(backend->upload(backend, index, &token, 1, DT_INT));
    OpCall call = {.spec = &spec, .context = backend->context, .y = {out}, .x = {reals, index}};
    if (embeds) call.x[0] = index, call.x[1] = reals;
    OK(backend->kernel(backend, op, false)(&call));
    OK(backend->download(backend, &y, out, 1, DT_REAL));
    backend->free(backend, block, 192);
    return y;
}

static void test_indices_beyond(void **state) {
    const Backend *backend = NULL;
    (void)state;
    OK(cuda_backend_open(&backend, &first_device));
    assert_true(first_value(backend, "embedding", 2) == 9.0f);
    assert_true(first_value(backend, "embedding", -1) == 0.0f);
    assert_true(isnan(first_value(backend, "embedding", 3)));
    assert_true(first_value(backend, "nll", 2) == -3.0f);
    assert_true(isnan(first_value(backend, "nll", 3)));
    assert_true(isnan(first_value(backend, "nll", INT32_MAX)));
    backend_close(backend);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_open),
                                       cmocka_unit_test(test_no_device),
                                       cmocka_unit_test(test_open_fails_anywhere),
                                       cmocka_unit_test(test_memory),
                                       cmocka_unit_test(test_graphs),
                                       cmocka_unit_test(test_replay),
                                       cmocka_unit_test(test_capture_fails),
                                       cmocka_unit_test(test_missing_kernel),
                                       cmocka_unit_test(test_waiting),
                                       cmocka_unit_test(test_products),
                                       cmocka_unit_test(test_indices_beyond)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
