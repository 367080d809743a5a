/* Training on CUDA: every branch takes ten steps of SGD as the CPU does, and its bits do not follow from the order of
 * threads and blocks; for two of them neither from how memory is used, and a captured step replays with what the host
 * changes between steps. On the emulated device; linked without it (make test-gpu), on cuda:0, where a run is repeated
 * instead of reordered, and all of it is done for every branch. `test_cuda_train "modes of memory: *kind=kl"` runs the
 * tests of that name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <math.h>

#include <cmocka.h>

#include "kernels/mem.h"
#include "tests/cuda_site.h"
#include "tests/op_compare.h"
#include "tests/sanitized.h"
#include "tests/small_model.h"

/* Orders: what is touched is seen in one of each kind. */
enum { N_STEPS = 10, WORDS = SMALL_WORDS + 4, NAME_LEN = 200 };
enum { N_ORDERS = IS_SANITIZED ? 2 : 20 };

#define OK(call) check_ok(call, #call, __LINE__)
static void check_ok(Err err, const char *text, int line) {
    if (err != ERR_OK) fail_msg("line %d: %s: %s", line, text, err_message());
}

static const Backend *cuda;
static double worst;

static size_t live_bytes(void) { return emu_stats != NULL ? emu_stats().live_bytes : 0; }

typedef struct Branch {
    const char *pairs[WORDS];
    char name[NAME_LEN];
} Branch;

static Branch branches[SMALL_BRANCHES];

/* A small branch with plain SGD. */
static void fill_branch(Branch *b, const char *const *pairs) {
    size_t n = 0, len = 0;
    b->pairs[n++] = "train.optimizer";
    b->pairs[n++] = "sgd";
    for (; *pairs != NULL; pairs += 2) {
        b->pairs[n++] = pairs[0];
        b->pairs[n++] = pairs[1];
        len += (size_t)snprintf(b->name + len, sizeof b->name - len, "%s%s=%s", len > 0 ? " " : "", pairs[0], pairs[1]);
    }
}

/* ---- as the CPU does ---- */

/* Losses within 1e-4. A gradient jumps where a maximum of a pool or a relu sits on its kink and rounding decides the
 * side: norms within 1e-3. */
static void close_to(const char *what, int step, float got, float expected, float tolerance) {
    compare_note(&worst, fabs((double)got - (double)expected) / fabs((double)tolerance * (double)expected));
    if (!(fabsf(got - expected) <= tolerance * fabsf(expected)))
        fail_msg("%s of step %d is %.9g, the CPU's %.9g", what, step + 1, (double)got, (double)expected);
}

static void take_step(Step *s, int i, float *loss, float *norm) {
    upload_step(s, i);
    OK(exec_run(s->exec));
    OK(exec_download(s->exec, s->model->train.loss, loss));
    OK(exec_download(s->exec, s->model->train.update.norm, norm));
}

static void test_branch(void **state) {
    const Branch *b = *state;
    Step there, here;
    const size_t before = live_bytes();
    open_step(&there, b->pairs, cuda, EXEC_ARENA, 1);
    open_step(&here, b->pairs, backend_cpu(), EXEC_ARENA, 1);
    const size_t arena = there.plan.persistent_bytes + there.plan.transient_bytes;
    assert_int_equal(arena_bytes(there.arena), arena);
    if (emu_stats != NULL) assert_int_equal(live_bytes(), before + arena); /* one cudaMalloc, exactly the plan */
    for (int i = 0; i < N_STEPS; i++) {
        float loss, norm, cpu_loss, cpu_norm;
        const uint64_t replays = emu_stats != NULL ? emu_stats().n_replays + (i > 0) : 0;
        take_step(&there, i, &loss, &norm);
        take_step(&here, i, &cpu_loss, &cpu_norm);
        if (emu_stats != NULL) assert_int_equal(emu_stats().n_replays, replays);
        close_to("loss", i, loss, cpu_loss, 1e-4f);
        close_to("norm", i, norm, cpu_norm, 1e-3f);
    }
    if (emu_stats != NULL) assert_int_equal(live_bytes(), before + arena);
    close_step(&here);
    close_step(&there);
    assert_int_equal(live_bytes(), before);
}

/* ---- bits ---- */

/* Takes n_steps steps from the initial parameters on. */
static float *restarted(Step *s, int n_steps, size_t *n) {
    restart_step(s);
    for (int i = 0; i + 1 < n_steps; i++) {
        upload_step(s, i + 1);
        OK(exec_run(s->exec));
    }
    return train_steps(s, 1, n);
}

