/* The loop, one step of it, and what is observed on the way. */
#include "harness/run/trainer.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "harness/run/trainer_parts.h"
#include "kernels/fault.h"
#include "kernels/libmem.h"
#include "kernels/mem.h"

static double seconds_of(clockid_t clock) {
    struct timespec now;
    return clock_gettime(clock, &now) == 0 ? (double)now.tv_sec + 1e-9 * (double)now.tv_nsec : 0;
}
double clock_wall(void) { return seconds_of(CLOCK_MONOTONIC); }
double clock_cpu(void) { return seconds_of(CLOCK_PROCESS_CPUTIME_ID); }

bool trainer_stopped(const Trainer *t) { return t->spec.stop != NULL && *t->spec.stop != 0; }

void trainer_tell(const Trainer *t, TrainerPhase phase) {
    if (t->spec.news == NULL) return;
    const History *h = t->history;
    bool has_step = h != NULL && h->n_steps > 0;
    TrainerNews news = {.phase = phase,
                        .step = t->state.step,
                        .n_steps = settings_int(t->settings, "train.steps"),
                        .loss = has_step ? (double)h->steps[h->n_steps - 1].value[CURVE_LOSS] : (double)NAN,
                        .seconds_per_step = t->last_wall,
                        .metric = t->last_metric,
                        .arena_bytes = t->rig.plan.peak_bytes,
                        .context_bytes = t->rig.memory.context_bytes};
    t->spec.news(t->spec.ctx, &news);
}

static void say(const Trainer *t, void (*to)(void *ctx, const char *text), const char *fmt, va_list args) {
    char line[512];
    (void)vsnprintf(line, sizeof line, fmt, args);
    if (to != NULL) to(t->spec.ctx, line);
}

void trainer_note(const Trainer *t, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    say(t, t->spec.note, fmt, args);
    va_end(args);
}

void trainer_warn(const Trainer *t, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    say(t, t->spec.warn != NULL ? t->spec.warn : t->spec.note, fmt, args);
    va_end(args);
}

/* ---- a step ---- */

static Err upload_scalar(Exec *exec, TensorId tensor, double value) {
    float v = (float)value;
    return tensor == TENSOR_NONE ? ERR_OK : exec_upload(exec, tensor, &v);
}

/* The numbers that change from step to step; lambda in float, so that the two weights are those of the formula. */
static Err upload_controls(Trainer *t, double lr) {
    Err err = ERR_OK;
    const TrainGraph *g = &t->rig.model->train;
    float hyper[HYPER_LEN];
    float lambda = (float)model_lambda(t->settings, t->state.step);
    update_hyper(t->settings, t->state.step, lr, hyper);
    TRY(exec_upload(t->rig.step, g->update.hyper, hyper));
    TRY(upload_scalar(t->rig.step, g->update.limit, settings_real(t->settings, "train.clip")));
    TRY(upload_scalar(t->rig.step, g->lambda, (double)lambda));
    TRY(upload_scalar(t->rig.step, g->one_minus_lambda, (double)(1.0f - lambda)));
done:
    return err;
}

static int64_t count_labelled(const LoaderBatch *batch) {
    int64_t n = 0;
    for (int64_t i = 0; i < (int64_t)batch->n * batch->n_steps; i++) n += batch->labelled[i] != 0;
    return n;
}

Err trainer_feed(Trainer *t) {
    Err err = ERR_OK;
    TRY(feed_fill(&t->feed, t->state.step));
    TRY(upload_controls(t, update_lr(t->settings, t->state.step)));
done:
    return err;
}

static Err run_measured(Trainer *t, HistoryStep *row) {
    bool first = t->history->n_steps == 0 || t->state.step == t->facts.first_step;
    libmem_mark();
    double cpu = clock_cpu();
    Err err = trainer_run_step(t, row);
    row->cpu_seconds = (float)(clock_cpu() - cpu);
    LibMem used = libmem_stop();
    if (exec_peak_bytes(t->rig.step) > t->facts.checked_train_bytes)
        t->facts.checked_train_bytes = exec_peak_bytes(t->rig.step);
    /* What the first step leaves behind is made once: code, tables. */
    if (first && used.live_bytes > 0)
        t->library_code += used.live_bytes;
    else if (!first && used.peak_bytes > t->library_transient)
        t->library_transient = used.peak_bytes;
    return err;
}

/* When the second step is done, all is there that a step needs: the captured one too. */
static Err look_once(Trainer *t) {
    const bool seen = t->rig.memory.free_after_bytes >= 0, second = t->state.step > t->facts.first_step;
    return seen || !second ? ERR_OK : rig_look(&t->rig);
}

