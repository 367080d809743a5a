/* Gathering lines, their means, and CSV. */
#include "harness/report/curve.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/data/outfile.h"
#include "harness/report/markup.h"
#include "harness/report/page.h"
#include "harness/report/pick.h"
#include "kernels/mem.h"
#include "kernels/near.h"

static const char *const curve_names[CURVE_COUNT] = {[CURVE_LOSS] = "loss",
                                                     [CURVE_LOSS_RECOGNITION] = "loss_recognition",
                                                     [CURVE_LOSS_FOCUS] = "loss_focus",
                                                     [CURVE_GRAD_NORM] = "grad_norm",
                                                     [CURVE_LR] = "lr"};

typedef struct Gather {
    Curve *out;
    const Results *results;
    const CurveOptions *options;
    int curve;       /* CurveKind, -1 = a metric */
    const char *set; /* of a metric */
    int64_t smooth;
    char hint[160];     /* the nearest to the metric's name */
    int distance;       /* of it */
    const char **label; /* [n_labels] of the rows that were asked for */
    size_t n_labels, label_room;
} Gather;

/* ---- which ---- */

static bool is_csv(const char *path) {
    size_t len = strlen(path);
    return len > 4 && strcmp(path + len - 4, ".csv") == 0;
}

Err curve_check_name(const char *path) {
    if (is_csv(path) || page_check_name(path) == ERR_OK) return ERR_OK;
    return err_set(ERR_ARG, "cannot tell what to write from '%s': expected a name ending in .png, .svg, .pdf or .csv",
                   path);
}

static int find_curve(const char *name) {
    for (int k = 0; k < CURVE_COUNT; k++)
        if (strcmp(curve_names[k], name) == 0) return k;
    return -1;
}

/* The evaluations of a cell that have the metric: of the set asked for, or of valid before others. */
static const RecordEvaluation *find_evaluation(const Gather *g, const CellRecord *cell) {
    const char *set = g->options->set != NULL ? g->options->set : "valid";
    const RecordEvaluation *found = record_find_evaluation(cell, set);
    if (found != NULL && record_find_metric(found, g->options->metric) >= 0) return found;
    for (size_t i = 0; g->options->set == NULL && i < cell->n_evaluations; i++)
        if (record_find_metric(&cell->evaluations[i], g->options->metric) >= 0) return &cell->evaluations[i];
    return NULL;
}

static void offer_names(Gather *g, const CellRecord *cell) {
    Near near = near_start(g->options->metric);
    for (int k = 0; k < CURVE_COUNT; k++) near_offer(&near, curve_names[k]);
    for (size_t i = 0; i < cell->n_evaluations; i++)
        for (size_t m = 0; m < cell->evaluations[i].n_metrics; m++)
            near_offer(&near, cell->evaluations[i].metrics[m].name);
    if (near.best == NULL || near.distance >= g->distance) return;
    g->distance = near.distance;
    (void)near_hint(&near, "", g->hint, (int)sizeof g->hint);
}

/* ---- lines ---- */

/* Means over `window` values around each; values that are not finite stay so and count for nothing. */
static void smooth(double *value, const double *raw, size_t n, int64_t window) {
    int64_t before = (window - 1) / 2, after = window / 2;
    for (int64_t i = 0; i < (int64_t)n; i++) {
        double sum = 0, count = 0;
        for (int64_t k = i - before; k <= i + after; k++) {
            if (k < 0 || k >= (int64_t)n || !isfinite(raw[k])) continue;
            sum += raw[k];
            count++;
        }
        value[i] = isfinite(raw[i]) ? sum / count : NAN;
    }
}

static Err fill_line(Gather *g, CurveLine *line, const CellRecord *cell, size_t n, const int64_t *step,
                     const double *raw) {
    Err err = ERR_OK;
    int64_t *steps = NULL;
    Pool *pool = &g->out->pool;
    *line = (CurveLine){.seed = cell->seed, .is_done = cell->status == CELL_DONE, .n = n};
    TRY(pool_text(pool, &line->cell, cell->name));
    TRY(pool_alloc(pool, &steps, n, sizeof *steps));
    memcpy(steps, step, n * sizeof *steps);
    line->step = steps;
    TRY(pool_alloc(pool, &line->value, n, sizeof *line->value));
    if (g->out->smooth < g->smooth) g->out->smooth = g->smooth;
    smooth(line->value, raw, n, g->smooth);
done:
    return err;
}

/* A training curve in a picture is a mean over a hundredth of it: single batches hide what they tell. */
static int64_t choose_smooth(const Gather *g, const char *path, size_t n) {
    if (g->options->smooth > 0) return g->options->smooth;
    return g->curve < 0 || is_csv(path) || n < 200 ? 1 : (int64_t)n / 100;
}

