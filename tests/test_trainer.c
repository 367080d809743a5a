/* The trainer: a tiny model on a few drawn digits. Same inputs give the same bits, however a cell is cut up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/record/results.h"
#include "harness/run/checkpoint.h"
#include "harness/run/folder.h"
#include "harness/run/metric.h"
#include "harness/run/trainer.h"
#include "harness/run/trainer_verify.h"
#include "kernels/mem.h"
#include "tests/sanitized.h"

#define OK(call)                                                                                                       \
    do {                                                                                                               \
        Err ok_err = (call);                                                                                           \
        if (ok_err != ERR_OK) fail_msg("%s: %s: %s", #call, err_name(ok_err), err_message());                          \
    } while (0)

/* ---- cells ---- */

static const char *const tiny[] = {
    "data.charset=digits",
    "data.image=[32, 32]",
    "data.train.a.source=synthetic",
    "data.train.a.fonts=[DejaVu]",
    "data.train.a.length=[1, 2]",
    "data.train.a.count=4",
    "data.train.a.seed=7",
    "data.valid.a.source=synthetic",
    "data.valid.a.fonts=[DejaVu]",
    "data.valid.a.length=[1, 2]",
    "data.valid.a.count=5",
    "data.test.a.source=synthetic",
    "data.test.a.fonts=[DejaVu]",
    "data.test.a.length=[1, 2]",
    "data.test.a.count=3",
    "data.test.b.source=synthetic",
    "data.test.b.fonts=[DejaVu]",
    "data.test.b.length=[1, 1]",
    "data.test.b.count=2",
    "model.blstm=8",
    "model.attention=8",
    "model.decoder=16",
    "model.embedding=8",
    "train.steps=12",
    "train.batch=4",
    "train.lr=1e-2",
    "eval.every=5",
    "eval.batch=2",
    "record.attention_samples=3",
    "record.attention_every=6",
    "record.checkpoint_every=4",
};

static void set_text(Settings *settings, const char *pair) {
    char key[128];
    const char *equals = strchr(pair, '=');
    (void)snprintf(key, sizeof key, "%.*s", (int)(equals - pair), pair);
    OK(settings_set(settings, key, equals + 1));
}

/* The tiny cell, changed by "key=value" texts up to a NULL. */
static Settings *make_settings(const char *const *changes) {
    Settings *settings = NULL;
    OK(settings_new(&settings));
    for (size_t i = 0; i < sizeof tiny / sizeof tiny[0]; i++) set_text(settings, tiny[i]);
    for (; changes != NULL && *changes != NULL; changes++) set_text(settings, *changes);
    OK(settings_resolve(settings));
    return settings;
}

static TrainerSpec make_spec(const Settings *settings, int64_t seed) {
    return (TrainerSpec){
        .settings = settings, .seed = seed, .id = "0123456789abcdef", .n_threads = 1, .mode = EXEC_ARENA};
}

static CellRecord *train(const TrainerSpec *spec, TrainerFacts *facts) {
    CellRecord *record = NULL;
    OK(trainer_run(&record, spec, facts));
    assert_non_null(record);
    return record;
}

static CellRecord *train_changed(const char *const *changes, int64_t seed, int n_threads, ExecMode mode,
                                 TrainerFacts *facts) {
    Settings *settings = make_settings(changes);
    TrainerSpec spec = make_spec(settings, seed);
    spec.n_threads = n_threads;
    spec.mode = mode;
    CellRecord *record = train(&spec, facts);
    settings_free(settings);
    return record;
}

/* ---- comparing ---- */

static bool same_params(const RecordParams *a, const RecordParams *b) {
    if (a->n != b->n || a->n == 0 || a->step != b->step) return false;
    for (size_t i = 0; i < a->n; i++) {
        const RecordParam *x = &a->item[i], *y = &b->item[i];
        if (strcmp(x->name, y->name) != 0 || !shape_equal(&x->shape, &y->shape)) return false;
        if (memcmp(x->data, y->data, (size_t)shape_count(&x->shape) * sizeof(float)) != 0) return false;
    }
    return true;
}

