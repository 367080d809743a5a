/* A cell trained again beside its record. */
#include "harness/run/trainer_verify.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "harness/record/results.h"
#include "harness/run/folder.h"
#include "harness/run/snapshot.h"
#include "harness/run/trainer_parts.h"
#include "kernels/mem.h"

enum { DIGITS_FLOAT = 9, DIGITS_DOUBLE = 17 }; /* that tell two of them apart */

/* ---- numbers ---- */

/* Bit by bit; all that is not a number counts as one. */
static bool same_float(float a, float b) { return memcmp(&a, &b, sizeof a) == 0 || (isnan(a) && isnan(b)); }
static bool same_double(double a, double b) { return memcmp(&a, &b, sizeof a) == 0 || (isnan(a) && isnan(b)); }

/* The first of n that differs; n if none does. */
static size_t first_other(const float *a, const float *b, size_t n) {
    size_t i = 0;
    while (i < n && same_float(a[i], b[i])) i++;
    return i;
}

/* ---- a verdict ---- */

typedef struct Compare {
    Trainer *t;
    const CellRecord *record;
    int64_t n_steps;                     /* to compare */
    int64_t rows_seen[HISTORY_MAX_SETS]; /* of the history */
    int64_t maps_seen;
    Verdict *v;
} Compare;

static void found(Verdict *v, int64_t step, const char *dataset, const char *fmt, ...) PRINTF_LIKE(4, 5);
static void found(Verdict *v, int64_t step, const char *dataset, const char *fmt, ...) {
    va_list args;
    v->same = false;
    v->step = step;
    (void)snprintf(v->dataset, sizeof v->dataset, "%s", dataset);
    int len = snprintf(v->why, sizeof v->why, "%s", dataset);
    if (step > 0) len += snprintf(v->why + len, sizeof v->why - (size_t)len, " at step %" PRId64, step);
    va_start(args, fmt);
    (void)vsnprintf(v->why + len, sizeof v->why - (size_t)len, fmt, args);
    va_end(args);
}

static void found_number(Verdict *v, int64_t step, const char *dataset, int digits, double here, double recorded) {
    found(v, step, dataset, " is %.*g, was %.*g", digits, here, digits, recorded);
    v->has_values = true;
    v->here = here;
    v->recorded = recorded;
}

/* False, and the first difference kept, if two counts are not the same. */
static bool same_count(Verdict *v, const char *what, int64_t here, int64_t recorded) {
    if (here == recorded) return true;
    found(v, 0, what, " is %" PRId64 ", was %" PRId64, here, recorded);
    v->has_values = true;
    v->here = (double)here;
    v->recorded = (double)recorded;
    return false;
}

static bool same_text(Verdict *v, const char *what, const char *here, const char *recorded) {
    if (strcmp(here, recorded) == 0) return true;
    found(v, 0, what, " is '%.80s', was '%.80s'", here, recorded);
    return false;
}

