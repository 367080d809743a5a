/* Which columns a table has. All that it could have are listed first, in order and by section, with the fill of each;
 * the usual ones are shown unless --columns names others. */
#include <string.h>

#include "harness/grid/grid.h"
#include "harness/report/table_build.h"
#include "kernels/near.h"

enum { RESULTS, COMPARISON, OTHERS, COST, N_SECTIONS };

typedef struct Plan {
    TableColumn column;
    ColumnFill fill;
    const char *alone; /* header where the section's title does not explain the column; NULL = the same */
    int section;
    bool is_usual;
} Plan;

typedef struct Plans {
    size_t n, room;
    Plan *item;
    size_t n_metrics, room_metrics;
    const RecordMetric **metric; /* [n_metrics] recorded on the set, in any file */
} Plans;

static Err add(Build *build, Plans *plans, Plan plan) {
    Err err = ERR_OK;
    TRY(pool_grow(&build->table->pool, &plans->item, plans->n, &plans->room, sizeof *plans->item));
    if (plan.column.unit == NULL) plan.column.unit = "";
    if (plan.column.after == NULL) plan.column.after = "";
    plans->item[plans->n++] = plan;
done:
    return err;
}

/* ---- metrics ---- */

/* What a reader of text recognition looks for first. drift_rate is 1 - hit_rate: its difference tells nothing new. */
static const char *const usual_metrics[] = {"word_accuracy", "char_accuracy", "hit_rate", "drift_rate",
                                            "centre_error_px"};

static bool is_usual(const char *name) {
    for (size_t i = 0; i < sizeof usual_metrics / sizeof *usual_metrics; i++)
        if (strcmp(usual_metrics[i], name) == 0) return true;
    return false;
}

static Err add_recorded(Build *build, Plans *plans, const RecordMetric *metric) {
    Err err = ERR_OK;
    if (metric == NULL) return ERR_OK;
    for (size_t i = 0; i < plans->n_metrics; i++)
        if (strcmp(plans->metric[i]->name, metric->name) == 0) return ERR_OK;
    TRY(pool_grow(&build->table->pool, &plans->metric, plans->n_metrics, &plans->room_metrics, sizeof *plans->metric));
    plans->metric[plans->n_metrics++] = metric;
done:
    return err;
}

/* The compared metric, unless it has a place among the usual ones; those; all others that some cell has. */
static Err list_metrics(Build *build, Plans *plans) {
    Err err = ERR_OK;
    const Rows *rows = build->rows;
    if (!is_usual(build->metric)) TRY(add_recorded(build, plans, rows_metric(rows, build->set, build->metric)));
    for (size_t i = 0; i < sizeof usual_metrics / sizeof *usual_metrics; i++)
        TRY(add_recorded(build, plans, rows_metric(rows, build->set, usual_metrics[i])));
    for (size_t i = 0; i < rows->n_read; i++) {
        const RecordEvaluation *evaluation = record_find_evaluation(rows->read[i], build->set);
        for (size_t k = 0; evaluation != NULL && k < evaluation->n_metrics; k++)
            TRY(add_recorded(build, plans, &evaluation->metrics[k]));
    }
done:
    return err;
}

/* Shares and accuracies to a thousandth, pixels to a hundredth. */
static int decimals_of(const Build *build, const char *unit) {
    return build->options->has_digits ? build->options->digits : strcmp(unit, "px") == 0 ? 2 : 3;
}

/* A column of a metric's own figures: spread or interval. */
static TableColumn metric_column(const Build *build, const RecordMetric *metric, ValueKind kind) {
    return (TableColumn){.key = metric->name,
                         .header = metric->name,
                         .unit = strcmp(metric->unit, "1") == 0 ? "" : metric->unit,
                         .metric = metric->name,
                         .kind = kind,
                         .direction = metric->direction,
                         .decimals = decimals_of(build, metric->unit)};
}

