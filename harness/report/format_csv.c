/* A table for a spreadsheet or a script: one record per row, numbers unrounded unless --digits asks for it. */
#include <math.h>

#include "harness/report/csv.h"
#include "harness/report/format.h"

/* What stands behind a column's key, one field each. */
static const char *const parts[] = {"", "_std", "_low", "_high", "_n"};
enum { N_PARTS = sizeof parts / sizeof *parts };

static int n_parts(const TableColumn *column) {
    if (column->is_repeat) return 0;
    return column->kind == VALUE_NUMBER || column->kind == VALUE_TEXT ? 1 : N_PARTS;
}

static void put_key(Csv *csv, const TableColumn *column, const char *part) {
    char key[VALUE_LEN];
    (void)snprintf(key, sizeof key, "%s%s", column->key, part);
    csv_text(csv, key);
}

static void put_head(Csv *csv, const Table *table) {
    static const char *const facts[] = {"experiment", "row", "variant", "settings", "improving", "cells"};
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++) csv_text(csv, facts[i]);
    for (int status = 0; status < CELL_STATUS_COUNT; status++) csv_text(csv, cell_status_name((CellStatus)status));
    csv_text(csv, "causes");
    for (size_t i = 0; i < table->n_columns; i++)
        for (int k = 0; k < n_parts(&table->column[i]); k++) put_key(csv, &table->column[i], parts[k]);
    csv_end(csv);
}

/* "4: loss is nan; 6: ..." by seed. */
static Err put_causes(Csv *csv, const TableRow *row) {
    Err err = ERR_OK;
    Pool pool = {0};
    const char *causes = "";
    for (size_t i = 0; i < row->n_failures; i++)
        if (row->failure[i].cause[0] != '\0')
            TRY(pool_printf(&pool, &causes, "%s%s%lld: %s", causes, causes[0] != '\0' ? "; " : "",
                            (long long)row->failure[i].seed, row->failure[i].cause));
    csv_text(csv, causes);
done:
    pool_clear(&pool);
    return err;
}

static Err put_facts(Csv *csv, const Table *table, const TableRow *row) {
    csv_text(csv, table->file[row->file].label);
    csv_text(csv, row->is_chance ? "uniform attention" : row->name);
    csv_text(csv, row->variant);
    csv_text(csv, row->settings);
    csv_text(csv, row->is_improving ? "true" : "false");
    csv_whole(csv, (int64_t)row->n_cells);
    for (int status = 0; status < CELL_STATUS_COUNT; status++) csv_whole(csv, (int64_t)row->count[status]);
    return put_causes(csv, row);
}

static void put_value(Csv *csv, const Table *table, const TableColumn *column, const TableValue *value) {
    const bool none = value->kind == VALUE_NONE || value->kind == VALUE_TEXT;
    const bool is_mean = value->kind == VALUE_SPREAD || value->kind == VALUE_INTERVAL;
    const double number[] = {none ? NAN : value->mean, is_mean ? value->std : NAN, is_mean ? value->low : NAN,
                             is_mean ? value->high : NAN};
    const int n = n_parts(column);
    if (column->kind == VALUE_TEXT) {
        csv_text(csv, value->kind == VALUE_TEXT ? value->text : "");
        return;
    }
    for (int k = 0; k < n && k < N_PARTS - 1; k++) csv_real(csv, table_plain_number(table, column, number[k]));
    if (n == N_PARTS) csv_whole(csv, none ? 0 : (int64_t)value->n);
}

static Err write_csv(FILE *to, const Table *table) {
    Err err = ERR_OK;
    Csv csv = {.to = to};
    put_head(&csv, table);
    for (size_t i = 0; i < table->n_rows; i++) {
        const TableRow *row = &table->row[i];
        TRY(put_facts(&csv, table, row));
        for (size_t c = 0; c < table->n_columns; c++) put_value(&csv, table, &table->column[c], &row->value[c]);
        csv_end(&csv);
    }
done:
    return err;
}

const Format format_csv = {.name = "csv", .table = write_csv};