static float *trained(const Branch *b, const Backend *backend, ExecMode mode, int n_steps, size_t *n) {
    Step s;
    open_step(&s, b->pairs, backend, mode, 1);
    float *out = restarted(&s, n_steps, n);
    close_step(&s);
    return out;
}

static void same_bits(const float *a, const float *b, size_t n, const char *what) {
    for (size_t i = 0; i < n; i++)
        if (memcmp(&a[i], &b[i], sizeof *a) != 0)
            fail_msg("%s: value %zu of %zu is %.9g, not %.9g", what, i, n, (double)b[i], (double)a[i]);
}

/* A step: losses, parameters, and the gradients, as momentum keeps them. Without the emulation: run to run. */
static void test_orders(void **state) {
    const Branch *b = *state;
    Step s;
    size_t n = 0;
    open_step(&s, b->pairs, cuda, EXEC_ARENA, 1);
    float *first = restarted(&s, 1, &n);
    for (uint64_t seed = 1; seed <= N_ORDERS; seed++) {
        char what[32];
        if (emu_order != NULL) emu_order(seed);
        float *other = restarted(&s, 1, &n);
        (void)snprintf(what, sizeof what, "order %d", (int)seed);
        same_bits(first, other, n, what);
        mem_free(other);
    }
    if (emu_order != NULL) emu_order(0);
    mem_free(first);
    close_step(&s);
}

static void test_modes(void **state) {
    static const ExecMode modes[] = {EXEC_POISON, EXEC_CHECKED, EXEC_SEPARATE};
    const Branch *b = *state;
    size_t n = 0;
    float *first = trained(b, cuda, EXEC_ARENA, 3, &n);
    for (int m = 0; m < 3; m++) {
        float *other = trained(b, cuda, modes[m], 3, &n);
        same_bits(first, other, n, "another mode");
        mem_free(other);
    }
    mem_free(first);
}

/* A backend that waits for each launch captures nothing: what it trains is what the replays must train, although
 * images, lr and lambda change from step to step. */
static void test_replay(void **state) {
    const Branch *b = *state;
    const Backend *waiting = NULL;
    size_t n = 0;
    assert_int_equal(setenv("REFOCUS_CUDA_SYNC", "1", 1), 0);
    OK(cuda_site_open(&waiting));
    assert_int_equal(unsetenv("REFOCUS_CUDA_SYNC"), 0);
    assert_null(waiting->capture_begin);
    float *called = trained(b, waiting, EXEC_ARENA, 5, &n), *replayed = trained(b, cuda, EXEC_ARENA, 5, &n);
    same_bits(called, replayed, n, "replayed");
    float *fewer = trained(b, cuda, EXEC_ARENA, 4, &n);
    assert_memory_not_equal(replayed, fewer, n * sizeof *fewer); /* the bits do follow from the steps */
    mem_free(called);
    mem_free(replayed);
    mem_free(fewer);
    backend_close(waiting);
}

/* ---- which ---- */

static struct CMUnitTest tests[5 * SMALL_BRANCHES];
static char names[5 * SMALL_BRANCHES][NAME_LEN + 40];
static size_t n_tests;

static void add(const char *what, CMUnitTestFunction fn, Branch *b) {
    (void)snprintf(names[n_tests], sizeof names[0], "%s: %s", what, b->name);
    tests[n_tests] = (struct CMUnitTest){.name = names[n_tests], .test_func = fn, .initial_state = b};
    n_tests++;
}

int main(int argc, char **argv) {
    enum { KL = 2, FUSED = 8 }; /* the cheapest, and the one with most kernels of its own; on hardware, all */
    const Err err = cuda_site_open(&cuda);
    if (err != ERR_OK) return cuda_site_refused("test_cuda_train", err);
    for (int i = 0; i < SMALL_BRANCHES; i++) {
        fill_branch(&branches[i], small_branches[i]);
        add("ten steps", test_branch, &branches[i]);
        add(emu_order != NULL ? "any order" : "run to run", test_orders, &branches[i]);
        if (emu_order != NULL && i != KL && i != FUSED) continue;
        add("modes of memory", test_modes, &branches[i]);
        add("replay", test_replay, &branches[i]);
    }
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    const int n_failed = _cmocka_run_group_tests("cuda training", tests, n_tests, NULL, NULL);
    cuda_site_tell("losses and norms of ten steps", worst);
    return n_failed + cuda_site_close("test_cuda_train", cuda);
}
