/* A table for programs: everything that the table knows, numbers unrounded unless --digits asks for it. */
#include <jansson.h>
#include <math.h>

#include "harness/report/format.h"
#include "harness/report/jsonio.h"
#include "harness/report/stats.h"

static json_t *count_of(size_t n) { return jsonio_count((int64_t)n); }

static json_t *file_json(const TableFile *file) {
    const bool has_p = file->is_primary && file->n_pairs > 0 && file->n_pairs <= STATS_MAX_FLIPS;
    const double smallest = has_p ? stats_smallest_p(file->n_pairs) : NAN;
    json_t *primary = json_null();
    if (file->primary_metric != NULL)
        primary = json_pack("{so so so so so}", "variant", jsonio_text(file->primary_variant), "metric",
                            jsonio_text(file->primary_metric), "set", jsonio_text(file->primary_set), "at",
                            jsonio_text(file->primary_at), "margin", json_real(file->margin));
    return json_pack("{ss ss ss ss so so sb so so so so so}", "path", file->path, "label", file->label, "experiment",
                     file->experiment, "question", file->question, "baseline", jsonio_text(file->baseline), "primary",
                     primary, "is_primary", file->is_primary, "tuning", jsonio_text(file->tuning), "comparisons",
                     count_of(file->n_comparisons), "pairs", count_of(file->n_pairs), "smallest_p",
                     jsonio_number(smallest), "smallest_p_holm",
                     jsonio_number(has_p ? fmin(1, smallest * (double)file->n_comparisons) : NAN));
}

static json_t *column_json(const Table *table, size_t i) {
    static const char *const kind[] = {"none", "text", "number", "spread", "interval"};
    const TableColumn *column = &table->column[i];
    const char *title = "";
    for (size_t k = 0; k < table->n_sections; k++)
        if (i >= table->section[k].first && i < table->section[k].first + table->section[k].n)
            title = table->section[k].title;
    return json_pack("{ss ss ss ss so ss si si}", "key", column->key, "header", column->header, "section", title,
                     "unit", column->unit, "metric", jsonio_text(column->metric), "kind", kind[column->kind],
                     "direction", column->direction, "decimals", column->decimals);
}

static json_t *figure(const Table *table, const TableColumn *column, double number) {
    return jsonio_number(table_plain_number(table, column, number));
}

static json_t *value_json(const Table *table, const TableColumn *column, const TableValue *value) {
    char buf[VALUE_LEN];
    const char *text = table_value_text(buf, column, value);
    if (value->kind == VALUE_NONE) return json_null();
    if (value->kind == VALUE_TEXT) return json_pack("{ss}", "text", text);
    if (value->kind == VALUE_NUMBER)
        return json_pack("{so ss}", "value", figure(table, column, value->mean), "text", text);
    return json_pack("{so so so so so sb ss}", "mean", figure(table, column, value->mean), "std",
                     figure(table, column, value->std), "low", figure(table, column, value->low), "high",
                     figure(table, column, value->high), "n", count_of(value->n), "bold", value->bold, "text", text);
}

static json_t *cells_json(const TableRow *row) {
    json_t *all = json_object();
    jsonio_set(&all, "all", count_of(row->n_cells));
    for (int status = 0; status < CELL_STATUS_COUNT; status++)
        jsonio_set(&all, cell_status_name((CellStatus)status), count_of(row->count[status]));
    return all;
}

static json_t *failures_json(const TableRow *row) {
    json_t *all = json_array();
    for (size_t i = 0; i < row->n_failures; i++)
        jsonio_append(&all, json_pack("{sI ss ss}", "seed", (json_int_t)row->failure[i].seed, "status",
                                      cell_status_name(row->failure[i].status), "cause", row->failure[i].cause));
    return all;
}

static json_t *row_json(const Table *table, const TableRow *row) {
    json_t *settings = json_array(), *values = json_object();
    for (size_t i = 0; i < row->n_settings; i++) jsonio_append(&settings, json_string(row->setting[i]));
    for (size_t i = 0; i < table->n_columns; i++)
        if (!table->column[i].is_repeat)
            jsonio_set(&values, table->column[i].key, value_json(table, &table->column[i], &row->value[i]));
    return json_pack("{ss ss ss ss sb sb sb sb so so so so}", "label", row->label, "name", row->name, "variant",
                     row->variant, "file", table->file[row->file].label, "is_baseline", row->is_baseline, "is_primary",
                     row->is_primary, "is_uniform_attention", row->is_chance, "is_improving", row->is_improving,
                     "cells", cells_json(row), "failures", failures_json(row), "settings", settings, "values", values);
}

static json_t *table_json(const Table *table) {
    json_t *files = json_array(), *columns = json_array(), *rows = json_array(), *notes = json_array();
    for (size_t i = 0; i < table->n_files; i++) jsonio_append(&files, file_json(&table->file[i]));
    for (size_t i = 0; i < table->n_columns; i++)
        if (!table->column[i].is_repeat) jsonio_append(&columns, column_json(table, i));
    for (size_t i = 0; i < table->n_rows; i++) jsonio_append(&rows, row_json(table, &table->row[i]));
    for (size_t i = 0; i < table->n_notes; i++) jsonio_append(&notes, json_string(table->note[i]));
    return json_pack("{ss si so ss ss ss ss so so so}", "format", "refocus-table", "version", 1, "files", files,
                     "metric", table->metric, "set", table->set, "at", table->at, "caption", table->caption, "columns",
                     columns, "rows", rows, "notes", notes);
}

static Err write_json(FILE *to, const Table *table) { return jsonio_put(to, table_json(table)); }

const Format format_json = {.name = "json", .table = write_json};
