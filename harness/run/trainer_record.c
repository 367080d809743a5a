/* What a cell leaves behind. */

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
    if (t->observed != NULL) TRY(record_provenance(record, INPUTS_OBSERVED_KEY, t->observed));
    *out = record;
    record = NULL;
done:
    record_free(record);
    return err;
}
