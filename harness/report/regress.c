/* Comparing figures in the direction in which they get worse. */
#include "harness/report/regress.h"

#include <math.h>
#include <string.h>

#include "harness/report/rows.h"
#include "harness/run/size_text.h"
#include "kernels/near.h"

typedef struct Comparison {
    Regress *out;
    const RegressSpec *spec;
    Results *now, *then;
} Comparison;

const char *regress_kind_name(RegressKind kind) {
    static const char *const names[] = {[REGRESS_WORSE] = "worse",
                                        [REGRESS_TOLERATED] = "worse within the tolerance",
                                        [REGRESS_BETTER] = "better",
                                        [REGRESS_NEW] = "new",
                                        [REGRESS_SAME] = "same"};
    return names[kind];
}

/* ---- one figure ---- */

/* direction: +1 higher is better, -1 lower is. What cannot be measured any more is worse. */
static RegressKind judge(double before, double after, int direction, const Tolerance *tolerance) {
    if (isnan(before)) return isnan(after) ? REGRESS_SAME : REGRESS_BETTER;
    if (isnan(after)) return REGRESS_WORSE;
    double loss = direction > 0 ? before - after : after - before;
    if (before == after) return REGRESS_SAME;
    if (loss <= 0) return REGRESS_BETTER;
    return tolerance_allows(tolerance, before, loss) ? REGRESS_TOLERATED : REGRESS_WORSE;
}

static Err add(const Comparison *c, RegressFigure figure) {
    Err err = ERR_OK;
    Regress *out = c->out;
    out->count[figure.kind]++;
    if (figure.kind == REGRESS_SAME) return ERR_OK;
    TRY(pool_grow(&out->pool, &out->figure, out->n, &out->room, sizeof *out->figure));
    TRY(pool_text(&out->pool, &figure.cell, figure.cell));
    TRY(pool_text(&out->pool, &figure.figure, figure.figure));
    out->figure[out->n++] = figure;
done:
    return err;
}

static double measured(int64_t bytes) { return bytes < 0 ? (double)NAN : (double)bytes; }

static Err compare_bytes(const Comparison *c, const char *cell, const char *name, int64_t before, int64_t after) {
    RegressFigure figure = {.cell = cell, .figure = name, .is_bytes = true};
    figure.before = measured(before);
    figure.after = measured(after);
    figure.kind = judge(figure.before, figure.after, -1, &c->spec->bytes);
    return add(c, figure);
}

/* ---- one cell ---- */

static Err status_text(Pool *pool, const char **out, const CellRecord *cell) {
    if (cell == NULL) return pool_text(pool, out, "not in the file");
    bool has_cause = cell->cause != NULL && cell->cause[0] != '\0';
    return pool_printf(pool, out, "%s%s%s", cell_status_name(cell->status), has_cause ? ": " : "",
                       has_cause ? cell->cause : "");
}

static bool is_done(const CellRecord *cell) { return cell != NULL && cell->status == CELL_DONE; }
static bool is_there(const CellRecord *cell) { return cell != NULL && cell->status != CELL_MISSING; }

/* How a cell ended: done is better than anything else, and something is better than nothing. */
static Err compare_status(const Comparison *c, const char *name, const CellRecord *then, const CellRecord *now) {
    Err err = ERR_OK;
    RegressFigure figure = {.cell = name, .figure = "status", .before = NAN, .after = NAN};
    int before = is_done(then) ? 2 : is_there(then) ? 1 : 0, after = is_done(now) ? 2 : is_there(now) ? 1 : 0;
    figure.kind = before == 0 && after > 0 ? REGRESS_NEW
                  : after < before         ? REGRESS_WORSE
                  : after > before         ? REGRESS_BETTER
                                           : REGRESS_SAME;
    TRY(status_text(&c->out->pool, &figure.before_text, then));
    TRY(status_text(&c->out->pool, &figure.after_text, now));
    TRY(add(c, figure));
done:
    return err;
}

static bool is_asked(const RegressSpec *spec, const RecordMetric *metric) {
    for (size_t i = 0; i < spec->n_metrics; i++)
        if (strcmp(spec->metrics[i], metric->name) == 0) return metric->direction != 0;
    return spec->n_metrics == 0 && metric->direction != 0;
}