static Err add_results(Build *build, Plans *plans) {
    Err err = ERR_OK;
    const Rows *rows = build->rows;
    bool incomplete = false;
    for (size_t i = 0; i < rows->n; i++)
        incomplete = incomplete || (build->is_shown[i] && rows->row[i].n_done < rows->row[i].n_cells);
    TRY(add(build, plans, (Plan){{.key = "n", .header = "n", .kind = VALUE_NUMBER}, fill_n, NULL, RESULTS, true}));
    for (size_t i = 0; i < plans->n_metrics; i++) {
        const RecordMetric *metric = plans->metric[i];
        bool usual = is_usual(metric->name) || strcmp(metric->name, build->metric) == 0;
        TRY(add(build, plans, (Plan){metric_column(build, metric, VALUE_SPREAD), fill_metric, NULL, RESULTS, usual}));
    }
    if (rows_metric(rows, build->valid, "hit_rate") != NULL) {
        const TableColumn steps = {.key = "steps_to_hit_rate_0.9",
                                   .header = "steps to hit .9",
                                   .kind = VALUE_SPREAD,
                                   .direction = -1,
                                   .is_grouped = true};
        TRY(add(build, plans, (Plan){steps, fill_steps_to_hit, NULL, RESULTS, true}));
    }
    const TableColumn unfinished = {
        .key = "unfinished", .header = "not finished", .kind = VALUE_TEXT, .is_words = true};
    TRY(add(build, plans, (Plan){unfinished, fill_unfinished, NULL, RESULTS, incomplete}));
done:
    return err;
}

/* ---- comparison ---- */
static bool has_comparisons(const Build *build) {
    for (size_t i = 0; i < build->rows->n; i++)
        if (build->rows->row[i].baseline != NULL) return true;
    return false;
}

static Err add_difference(Build *build, Plans *plans, const RecordMetric *metric) {
    Err err = ERR_OK;
    const bool compared = strcmp(metric->name, build->metric) == 0;
    TableColumn column = metric_column(build, metric, VALUE_INTERVAL);
    const char *alone = NULL;
    column.is_signed = true;
    TRY(pool_printf(&build->table->pool, &column.key, "%s_difference", metric->name));
    TRY(pool_printf(&build->table->pool, &alone, "Δ %s", metric->name));
    column.header = compared ? "difference" : alone;
    if (compared) column.direction = 0; /* stands beside the metric, whose header has the arrow */
    bool usual = compared || (is_usual(metric->name) && strcmp(metric->name, "drift_rate") != 0);
    TRY(add(build, plans, (Plan){column, fill_difference, alone, compared ? COMPARISON : OTHERS, usual}));
done:
    return err;
}

static Err add_equal_time(Build *build, Plans *plans) {
    Err err = ERR_OK;
    TableColumn column = metric_column(build, build->declared, VALUE_INTERVAL);
    const char *alone = NULL;
    column.direction = 0;
    column.is_signed = true;
    column.header = "at equal time";
    TRY(pool_printf(&build->table->pool, &column.key, "%s_difference_equal_time", build->metric));
    TRY(pool_printf(&build->table->pool, &alone, "Δ %s at equal time", build->metric));
    TRY(add(build, plans, (Plan){column, fill_equal_time, alone, COMPARISON, true}));
done:
    return err;
}

static Err add_comparison(Build *build, Plans *plans) {
    Err err = ERR_OK;
    bool primary = false;
    if (!has_comparisons(build) || build->declared == NULL) return ERR_OK;
    for (size_t i = 0; i < build->table->n_files; i++) primary = primary || build->table->file[i].is_primary;
    TableColumn interval = metric_column(build, build->declared, VALUE_INTERVAL);
    interval.is_repeat = true; /* of the column of results */
    TRY(pool_printf(&build->table->pool, &interval.key, "%s_interval", build->metric));
    TRY(add(build, plans, (Plan){interval, fill_metric, NULL, COMPARISON, true}));
    TRY(add_difference(build, plans, build->declared));
    if (primary) {
        const TableColumn verdict = {.key = "verdict", .header = "verdict", .kind = VALUE_TEXT, .is_words = true};
        const TableColumn p = {.key = "p", .header = "p", .kind = VALUE_NUMBER, .decimals = 4};
        const TableColumn holm = {.key = "p_holm", .header = "p Holm", .kind = VALUE_NUMBER, .decimals = 4};
        TRY(add(build, plans, (Plan){verdict, fill_verdict, NULL, COMPARISON, true}));
        TRY(add(build, plans, (Plan){p, fill_p, NULL, COMPARISON, true}));
        TRY(add(build, plans, (Plan){holm, fill_p_holm, NULL, COMPARISON, true}));
    }
    TRY(add_equal_time(build, plans));
    for (size_t i = 0; i < plans->n_metrics; i++)
        if (strcmp(plans->metric[i]->name, build->metric) != 0) TRY(add_difference(build, plans, plans->metric[i]));
done:
    return err;
}

