/* Threads share the work: asserted by processor time and by who meets whom, so that a busy machine changes nothing.
 * What two threads really save is timed by `make bench`. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "harness/run/trainer.h"
#include "models/exec.h"
#include "models/model.h"
#include "models/update.h"
#include "tests/small_model.h"

#define OK(call) assert_int_equal((call), ERR_OK)

static double seconds_of(const struct rusage *usage) {
    return (double)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) +
           1e-6 * (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec);
}

static double used_seconds(int who) {
    struct rusage usage;
    assert_int_equal(getrusage(who, &usage), 0);
    return seconds_of(&usage);
}

/* ---- the pool ---- */

typedef struct Meeting {
    atomic_int n_there;
    int n_expected;
} Meeting;

/* Ends only when every task of the batch has begun. */
static void meet(void *arg, int i_task) {
    Meeting *m = arg;
    (void)i_task;
    atomic_fetch_add(&m->n_there, 1);
    while (atomic_load(&m->n_there) < m->n_expected) (void)nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
}

static void tasks_run_at_once(void **state) {
    (void)state;
    for (int n_threads = 2; n_threads <= 4; n_threads++) {
        Par *par = NULL;
        OK(par_new(&par, n_threads));
        for (int round = 0; round < 10; round++) {
            Meeting m = {.n_expected = n_threads};
            par_run(par, n_threads, meet, &m);
            assert_int_equal(atomic_load(&m.n_there), n_threads);
        }
        par_free(par);
    }
}

/* ---- a rehearsal ---- */

static void burn(void *arg, int i_task) {
    const int *rounds = arg;
    volatile double x = 1;
    for (int i = 0; i < rounds[i_task]; i++) x = x * 1.0000001 + 1e-9;
}

static double rehearsed_gain(int n_threads, int n_tasks, int *rounds) {
    Par *par = NULL;
    OK(par_new_rehearsal(&par, n_threads));
    assert_int_equal(par_n_threads(par), n_threads);
    for (int i = 0; i < 5; i++) par_run(par, n_tasks, burn, rounds);
    ParTimes times = par_rehearsed(par);
    par_free(par);
    assert_true(times.thread_seconds > 0);
    return times.tasks_seconds / times.thread_seconds;
}

static void a_rehearsal_adds_up(void **state) {
    (void)state;
    enum { UNIT = 1000000 };
    int even[] = {UNIT, UNIT, UNIT, UNIT}, uneven[] = {3 * UNIT, UNIT};
    double gain = rehearsed_gain(2, 4, even);
    assert_true(gain > 1.7 && gain <= 2.0);
    assert_true(rehearsed_gain(1, 4, even) > 0.99 && rehearsed_gain(1, 4, even) <= 1.0001);
    gain = rehearsed_gain(2, 2, uneven);
    assert_true(gain > 1.2 && gain < 1.5);
    assert_true(rehearsed_gain(3, 1, even) < 1.0001); /* one task is one thread's */
}

/* ---- a training step ---- */

static void upload(Exec *step, TensorId t, const void *values) {
    if (t != TENSOR_NONE) OK(exec_upload(step, t, values));
}

/* Blank lines that read as the first class throughout, every character as large as the line. */
static void feed(Exec *step, const Model *model, const Settings *settings) {
    enum { MOST = 32 * 32 * 128 * 3, BOXES = 9 * 32 };
    static const float zeros[MOST] = {0};
    static float boxes[BOXES][4];
    for (int i = 0; i < BOXES; i++) memcpy(boxes[i], (const float[]){0, 0, 128, 32}, sizeof boxes[i]);
    const float one = 1;
    float hyper[HYPER_LEN];
    const TrainGraph *t = &model->train;
    const TensorId blank[] = {t->image, t->token_in, t->label, t->mask, t->update.limit};
    for (size_t i = 0; i < sizeof blank / sizeof blank[0]; i++) upload(step, blank[i], zeros);
    const TensorId ones[] = {t->inv_chars, t->inv_boxes, t->lambda, t->one_minus_lambda};
    for (size_t i = 0; i < sizeof ones / sizeof ones[0]; i++) upload(step, ones[i], &one);
    upload(step, t->box, boxes);
    update_hyper(settings, 0, 0.01, hyper);
    upload(step, t->update.hyper, hyper);
}