/* Every set and metric of the earlier cell, at its last evaluation. */
static Err compare_metrics(const Comparison *c, const char *name, const CellRecord *then, const CellRecord *now) {
    Err err = ERR_OK;
    Pool pool = {0};
    const At last = {AT_LAST, 0};
    for (size_t s = 0; s < then->n_evaluations; s++) {
        const RecordEvaluation *set = &then->evaluations[s];
        for (size_t m = 0; m < set->n_metrics; m++) {
            const RecordMetric *metric = &set->metrics[m];
            if (!is_asked(c->spec, metric)) continue;
            RegressFigure figure = {.cell = name};
            figure.before = cell_metric(then, set->set, metric->name, last);
            figure.after = cell_metric(now, set->set, metric->name, last);
            figure.kind = judge(figure.before, figure.after, metric->direction, &c->spec->metric);
            TRY(pool_printf(&pool, &figure.figure, "%s %s", set->set, metric->name));
            TRY(add(c, figure));
        }
    }
done:
    pool_clear(&pool);
    return err;
}

static const CellRecord *find(const Results *results, const char *name, size_t *at) {
    for (*at = 0; *at < results_count(results); (*at)++)
        if (strcmp(results_cell(results, *at)->name, name) == 0) return results_cell(results, *at);
    return NULL;
}

static Err compare_cell(const Comparison *c, size_t i_then) {
    Err err = ERR_OK;
    size_t i_now = 0;
    CellRecord *before = NULL, *after = NULL;
    const CellRecord *then = results_cell(c->then, i_then), *now = find(c->now, then->name, &i_now);
    c->out->n_cells += now != NULL;
    TRY(compare_status(c, then->name, then, now));
    if (!is_there(then) || !is_there(now)) goto done;
    TRY(compare_bytes(c, then->name, "planned_bytes", then->memory.planned_bytes, now->memory.planned_bytes));
    if (!is_done(then) || !is_done(now)) goto done;
    TRY(compare_bytes(c, then->name, "measured_bytes", then->memory.measured_bytes, now->memory.measured_bytes));
    TRY(results_read(c->then, i_then, PART_EVALUATION, &before));
    TRY(results_read(c->now, i_now, PART_EVALUATION, &after));
    TRY(compare_metrics(c, then->name, before, after));
done:
    record_free(before);
    record_free(after);
    return err;
}

/* ---- the files ---- */

static Err compare_cells(const Comparison *c) {
    Err err = ERR_OK;
    size_t at = 0;
    for (size_t i = 0; i < results_count(c->then); i++) TRY(compare_cell(c, i));
    for (size_t i = 0; i < results_count(c->now); i++) {
        const CellRecord *now = results_cell(c->now, i);
        if (find(c->then, now->name, &at) == NULL) TRY(compare_status(c, now->name, NULL, now));
    }
    FAIL_IF(c->out->n_cells == 0, ERR_NOTHING, "%s and %s have no cell of the same name", c->spec->path,
            c->spec->against);
done:
    return err;
}

/* Stable: the order of the file within a kind. */
static Err worse_first(Regress *out) {
    Err err = ERR_OK;
    RegressFigure *sorted = NULL;
    size_t n = 0;
    TRY(pool_alloc(&out->pool, &sorted, out->n, sizeof *sorted));
    for (int kind = 0; kind < REGRESS_KIND_COUNT; kind++)
        for (size_t i = 0; i < out->n; i++)
            if (out->figure[i].kind == (RegressKind)kind) sorted[n++] = out->figure[i];
    out->figure = sorted;
done:
    return err;
}

static bool has_metric(const CellRecord *cell, const char *name) {
    for (size_t s = 0; s < cell->n_evaluations; s++)
        if (record_find_metric(&cell->evaluations[s], name) >= 0) return true;
    return false;
}