static bool same_curves(const CellRecord *a, const CellRecord *b) {
    if (a->curves.n != b->curves.n || a->curves.n == 0) return false;
    for (int c = 0; c < CURVE_COUNT; c++)
        if (memcmp(a->curves.value[c], b->curves.value[c], a->curves.n * sizeof(float)) != 0) return false;
    return true;
}

static bool same_evaluations(const CellRecord *a, const CellRecord *b) {
    if (a->n_evaluations != b->n_evaluations || a->n_evaluations == 0) return false;
    for (size_t s = 0; s < a->n_evaluations; s++) {
        const RecordEvaluation *x = &a->evaluations[s], *y = &b->evaluations[s];
        if (strcmp(x->set, y->set) != 0 || x->n != y->n || x->n_metrics != y->n_metrics) return false;
        if (memcmp(x->step, y->step, x->n * sizeof *x->step) != 0) return false;
        for (size_t m = 0; m < x->n_metrics; m++)
            if (memcmp(x->value[m], y->value[m], x->n * sizeof(double)) != 0) return false;
    }
    return true;
}

static bool same_maps(const CellRecord *a, const CellRecord *b) {
    const RecordAttention *x = &a->attention, *y = &b->attention;
    size_t places = (size_t)(x->n * x->n_samples * x->n_t);
    if (x->n != y->n || x->n_samples != y->n_samples || x->n == 0) return false;
    if (memcmp(x->maps, y->maps, places * (size_t)x->map_w * sizeof(float)) != 0) return false;
    if (memcmp(x->centres, y->centres, places * 2 * sizeof(float)) != 0) return false;
    for (int64_t i = 0; i < x->n * x->n_samples; i++)
        if (strcmp(x->predicted[i], y->predicted[i]) != 0) return false;
    return true;
}

static bool same_cells(const CellRecord *a, const CellRecord *b) {
    return same_curves(a, b) && same_evaluations(a, b) && same_maps(a, b) && same_params(&a->final, &b->final) &&
           same_params(&a->best, &b->best) && a->n_boxes_used == b->n_boxes_used &&
           a->memory.planned_bytes == b->memory.planned_bytes && a->memory.measured_bytes == b->memory.measured_bytes;
}

/* ---- tests ---- */

static void test_record_is_complete(void **state) {
    (void)state;
    TrainerFacts facts;
    CellRecord *r = train_changed(NULL, 1, 1, EXEC_ARENA, &facts);
    assert_int_equal(r->status, CELL_DONE);
    assert_int_equal(r->curves.n, 12);
    assert_int_equal(r->n_boxes_used, 0); /* no branch */
    assert_true(isnan(r->curves.value[CURVE_LOSS_FOCUS][0]));
    const RecordEvaluation *valid = record_find_evaluation(r, "valid"), *test = record_find_evaluation(r, "test");
    assert_non_null(valid);
    assert_non_null(test);
    assert_non_null(record_find_evaluation(r, "test.a"));
    assert_non_null(record_find_evaluation(r, "test.b"));
    assert_null(record_find_evaluation(r, "valid.a")); /* a single source is the set */
    assert_int_equal(valid->n, 3);                     /* 5, 10, 12 */
    assert_int_equal(valid->step[2], 12);
    assert_int_equal(valid->n_samples, 5);
    assert_int_equal(test->n_samples, 5);
    assert_int_equal(test->step[test->n - 1], 12);
    assert_int_equal(test->n, r->best.step == 12 ? 1 : 2);
    assert_int_equal(r->attention.n, 2); /* 6, 12 */
    assert_int_equal(r->attention.n_samples, 3);
    assert_int_equal(r->memory.n_nodes > 10, 1);
    assert_true(r->memory.measured_bytes <= r->memory.planned_bytes);
    assert_true(r->memory.measured_bytes > r->memory.planned_bytes - 4096);
    assert_true(r->memory.planned_bytes >= r->memory.lower_bound_bytes);
    int64_t by_module = 0, by_role = 0;
    for (size_t i = 0; i < r->memory.n_modules; i++) by_module += r->memory.by_module[i].bytes;
    for (size_t i = 0; i < r->memory.n_roles; i++) by_role += r->memory.by_role[i].bytes;
    assert_int_equal(by_module, r->memory.planned_bytes);
    assert_int_equal(by_role, r->memory.planned_bytes);
    assert_int_equal(facts.allocations, 0);
    record_free(r);
}

