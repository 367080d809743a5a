/* How a cell's training begins: plan, memory, history, and what a checkpoint holds. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "harness/record/provenance.h"
#include "harness/run/folder.h"
#include "harness/run/size_text.h"
#include "harness/run/snapshot.h"
#include "harness/run/trainer_parts.h"
#include "kernels/device.h"
#include "kernels/libmem.h"
#include "kernels/mem.h"
#include "kernels/near.h"

Err trainer_plan(Trainer *t, const TrainerSpec *spec, bool *fits) {
    Err err = ERR_OK;
    char peak[SIZE_TEXT], bound[SIZE_TEXT];
    memset(t, 0, sizeof *t);
    t->rig.memory = RIG_MEMORY_UNKNOWN;
    t->spec = *spec;
    t->settings = spec->settings;
    t->last_metric = NAN;
    t->start_wall = clock_wall();
    t->start_cpu = clock_cpu();
    trainer_tell(t, TRAINER_PREPARING);
    RigSpec rig = {.settings = spec->settings,
                   .seed = (uint64_t)spec->seed,
                   .n_threads = spec->n_threads,
                   .mode = spec->mode,
                   .parts = MODEL_TRAIN_AND_EVAL,
                   .all_sets = true};
    TRY(device_parse(&rig.device, &rig.ordinal, spec->device != NULL ? spec->device : "cpu"));
    TRY(rig_check_precision(t->settings, rig.device));
    TRY(rig_plan(&t->rig, &rig));
    TRY(code_listing(&t->sources, t->code, t->settings, t->rig.model));
    t->facts.planned_train_bytes = t->rig.plan.train->live_bytes;
    t->facts.planned_eval_bytes = t->rig.plan.eval->live_bytes;
    *fits = !rig_over_budget(t->settings, t->rig.plan.peak_bytes, t->cause, sizeof t->cause);
    trainer_note(t, "planned peak %s, lower bound %s, %" PRId64 " parameters", size_text(t->rig.plan.peak_bytes, peak),
                 size_text(t->rig.plan.lower_bound_bytes, bound), params_count(&t->rig.model->params, PARAM_WEIGHT));
done:
    return err;
}

/* ---- evaluation ---- */

static Err open_evaluators(Trainer *t) {
    Err err = ERR_OK;
    if (t->rig.valid != NULL) TRY(evaluator_new(&t->valid, &t->rig, t->rig.valid, "valid"));
    if (t->rig.test != NULL) TRY(evaluator_new(&t->test, &t->rig, t->rig.test, "test"));
    TRY(mem_alloc(&t->values, (size_t)metric_n_columns(), sizeof *t->values));
    t->best_column = metric_column_find(settings_text(t->settings, "eval.best"));
    ASSERT(t->best_column >= 0);
    t->best_sign = metric_column(t->best_column).better == METRIC_LOWER ? -1 : 1;
done:
    return err;
}

static void add_sets(HistoryShape *shape, const Evaluator *evaluator) {
    for (int i = 0; evaluator != NULL && i < evaluator_n_sets(evaluator) && shape->n_sets < HISTORY_MAX_SETS; i++)
        memcpy(shape->set[shape->n_sets++], evaluator_set(evaluator, i), strlen(evaluator_set(evaluator, i)) + 1);
}

static Err shape_of(const Trainer *t, HistoryShape *shape) {
    memset(shape, 0, sizeof *shape);
    shape->n_columns = metric_n_columns();
    int n = (t->valid != NULL ? evaluator_n_sets(t->valid) : 0) + (t->test != NULL ? evaluator_n_sets(t->test) : 0);
    if (n > HISTORY_MAX_SETS)
        return err_set(ERR_SPEC, "%d evaluation sets, at most %d are recorded", n, HISTORY_MAX_SETS);
    add_sets(shape, t->valid);
    add_sets(shape, t->test);
    if (t->valid == NULL) return ERR_OK;
    int64_t samples = settings_int(t->settings, "record.attention_samples");
    int64_t lines = loader_count(t->rig.valid);
    shape->n_samples = (int32_t)(samples < lines ? samples : lines);
    shape->n_t = loader_n_steps(t->rig.valid);
    shape->n_l = (int32_t)t->rig.model->n_positions;
    shape->text_len = 4 * shape->n_t + 1;
    return ERR_OK;
}

