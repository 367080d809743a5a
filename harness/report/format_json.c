/* A table for programs: everything that the table knows, numbers unrounded unless --digits asks for it. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#include "harness/report/format.h"
#include "harness/report/stats.h"

/* jansson gives NULL where memory is short, and passes it on through whatever holds it. */
static json_t *text_or_null(const char *text) { return text != NULL ? json_string(text) : json_null(); }
static json_t *number_or_null(double number) { return isfinite(number) ? json_real(number) : json_null(); }
static json_t *count_of(size_t n) { return json_integer((json_int_t)n); }

static json_t *file_json(const TableFile *file) {
    const double smallest = stats_smallest_p(file->n_pairs);
    json_t *primary = json_null();
    if (file->primary_metric != NULL)
        primary = json_pack("{so so so so so}", "variant", text_or_null(file->primary_variant), "metric",
                            text_or_null(file->primary_metric), "set", text_or_null(file->primary_set), "at",
                            text_or_null(file->primary_at), "margin", json_real(file->margin));
    return json_pack("{ss ss ss ss so so sb so so so so}", "path", file->path, "label", file->label, "experiment",
                     file->experiment, "question", file->question, "baseline", text_or_null(file->baseline), "primary",
                     primary, "is_primary", file->is_primary, "comparisons", count_of(file->n_comparisons), "pairs",
                     count_of(file->n_pairs), "smallest_p", number_or_null(file->n_pairs > 0 ? smallest : NAN),
                     "smallest_p_holm",
                     number_or_null(file->n_pairs > 0 ? fmin(1, smallest * (double)file->n_comparisons) : NAN));
}

static json_t *column_json(const Table *table, size_t i) {
    static const char *const kind[] = {"none", "text", "number", "spread", "interval"};
    const TableColumn *column = &table->column[i];
    const char *title = "";
    for (size_t k = 0; k < table->n_sections; k++)
        if (i >= table->section[k].first && i < table->section[k].first + table->section[k].n)
            title = table->section[k].title;
    return json_pack("{ss ss ss ss so ss si si}", "key", column->key, "header", column->header, "section", title,
                     "unit", column->unit, "metric", text_or_null(column->metric), "kind", kind[column->kind],
                     "direction", column->direction, "decimals", column->decimals);
}

static json_t *figure(const Table *table, const TableColumn *column, double number) {
    return number_or_null(table_plain_number(table, column, number));
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
    json_t *all = json_pack("{so}", "all", count_of(row->n_cells));
    for (int status = 0; all != NULL && status < CELL_STATUS_COUNT; status++)
        if (json_object_set_new(all, cell_status_name((CellStatus)status), count_of(row->count[status])) != 0) {
            json_decref(all);
            return NULL;
        }
    return all;
}

/* Appends to *list; NULL if either is. */
static void append(json_t **list, json_t *item) {
    if (*list == NULL || json_array_append_new(*list, item) == 0) return;
    json_decref(*list);
    *list = NULL;
}

static json_t *failures_json(const TableRow *row) {
    json_t *all = json_array();
    for (size_t i = 0; i < row->n_failures; i++)
        append(&all, json_pack("{sI ss ss}", "seed", (json_int_t)row->failure[i].seed, "status",
                               cell_status_name(row->failure[i].status), "cause", row->failure[i].cause));
    return all;
}

static json_t *row_json(const Table *table, const TableRow *row) {
    json_t *settings = json_array(), *values = json_object();
    for (size_t i = 0; i < row->n_settings; i++) append(&settings, json_string(row->setting[i]));
    for (size_t i = 0; values != NULL && i < table->n_columns; i++)
        if (!table->column[i].is_repeat &&
            json_object_set_new(values, table->column[i].key, value_json(table, &table->column[i], &row->value[i])) !=
                0) {
            json_decref(values);
            values = NULL;
        }
    return json_pack("{ss ss ss ss sb sb sb sb so so so so}", "label", row->label, "name", row->name, "variant",
                     row->variant, "file", table->file[row->file].label, "is_baseline", row->is_baseline, "is_primary",
                     row->is_primary, "is_uniform_attention", row->is_chance, "is_improving", row->is_improving,
                     "cells", cells_json(row), "failures", failures_json(row), "settings", settings, "values", values);
}

static json_t *table_json(const Table *table) {
    json_t *files = json_array(), *columns = json_array(), *rows = json_array(), *notes = json_array();
    for (size_t i = 0; i < table->n_files; i++) append(&files, file_json(&table->file[i]));
    for (size_t i = 0; i < table->n_columns; i++)
        if (!table->column[i].is_repeat) append(&columns, column_json(table, i));
    for (size_t i = 0; i < table->n_rows; i++) append(&rows, row_json(table, &table->row[i]));
    for (size_t i = 0; i < table->n_notes; i++) append(&notes, json_string(table->note[i]));
    return json_pack("{ss si so ss ss ss ss so so so}", "format", "refocus-table", "version", 1, "files", files,
                     "metric", table->metric, "set", table->set, "at", table->at, "caption", table->caption, "columns",
                     columns, "rows", rows, "notes", notes);
}

static Err write_json(FILE *to, const Table *table) {
    json_t *root = table_json(table);
    char *text = root != NULL ? json_dumps(root, JSON_INDENT(2)) : NULL;
    json_decref(root);
    if (text == NULL) return err_set(ERR_NOMEM, "out of memory while the table was written as JSON");
    (void)fprintf(to, "%s\n", text);
    free(text);
    return ERR_OK;
}

const Format format_json = {.name = "json", .table = write_json};