/* How much faster a step would be on two threads, by the processor time of its tasks. */
static double step_gain(const char *const *pairs, const ModelSizes *sizes) {
    Settings *settings = settings_of(pairs);
    Model *model = NULL;
    ModelPlan plan;
    Par *par = NULL;
    Arena *arena = NULL;
    Exec *step = NULL;
    double all = 0;
    const Backend *cpu = backend_cpu();
    OK(model_build(&model, settings, sizes, cpu->device, MODEL_TRAIN_AND_EVAL));
    OK(model_plan(&plan, model, cpu->real_bytes, true));
    OK(par_new_rehearsal(&par, 2));
    OK(arena_new(&arena, cpu, &model->params, plan.transient_bytes));
    OK(arena_initialise(arena, 3));
    OK(exec_new(&step, plan.train, arena, EXEC_ARENA, par));
    feed(step, model, settings);
    OK(exec_run(step)); /* touches the memory */
    ParTimes before = par_rehearsed(par);
    for (int i = 0; i < 2; i++) {
        feed(step, model, settings);
        double start = used_seconds(RUSAGE_THREAD);
        OK(exec_run(step));
        all += used_seconds(RUSAGE_THREAD) - start;
    }
    ParTimes after = par_rehearsed(par);
    double tasks = after.tasks_seconds - before.tasks_seconds, thread = after.thread_seconds - before.thread_seconds;
    exec_free(step);
    arena_free(arena);
    par_free(par);
    model_plan_clear(&plan);
    model_free(model);
    settings_free(settings);
    return all / (all - tasks + thread);
}

static void two_threads_would_halve_a_step(void **state) {
    (void)state;
    static const char *const baseline[] = {NULL};
    static const char *const fused[] = {"focus.kind", "original", "focus.implementation", "fused", NULL};
    const ModelSizes lines = {.n_chars = 36, .n_steps = 9, .n_steps_eval = 9, .height = 32, .width = 128};
    double gain = step_gain(baseline, &lines), branch = step_gain(fused, &lines);
    print_message("a step on two threads: %.2f times as fast, with the fused branch %.2f times\n", gain, branch);
    assert_true(gain >= 1.6);
    assert_true(branch >= 1.6);
}

/* ---- a cell ---- */

/* The share of the processor time of a short training that other threads than the first spent. */
static double share_of_others(int n_threads) {
    static const char *const pairs[] = {"data.charset",
                                        "digits",
                                        "data.train.a.source",
                                        "synthetic",
                                        "data.train.a.fonts",
                                        "[DejaVu]",
                                        "data.train.a.length",
                                        "[1, 2]",
                                        "data.train.a.count",
                                        "16",
                                        "model.max_length",
                                        "4",
                                        "train.steps",
                                        "4",
                                        "train.batch",
                                        "16",
                                        NULL};
    Settings *settings = settings_of(pairs);
    CellRecord *record = NULL;
    const TrainerSpec spec = {
        .settings = settings, .id = "0123456789abcdef", .n_threads = n_threads, .mode = EXEC_ARENA};
    double all = used_seconds(RUSAGE_SELF), own = used_seconds(RUSAGE_THREAD);
    OK(trainer_run(&record, &spec, NULL));
    all = used_seconds(RUSAGE_SELF) - all;
    own = used_seconds(RUSAGE_THREAD) - own;
    record_free(record);
    settings_free(settings);
    assert_true(all > 0);
    return (all - own) / all;
}

/* On a machine that is full the first thread may do most of the work now and then, not every time. */
static void a_cell_uses_its_threads(void **state) {
    (void)state;
    double share = 0;
    assert_true(share_of_others(1) < 0.01);
    for (int attempt = 0; attempt < 8 && share < 0.2; attempt++) share = share_of_others(2);
    assert_true(share >= 0.2 && share <= 0.8);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tasks_run_at_once),
        cmocka_unit_test(a_rehearsal_adds_up),
        cmocka_unit_test(two_threads_would_halve_a_step),
        cmocka_unit_test(a_cell_uses_its_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