static void test_maps_are_distributions(void **state) {
    (void)state;
    CellRecord *r = train_changed(NULL, 1, 1, EXEC_ARENA, NULL);
    const RecordAttention *a = &r->attention;
    for (int64_t row = 0; row < a->n * a->n_samples * a->n_t; row++) {
        int64_t i = row / a->n_t % a->n_samples, t = row % a->n_t;
        double sum = 0;
        for (int64_t j = 0; j < a->map_w; j++) sum += (double)a->maps[row * a->map_w + j];
        bool is_char = t < (int64_t)strlen(a->text[i]);
        assert_true(fabs(sum - (is_char ? 1 : 0)) < 1e-5);
        assert_int_equal(isnan(a->centres[2 * row]) != 0, !is_char);
    }
    record_free(r);
}

static void test_overfits_four_samples(void **state) {
    (void)state;
    if (IS_SANITIZED) skip(); /* nothing is touched that shorter trainings do not touch */
    const char *changes[] = {"train.steps=150",      "eval.every=0",        "record.attention_samples=0",
                             "data.valid.a.count=4", "data.valid.a.seed=7", NULL};
    CellRecord *r = train_changed(changes, 1, 1, EXEC_ARENA, NULL);
    float first = r->curves.value[CURVE_LOSS][0], last = r->curves.value[CURVE_LOSS][149];
    assert_true(first > 1.5f);
    if (!(last < 0.05f)) fail_msg("the loss went from %g to %g", (double)first, (double)last);
    record_free(r);
}

static void test_same_seed_same_bits(void **state) {
    (void)state;
    CellRecord *a = train_changed(NULL, 1, 1, EXEC_ARENA, NULL);
    CellRecord *b = train_changed(NULL, 1, 1, EXEC_ARENA, NULL);
    CellRecord *threads = train_changed(NULL, 1, 2, EXEC_ARENA, NULL);
    CellRecord *other = train_changed(NULL, 2, 1, EXEC_ARENA, NULL);
    assert_true(same_cells(a, b));
    assert_true(same_cells(a, threads));
    assert_false(same_curves(a, other));
    record_free(a);
    record_free(b);
    record_free(threads);
    record_free(other);
}

/* memory.reuse only observes: the same training in more memory, and no other cell. */
static void test_reuse_changes_no_bit(void **state) {
    (void)state;
    static const char *const full[] = {"focus.kind=original", "focus.patch=[32, 32]", "memory.reuse=full", NULL},
                             *const eager[] = {"focus.kind=original", "focus.patch=[32, 32]", "memory.reuse=eager",
                                               NULL};
    Settings *settings[2] = {make_settings(full), make_settings(eager)};
    char *identity[2] = {NULL, NULL};
    CellRecord *a = train_changed(full, 1, 1, EXEC_ARENA, NULL), *b = train_changed(eager, 1, 1, EXEC_ARENA, NULL);
    assert_true(same_curves(a, b) && same_evaluations(a, b) && same_maps(a, b) && same_params(&a->final, &b->final));
    assert_true(a->memory.planned_bytes < b->memory.planned_bytes);
    assert_true(a->memory.measured_bytes < b->memory.measured_bytes);
    assert_non_null(strstr(b->settings, "reuse: eager"));
    for (int i = 0; i < 2; i++) OK(settings_identity(settings[i], &identity[i]));
    assert_string_equal(identity[0], identity[1]);
    for (int i = 0; i < 2; i++) {
        mem_free(identity[i]);
        settings_free(settings[i]);
    }
    record_free(a);
    record_free(b);
}

