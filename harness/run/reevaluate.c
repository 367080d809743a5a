/* Kept parameters on a set. */
#include "harness/run/reevaluate.h"

#include <string.h>

#include "harness/grid/grid.h"
#include "harness/record/provenance.h"
#include "harness/run/code.h"
#include "harness/run/evaluate.h"
#include "harness/run/rig.h"
#include "harness/run/snapshot.h"
#include "harness/version.h"
#include "kernels/device.h"
#include "kernels/mem.h"
#include "models/text.h"

/* A path as YAML text, whatever is in it. */
static Err quoted(char **out, const char *path) {
    Err err = ERR_OK;
    Text text = {0};
    TRY(text_add(&text, "'"));
    for (const char *c = path; *c != '\0'; c++) TRY(text_add(&text, *c == '\'' ? "''" : "%c", *c));
    TRY(text_add(&text, "'"));
    TRY(text_take(&text, out));
done:
    text_clear(&text);
    return err;
}

/* The cell's settings with a file as the only source of its test set. */
static Err settings_with_file(Settings **out, const Settings *from, const char *file, const char *split) {
    static const char *const test = "data.test.";
    Err err = ERR_OK;
    Settings *s = NULL;
    char *path = NULL;
    *out = NULL;
    TRY(settings_new(&s));
    for (size_t i = 0; i < settings_count(from); i++) {
        const char *key = settings_key_at(from, i);
        if (strncmp(key, test, strlen(test)) != 0) TRY(settings_set(s, key, settings_show(from, key)));
    }
    TRY(settings_set(s, "data.test.file.source", "dataset"));
    TRY(quoted(&path, file));
    TRY(settings_set(s, "data.test.file.file", path));
    TRY(settings_set(s, "data.test.file.split", split));
    TRY(settings_set(s, "data.test.file.unusable", "skip"));
    TRY(settings_resolve(s));
    *out = s;
    s = NULL;
done:
    mem_free(path);
    settings_free(s);
    return err;
}

static Err cell_settings(Settings **out, const ReevaluateSpec *spec) {
    Err err = ERR_OK;
    Settings *s = NULL;
    *out = NULL;
    TRY(grid_read_settings(&s, spec->cell->name, spec->cell->settings));
    if (spec->file == NULL) {
        FAIL_IF(!data_has_set(s, spec->set), ERR_SPEC, "its settings have no %s set", spec->set);
        *out = s;
        s = NULL;
    } else {
        TRY(settings_with_file(out, s, spec->file, spec->split));
    }
done:
    settings_free(s);
    return err;
}

static Err add_row(CellRecord *record, const Evaluator *evaluator, int64_t step) {
    Err err = ERR_OK;
    size_t n = (size_t)metric_n_columns();
    RecordMetric *columns = NULL;
    double *values = NULL;
    TRY(mem_alloc(&columns, n, sizeof *columns));
    TRY(mem_alloc(&values, n, sizeof *values));
    evaluate_columns(columns);
    for (int i = 0; i < evaluator_n_sets(evaluator); i++) {
        evaluator_values(evaluator, i, values);
        TRY(record_evaluation(record, evaluator_set(evaluator, i), step, n, columns, values));
        RecordEvaluation *rows = record_find_evaluation(record, evaluator_set(evaluator, i));
        rows->n_samples = evaluator_n_lines(evaluator, i);
        rows->n_chars = evaluator_n_chars(evaluator, i);
    }
done:
    mem_free(columns);
    mem_free(values);
    return err;
}

static Err evaluate_params(CellRecord *record, const Rig *rig, Evaluator *evaluator, const RecordParams *params) {
    Err err = ERR_OK;
    TRY(snapshot_restore(params, rig->arena, &rig->model->params));
    TRY(evaluator_run(evaluator, NULL));
    TRY(add_row(record, evaluator, params->step));
done:
    return err;
}