/* ---- cost ---- */
static bool has_contexts(const Build *build) {
    for (size_t r = 0; r < build->rows->n; r++)
        for (size_t i = 0; i < build->rows->row[r].n_cells; i++)
            if (build->rows->row[r].cell[i]->times.context_bytes >= 0) return true;
    return false;
}

static Err add_cost(Build *build, Plans *plans) {
    Err err = ERR_OK;
    bool tuned = false;
    static const struct {
        TableColumn column;
        ColumnFill fill;
        bool is_compared; /* needs a baseline */
    } row[] = {
        {{.key = "parameters", .header = "parameters", .kind = VALUE_NUMBER, .is_grouped = true}, fill_params, false},
        {{.key = "planned_mib", .header = "planned MiB", .kind = VALUE_NUMBER, .decimals = 1, .is_grouped = true},
         fill_planned,
         false},
        {{.key = "measured_mib", .header = "measured MiB", .kind = VALUE_NUMBER, .decimals = 1, .is_grouped = true},
         fill_measured,
         false},
        {{.key = "rss_mib", .header = "RSS MiB", .kind = VALUE_NUMBER, .decimals = 1, .is_grouped = true},
         fill_rss,
         false},
        {{.key = "ms_per_step", .header = "ms/step", .kind = VALUE_SPREAD, .decimals = 1, .is_grouped = true},
         fill_milliseconds,
         false},
        {{.key = "time_ratio", .header = "time", .kind = VALUE_SPREAD, .decimals = 2, .after = "×"},
         fill_time_ratio,
         true},
        {{.key = "boxes_used", .header = "boxes used", .kind = VALUE_NUMBER, .is_grouped = true}, fill_boxes, false},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        if (!row[i].is_compared || has_comparisons(build))
            TRY(add(build, plans, (Plan){row[i].column, row[i].fill, NULL, COST, true}));
    for (size_t i = 0; i < build->table->n_files; i++) tuned = tuned || build->table->file[i].tuning != NULL;
    const TableColumn context = {
        .key = "context_mib", .header = "context MiB", .kind = VALUE_NUMBER, .decimals = 1, .is_grouped = true};
    if (has_contexts(build)) TRY(add(build, plans, (Plan){context, fill_context, NULL, COST, true}));
    const TableColumn trials = {.key = "tuning_trials", .header = "tuning trials", .kind = VALUE_NUMBER};
    if (tuned) TRY(add(build, plans, (Plan){trials, fill_trials, NULL, COST, true}));
done:
    return err;
}

/* ---- choice ---- */
static void show(Build *build, const Plan *plan, bool alone) {
    Table *table = build->table;
    TableColumn *column = &table->column[table->n_columns];
    *column = plan->column;
    if (alone && plan->alone != NULL) column->header = plan->alone;
    if (alone) column->is_repeat = false;
    build->fill[table->n_columns++] = plan->fill;
}

static Err name_sections(Build *build, const char *title[N_SECTIONS]) {
    Err err = ERR_OK;
    Pool *pool = &build->table->pool;
    const TableFile *file = build->table->file;
    const char *baseline = file[0].baseline;
    for (size_t i = 1; i < build->table->n_files; i++)
        if (baseline == NULL || file[i].baseline == NULL || strcmp(file[i].baseline, baseline) != 0)
            baseline = "the baseline of each file";
    if (baseline == NULL) baseline = "the baseline";
    title[RESULTS] = "Results";
    title[COST] = "Cost";
    TRY(pool_printf(pool, &title[COMPARISON], "Against %s, pairs of equal seeds", baseline));
    TRY(pool_printf(pool, &title[OTHERS], "Other metrics against %s: differences, no test", baseline));
done:
    return err;
}

static Err show_usual(Build *build, const Plans *plans) {
    Err err = ERR_OK;
    Table *table = build->table;
    const char *title[N_SECTIONS] = {0};
    TRY(name_sections(build, title));
    for (int k = 0; k < N_SECTIONS; k++) {
        TableSection *section = &table->section[table->n_sections];
        *section = (TableSection){.title = title[k], .first = table->n_columns};
        for (size_t i = 0; i < plans->n; i++)
            if (plans->item[i].section == k && plans->item[i].is_usual) show(build, &plans->item[i], false);
        section->n = table->n_columns - section->first;
        table->n_sections += section->n > 0;
    }
done:
    return err;
}

static bool is_in(const Table *table, const char *key) {
    for (size_t i = 0; i < table->n_columns; i++)
        if (strcmp(table->column[i].key, key) == 0) return true;
    return false;
}

/* Shows what the pattern fits and is not there yet. False if it fits nothing. */
static bool show_matching(Build *build, const Plans *plans, const char *pattern) {
    bool fits = false;
    for (size_t i = 0; i < plans->n; i++) {
        const Plan *plan = &plans->item[i];
        if (!grid_match(pattern, plan->column.key)) continue;
        fits = true;
        if (!is_in(build->table, plan->column.key)) show(build, plan, true);
    }
    return fits;
}

static Err no_column(Build *build, const Plans *plans, const char *pattern) {
    Err err = ERR_OK;
    char hint[160];
    const char *list = "";
    Near near = near_start(pattern);
    for (size_t i = 0; i < plans->n; i++) {
        near_offer(&near, plans->item[i].column.key);
        TRY(pool_printf(&build->table->pool, &list, "%s%s%s", list, i > 0 ? ", " : "", plans->item[i].column.key));
    }
    (void)near_hint(&near, "", hint, (int)sizeof hint);
    err = err_set(ERR_NOTHING, "there is no column '%s'%s%s", pattern, hint[0] != '\0' ? hint : "; there are ",
                  hint[0] != '\0' ? "" : list);
done:
    return err;
}

/* "difference" stands for that of the compared metric. */
static Err show_chosen(Build *build, const Plans *plans, const char *columns) {
    Err err = ERR_OK;
    Table *table = build->table;
    for (const char *at = columns; *at != '\0';) {
        size_t len = strcspn(at, ",");
        const char *pattern = NULL, *of_metric = NULL;
        TRY(pool_printf(&table->pool, &pattern, "%.*s", (int)len, at));
        TRY(pool_printf(&table->pool, &of_metric, "%s_%s", build->metric, pattern));
        FAIL_IF(len == 0, ERR_ARG, "--columns '%s' has an empty name; expected names with a comma between", columns);
        if (!show_matching(build, plans, pattern) && !show_matching(build, plans, of_metric))
            TRY(no_column(build, plans, pattern));
        at += len + (at[len] == ',');
    }
    FAIL_IF(table->n_columns == 0, ERR_ARG, "--columns names no column");
    table->section[table->n_sections++] = (TableSection){.title = "", .n = table->n_columns};
done:
    return err;
}

Err columns_choose(Build *build) {
    Err err = ERR_OK;
    Plans plans = {0};
    Table *table = build->table;
    TRY(list_metrics(build, &plans));
    TRY(add_results(build, &plans));
    TRY(add_comparison(build, &plans));
    TRY(add_cost(build, &plans));
    TRY(pool_alloc(&table->pool, &table->column, plans.n, sizeof *table->column));
    TRY(pool_alloc(&table->pool, &table->section, N_SECTIONS, sizeof *table->section));
    TRY(pool_alloc(&table->pool, &build->fill, plans.n, sizeof *build->fill));
    if (build->options->columns != NULL)
        TRY(show_chosen(build, &plans, build->options->columns));
    else
        TRY(show_usual(build, &plans));
done:
    return err;
}