/* Every branch in all modes of the executor: the same bits, and the counted peak is the plan's. */
static void check_modes(const char *const *changes) {
    TrainerFacts facts;
    CellRecord *arena = train_changed(changes, 3, 1, EXEC_ARENA, &facts);
    assert_int_equal(arena->status, CELL_DONE);
    assert_int_equal(facts.allocations, 0);
    CellRecord *poison = train_changed(changes, 3, 1, EXEC_POISON, NULL);
    assert_true(same_curves(arena, poison) && same_evaluations(arena, poison));
    CellRecord *checked = train_changed(changes, 3, 1, EXEC_CHECKED, &facts);
    assert_true(same_curves(arena, checked) && same_evaluations(arena, checked));
    assert_int_equal(facts.checked_train_bytes, facts.planned_train_bytes);
    assert_int_equal(facts.checked_eval_bytes, facts.planned_eval_bytes);
    record_free(arena);
    record_free(poison);
    record_free(checked);
}

static void test_every_branch_in_every_mode(void **state) {
    (void)state;
    static const char *const branches[][6] = {
        {"focus.kind=none"},
        {"focus.kind=mass", "focus.lambda=0.3"},
        {"focus.kind=kl", "focus.lambda=0.3", "focus.target=gaussian"},
        {"focus.kind=kl", "focus.lambda=0.3", "focus.target=gaussian", "focus.boxes=shuffled", "focus.labelled=0.5"},
        {"focus.kind=original", "focus.lambda=0.1", "focus.patch=[8, 8]"},
        {"focus.kind=original", "focus.lambda=0.1", "focus.patch=[8, 8]", "memory.reuse=eager"},
        {"focus.kind=original", "focus.lambda=0.1", "focus.patch=[8, 8]", "focus.source=features"},
        {"focus.kind=centre", "focus.lambda=0.3", "focus.spread=0.1"},
        {"focus.kind=binary", "focus.lambda=0.1", "focus.patch=[8, 8]"},
        {"focus.kind=lowrank", "focus.lambda=0.1", "focus.patch=[8, 8]"},
    };
    for (size_t i = 0; i < sizeof branches / sizeof branches[0]; i++) {
        const char *changes[8] = {"train.steps=3", NULL};
        for (size_t k = 0; k < 6 && branches[i][k] != NULL; k++) changes[k + 1] = branches[i][k];
        check_modes(changes);
    }
}

static void test_boxes_used(void **state) {
    (void)state;
    const char *changes[] = {"focus.kind=kl", "focus.lambda=0.3", "focus.start=10", NULL};
    const char *all[] = {"focus.kind=kl", "focus.lambda=0.3", NULL};
    CellRecord *late = train_changed(changes, 1, 1, EXEC_ARENA, NULL),
               *early = train_changed(all, 1, 1, EXEC_ARENA, NULL);
    assert_true(late->n_boxes_used > 0);
    assert_int_equal(early->n_boxes_used, 6 * late->n_boxes_used); /* 12 steps over the same four lines against 2 */
    record_free(late);
    record_free(early);
}

/* ---- stopping ---- */

typedef struct Stopper {
    volatile sig_atomic_t stop;
    TrainerPhase phase;
    int64_t step;
} Stopper;

static void stop_at(void *ctx, const TrainerNews *news) {
    Stopper *s = ctx;
    if (news->phase == s->phase && news->step == s->step) s->stop = 1;
}

static char *new_folder(void) {
    char *folder = NULL;
    OK(mem_strdup(&folder, "/tmp/refocus_test_XXXXXX"));
    assert_non_null(mkdtemp(folder));
    return folder;
}

static void remove_folder(char *folder) {
    static const char *const files[] = {FOLDER_JOURNAL, FOLDER_CHECKPOINT, FOLDER_CHECKPOINT_BEFORE,
                                        FOLDER_LOCK,    FOLDER_SEALED,     FOLDER_SOURCES};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) OK(folder_drop(folder, files[i]));
    assert_int_equal(rmdir(folder), 0);
    mem_free(folder);
}

static void interrupt(const TrainerSpec *spec, TrainerPhase phase, int64_t step) {
    Stopper stopper = {0, phase, step};
    TrainerSpec stopping = *spec;
    CellRecord *none = NULL;
    stopping.stop = &stopper.stop;
    stopping.news = stop_at;
    stopping.ctx = &stopper;
    assert_int_equal(trainer_run(&none, &stopping, NULL), ERR_INTERRUPTED);
    assert_null(none);
}