/* "photos.h5, split test; left out 3 of 40: ...": where the samples of a file come from. */
static Err origin(char **out, const Loader *loader, const ReevaluateSpec *spec) {
    const char *reasons = NULL;
    const Source *source = loader_source(loader, 0);
    long long n = (long long)source_n_rejected(source, &reasons);
    if (n == 0) return mem_printf(out, "%s, split %s", spec->file, spec->split);
    return mem_printf(out, "%s, split %s; left out %lld of %lld: %s", spec->file, spec->split, n,
                      (long long)source_n_texts(source), reasons);
}

/* "0.1.0 (1a2b3c4, release), sources 5d41..., bit class 7c21...": what computes here. */
static Err computing_code(char **out, const Settings *settings, const Rig *rig) {
    Err err = ERR_OK;
    char *listing = NULL, sources[CODE_DIGEST], bit_class[BIT_CLASS_LEN];
    TRY(code_listing(&listing, sources, settings, rig->model));
    provenance_bit_class(bit_class, rig_accelerator_class(rig));
    const char *class = rig_accelerator_class(rig);
    TRY(mem_printf(out, "%s, sources %s, bit class %s%s%s", version_text(), sources, bit_class,
                   class != NULL ? ", on " : "", class != NULL ? class : ""));
done:
    mem_free(listing);
    return err;
}

/* The row of uniform attention, where the samples come from, and what computed. */
static Err describe(CellRecord *record, Evaluator *evaluator, const Loader *loader, const ReevaluateSpec *spec,
                    const char *code) {
    Err err = ERR_OK;
    char *from = NULL;
    size_t n = (size_t)metric_n_columns();
    double *chance = NULL;
    TRY(mem_alloc(&chance, n * (size_t)evaluator_n_sets(evaluator), sizeof *chance));
    TRY(evaluator_chance(evaluator, chance));
    if (spec->file != NULL) TRY(origin(&from, loader, spec));
    for (int i = 0; i < evaluator_n_sets(evaluator); i++) {
        RecordEvaluation *rows = record_find_evaluation(record, evaluator_set(evaluator, i));
        for (size_t c = 0; c < n; c++) rows->metrics[c].chance = chance[(size_t)i * n + c];
        if (from != NULL) TRY(record_text(record, &rows->comment, from));
        TRY(record_text(record, &rows->code, code));
    }
done:
    mem_free(from);
    mem_free(chance);
    return err;
}

Err reevaluate(CellRecord **out, const ReevaluateSpec *spec) {
    Err err = ERR_OK;
    Rig rig = {0};
    Settings *settings = NULL;
    Loader *loader = NULL;
    Evaluator *evaluator = NULL;
    CellRecord *record = NULL;
    char *code = NULL;
    const CellRecord *cell = spec->cell;
    *out = NULL;
    FAIL_IF(cell->final.n == 0, ERR_DATA, "it kept no parameters: it is %s", cell_status_name(cell->status));
    TRY(cell_settings(&settings, spec));
    RigSpec rig_spec = {.settings = settings,
                        .seed = (uint64_t)cell->seed,
                        .n_threads = spec->n_threads,
                        .mode = EXEC_ARENA,
                        .parts = MODEL_EVAL_ONLY};
    TRY(device_parse(&rig_spec.device, &rig_spec.ordinal, spec->device != NULL ? spec->device : "cpu"));
    TRY(rig_plan(&rig, &rig_spec));
    TRY(rig_start(&rig));
    TRY(loader_open(&loader, settings, spec->file != NULL ? "test" : spec->set, (uint64_t)cell->seed, rig.par));
    TRY(evaluator_new(&evaluator, &rig, loader, spec->as));
    TRY(record_new(&record));
    if (cell->best.n > 0 && cell->best.step < cell->final.step)
        TRY(evaluate_params(record, &rig, evaluator, &cell->best));
    TRY(evaluate_params(record, &rig, evaluator, &cell->final));
    TRY(computing_code(&code, settings, &rig));
    TRY(describe(record, evaluator, loader, spec, code));
    *out = record;
    record = NULL;
done:
    mem_free(code);
    record_free(record);
    evaluator_free(evaluator);
    loader_close(loader);
    rig_close(&rig);
    settings_free(settings);
    return err;
}
