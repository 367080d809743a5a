/* What a cell leaves behind, and whether a record is what the present code makes. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "harness/record/provenance.h"
#include "harness/run/plan_report.h"
#include "harness/run/snapshot.h"
#include "harness/run/trainer_parts.h"
#include "kernels/device.h"
#include "kernels/libmem.h"
#include "kernels/machine.h"
#include "kernels/mem.h"

Err trainer_head(CellRecord *record, const Settings *settings, int64_t seed) {
    Err err = ERR_OK;
    char *text = NULL, *identity = NULL;
    TRY(settings_dump(settings, &text));
    TRY(settings_identity(settings, &identity));
    TRY(record_text(record, &record->settings, text));
    TRY(record_text(record, &record->identity, identity));
    record->seed = seed;
    record->n_steps = settings_int(settings, "train.steps");
done:
    mem_free(text);
    mem_free(identity);
    return err;
}

static Err put_memory(Trainer *t, CellRecord *record) {
    Err err = ERR_OK;
    size_t used = 0;
    TRY(plan_report(&t->rig.plan, record));
    if (t->rig.arena == NULL) return ERR_OK;
    if (t->spec.mode == EXEC_CHECKED) {
        used = t->facts.checked_train_bytes > t->facts.checked_eval_bytes ? t->facts.checked_train_bytes
                                                                          : t->facts.checked_eval_bytes;
        used += t->rig.plan.persistent_bytes;
    } else {
        TRY(rig_used_bytes(&used, &t->rig));
    }
    if ((int64_t)used > t->state.measured_bytes) t->state.measured_bytes = (int64_t)used;
    record->memory.measured_bytes = t->state.measured_bytes;
done:
    return err;
}

static Err put_params(Trainer *t, CellRecord *record) {
    Err err = ERR_OK;
    const ParamSet *params = &t->rig.model->params;
    if (t->state.best_step > 0) TRY(snapshot_record(t->best, params, t->state.best_step, record, &record->best));
    if (t->has_diverged) return ERR_OK;
    TRY(snapshot_take(t->now, t->rig.arena, params));
    TRY(snapshot_record(t->now, params, t->state.step, record, &record->final));
done:
    return err;
}

/* Chance rows and sizes of the sets, where a set was evaluated at all. */
static Err describe_sets(Evaluator *evaluator, CellRecord *record) {
    Err err = ERR_OK;
    double *chance = NULL;
    size_t n = (size_t)metric_n_columns();
    if (evaluator == NULL || record_find_evaluation(record, evaluator_set(evaluator, 0)) == NULL) return ERR_OK;
    TRY(mem_alloc(&chance, n * (size_t)evaluator_n_sets(evaluator), sizeof *chance));
    TRY(evaluator_chance(evaluator, chance));
    for (int i = 0; i < evaluator_n_sets(evaluator); i++) {
        RecordEvaluation *rows = record_find_evaluation(record, evaluator_set(evaluator, i));
        if (rows == NULL) continue;
        rows->n_samples = evaluator_n_lines(evaluator, i);
        rows->n_chars = evaluator_n_chars(evaluator, i);
        for (size_t c = 0; c < n; c++) rows->metrics[c].chance = chance[(size_t)i * n + c];
    }
done:
    mem_free(chance);
    return err;
}

static Err put_history(Trainer *t, CellRecord *record) {
    Err err = ERR_OK;
    RecordMetric *columns = NULL;
    TRY(mem_alloc(&columns, (size_t)metric_n_columns(), sizeof *columns));
    evaluate_columns(columns);
    if (t->history->n_maps > 0) TRY(evaluator_samples(t->valid, t->history->shape.n_samples, record));
    TRY(history_to_record(t->history, columns, t->rig.model->centre_y, record));
    TRY(describe_sets(t->valid, record));
    TRY(describe_sets(t->test, record));
done:
    mem_free(columns);
    return err;
}

static void put_times(const Trainer *t, CellRecord *record) {
    RecordVolatile *times = &record->times;
    times->wall_seconds = t->state.wall_seconds + clock_wall() - t->start_wall;
    times->cpu_seconds = t->state.cpu_seconds + clock_cpu() - t->start_cpu;
    times->n_resumes = t->state.n_resumes;
    times->device_total_bytes = t->rig.memory.total_bytes;
    times->device_free_before_bytes = t->rig.memory.free_before_bytes;
    times->device_free_after_bytes = t->rig.memory.free_after_bytes;
    times->context_bytes = t->rig.memory.context_bytes;
    if (t->rig.arena == NULL) return; /* what planning takes is no figure of the cell */
    times->peak_rss_bytes = (int64_t)machine_resident(0).peak_bytes;
    if (!libmem_available()) return;
    times->library_transient_bytes = t->library_transient;
    times->library_code_bytes = t->library_code;
}