static const char *const with_branch[] = {"focus.kind=kl", "focus.lambda=0.3", "focus.boxes=shuffled", NULL};

static void test_stop_and_resume(void **state) {
    (void)state;
    static const struct {
        TrainerPhase phase;
        int64_t step, resumed;
    } stops[] = {{TRAINER_STEP, 1, 1},         {TRAINER_STEP, 4, 4},        {TRAINER_STEP, 5, 5},
                 {TRAINER_EVALUATING, 5, 5},   {TRAINER_EVALUATED, 10, 10}, {TRAINER_CHECKPOINT, 8, 9},
                 {TRAINER_EVALUATING, 12, 12}, {TRAINER_STEP, 11, 11}};
    Settings *settings = make_settings(with_branch);
    TrainerSpec spec = make_spec(settings, 1);
    CellRecord *whole = train(&spec, NULL);
    for (size_t i = 0; i < sizeof stops / sizeof stops[0]; i++) {
        TrainerFacts facts;
        char *folder = new_folder();
        spec.folder = folder;
        interrupt(&spec, stops[i].phase, stops[i].step);
        CellRecord *resumed = train(&spec, &facts);
        assert_int_equal(facts.first_step, stops[i].resumed);
        if (!same_cells(whole, resumed))
            fail_msg("stopped in phase %d of step %" PRId64, (int)stops[i].phase, stops[i].step);
        record_free(resumed);
        remove_folder(folder);
    }
    record_free(whole);
    settings_free(settings);
}

/* Twice in a row, with rows behind the checkpoint that are measured again. */
static void test_torn_journal(void **state) {
    (void)state;
    Settings *settings = make_settings(with_branch);
    TrainerSpec spec = make_spec(settings, 1);
    TrainerFacts facts;
    CellRecord *whole = train(&spec, NULL);
    char *folder = new_folder(), *path = NULL;
    spec.folder = folder;
    interrupt(&spec, TRAINER_STEP, 6);
    OK(folder_path(&path, folder, FOLDER_JOURNAL));
    FILE *journal = fopen(path, "ab");
    assert_non_null(journal);
    assert_int_equal(fwrite("refJ torn", 1, 9, journal), 9);
    assert_int_equal(fclose(journal), 0);
    interrupt(&spec, TRAINER_STEP, 9);
    CellRecord *resumed = train(&spec, &facts);
    assert_int_equal(facts.first_step, 9);
    assert_true(same_cells(whole, resumed));
    mem_free(path);
    record_free(resumed);
    remove_folder(folder);
    record_free(whole);
    settings_free(settings);
}

static void flip_byte(const char *folder, const char *file, long at) {
    char *path = NULL;
    OK(folder_path(&path, folder, file));
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, at, SEEK_SET), 0);
    int c = fgetc(f);
    assert_int_equal(fseek(f, at, SEEK_SET), 0);
    assert_true(fputc(c ^ 1, f) != EOF);
    assert_int_equal(fclose(f), 0);
    mem_free(path);
}

/* A checkpoint that is damaged, or whose journal is, is not resumed from: the cell goes on from the one before, or
 * begins anew where the journal leads to neither, with the same bits. */
static void test_damaged_state(void **state) {
    (void)state;
    static const struct {
        const char *file;
        long at;
        int64_t first_step;
    } damage[] = {
        {FOLDER_CHECKPOINT, 5000, 4}, {FOLDER_CHECKPOINT, 20, 4}, {FOLDER_JOURNAL, 40, 0}, {FOLDER_JOURNAL, 4000, 4}};
    Settings *settings = make_settings(with_branch);
    TrainerSpec spec = make_spec(settings, 1);
    CellRecord *whole = train(&spec, NULL);
    for (size_t i = 0; i < sizeof damage / sizeof damage[0]; i++) {
        TrainerFacts facts;
        char *folder = new_folder();
        spec.folder = folder;
        interrupt(&spec, TRAINER_STEP, 7);
        flip_byte(folder, damage[i].file, damage[i].at);
        CellRecord *anew = train(&spec, &facts);
        assert_int_equal(facts.first_step, damage[i].first_step);
        assert_true(same_cells(whole, anew));
        record_free(anew);
        remove_folder(folder);
    }
    record_free(whole);
    settings_free(settings);
}