/* A metric that no cell has is a slip of the pen. */
static Err check_metric(const Comparison *c, const char *name) {
    Err err = ERR_OK;
    CellRecord *cell = NULL;
    char hint[160];
    Near near = near_start(name);
    bool found = false;
    for (size_t i = 0; i < results_count(c->then) && !found; i++) {
        if (!is_done(results_cell(c->then, i))) continue;
        record_free(cell);
        cell = NULL;
        TRY(results_read(c->then, i, PART_EVALUATION, &cell));
        found = has_metric(cell, name);
    }
    for (size_t s = 0; cell != NULL && !found && s < cell->n_evaluations; s++)
        for (size_t m = 0; m < cell->evaluations[s].n_metrics; m++)
            near_offer(&near, cell->evaluations[s].metrics[m].name);
    FAIL_IF(!found, ERR_NOTHING, "no finished cell of %s has the metric '%s'%s", c->spec->against, name,
            near_hint(&near, "", hint, (int)sizeof hint));
done:
    record_free(cell);
    return err;
}

Err regress_compare(Regress *out, const RegressSpec *spec) {
    Err err = ERR_OK;
    Comparison c = {.out = out, .spec = spec};
    TRY(results_open_shown(&c.now, spec->path));
    TRY(results_open_shown(&c.then, spec->against));
    for (size_t i = 0; i < spec->n_metrics; i++) TRY(check_metric(&c, spec->metrics[i]));
    TRY(compare_cells(&c));
    TRY(worse_first(out));
done:
    results_close(c.now);
    results_close(c.then);
    return err;
}

void regress_clear(Regress *regress) {
    pool_clear(&regress->pool);
    *regress = (Regress){0};
}

/* ---- text and JSON ---- */

static void print_value(FILE *to, const RegressFigure *figure, double value) {
    char size[SIZE_TEXT];
    if (isnan(value))
        fputs("none", to);
    else if (figure->is_bytes)
        fprintf(to, "%.0f (%s)", value, size_text((uint64_t)value, size));
    else
        fprintf(to, "%.6g", value);
}

static void print_figure(FILE *to, const RegressFigure *f) {
    fprintf(to, "%s\t%s\t%s\t", regress_kind_name(f->kind), f->cell, f->figure);
    if (f->before_text != NULL) {
        fprintf(to, "%s -> %s\n", f->before_text, f->after_text);
        return;
    }
    print_value(to, f, f->before);
    fputs(" -> ", to);
    print_value(to, f, f->after);
    if (f->before != 0 && isfinite(f->before) && isfinite(f->after))
        fprintf(to, "\t%+.2f %%", 100 * (f->after - f->before) / fabs(f->before));
    fputc('\n', to);
}

void regress_print(FILE *to, const Regress *regress) {
    for (size_t i = 0; i < regress->n; i++)
        if (regress->figure[i].kind <= REGRESS_TOLERATED) print_figure(to, &regress->figure[i]);
}

static json_t *number(double value) { return isfinite(value) ? json_real(value) : json_null(); }

static json_t *figure_object(const RegressFigure *f) {
    if (f->before_text != NULL)
        return json_pack("{s:s, s:s, s:s, s:s, s:s}", "kind", regress_kind_name(f->kind), "cell", f->cell, "figure",
                         f->figure, "before", f->before_text, "after", f->after_text);
    return json_pack("{s:s, s:s, s:s, s:o, s:o}", "kind", regress_kind_name(f->kind), "cell", f->cell, "figure",
                     f->figure, "before", number(f->before), "after", number(f->after));
}

Err regress_json(json_t **out, const Regress *regress) {
    json_t *figures = json_array(), *root = NULL;
    bool ok = figures != NULL;
    for (size_t i = 0; ok && i < regress->n; i++)
        ok = json_array_append_new(figures, figure_object(&regress->figure[i])) == 0;
    if (ok)
        root = json_pack("{s:I, s:I, s:I, s:I, s:I, s:O}", "cells", (json_int_t)regress->n_cells, "same",
                         (json_int_t)regress->count[REGRESS_SAME], "better", (json_int_t)regress->count[REGRESS_BETTER],
                         "worse", (json_int_t)regress->count[REGRESS_WORSE], "tolerated",
                         (json_int_t)regress->count[REGRESS_TOLERATED], "figures", figures);
    if (figures != NULL) json_decref(figures);
    *out = root;
    return root != NULL ? ERR_OK : err_set(ERR_NOMEM, "out of memory while the comparison was written as JSON");
}