/* ---- checkpoints ---- */

static void make_key(const Trainer *t, CheckpointKey *key) {
    char digest[BIT_CLASS_LEN], inputs[INPUTS_DIGEST];
    memset(key, 0, sizeof *key);
    provenance_bit_class(digest, rig_accelerator_class(&t->rig));
    inputs_digest(inputs, t->inputs);
    (void)snprintf(key->id, sizeof key->id, "%s", t->spec.id);
    (void)snprintf(key->code, sizeof key->code, "%s", t->code);
    (void)snprintf(key->inputs, sizeof key->inputs, "%s", inputs);
    (void)snprintf(key->bit_class, sizeof key->bit_class, "%s", digest);
    snapshot_layout(digest, &t->rig.model->params);
    (void)snprintf(key->layout, sizeof key->layout, "%s", digest);
}

/* Rows that the present settings would shape otherwise cannot be joined to what was recorded. */
static Err resume_history(Trainer *t, const HistoryShape *shape, const CheckpointState *state) {
    Err err = ERR_OK;
    Journal *journal = NULL;
    History *history = NULL;
    TRY(journal_resume(&journal, &history, t->spec.folder, t->spec.id, &state->journal));
    FAIL_IF(memcmp(&history->shape, shape, sizeof *shape) != 0, ERR_DATA,
            "what is evaluated or recorded changed since the checkpoint");
    FAIL_IF(history_last_step(history) != state->step, ERR_DATA,
            "the journal ends at step %" PRId64 ", the checkpoint "
            "at %" PRId64,
            history_last_step(history), state->step);
    t->journal = journal;
    t->history = history;
    journal = NULL;
    history = NULL;
done:
    journal_close(journal);
    history_free(history);
    return err;
}

/* What one checkpoint and the journal hold, if they fit together and to this cell. */
static Err resume_from(Trainer *t, const HistoryShape *shape, CheckpointAge age) {
    Err err = ERR_OK;
    CheckpointState state;
    TRY(checkpoint_read(t->checkpoint, age, &state, t->now, t->best));
    TRY(resume_history(t, shape, &state));
    if (age != CHECKPOINT_LAST) TRY(checkpoint_fall_back(t->checkpoint));
    t->state = state;
    t->state.n_resumes++;
done:
    return err;
}

/* Takes over the last checkpoint, or the one before it. Where none fits, it is no failure: the cell begins anew, and
 * says why. *had: steps that the journal has. */
static Err resume(Trainer *t, const HistoryShape *shape, int64_t had) {
    char why[256] = "";
    Err err = ERR_MISSING;
    for (int age = 0; age < CHECKPOINT_AGES && t->journal == NULL; age++) {
        err = resume_from(t, shape, (CheckpointAge)age);
        if (err == ERR_NOMEM || err == ERR_CREATE || t->journal != NULL) break;
        if (err != ERR_MISSING && why[0] == '\0') (void)snprintf(why, sizeof why, "%s", err_message());
    }
    if (err == ERR_NOMEM || err == ERR_CREATE || (err != ERR_OK && t->journal != NULL)) return err;
    err_clear();
    int64_t lost = had - t->state.step;
    if (t->journal == NULL) {
        if (why[0] != '\0') trainer_warn(t, "begins anew: %s", why);
        if (lost > 0) trainer_note(t, "begins anew; %" PRId64 " steps are run again", lost);
        return ERR_OK;
    }
    if (why[0] != '\0') trainer_warn(t, "resumes from the checkpoint before the last one: %s", why);
    trainer_note(t, "resumes after step %" PRId64 "; %" PRId64 " steps are run again", t->state.step, lost);
    return snapshot_put(t->now, t->rig.arena, &t->rig.model->params);
}

