/* Curves as data: mean and range over seeds per row, lines of their own for cells that were not finished. */
#include <inttypes.h>
#include <string.h>

#include "harness/report/curve.h"
#include "harness/report/markup.h"
#include "harness/report/webpage_parts.h"

enum { MOST_POINTS = 200, DIGITS = 4 };

/* Of n steps those that are shown: all, or every so many and the last. */
static size_t next_point(size_t i, size_t n) {
    const size_t every = (n + MOST_POINTS - 1) / MOST_POINTS;
    if (i + 1 == n) return n;
    return i + every < n ? i + every : n - 1;
}

static void put_steps(FILE *to, const int64_t *step, size_t n) {
    (void)fputs("\"step\":[", to);
    for (size_t i = 0; i < n; i = next_point(i, n)) (void)fprintf(to, "%s%" PRId64, i > 0 ? "," : "", step[i]);
    (void)fputc(']', to);
}

static void put_values(FILE *to, const char *name, const double *value, size_t n) {
    (void)fprintf(to, ",\"%s\":[", name);
    for (size_t i = 0; i < n; i = next_point(i, n)) {
        if (i > 0) (void)fputc(',', to);
        web_number(to, value[i], DIGITS);
    }
    (void)fputc(']', to);
}

static size_t find_row(const Web *web, const char *label) {
    for (size_t i = 0; i < web->n_rows; i++)
        if (strcmp(web->row[i].label, label) == 0) return i;
    return 0;
}

static void put_row(const Web *web, const CurveRow *row) {
    FILE *to = web->to;
    (void)fprintf(to, "{\"row\":%zu,\"n\":%zu,", find_row(web, row->label), row->n_done);
    put_steps(to, row->step, row->n);
    put_values(to, "mean", row->mean, row->n);
    if (row->n_done > 1) {
        put_values(to, "low", row->low, row->n);
        put_values(to, "high", row->high, row->n);
    }
    (void)fputs(",\"cells\":[", to);
    bool any = false;
    for (size_t i = 0; i < row->n_lines; i++) {
        const CurveLine *line = &row->line[i];
        if (line->is_done) continue;
        (void)fputs(any ? ",{\"cell\":" : "{\"cell\":", to);
        markup_json(to, line->cell);
        (void)fputc(',', to);
        put_steps(to, line->step, line->n);
        put_values(to, "value", line->value, line->n);
        (void)fputc('}', to);
        any = true;
    }
    (void)fputs("]}", to);
}

static void put_curve(const Web *web, const Curve *curve, const char *group, int direction, bool *any) {
    FILE *to = web->to;
    if (curve->n_rows == 0) return;
    (void)fputs(*any ? ",\n{\"metric\":" : "\n{\"metric\":", to);
    *any = true;
    markup_json(to, curve->metric);
    (void)fputs(",\"group\":", to);
    markup_json(to, group);
    (void)fputs(",\"unit\":", to);
    markup_json(to, curve->unit);
    (void)fprintf(to, ",\"direction\":%d,\"primary\":%s,\"smooth\":%" PRId64 ",\"chance\":", direction,
                  strcmp(curve->metric, web->table->metric) == 0 ? "true" : "false", curve->smooth);
    web_number(to, curve->chance, DIGITS);
    (void)fputs(",\"rows\":[", to);
    for (size_t i = 0; i < curve->n_rows; i++) {
        if (i > 0) (void)fputc(',', to);
        put_row(web, &curve->row[i]);
    }
    (void)fputs("]}", to);
}

static Err add_curve(const Web *web, const char *metric, const char *set, int direction, bool *any) {
    Err err = ERR_OK;
    Curve curve;
    const CurveOptions options = {.metric = metric, .set = set};
    TRY(curve_gather(&curve, (const CellRecord *const *)web->cell, web->n_cells, &options));
    put_curve(web, &curve, set != NULL ? set : "training", direction, any);
done:
    curve_clear(&curve);
    return err;
}

/* True if a cell before this one, or an evaluation before this one of the same cell, has the metric on that set. */
static bool is_known(const Web *web, size_t cell, size_t evaluation, const char *metric) {
    const char *set = web->cell[cell]->evaluations[evaluation].set;
    for (size_t i = 0; i < cell; i++) {
        const RecordEvaluation *e = web->cell[i] != NULL ? record_find_evaluation(web->cell[i], set) : NULL;
        if (e != NULL && record_find_metric(e, metric) >= 0) return true;
    }
    return false;
}

Err web_curves(const Web *web) {
    static const char *const training[] = {"loss", "loss_recognition", "loss_focus", "grad_norm"};
    Err err = ERR_OK;
    bool any = false;
    for (size_t i = 0; i < sizeof training / sizeof *training; i++) TRY(add_curve(web, training[i], NULL, -1, &any));
    for (size_t i = 0; i < web->n_cells; i++)
        for (size_t e = 0; web->cell[i] != NULL && e < web->cell[i]->n_evaluations; e++) {
            const RecordEvaluation *evaluation = &web->cell[i]->evaluations[e];
            for (size_t m = 0; m < evaluation->n_metrics; m++)
                if (!is_known(web, i, e, evaluation->metrics[m].name))
                    TRY(add_curve(web, evaluation->metrics[m].name, evaluation->set, evaluation->metrics[m].direction,
                                  &any));
        }
done:
    return err;
}