/* ---- other ends ---- */

static void test_diverges(void **state) {
    (void)state;
    const char *changes[] = {"train.lr=100",   "train.optimizer=sgd",  "train.clip=0",
                             "train.steps=60", "train.weight_decay=1", NULL};
    CellRecord *r = train_changed(changes, 1, 1, EXEC_ARENA, NULL);
    assert_int_equal(r->status, CELL_DIVERGED);
    assert_non_null(strstr(r->cause, " at step "));
    assert_non_null(strstr(r->cause, "; first in "));
    assert_true(r->curves.n < 60);
    assert_false(isfinite(r->curves.value[CURVE_LOSS][r->curves.n - 1]) &&
                 isfinite(r->curves.value[CURVE_GRAD_NORM][r->curves.n - 1]));
    assert_int_equal(r->final.n, 0);
    record_free(r);
}

static void test_over_budget(void **state) {
    (void)state;
    const char *changes[] = {"memory.budget=1MiB", NULL};
    CellRecord *r = train_changed(changes, 1, 1, EXEC_ARENA, NULL);
    assert_int_equal(r->status, CELL_OVER_BUDGET);
    assert_non_null(strstr(r->cause, "1.0 MiB"));
    assert_int_equal(r->curves.n, 0);
    assert_true(r->memory.planned_bytes > 1 << 20);
    assert_int_equal(r->memory.measured_bytes, -1);
    assert_true(r->times.peak_rss_bytes < 0);
    int64_t sum = 0, most = 0;
    for (size_t i = 0; i < r->memory.n_modules; i++) sum += r->memory.by_module[i].bytes;
    for (size_t i = 0; i < r->memory.n_nodes; i++)
        if (r->memory.timeline[i].bytes > most) most = r->memory.timeline[i].bytes;
    assert_int_equal(sum, r->memory.planned_bytes);
    assert_true(most <= r->memory.planned_bytes && most >= r->memory.lower_bound_bytes * 9 / 10);
    record_free(r);
}

/* The process takes at least what it computes in; an over-budget cell has no such figure. */
static void test_resident_memory(void **state) {
    (void)state;
    CellRecord *r = train_changed(NULL, 1, 1, EXEC_ARENA, NULL);
    assert_true(r->times.peak_rss_bytes > r->memory.measured_bytes);
    record_free(r);
}

static void test_revalidates(void **state) {
    (void)state;
    Settings *settings = make_settings(with_branch);
    TrainerSpec spec = make_spec(settings, 1);
    CellRecord *r = train(&spec, NULL);
    char why[256] = "";
    bool same = false;
    OK(trainer_revalidate(&spec, r, 20, &same, why, sizeof why));
    assert_true(same);
    uint32_t bits;
    memcpy(&bits, &r->curves.value[CURVE_LOSS][2], sizeof bits);
    bits ^= 1;
    memcpy(&r->curves.value[CURVE_LOSS][2], &bits, sizeof bits);
    OK(trainer_revalidate(&spec, r, 20, &same, why, sizeof why));
    assert_false(same);
    assert_non_null(strstr(why, "loss at step 3 is "));
    OK(trainer_revalidate(&spec, r, 2, &same, why, sizeof why));
    assert_true(same);
    RecordEvaluation *valid = record_find_evaluation(r, "valid");
    valid->value[record_find_metric(valid, "step_accuracy")][valid->n - 1] += 0.25;
    OK(trainer_revalidate(&spec, r, 2, &same, why, sizeof why));
    assert_false(same);
    assert_non_null(strstr(why, "step_accuracy on valid is "));
    record_free(r);
    settings_free(settings);
}

/* Every allocation of a run fails once: no crash, no leak, one clear error. */
static void flip_bit(void *number) { *(unsigned char *)number ^= 1; }

