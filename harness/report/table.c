/* Decides which columns and rows a table has. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "harness/report/table_build.h"
#include "kernels/mem.h"
#include "kernels/near.h"

static const char *const shown_metrics[] = {"word_accuracy", "char_accuracy", "hit_rate", "drift_rate",
                                            "centre_error_px"};
enum { N_SHOWN = sizeof shown_metrics / sizeof *shown_metrics };

static Err add_column(Build *build, TableColumn column, ColumnFill fill) {
    Table *table = build->table;
    ASSERT(table->n_columns < TABLE_MAX_COLUMNS);
    if (column.unit == NULL) column.unit = "";
    if (column.after == NULL) column.after = "";
    build->fill[table->n_columns] = fill;
    table->column[table->n_columns++] = column;
    return ERR_OK;
}

/* Shares and accuracies to a thousandth, pixels to a hundredth. */
static int decimals_of(const char *unit) { return strcmp(unit, "px") == 0 ? 2 : 3; }

static Err add_metric(Build *build, const char *name) {
    const RecordMetric *metric = rows_metric(build->rows, build->set, name);
    if (metric == NULL) return ERR_OK;
    const TableColumn column = {.section = SECTION_RESULTS,
                                .key = metric->name,
                                .header = metric->name,
                                .unit = strcmp(metric->unit, "1") == 0 ? "" : metric->unit,
                                .direction = metric->direction,
                                .decimals = decimals_of(metric->unit)};
    return add_column(build, column, fill_metric);
}

static Err add_results(Build *build) {
    Err err = ERR_OK;
    bool shown = false;
    TRY(add_column(build, (TableColumn){.section = SECTION_RESULTS, .key = "n", .header = "n"}, fill_n));
    for (int i = 0; i < N_SHOWN; i++) shown = shown || strcmp(shown_metrics[i], build->metric) == 0;
    if (!shown) TRY(add_metric(build, build->metric));
    for (int i = 0; i < N_SHOWN; i++) TRY(add_metric(build, shown_metrics[i]));
    if (rows_metric(build->rows, build->valid, "hit_rate") != NULL)
        TRY(add_column(build,
                       (TableColumn){.section = SECTION_RESULTS,
                                     .key = "steps_to_hit_rate_0.9",
                                     .header = "steps to hit .9",
                                     .direction = -1,
                                     .is_grouped = true},
                       fill_steps_to_hit));
    build->table->section[SECTION_RESULTS] = "Results";
done:
    return err;
}

static bool has_comparisons(const Build *build) {
    for (size_t i = 0; i < build->rows->n; i++)
        if (build->rows->row[i].baseline != NULL) return true;
    return false;
}

static Err add_comparison(Build *build) {
    Err err = ERR_OK;
    const TableSection section = SECTION_COMPARISON;
    if (!has_comparisons(build) || build->declared == NULL) return ERR_OK;
    const int decimals = decimals_of(build->declared->unit);
    const char *unit = strcmp(build->declared->unit, "1") == 0 ? "" : build->declared->unit;
    TRY(add_column(build,
                   (TableColumn){.section = section,
                                 .key = "mean",
                                 .header = build->metric,
                                 .unit = unit,
                                 .direction = build->declared->direction,
                                 .decimals = decimals},
                   fill_mean));
    TRY(add_column(build,
                   (TableColumn){.section = section,
                                 .key = "difference",
                                 .header = "difference",
                                 .unit = unit,
                                 .decimals = decimals,
                                 .is_signed = true},
                   fill_difference));
    TRY(add_column(build, (TableColumn){.section = section, .key = "verdict", .header = "verdict"}, fill_verdict));
    if (build->is_primary) {
        TRY(add_column(build, (TableColumn){.section = section, .key = "p", .header = "p", .decimals = 4}, fill_p));
        TRY(add_column(build, (TableColumn){.section = section, .key = "p_holm", .header = "p Holm", .decimals = 4},
                       fill_p));
    }
    TRY(add_column(build,
                   (TableColumn){.section = section,
                                 .key = "difference_equal_time",
                                 .header = "at equal time",
                                 .unit = unit,
                                 .decimals = decimals,
                                 .is_signed = true},
                   fill_equal_time));
    TRY(pool_printf(&build->table->pool, &build->table->section[section], "Against %s, pairs of equal seeds",
                    build->info->baseline));
done:
    return err;
}

static Err add_cost(Build *build) {
    Err err = ERR_OK;
    const TableSection section = SECTION_COST;
    TRY(add_column(build,
                   (TableColumn){.section = section, .key = "parameters", .header = "parameters", .is_grouped = true},
                   fill_params));
    TRY(add_column(
        build,
        (TableColumn){
            .section = section, .key = "planned_mib", .header = "planned MiB", .decimals = 1, .is_grouped = true},
        fill_planned));
    TRY(add_column(
        build,
        (TableColumn){
            .section = section, .key = "measured_mib", .header = "measured MiB", .decimals = 1, .is_grouped = true},
        fill_measured));
    TRY(add_column(
        build,
        (TableColumn){.section = section, .key = "rss_mib", .header = "RSS MiB", .decimals = 1, .is_grouped = true},
        fill_rss));
    TRY(add_column(
        build,
        (TableColumn){.section = section, .key = "ms_per_step", .header = "ms/step", .decimals = 1, .is_grouped = true},
        fill_milliseconds));
    if (has_comparisons(build))
        TRY(add_column(
            build,
            (TableColumn){.section = section, .key = "time_ratio", .header = "time", .decimals = 2, .after = "×"},
            fill_time_ratio));
    TRY(add_column(build,
                   (TableColumn){.section = section, .key = "boxes_used", .header = "boxes used", .is_grouped = true},
                   fill_boxes));
    build->table->section[section] = "Cost";
done:
    return err;
}