/* *number = of the cell's row among all that were asked for. */
static Err number_row(Gather *g, size_t *number, const CellRecord *cell) {
    Err err = ERR_OK;
    char *label = NULL;
    TRY(pick_label(&label, cell));
    for (*number = 0; *number < g->n_labels; ++*number)
        if (strcmp(g->label[*number], label) == 0) goto done;
    TRY(pool_grow(&g->out->pool, &g->label, g->n_labels, &g->label_room, sizeof *g->label));
    TRY(pool_text(&g->out->pool, &g->label[g->n_labels], label));
    g->n_labels++;
done:
    mem_free(label);
    return err;
}

static Err find_row(Gather *g, CurveRow **out, const CellRecord *cell) {
    Err err = ERR_OK;
    Curve *curve = g->out;
    char *label = NULL;
    TRY(pick_label(&label, cell));
    for (size_t i = 0; i < curve->n_rows; i++)
        if (strcmp(curve->row[i].label, label) == 0) {
            *out = &curve->row[i];
            goto done;
        }
    TRY(pool_grow(&curve->pool, &curve->row, curve->n_rows, &curve->room, sizeof *curve->row));
    *out = &curve->row[curve->n_rows];
    **out = (CurveRow){0};
    TRY(number_row(g, &(*out)->number, cell));
    TRY(pool_text(&curve->pool, &(*out)->label, label));
    curve->n_rows++;
done:
    mem_free(label);
    return err;
}

static Err add_line(Gather *g, const CellRecord *cell, size_t n, const int64_t *step, const double *raw) {
    Err err = ERR_OK;
    CurveRow *row = NULL;
    TRY(find_row(g, &row, cell));
    TRY(pool_grow(&g->out->pool, &row->line, row->n_lines, &row->room, sizeof *row->line));
    TRY(fill_line(g, &row->line[row->n_lines], cell, n, step, raw));
    row->n_lines++;
    row->n_done += cell->status == CELL_DONE;
done:
    return err;
}

static bool any_finite(const double *value, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (isfinite(value[i])) return true;
    return false;
}

static Err add_training(Gather *g, const CellRecord *cell, const char *path) {
    Err err = ERR_OK;
    double *raw = NULL;
    const RecordCurves *c = &cell->curves;
    TRY(mem_alloc(&raw, c->n, sizeof *raw));
    for (size_t i = 0; i < c->n; i++) raw[i] = (double)c->value[g->curve][i];
    g->smooth = choose_smooth(g, path, c->n);
    if (any_finite(raw, c->n)) TRY(add_line(g, cell, c->n, c->step, raw));
done:
    mem_free(raw);
    return err;
}

static Err add_evaluations(Gather *g, const CellRecord *cell) {
    Err err = ERR_OK;
    const RecordEvaluation *e = find_evaluation(g, cell);
    offer_names(g, cell);
    if (e == NULL) return ERR_OK;
    int m = record_find_metric(e, g->options->metric);
    g->smooth = g->options->smooth > 0 ? g->options->smooth : 1;
    if (!any_finite(e->value[m], e->n)) return ERR_OK;
    if (g->set == NULL) {
        TRY(pool_text(&g->out->pool, &g->set, e->set));
        TRY(pool_text(&g->out->pool, &g->out->unit, strcmp(e->metrics[m].unit, "1") != 0 ? e->metrics[m].unit : ""));
        g->out->chance = e->metrics[m].chance;
    }
    if (strcmp(e->set, g->set) == 0) TRY(add_line(g, cell, e->n, e->step, e->value[m]));
done:
    return err;
}

/* ---- rows ---- */

static double value_at(const CurveLine *line, int64_t step) {
    size_t low = 0, high = line->n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (line->step[middle] < step)
            low = middle + 1;
        else
            high = middle;
    }
    return low < line->n && line->step[low] == step ? line->value[low] : NAN;
}

/* Over the done cells, at the steps of the first of them. */
static Err fill_means(Curve *curve, CurveRow *row) {
    Err err = ERR_OK;
    const CurveLine *first = NULL;
    for (size_t i = 0; i < row->n_lines && first == NULL; i++)
        if (row->line[i].is_done) first = &row->line[i];
    if (first == NULL) return ERR_OK;
    row->n = first->n;
    row->step = first->step;
    TRY(pool_alloc(&curve->pool, &row->mean, row->n, sizeof *row->mean));
    TRY(pool_alloc(&curve->pool, &row->low, row->n, sizeof *row->low));
    TRY(pool_alloc(&curve->pool, &row->high, row->n, sizeof *row->high));
    for (size_t i = 0; i < row->n; i++) {
        double sum = 0, low = INFINITY, high = -INFINITY;
        for (size_t k = 0; k < row->n_lines; k++) {
            if (!row->line[k].is_done) continue;
            double v = value_at(&row->line[k], row->step[i]);
            sum += v; /* one that is missing makes it NaN */
            low = fmin(low, v);
            high = fmax(high, v);
        }
        bool known = isfinite(sum);
        row->mean[i] = known ? sum / (double)row->n_done : NAN;
        row->low[i] = known ? low : NAN;
        row->high[i] = known ? high : NAN;
    }
done:
    return err;
}