Err trainer_step(Trainer *t) {
    Err err = ERR_OK;
    double wall = clock_wall(), lr = update_lr(t->settings, t->state.step);
    HistoryStep row = {.step = t->state.step + 1};
    TRY(trainer_feed(t));
    if (t->rig.model->train.box != TENSOR_NONE && model_lambda(t->settings, t->state.step) > 0)
        t->state.n_boxes_used += count_labelled(&t->feed.batch);
    TRY(run_measured(t, &row));
    if (t->state.step + 1 < settings_int(t->settings, "train.steps")) feed_ahead(&t->feed, t->state.step + 1);
    TRY(look_once(t));
    row.value[CURVE_LR] = (float)lr;
    row.wall_seconds = (float)(clock_wall() - wall);
    if (!t->rig.backend->on_host) row.cpu_seconds = row.wall_seconds; /* the step's time is the device's */
    t->last_wall = (double)row.wall_seconds;
    TRY(history_step(t->history, &row));
    if (t->journal != NULL) TRY(journal_step(t->journal, &row));
    t->state.step++;
    trainer_tell(t, TRAINER_STEP);
done:
    return err;
}

/* ---- what is observed ---- */

static Err keep_evaluation(Trainer *t, const Evaluator *evaluator, int64_t step) {
    Err err = ERR_OK;
    for (int i = 0; i < evaluator_n_sets(evaluator); i++) {
        int32_t set = history_find_set(&t->history->shape, evaluator_set(evaluator, i));
        evaluator_values(evaluator, i, t->values);
        TRY(history_evaluation(t->history, set, step, t->values));
        if (t->journal != NULL) TRY(journal_evaluation(t->journal, set, step, t->values));
        fault_point("evaluation");
    }
done:
    return err;
}

static Err run_evaluator(Trainer *t, Evaluator *evaluator, int64_t step) {
    Err err = ERR_OK;
    trainer_tell(t, TRAINER_EVALUATING);
    fault_point("evaluation");
    TRY(evaluator_run(evaluator, t->spec.stop));
    fault_point("evaluation");
    if (exec_peak_bytes(t->rig.eval) > t->facts.checked_eval_bytes)
        t->facts.checked_eval_bytes = exec_peak_bytes(t->rig.eval);
    TRY(keep_evaluation(t, evaluator, step));
done:
    return err;
}

/* The first of equals stays the best. */
static Err note_best(Trainer *t) {
    evaluator_values(t->valid, 0, t->values);
    double value = t->values[t->best_column];
    t->last_metric = value;
    bool better = t->state.best_step == 0 || t->best_sign * (value - t->state.best_value) > 0;
    if (isnan(value) || !better) return ERR_OK;
    t->state.best_step = t->state.step;
    t->state.best_value = value;
    return snapshot_take(t->best, t->rig.arena, &t->rig.model->params);
}

static int64_t last_evaluation(const Trainer *t, const char *set) {
    return history_last_evaluation(t->history, history_find_set(&t->history->shape, set));
}

static Err observe_valid(Trainer *t) {
    Err err = ERR_OK;
    if (t->valid == NULL || last_evaluation(t, "valid") >= t->state.step) return ERR_OK;
    TRY(run_evaluator(t, t->valid, t->state.step));
    TRY(note_best(t));
    trainer_tell(t, TRAINER_EVALUATED);
done:
    return err;
}

/* The test set with the parameters that were best on valid, unless that is now or has been done. */
static Err test_the_best(Trainer *t) {
    Err err = ERR_OK;
    const ParamSet *params = &t->rig.model->params;
    int64_t at = t->state.best_step;
    if (at == 0 || at == t->state.step || last_evaluation(t, "test") >= at) return ERR_OK;
    TRY(snapshot_take(t->now, t->rig.arena, params));
    TRY(snapshot_put(t->best, t->rig.arena, params));
    err = run_evaluator(t, t->test, at);
    Err back = snapshot_put(t->now, t->rig.arena, params);
    if (err == ERR_OK) err = back;
done:
    return err;
}

static Err observe_test(Trainer *t, bool last) {
    Err err = ERR_OK;
    if (t->test == NULL || last_evaluation(t, "test") >= t->state.step) return ERR_OK;
    if (last && settings_is(t->settings, "eval.test", "end")) TRY(test_the_best(t));
    if (last || settings_is(t->settings, "eval.test", "always")) TRY(run_evaluator(t, t->test, t->state.step));
done:
    return err;
}