static bool is_text(const char *a, const char *b) { return a != NULL && b != NULL && strcmp(a, b) == 0; }

static Err fill_row(Build *build, const RowData *row, TableRow *out) {
    Err err = ERR_OK;
    Table *table = build->table;
    out->label = row->label;
    out->variant = row->variant;
    out->settings = "";
    out->is_baseline = is_text(row->variant, build->info->baseline);
    out->is_primary = build->is_primary && is_text(row->variant, build->info->primary_variant);
    out->is_incomplete = row->n_done < row->n_cells;
    int64_t step[2];
    out->is_improving = row_last_gain(build, row, step) > improving_bar(build);
    TRY(pool_alloc(&table->pool, &out->value, table->n_columns, sizeof *out->value));
    for (size_t i = 0; i < table->n_columns; i++) TRY(build->fill[i](build, row, &table->column[i], &out->value[i]));
done:
    return err;
}

/* What uniform attention would give on this set: the line under which nothing was learnt. */
static Err add_chance(Build *build) {
    Err err = ERR_OK;
    Table *table = build->table;
    TableRow *out = &table->row[table->n_rows];
    bool found = false;
    TRY(pool_alloc(&table->pool, &out->value, table->n_columns, sizeof *out->value));
    for (size_t i = 0; i < table->n_columns; i++) {
        const RecordMetric *metric = table->column[i].section == SECTION_RESULTS
                                         ? rows_metric(build->rows, build->set, table->column[i].key)
                                         : NULL;
        if (metric == NULL || isnan(metric->chance)) continue;
        out->value[i] = (TableValue){.kind = VALUE_NUMBER, .mean = metric->chance};
        found = true;
    }
    out->label = "uniform attention";
    out->variant = out->settings = "";
    out->is_chance = true;
    if (found) table->n_rows++;
done:
    return err;
}

static Err fill_rows(Build *build) {
    Err err = ERR_OK;
    Table *table = build->table;
    TRY(pool_alloc(&table->pool, &table->row, build->rows->n + 1, sizeof *table->row));
    for (size_t i = 0; i < build->rows->n; i++) {
        TRY(fill_row(build, &build->rows->row[i], &table->row[i]));
        table->n_rows++;
    }
    adjust_p(table, build);
    TRY(add_chance(build));
done:
    return err;
}

/* ---- options ---- */

/* For a metric that is not there: the nearest one, or all that are recorded. */
static Err no_metric(const Build *build) {
    char hint[128], list[1500] = "";
    size_t at = 0;
    Near near = near_start(build->metric);
    for (size_t i = 0; i < build->rows->n_read; i++) {
        const RecordEvaluation *evaluation = record_find_evaluation(build->rows->read[i], build->set);
        if (evaluation == NULL) continue;
        for (size_t k = 0; k < evaluation->n_metrics; k++) {
            near_offer(&near, evaluation->metrics[k].name);
            if (at < sizeof list)
                at += (size_t)snprintf(list + at, sizeof list - at, "%s%s",
                                       k > 0 ? ", " : "; recorded: ", evaluation->metrics[k].name);
        }
        break;
    }
    (void)near_hint(&near, "", hint, (int)sizeof hint);
    return err_set(ERR_NOTHING, "no cell has a metric '%s' on '%s'%s", build->metric, build->set,
                   hint[0] != '\0' ? hint : list);
}

static Err no_set(const Build *build) {
    char list[300] = "";
    size_t at = 0;
    const CellRecord *cell = build->rows->read[0];
    for (size_t i = 0; i < cell->n_evaluations && at < sizeof list; i++)
        at += (size_t)snprintf(list + at, sizeof list - at, "%s%s", i > 0 ? ", " : "", cell->evaluations[i].set);
    return err_set(ERR_NOTHING, "no cell has an evaluation of '%s' (recorded: %s)", build->set, list);
}

static Err check_step(const Build *build) {
    char list[300] = "";
    size_t at = 0;
    const RecordEvaluation *evaluation = NULL;
    if (build->at.kind != AT_STEP) return ERR_OK;
    for (size_t i = 0; i < build->rows->n_read; i++) {
        evaluation = record_find_evaluation(build->rows->read[i], build->set);
        for (size_t k = 0; evaluation != NULL && k < evaluation->n; k++)
            if (evaluation->step[k] == build->at.step) return ERR_OK;
    }
    for (size_t k = 0; evaluation != NULL && k < evaluation->n && at < sizeof list; k++)
        at +=
            (size_t)snprintf(list + at, sizeof list - at, "%s%lld", k > 0 ? ", " : "", (long long)evaluation->step[k]);
    return err_set(ERR_NOTHING, "no cell has an evaluation of '%s' at step %s (recorded: %s)", build->set,
                   build->at_text, list);
}