static Err make_title(Gather *g) {
    Curve *curve = g->out;
    if (g->curve >= 0) return pool_printf(&curve->pool, &curve->title, "%s in training", g->options->metric);
    return pool_printf(&curve->pool, &curve->title, "%s on %s", g->options->metric, g->set);
}

static Err add_cell(Gather *g, const CellRecord *cell, const char *path) {
    return g->curve >= 0 ? add_training(g, cell, path) : add_evaluations(g, cell);
}

static Err finish_rows(Gather *g) {
    Err err = ERR_OK;
    for (size_t i = 0; i < g->out->n_rows; i++) TRY(fill_means(g->out, &g->out->row[i]));
    TRY(make_title(g));
done:
    return err;
}

static Gather start(Curve *out, const char *experiment, const CurveOptions *options) {
    *out = (Curve){.experiment = experiment,
                   .metric = options->metric,
                   .unit = "",
                   .chance = NAN,
                   .log = options->log,
                   .smooth = 1};
    return (Gather){.out = out, .options = options, .curve = find_curve(options->metric), .distance = NEAR_MAX};
}

Err curve_gather(Curve *out, const CellRecord *const *cell, size_t n, const CurveOptions *options) {
    Err err = ERR_OK;
    Gather g = start(out, "", options);
    if (options->set != NULL) g.curve = -1; /* a metric, whatever its name */
    for (size_t i = 0; i < n; i++)
        if (cell[i] != NULL) TRY(add_cell(&g, cell[i], ""));
    if (out->n_rows > 0) TRY(finish_rows(&g));
done:
    return err;
}

void curve_clear(Curve *curve) { pool_clear(&curve->pool); }

static Err gather(Gather *g, const char *path) {
    Err err = ERR_OK;
    size_t *picked = NULL, n = 0;
    CellRecord *cell = NULL;
    const char *of = g->options->set != NULL ? g->options->set : "any set";
    for (size_t i = 0, number; i < results_count(g->results); i++)
        TRY(number_row(g, &number, results_cell(g->results, i)));
    TRY(pick_cells(&picked, &n, g->results, g->options->cell));
    for (size_t i = 0; i < n; i++) {
        TRY(results_read(g->results, picked[i], g->curve >= 0 ? PART_CURVES : PART_EVALUATION, &cell));
        TRY(add_cell(g, cell, path));
        record_free(cell);
        cell = NULL;
    }
    FAIL_IF(g->out->n_rows == 0 && g->curve >= 0, ERR_NOTHING, "no chosen cell has a curve '%s'", g->options->metric);
    FAIL_IF(g->out->n_rows == 0, ERR_NOTHING, "no chosen cell has '%s' on %s%s", g->options->metric, of,
            g->distance > 0 ? g->hint : "");
    TRY(finish_rows(g));
done:
    record_free(cell);
    mem_free(picked);
    return err;
}

/* ---- CSV ---- */

static void put_number(FILE *to, double value) {
    (void)fputc(',', to);
    if (isfinite(value)) (void)fprintf(to, "%.9g", value);
}

/* A line of the table for each step of a cell; with it its row's mean and band there. */
static void put_line(FILE *to, const CurveRow *row, const CurveLine *line) {
    const CurveLine mean = {.n = row->n, .step = row->step, .value = row->mean};
    const CurveLine low = {.n = row->n, .step = row->step, .value = row->low};
    const CurveLine high = {.n = row->n, .step = row->step, .value = row->high};
    for (size_t i = 0; i < line->n; i++) {
        markup_csv(to, row->label);
        (void)fputc(',', to);
        markup_csv(to, line->cell);
        (void)fprintf(to, ",%" PRId64 ",%" PRId64, line->seed, line->step[i]);
        put_number(to, line->value[i]);
        put_number(to, value_at(&mean, line->step[i]));
        put_number(to, value_at(&low, line->step[i]));
        put_number(to, value_at(&high, line->step[i]));
        (void)fprintf(to, ",%zu\n", row->n_done);
    }
}

static Err write_csv(const Curve *curve, const char *path) {
    Err err = ERR_OK;
    Outfile out = {0};
    TRY(outfile_open(&out, path, NULL));
    (void)fprintf(out.file, "row,cell,seed,step,%s,mean,low,high,n\n", curve->metric);
    for (size_t i = 0; i < curve->n_rows; i++)
        for (size_t k = 0; k < curve->row[i].n_lines; k++) put_line(out.file, &curve->row[i], &curve->row[i].line[k]);
    TRY(outfile_finish(&out));
done:
    outfile_discard(&out);
    return err;
}

Err curve_write(const Results *results, const CurveOptions *options, const char *path) {
    Err err = ERR_OK;
    Curve curve;
    Gather g = start(&curve, results_info(results)->experiment, options);
    g.results = results;
    TRY(curve_check_name(path));
    FAIL_IF(g.curve >= 0 && options->set != NULL, ERR_ARG, "%s is a curve of the training: --set goes with a metric",
            options->metric);
    TRY(gather(&g, path));
    TRY(is_csv(path) ? write_csv(&curve, path) : curve_plot(&curve, path));
done:
    curve_clear(&curve);
    return err;
}