/* No checkpoint of another training is ever beside this one's journal, nor becomes the one before its first. */
static Err begin_anew(Trainer *t, const HistoryShape *shape) {
    Err err = ERR_OK;
    TRY(checkpoint_drop(t->spec.folder));
    TRY(journal_create(&t->journal, t->spec.folder, t->spec.id, shape));
done:
    return err;
}

static Err open_folder(Trainer *t, const HistoryShape *shape) {
    Err err = ERR_OK;
    CheckpointKey key;
    int64_t had = 0;
    if (t->spec.folder == NULL) return ERR_OK;
    make_key(t, &key);
    TRY(journal_last_step(&had, t->spec.folder, t->spec.id));
    TRY(checkpoint_open(&t->checkpoint, t->spec.folder, &key, snapshot_count(&t->rig.model->params)));
    TRY(resume(t, shape, had));
    TRY(folder_write(t->spec.folder, FOLDER_SOURCES, t->sources, strlen(t->sources)));
    if (t->journal == NULL) TRY(begin_anew(t, shape));
done:
    return err;
}

/* Room for every row that is still to come, so that no step allocates. */
static Err reserve(Trainer *t) {
    Err err = ERR_OK;
    const Settings *s = t->settings;
    int64_t left = settings_int(s, "train.steps") - t->state.step;
    int64_t every = settings_int(s, "eval.every"), maps_every = settings_int(s, "record.attention_every");
    int64_t n_evaluations = (every > 0 ? left / every : 0) + 3; /* the last, the best on test, rounding */
    int64_t n_maps = (maps_every > 0 ? left / maps_every : 0) + 2;
    const HistoryShape *shape = &t->history->shape;
    TRY(history_reserve(t->history, left, n_evaluations, n_maps));
    TRY(mem_alloc(&t->maps, history_maps_bytes(shape), 1));
    TRY(mem_alloc(&t->centres, history_centres_bytes(shape), 1));
    TRY(mem_alloc(&t->predicted, history_predicted_bytes(shape), 1));
done:
    return err;
}

static Err open_feed(Trainer *t) {
    const TrainGraph *g = &t->rig.model->train;
    FeedTensors tensors = {g->image, g->token_in, g->label, g->box, g->mask, g->inv_chars, g->inv_boxes};
    return feed_open(&t->feed, t->rig.train, t->rig.step, t->spec.mode, &tensors, false);
}

/* Into the log: texts that the settings let the sources skip. */
static Err note_left_out(const Trainer *t) {
    const Loader *const loaders[] = {t->rig.train, t->rig.valid, t->rig.test};
    static const char *const sets[] = {"train", "valid", "test"};
    for (size_t i = 0; i < sizeof loaders / sizeof loaders[0]; i++) {
        char *lines = NULL;
        if (loaders[i] == NULL) continue;
        Err err = loader_left_out(&lines, loaders[i], sets[i]);
        if (err != ERR_OK) return err;
        if (lines[0] != '\0') trainer_note(t, "%.*s", (int)strlen(lines) - 1, lines);
        mem_free(lines);
    }
    return ERR_OK;
}

/* Where the parameters come from: their streams, or train.init. */
static Err begin(Trainer *t) {
    Err err = ERR_OK;
    TrainInit init;
    int n_own = 0;
    TRY(train_init_open(&init, t->settings));
    TRY(train_init_fits(&init, &t->rig.model->params, &n_own));
    TRY(train_init_apply(&init, t->rig.arena, &t->rig.model->params));
    TRY(inputs_listing(&t->inputs, (const Loader *const[]){t->rig.train}, 1, &init));
    if (init.record != NULL)
        trainer_note(t, "starts from '%s', parameters after step %" PRId64 "; %d of the branch's own start anew",
                     init.from, init.params->step, n_own);
done:
    train_init_clear(&init);
    return err;
}