static const char *first_of(const char *a, const char *b, const char *c) { return a != NULL ? a : b != NULL ? b : c; }

static Err choose(Build *build, const TableOptions *options) {
    Err err = ERR_OK;
    const ResultsInfo *info = build->info;
    const char *metric = first_of(info->primary_metric, "char_accuracy", NULL);
    const char *set = first_of(info->primary_set, "test", NULL), *at = first_of(info->primary_at, "last", NULL);
    build->metric = first_of(options->metric, metric, NULL);
    build->set = first_of(options->set, set, NULL);
    build->at_text = first_of(options->at, at, NULL);
    TRY(at_parse(&build->at, build->at_text));
    build->margin = isnan(info->primary_margin) ? 0 : info->primary_margin;
    if (options->set == NULL && !rows_have_set(build->rows, build->set) && rows_have_set(build->rows, "valid"))
        build->set = "valid"; /* the caption says so */
    build->valid = rows_have_set(build->rows, "valid") ? "valid" : build->set;
    build->is_primary = is_text(build->metric, metric) && is_text(build->set, set) && is_text(build->at_text, at);
    if (!build->is_primary && strcmp(build->metric, metric) != 0) build->margin = 0; /* it is another metric's margin */
    if (build->rows->n_read == 0) goto done; /* nothing is finished: costs and causes are still worth a table */
    if (!rows_have_set(build->rows, build->set)) TRY(no_set(build));
    build->declared = rows_metric(build->rows, build->set, build->metric);
    if (build->declared == NULL) TRY(no_metric(build));
    TRY(check_step(build));
done:
    return err;
}

static Err write_caption(Build *build) {
    const char *where = build->at.kind == AT_LAST   ? "last evaluation"
                        : build->at.kind == AT_BEST ? "evaluation that was best on valid"
                                                    : "step ";
    size_t most = 0;
    for (size_t i = 0; i < build->rows->n; i++)
        if (build->rows->row[i].n_done > most) most = build->rows->row[i].n_done;
    const char *over = most > 1 ? "Mean ± sample std over seeds" : "One seed";
    const char *step = build->at.kind == AT_STEP ? build->at_text : "";
    const char **out = &build->table->caption;
    Pool *pool = &build->table->pool;
    if (most == 0) return pool_text(pool, out, "No cell is finished yet.");
    return pool_printf(pool, out, "Set %s, %s%s. %s. ↑ higher, ↓ lower is better.", build->set, where, step, over);
}

static Err build_all(Build *build, const TableOptions *options) {
    Err err = ERR_OK;
    Table *table = build->table;
    TRY(choose(build, options));
    TRY(pool_text(&table->pool, &table->experiment, build->info->experiment));
    TRY(pool_text(&table->pool, &table->question, build->info->question));
    TRY(pool_alloc(&table->pool, &table->column, TABLE_MAX_COLUMNS, sizeof *table->column));
    TRY(pool_alloc(&table->pool, &build->scratch, results_count(build->rows->results) + 1, sizeof(double)));
    TRY(write_caption(build));
    TRY(add_results(build));
    TRY(add_comparison(build));
    TRY(add_cost(build));
    TRY(fill_rows(build));
    TRY(settings_differences(build));
    TRY(notes_write(build));
done:
    return err;
}

/* Text that the rows own would die with them. */
static Err own_text(Table *table) {
    Err err = ERR_OK;
    for (size_t i = 0; i < table->n_columns; i++) {
        TableColumn *column = &table->column[i];
        TRY(pool_text(&table->pool, &column->key, column->key));
        TRY(pool_text(&table->pool, &column->header, column->header));
        TRY(pool_text(&table->pool, &column->unit, column->unit));
    }
    for (size_t i = 0; i < table->n_rows; i++) {
        TRY(pool_text(&table->pool, &table->row[i].label, table->row[i].label));
        TRY(pool_text(&table->pool, &table->row[i].variant, table->row[i].variant));
    }
done:
    return err;
}

Err table_build(Table **out, const Results *results, const TableOptions *options) {
    Err err = ERR_OK;
    Rows rows = {0};
    Table *table = NULL;
    *out = NULL;
    TRY(mem_alloc(&table, 1, sizeof *table));
    TRY(rows_read(&rows, results, results_info(results)->baseline));
    if (!options->mixed_code) TRY(rows_check_code(&rows));
    Build build = {.table = table, .rows = &rows, .info = results_info(results)};
    TRY(build_all(&build, options));
    TRY(own_text(table));
    *out = table;
    table = NULL;
done:
    table_free(table);
    rows_clear(&rows);
    return err;
}

void table_free(Table *table) {
    if (table == NULL) return;
    pool_clear(&table->pool);
    mem_free(table);
}