static void leave_out(Verdict *v, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void leave_out(Verdict *v, const char *fmt, ...) {
    size_t len = strlen(v->left_out);
    va_list args;
    if (len > 0) len += (size_t)snprintf(v->left_out + len, sizeof v->left_out - len, "; ");
    if (len >= sizeof v->left_out) return;
    va_start(args, fmt);
    (void)vsnprintf(v->left_out + len, sizeof v->left_out - len, fmt, args);
    va_end(args);
}

/* ---- as it goes: a step, its evaluations, its maps ---- */

static bool is_over(CellStatus status) { return status == CELL_DONE || status == CELL_DIVERGED; }

static bool compare_step(Verdict *v, const HistoryStep *row, const CellRecord *record, size_t at) {
    for (int c = 0; c < CURVE_COUNT; c++) {
        char dataset[VERDICT_NAME];
        float then = record->curves.value[c][at];
        if (same_float(row->value[c], then)) continue;
        (void)snprintf(dataset, sizeof dataset, "curves/%s", curve_name((CurveKind)c));
        found_number(v, row->step, dataset, DIGITS_FLOAT, (double)row->value[c], (double)then);
        return false;
    }
    return true;
}

/* True for a set that the training did not evaluate as it is recorded: see record_add_evaluation. */
static bool was_added(const CellRecord *record, const char *set) {
    char key[VERDICT_NAME];
    (void)snprintf(key, sizeof key, "evaluation.%s", set);
    return record_provenance_find(record, key) != NULL;
}

static bool find_row(size_t *at, const int64_t *steps, size_t n, int64_t step) {
    for (*at = 0; *at < n; ++*at)
        if (steps[*at] == step) return true;
    return false;
}

/* Metrics by name: what only one side has shows in the digest of the whole. */
static bool compare_row(Compare *c, const char *set, int64_t step, const double *values) {
    size_t at = 0;
    char dataset[VERDICT_NAME];
    const RecordEvaluation *rows = record_find_evaluation(c->record, set);
    (void)snprintf(dataset, sizeof dataset, "evaluation/%.100s", set);
    if (rows == NULL || !find_row(&at, rows->step, rows->n, step)) {
        if (!is_over(c->record->status)) return true; /* stopped before it came to that */
        found(c->v, step, dataset, " was not recorded");
        return false;
    }
    for (size_t m = 0; m < rows->n_metrics; m++) {
        int column = metric_column_find(rows->metrics[m].name);
        double then = rows->value[m][at];
        if (column < 0 || same_double(values[column], then)) continue;
        (void)snprintf(dataset, sizeof dataset, "evaluation/%.100s/%.64s", set, rows->metrics[m].name);
        found_number(c->v, step, dataset, DIGITS_DOUBLE, values[column], then);
        return false;
    }
    c->v->n_evaluations++;
    return true;
}

static bool compare_rows(Compare *c) {
    const History *h = c->t->history;
    for (int32_t s = 0; s < h->shape.n_sets; s++)
        for (; c->rows_seen[s] < h->n_rows[s]; c->rows_seen[s]++) {
            const int64_t at = c->rows_seen[s];
            if (was_added(c->record, h->shape.set[s])) continue;
            if (!compare_row(c, h->shape.set[s], h->evaluated[s][at], h->values[s] + at * h->shape.n_columns))
                return false;
        }
    return true;
}

/* "attention/maps[1,2,0,5]": sample, character and place of element i of a row [N,T,H,W]. */
static void map_place(char out[VERDICT_NAME], const RecordAttention *a, size_t i) {
    const size_t w = (size_t)a->map_w, h = (size_t)a->map_h, t = (size_t)a->n_t;
    (void)snprintf(out, VERDICT_NAME, "attention/maps[%zu,%zu,%zu,%zu]", i / (t * h * w), i / (h * w) % t, i / w % h,
                   i % w);
}

static bool compare_map(Compare *c, int64_t row) {
    const History *h = c->t->history;
    const RecordAttention *a = &c->record->attention;
    const int64_t step = h->mapped[row];
    const size_t places = (size_t)h->shape.n_samples * (size_t)h->shape.n_t, n = places * (size_t)h->shape.n_l;
    char place[VERDICT_NAME];
    size_t at = 0, i = 0;
    if (a->n_samples != h->shape.n_samples || a->n_t != h->shape.n_t || a->map_h * a->map_w != h->shape.n_l ||
        !find_row(&at, a->step, (size_t)a->n, step)) {
        if (!is_over(c->record->status)) return true;
        found(c->v, step, "attention/maps", " was not recorded, or of other samples");
        return false;
    }
    const float *here = h->maps + (size_t)row * n, *then = a->maps + at * n;
    if ((i = first_other(here, then, n)) < n) {
        map_place(place, a, i);
        found_number(c->v, step, place, DIGITS_FLOAT, (double)here[i], (double)then[i]);
        return false;
    }
    const float *x = h->centres + (size_t)row * places, *xy = a->centres + 2 * at * places;
    for (i = 0; i < places; i++)
        if (!same_float(x[i], xy[2 * i])) {
            (void)snprintf(place, sizeof place, "attention/centres[%zu,%zu,0]", i / (size_t)a->n_t, i % (size_t)a->n_t);
            found_number(c->v, step, place, DIGITS_FLOAT, (double)x[i], (double)xy[2 * i]);
            return false;
        }
    for (i = 0; i < (size_t)a->n_samples; i++) {
        const char *text = h->predicted + ((size_t)row * (size_t)a->n_samples + i) * (size_t)h->shape.text_len;
        const char *was = a->predicted[at * (size_t)a->n_samples + i];
        if (strcmp(text, was) == 0) continue;
        (void)snprintf(place, sizeof place, "attention/predicted[%zu]", i);
        found(c->v, step, place, " is '%.40s', was '%.40s'", text, was);
        return false;
    }
    c->v->n_maps++;
    return true;
}

static bool compare_observed(Compare *c) {
    for (; c->maps_seen < c->t->history->n_maps; c->maps_seen++)
        if (!compare_map(c, c->maps_seen)) return false;
    return compare_rows(c);
}

/* Until the steps are done or the first difference. */
static Err compare_training(Compare *c) {
    Err err = ERR_OK;
    Trainer *t = c->t;
    while (true) {
        TRY(trainer_observe(t));
        if (!compare_observed(c) || t->state.step >= c->n_steps) break;
        FAIL_IF(trainer_stopped(t), ERR_INTERRUPTED, "interrupted after step %" PRId64, t->state.step);
        TRY(trainer_step(t));
        const int64_t at = t->state.step - 1;
        if (!same_count(c->v, "curves/step", t->state.step, c->record->curves.step[at])) break;
        if (!compare_step(c->v, &t->history->steps[at], c->record, (size_t)at)) break;
        c->v->n_steps++;
        if (t->has_diverged) break;
    }
done:
    return err;
}

/* ---- the whole: what is known when it is over ---- */

static bool compare_params(Verdict *v, const char *group, const RecordParams *here, const RecordParams *then) {
    char dataset[VERDICT_NAME];
    if (!same_count(v, group, (int64_t)here->n, (int64_t)then->n)) return false;
    (void)snprintf(dataset, sizeof dataset, "%s/@step", group);
    if (then->n > 0 && !same_count(v, dataset, here->step, then->step)) return false;
    for (size_t k = 0; k < then->n; k++) {
        const RecordParam *was = &then->item[k], *is = results_param(here, was->name);
        if (is == NULL || !shape_equal(&is->shape, &was->shape)) {
            (void)snprintf(dataset, sizeof dataset, "%s/%.150s", group, was->name);
            found(v, then->step, dataset, " is not there, or of another shape");
            return false;
        }
        const size_t n = (size_t)shape_count(&was->shape), i = first_other(is->data, was->data, n);
        if (i == n) continue;
        (void)snprintf(dataset, sizeof dataset, "%s/%.150s[%zu]", group, was->name, i);
        found_number(v, then->step, dataset, DIGITS_FLOAT, (double)is->data[i], (double)was->data[i]);
        return false;
    }
    return true;
}

/* Rows that were recorded and did not come again. */
static bool compare_sets(Verdict *v, const CellRecord *here, const CellRecord *then) {
    for (size_t k = 0; k < then->n_evaluations; k++) {
        const RecordEvaluation *was = &then->evaluations[k], *is = record_find_evaluation(here, was->set);
        char dataset[VERDICT_NAME];
        if (was_added(then, was->set)) {
            leave_out(v, "evaluation/%.60s was computed by `refocus evaluate`, not by the training", was->set);
            continue;
        }
        (void)snprintf(dataset, sizeof dataset, "evaluation/%.100s: rows", was->set);
        if (!same_count(v, dataset, is != NULL ? (int64_t)is->n : 0, (int64_t)was->n)) return false;
        (void)snprintf(dataset, sizeof dataset, "evaluation/%.100s: lines", was->set);
        if (is != NULL && !same_count(v, dataset, is->n_samples, was->n_samples)) return false;
    }
    return true;
}

/* Another instruction set may lay the arena out differently. */
static bool compare_memory(Verdict *v, const CellRecord *here, const CellRecord *then) {
    const char *is = record_provenance_find(here, "isa"), *was = record_provenance_find(then, "isa");
    if (is == NULL || was == NULL || strcmp(is, was) != 0) {
        leave_out(v, "memory/ is that of %.40s, here of %.40s", was != NULL ? was : "an unknown instruction set",
                  is != NULL ? is : "another");
        return true;
    }
    return same_count(v, "memory/planned_bytes", here->memory.planned_bytes, then->memory.planned_bytes) &&
           same_count(v, "memory/lower_bound_bytes", here->memory.lower_bound_bytes, then->memory.lower_bound_bytes) &&
           same_count(v, "memory/measured_bytes", here->memory.measured_bytes, then->memory.measured_bytes);
}

static bool compare_facts(Verdict *v, const CellRecord *here, const CellRecord *then) {
    return same_text(v, "@status", cell_status_name(here->status), cell_status_name(then->status)) &&
           same_text(v, "@cause", here->cause, then->cause) &&
           same_count(v, "@n_params", here->n_params, then->n_params) &&
           same_count(v, "@n_boxes_used", here->n_boxes_used, then->n_boxes_used);
}

/* What no comparison above names, the digest of everything still finds. Left out where something else was: then it must
 * be another one. */
static Err compare_digest(const TrainerSpec *spec, CellRecord *here, const CellRecord *then, Verdict *v) {
    Err err = ERR_OK;
    Results *results = NULL;
    char *path = NULL;
    if (v->left_out[0] != '\0' || then->digest == NULL) return ERR_OK;
    TRY(record_text(here, &here->name, then->name));
    TRY(record_text(here, &here->variant, then->variant));
    TRY(folder_drop(spec->folder, FOLDER_SEALED));
    TRY(record_seal(here, spec->folder));
    TRY(folder_path(&path, spec->folder, FOLDER_SEALED));
    TRY(results_open(&results, path));
    const char *digest = results_cell(results, 0)->digest;
    if (strcmp(digest, then->digest) != 0)
        found(v, 0, "@digest",
              " is %.16s..., was %.16s...: all numbers are equal, something else of the content is not", digest,
              then->digest);
    TRY(folder_drop(spec->folder, FOLDER_SEALED));
done:
    results_close(results);
    mem_free(path);
    return err;
}

static Err compare_whole(const TrainerSpec *spec, Compare *c) {
    Err err = ERR_OK;
    CellRecord *here = NULL;
    const CellRecord *then = c->record;
    Verdict *v = c->v;
    TRY(trainer_to_record(c->t, &here));
    if (compare_facts(v, here, then) && compare_sets(v, here, then) && compare_memory(v, here, then) &&
        same_count(v, "attention/: rows", here->attention.n, then->attention.n) &&
        compare_params(v, "final", &here->final, &then->final) && compare_params(v, "best", &here->best, &then->best))
        TRY(compare_digest(spec, here, then, v));
    v->whole = true;
done:
    record_free(here);
    return err;
}

Err trainer_verify(const TrainerSpec *spec, const CellRecord *record, int64_t n_steps, Verdict *out) {
    Err err = ERR_OK;
    Trainer t;
    TrainerSpec alone = *spec;
    Compare c = {.t = &t, .record = record, .v = out};
    bool fits = true, all = n_steps == 0 || n_steps >= (int64_t)record->curves.n;
    memset(out, 0, sizeof *out);
    out->same = true;
    alone.folder = NULL;
    c.n_steps = all ? (int64_t)record->curves.n : n_steps;
    TRY(trainer_plan(&t, &alone, &fits));
    if (fits) {
        TRY(trainer_open(&t));
        if (record->status == CELL_OVER_BUDGET)
            found(out, 0, "@status", " was over_budget, and the cell fits here");
        else
            TRY(compare_training(&c));
    }
    if (out->same && (!fits || (all && is_over(record->status)))) TRY(compare_whole(spec, &c));
done:
    trainer_close(&t);
    return err;
}

/* ---- a sealed cell of other code ---- */

static bool compare_curves(const Trainer *t, const CellRecord *record, char *why, size_t len) {
    for (int64_t i = 0; i < t->history->n_steps; i++)
        for (int c = 0; c < CURVE_COUNT; c++) {
            float now = t->history->steps[i].value[c], then = record->curves.value[c][i];
            if (same_float(now, then)) continue;
            (void)snprintf(why, len, "%s at step %" PRId64 " is %.9g, was %.9g", curve_name((CurveKind)c), i + 1,
                           (double)now, (double)then);
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
        if (c < 0 || same_double(t->values[c], then)) continue;
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