/* What a verdict says after the last bit of a number was flipped; flipped back afterwards. */
static void check_flip(const TrainerSpec *spec, const CellRecord *r, void *number, int64_t step, const char *dataset) {
    Verdict v;
    flip_bit(number);
    OK(trainer_verify(spec, r, 0, &v));
    flip_bit(number);
    assert_false(v.same);
    assert_true(v.has_values);
    assert_int_equal(v.step, step);
    if (strncmp(v.dataset, dataset, strlen(dataset)) != 0) fail_msg("%s, expected %s", v.dataset, dataset);
    assert_non_null(strstr(v.why, v.dataset));
    assert_non_null(strstr(v.why, ", was "));
}

static void test_verifies(void **state) {
    (void)state;
    Settings *settings = make_settings(with_branch);
    TrainerSpec spec = make_spec(settings, 1);
    CellRecord *r = train(&spec, NULL);
    RecordEvaluation *test = record_find_evaluation(r, "test.b");
    Verdict v;
    spec.n_threads = 2;
    OK(trainer_verify(&spec, r, 0, &v));
    if (!v.same) fail_msg("%s", v.why);
    assert_true(v.whole);
    assert_int_equal(v.n_steps, 12);
    assert_int_equal(v.n_maps, 2);
    assert_int_equal(v.n_evaluations, 3 + 3 * test->n); /* valid; test, test.a, test.b */
    check_flip(&spec, r, &r->curves.value[CURVE_LOSS_FOCUS][0], 1, "curves/loss_focus");
    check_flip(&spec, r, &r->curves.value[CURVE_LOSS][11], 12, "curves/loss");
    check_flip(&spec, r, &record_find_evaluation(r, "valid")->value[0][1], 10, "evaluation/valid/");
    check_flip(&spec, r, &test->value[1][test->n - 1], 12, "evaluation/test.b/");
    check_flip(&spec, r, &r->attention.maps[0], 6, "attention/maps[0,0,0,0]");
    check_flip(&spec, r, (void *)&r->final.item[2].data[1], 12, "final/");
    check_flip(&spec, r, (void *)&r->best.item[0].data[0], r->best.step, "best/");
    check_flip(&spec, r, &r->memory.planned_bytes, 0, "memory/planned_bytes");
    flip_bit(&r->curves.value[CURVE_LOSS][11]);
    OK(trainer_verify(&spec, r, 11, &v)); /* not so far */
    assert_true(v.same && !v.whole && v.n_steps == 11 && v.n_maps == 1 && v.n_evaluations == 2);
    record_free(r);
    settings_free(settings);
}

static void test_failing_allocations(void **state) {
    (void)state;
    const char *changes[] = {"train.steps=2", "eval.every=0", "data.test.b.count=1", NULL};
    Settings *settings = make_settings(changes);
    TrainerSpec spec = make_spec(settings, 1);
    uint64_t before = mem_stats().live_blocks, start = mem_stats().n_allocs;
    record_free(train(&spec, NULL));
    uint64_t n = mem_stats().n_allocs - start, stride = n / 40 + 1;
    for (uint64_t k = 1; k <= n; k += stride) {
        CellRecord *none = NULL;
        mem_fail_at(k);
        Err err = trainer_run(&none, &spec, NULL);
        mem_fail_at(0);
        assert_int_equal(err, ERR_NOMEM);
        assert_int_equal(mem_stats().live_blocks, before);
    }
    settings_free(settings);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_record_is_complete),
        cmocka_unit_test(test_maps_are_distributions),
        cmocka_unit_test(test_overfits_four_samples),
        cmocka_unit_test(test_same_seed_same_bits),
        cmocka_unit_test(test_reuse_changes_no_bit),
        cmocka_unit_test(test_every_branch_in_every_mode),
        cmocka_unit_test(test_boxes_used),
        cmocka_unit_test(test_stop_and_resume),
        cmocka_unit_test(test_torn_journal),
        cmocka_unit_test(test_damaged_state),
        cmocka_unit_test(test_diverges),
        cmocka_unit_test(test_over_budget),
        cmocka_unit_test(test_resident_memory),
        cmocka_unit_test(test_revalidates),
        cmocka_unit_test(test_verifies),
        cmocka_unit_test(test_failing_allocations),
    };
    return cmocka_run_group_tests_name("trainer", tests, NULL, NULL);
}