Err trainer_open(Trainer *t) {
    Err err = ERR_OK;
    HistoryShape shape;
    TRY(rig_start(&t->rig));
    if (rig_accelerator_class(&t->rig) != NULL)
        trainer_note(t, "on %s: %s", t->spec.device, rig_accelerator_class(&t->rig));
    TRY(begin(t));
    TRY(inputs_listing(&t->observed, (const Loader *const[]){t->rig.valid, t->rig.test}, 2, NULL));
    TRY(note_left_out(t));
    t->library_code = t->rig.library_bytes;
    TRY(open_feed(t));
    TRY(open_evaluators(t));
    TRY(shape_of(t, &shape));
    size_t n = (size_t)snapshot_count(&t->rig.model->params);
    TRY(mem_alloc(&t->now, n, sizeof *t->now));
    TRY(mem_alloc(&t->best, n, sizeof *t->best));
    TRY(open_folder(t, &shape));
    if (t->history == NULL) TRY(history_new(&t->history, &shape));
    TRY(reserve(t));
    arena_mark(t->rig.arena);
    t->facts.first_step = t->state.step;
    every_parse(&t->checkpoint_every, settings_text(t->settings, "record.checkpoint_every"));
    t->saved = clock_wall();
    if (t->state.best_step > 0) t->last_metric = t->state.best_value;
done:
    return err;
}

void trainer_close(Trainer *t) {
    void *const blocks[] = {t->now,       t->best,    t->values, t->maps,    t->centres,
                            t->predicted, t->sources, t->inputs, t->observed};
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) mem_free(blocks[i]);
    checkpoint_close(t->checkpoint);
    journal_close(t->journal);
    history_free(t->history);
    evaluator_free(t->test);
    evaluator_free(t->valid);
    feed_clear(&t->feed);
    rig_close(&t->rig);
}

/* ---- options ---- */

static Err check_best(const char *text) {
    char hint[160];
    Near near = near_start(text);
    if (metric_column_find(text) >= 0) return ERR_OK;
    for (int i = 0; i < metric_n_columns(); i++) near_offer(&near, metric_column(i).name);
    return err_set(ERR_SPEC, "there is no metric '%.60s'%s (refocus help eval.best lists them)", text,
                   near_hint(&near, "", hint, (int)sizeof hint));
}

const Option train_options[] = {
    {.key = "train.steps", .type = OPT_INT, .def = "1000", .min = 1, .max = 1e9, .help = "training steps (updates)"},
    OPTION_END};

const Option eval_options[] = {
    {.key = "eval.every",
     .type = OPT_INT,
     .def = "250",
     .min = 0,
     .max = 1e9,
     .observes = true,
     .help = "steps between evaluations on valid; 0 = only after the last step"},
    {.key = "eval.test",
     .type = OPT_CHOICE,
     .def = "end",
     .choices = "end|always",
     .observes = true,
     .help = "when the test set is evaluated: after the last step (last and best parameters), or whenever valid is"},
    {.key = "eval.best",
     .type = OPT_TEXT,
     .def = "char_accuracy",
     .check = check_best,
     .observes = true,
     .help = "the metric on valid by which the best parameters are kept"},
    OPTION_END};

const Option record_options[] = {{.key = "record.attention_samples",
                                  .type = OPT_INT,
                                  .def = "8",
                                  .min = 0,
                                  .max = 1000,
                                  .observes = true,
                                  .help = "samples of valid, from its start, whose attention maps are kept"},
                                 {.key = "record.attention_every",
                                  .type = OPT_INT,
                                  .def = "250",
                                  .min = 0,
                                  .max = 1e9,
                                  .observes = true,
                                  .help = "steps between two attention maps of a sample; 0 = only after the last step"},
                                 {.key = "record.checkpoint_every",
                                  .type = OPT_TEXT,
                                  .def = "200",
                                  .check = every_check,
                                  .observes = true,
                                  .help = "steps (200) or time (90s, 5min) between checkpoints: the most that a kill "
                                          "can cost"},
                                 OPTION_END};