Err trainer_to_record(Trainer *t, CellRecord **out) {
    Err err = ERR_OK;
    CellRecord *record = NULL;
    *out = NULL;
    TRY(record_new(&record));
    TRY(trainer_head(record, t->settings, t->spec.seed));
    record->status = t->has_diverged ? CELL_DIVERGED : t->rig.arena == NULL ? CELL_OVER_BUDGET : CELL_DONE;
    TRY(record_text(record, &record->cause, t->cause));
    TRY(record_text(record, &record->code_digest, t->code));
    record->n_params = params_count(&t->rig.model->params, PARAM_WEIGHT);
    record->n_boxes_used = t->state.n_boxes_used;
    record->flops_per_step = graph_flops(t->rig.model->train.graph);
    TRY(put_memory(t, record));
    if (t->rig.arena != NULL) {
        TRY(put_history(t, record));
        TRY(put_params(t, record));
    }
    put_times(t, record);
    const char *class = rig_accelerator_class(&t->rig);
    ProvenanceRun run = {.device = device_name(t->rig.spec.device),
                         .accelerator = class != NULL ? t->spec.device : NULL,
                         .accelerator_class = class,
                         .threads = t->spec.n_threads};
    TRY(provenance_fill(record, &run));
    TRY(record_provenance(record, SOURCES_KEY, t->sources));
    if (t->inputs != NULL) TRY(record_provenance(record, INPUTS_KEY, t->inputs));
    *out = record;
    record = NULL;
done:
    record_free(record);
    return err;
}

/* ---- is a record what this code makes? ---- */

static bool same_bits(const void *a, const void *b, size_t n) { return memcmp(a, b, n) == 0; }

static bool compare_curves(const Trainer *t, const CellRecord *record, char *why, size_t len) {
    static const char *const name[CURVE_COUNT] = {"loss", "loss_recognition", "loss_focus", "grad_norm", "lr"};
    for (int64_t i = 0; i < t->history->n_steps; i++)
        for (int c = 0; c < CURVE_COUNT; c++) {
            float now = t->history->steps[i].value[c], then = record->curves.value[c][i];
            if (same_bits(&now, &then, sizeof now) || (isnan(now) && isnan(then))) continue;
            (void)snprintf(why, len, "%s at step %" PRId64 " is %.9g, was %.9g", name[c], i + 1, (double)now,
                           (double)then);
            return false;
        }
    return true;
}

/* Metrics by name: those that only one side has say nothing. */
static bool compare_evaluation(Trainer *t, const Evaluator *evaluator, const RecordEvaluation *rows, char *why,
                               size_t len) {
    evaluator_values(evaluator, 0, t->values);
    for (size_t m = 0; m < rows->n_metrics; m++) {
        int c = metric_column_find(rows->metrics[m].name);
        double then = rows->value[m][rows->n - 1];
        if (c < 0 || same_bits(&t->values[c], &then, sizeof then) || (isnan(then) && isnan(t->values[c]))) continue;
        (void)snprintf(why, len, "%s on %s is %.9g, was %.9g", rows->metrics[m].name, rows->set, t->values[c], then);
        return false;
    }
    return true;
}

static Err replay_evaluation(Trainer *t, const CellRecord *record, bool *same, char *why, size_t len) {
    Err err = ERR_OK;
    const RecordEvaluation *rows = record_find_evaluation(record, "valid");
    if (t->valid == NULL || rows == NULL || rows->n == 0 || record->final.n == 0) return ERR_OK;
    if (rows->step[rows->n - 1] != record->final.step) return ERR_OK;
    if (rows->n_samples != evaluator_n_lines(t->valid, 0)) return ERR_OK; /* another set by now: nothing to compare */
    TRY(snapshot_restore(&record->final, t->rig.arena, &t->rig.model->params));
    TRY(evaluator_run(t->valid, t->spec.stop));
    *same = compare_evaluation(t, t->valid, rows, why, len);
done:
    return err;
}

Err trainer_revalidate(const TrainerSpec *spec, const CellRecord *record, int64_t n_steps, bool *same, char *why,
                       size_t len) {
    Err err = ERR_OK;
    Trainer t;
    TrainerSpec alone = *spec;
    bool fits = true;
    *same = false;
    alone.folder = NULL;
    TRY(trainer_plan(&t, &alone, &fits));
    if (!fits) {
        *same = record->status == CELL_OVER_BUDGET;
        (void)snprintf(why, len, "%s", t.cause);
        goto done;
    }
    TRY(trainer_open(&t));
    if ((int64_t)record->curves.n < n_steps) n_steps = (int64_t)record->curves.n;
    for (int64_t i = 0; i < n_steps; i++) {
        FAIL_IF(trainer_stopped(&t), ERR_INTERRUPTED, "interrupted while a sealed cell was checked");
        TRY(trainer_step(&t));
    }
    *same = compare_curves(&t, record, why, len);
    if (*same) TRY(replay_evaluation(&t, record, same, why, len));
done:
    trainer_close(&t);
    return err;
}