static Err observe_maps(Trainer *t) {
    Err err = ERR_OK;
    const HistoryShape *shape = &t->history->shape;
    if (shape->n_samples == 0 || history_last_map(t->history) >= t->state.step) return ERR_OK;
    TRY(evaluator_maps(t->valid, shape->n_samples, t->maps, t->centres, t->predicted, shape->text_len));
    TRY(history_map(t->history, t->state.step, t->maps, t->centres, t->predicted));
    if (t->journal != NULL) TRY(journal_map(t->journal, t->state.step, t->maps, t->centres, t->predicted));
done:
    return err;
}

static bool is_due(const Trainer *t, const char *every) {
    int64_t n = settings_int(t->settings, every);
    return n > 0 && t->state.step > 0 && t->state.step % n == 0;
}

Err trainer_observe(Trainer *t) {
    Err err = ERR_OK;
    bool last = t->state.step == settings_int(t->settings, "train.steps");
    if (is_due(t, "record.attention_every") || last) TRY(observe_maps(t));
    if (is_due(t, "eval.every") || last) {
        TRY(observe_valid(t));
        TRY(observe_test(t, last));
    }
done:
    return err;
}

/* ---- the loop ---- */

Err trainer_save(Trainer *t) {
    Err err = ERR_OK;
    size_t used = 0;
    if (t->checkpoint == NULL) return ERR_OK;
    CheckpointState state = t->state;
    TRY(rig_used_bytes(&used, &t->rig));
    if ((int64_t)used > t->state.measured_bytes) t->state.measured_bytes = (int64_t)used;
    state.measured_bytes = t->state.measured_bytes;
    state.wall_seconds += clock_wall() - t->start_wall;
    state.cpu_seconds += clock_cpu() - t->start_cpu;
    TRY(journal_sync(t->journal));
    state.journal = journal_end(t->journal);
    TRY(snapshot_take(t->now, t->rig.arena, &t->rig.model->params));
    TRY(checkpoint_write(t->checkpoint, &state, t->now, t->best));
    t->saved = clock_wall();
    trainer_tell(t, TRAINER_CHECKPOINT);
done:
    return err;
}

static bool save_is_due(const Trainer *t) {
    const Every *every = &t->checkpoint_every;
    if (t->state.step <= t->facts.first_step) return false;
    return every->steps > 0 ? t->state.step % every->steps == 0 : clock_wall() - t->saved >= every->seconds;
}

/* A step that has been checkpointed may still lack observations: what is due and missing is made up for. */
static Err train(Trainer *t) {
    Err err = ERR_OK;
    int64_t n_steps = settings_int(t->settings, "train.steps");
    uint64_t allocations = mem_stats().n_allocs;
    while (true) {
        bool last = t->state.step == n_steps;
        if (last && t->state.step > t->facts.first_step) {
            t->facts.allocations = mem_stats().n_allocs - allocations;
            TRY(trainer_save(t)); /* before the last evaluations, which take a while */
        }
        err = trainer_observe(t);
        if (err != ERR_OK && err != ERR_INTERRUPTED) goto done;
        if (last && err == ERR_OK) break;
        bool stopped = err == ERR_INTERRUPTED || trainer_stopped(t);
        if (stopped || save_is_due(t)) TRY(trainer_save(t));
        if (stopped) {
            t->facts.allocations = mem_stats().n_allocs - allocations;
            return err_set(ERR_INTERRUPTED, "interrupted after step %" PRId64, t->state.step);
        }
        TRY(trainer_step(t));
        if (t->has_diverged) break;
    }
done:
    return err;
}

static Err open_and_train(Trainer *t) {
    Err err = ERR_OK;
    TRY(trainer_open(t));
    TRY(train(t));
    if (t->rig.memory.free_after_bytes < 0) TRY(rig_look(&t->rig)); /* it had no two steps to do */
done:
    return err;
}

/* A result with a cause, as a plan over its budget. What was checkpointed stays. */
static Err over_device(Trainer *t) {
    (void)snprintf(t->cause, sizeof t->cause, "%s", err_message());
    trainer_note(t, "%s", t->cause);
    err_clear();
    t->has_diverged = false;
    rig_release(&t->rig);
    return ERR_OK;
}

Err trainer_run(CellRecord **out, const TrainerSpec *spec, TrainerFacts *facts) {
    Err err = ERR_OK;
    Trainer t;
    bool fits = true;
    *out = NULL;
    TRY(trainer_plan(&t, spec, &fits));
    if (fits) err = open_and_train(&t);
    if (err == ERR_DEVICE_FULL) err = over_device(&t);
    TRY(err);
    TRY(trainer_to_record(&t, out));
done:
    if (facts != NULL) *facts = t.facts;
    trainer_close(&t);
    return err;
}
