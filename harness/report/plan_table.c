/* Rows from surveys: which cells share a plan, what their axes are, what fills the peak, how it compares. Groups by
 * variant: plan_group.c. */
#include "harness/report/plan_table.h"

#include <math.h>
#include <string.h>

#include "harness/report/plan_parts.h"
#include "kernels/device.h"

const PlanRow *plan_row_of(const PlanTable *table, size_t i_cell) {
    for (size_t i = 0; i < table->n_rows; i++)
        if (table->grid->cells[table->row[i].first].settings == table->grid->cells[i_cell].settings)
            return &table->row[i];
    return NULL;
}

int64_t plan_row_module(const PlanRow *row, const char *module) {
    const RecordMemory *memory = &row->survey->record->memory;
    for (size_t i = 0; i < memory->n_modules; i++)
        if (strcmp(memory->by_module[i].name, module) == 0) return memory->by_module[i].bytes;
    return 0;
}

void plan_table_clear(PlanTable *table) {
    pool_clear(&table->pool);
    memset(table, 0, sizeof *table);
}

/* ---- axes ---- */

static Err note_axes(PlanTable *table, const Cell *cell, size_t *room) {
    Err err = ERR_OK;
    for (size_t i = 0; i < cell->n_axes; i++) {
        size_t k = 0;
        while (k < table->n_axes && strcmp(table->axis_key[k], cell->axes[i].key) != 0) k++;
        if (k < table->n_axes) continue;
        TRY(pool_grow(&table->pool, &table->axis_key, table->n_axes, room, sizeof *table->axis_key));
        table->axis_key[table->n_axes++] = cell->axes[i].key;
    }
done:
    return err;
}

/* The last n parts of a dotted key. */
static const char *tail_of(const char *key, int n) {
    const char *at = key + strlen(key);
    while (at > key && n > 0) n -= *--at == '.';
    return at == key ? key : at + 1;
}

static bool is_unique_tail(const PlanTable *table, size_t i, int n) {
    for (size_t k = 0; k < table->n_axes; k++)
        if (k != i && strcmp(tail_of(table->axis_key[k], n), tail_of(table->axis_key[i], n)) == 0) return false;
    return true;
}

static Err name_axes(PlanTable *table) {
    Err err = pool_alloc(&table->pool, &table->axis_header, table->n_axes + 1, sizeof *table->axis_header);
    for (size_t i = 0; err == ERR_OK && i < table->n_axes; i++) {
        int n = 1;
        while (!is_unique_tail(table, i, n)) n++; /* ends: the keys differ */
        table->axis_header[i] = tail_of(table->axis_key[i], n);
    }
    return err;
}

static Err read_axes(PlanTable *table, PlanRow *row) {
    const Cell *cell = &table->grid->cells[row->first];
    Err err = pool_alloc(&table->pool, &row->axis, table->n_axes + 1, sizeof *row->axis);
    for (size_t k = 0; err == ERR_OK && k < table->n_axes; k++)
        for (size_t i = 0; i < cell->n_axes; i++)
            if (strcmp(cell->axes[i].key, table->axis_key[k]) == 0) row->axis[k] = cell->axes[i].shown;
    return err;
}

/* ---- rows ---- */

static Err find_rows(PlanTable *table, const bool *selected) {
    Err err = ERR_OK;
    const Grid *grid = table->grid;
    size_t room = 0;
    TRY(pool_alloc(&table->pool, &table->row, grid->n_cells + 1, sizeof *table->row));
    for (size_t i = 0; i < grid->n_cells; i++) {
        if (selected != NULL && !selected[i]) continue;
        PlanRow *row = (PlanRow *)plan_row_of(table, i);
        table->n_cells++;
        if (row == NULL) {
            row = &table->row[table->n_rows++];
            *row = (PlanRow){.survey = survey_of(table->surveys, i), .first = i, .disk = -1};
            row->added = row->seconds = NAN;
            row->variant = grid->cells[i].variant;
            TRY(note_axes(table, &grid->cells[i], &room));
        }
        row->n_cells++;
    }
done:
    return err;
}

static Err label_row(PlanTable *table, PlanRow *row) {
    const char *name = table->grid->cells[row->first].name;
    const size_t len = row->n_cells > 1 ? (size_t)(strrchr(name, '@') - name) : strlen(name);
    return pool_printf(&table->pool, &row->label, "%.*s", (int)len, name);
}

static bool is_over(const PlanTable *table, const Survey *survey) {
    const uint64_t reserve = (uint64_t)settings_int(survey->settings, "memory.reserve");
    return table->budget > 0 ? survey->peak_bytes + reserve > table->budget : survey->over_budget;
}

static bool same_axes(const PlanTable *table, const PlanRow *a, const PlanRow *b) {
    for (size_t k = 0; k < table->n_axes; k++)
        if (a->axis[k] != NULL && b->axis[k] != NULL && strcmp(a->axis[k], b->axis[k]) != 0) return false;
    return true;
}

/* Against the baseline's row with the same values on the axes that both have. */
static void compare(const PlanTable *table, PlanRow *row) {
    const char *baseline = table->grid->baseline;
    for (size_t i = 0; baseline != NULL && i < table->n_rows; i++) {
        const PlanRow *other = &table->row[i];
        if (strcmp(other->variant, baseline) != 0 || !same_axes(table, row, other)) continue;
        row->added = (double)row->survey->peak_bytes / (double)other->survey->peak_bytes - 1.0;
        return;
    }
}

/* ---- modules: those with the most bytes first ---- */

static int64_t most_bytes(const PlanTable *table, const char *module) {
    int64_t most = 0;
    for (size_t i = 0; i < table->n_rows; i++) {
        const int64_t bytes = plan_row_module(&table->row[i], module);
        if (bytes > most) most = bytes;
    }
    return most;
}

static bool has_module(const PlanTable *table, const char *module) {
    for (size_t i = 0; i < table->n_modules; i++)
        if (strcmp(table->module[i], module) == 0) return true;
    return false;
}

static Err note_modules(PlanTable *table) {
    Err err = ERR_OK;
    size_t room = 0;
    for (size_t i = 0; i < table->n_rows; i++) {
        const RecordMemory *memory = &table->row[i].survey->record->memory;
        for (size_t m = 0; m < memory->n_modules; m++) {
            if (memory->by_module[m].bytes == 0 || has_module(table, memory->by_module[m].name)) continue;
            TRY(pool_grow(&table->pool, &table->module, table->n_modules, &room, sizeof *table->module));
            table->module[table->n_modules++] = memory->by_module[m].name;
        }
    }
    for (size_t i = 1; i < table->n_modules; i++) /* few: insertion keeps equal ones in order */
        for (size_t k = i; k > 0 && most_bytes(table, table->module[k - 1]) < most_bytes(table, table->module[k]);
             k--) {
            const char *swap = table->module[k];
            table->module[k] = table->module[k - 1];
            table->module[k - 1] = swap;
        }
done:
    return err;
}

Err plan_table_make(PlanTable *out, const Grid *grid, const Surveys *surveys, const bool *selected,
                    const PlanOptions *options) {
    Err err = ERR_OK;
    *out = (PlanTable){.grid = grid, .surveys = surveys, .budget = options->budget};
    out->device = device_class(surveys->device);
    TRY(find_rows(out, selected));
    TRY(name_axes(out));
    for (size_t i = 0; i < out->n_rows; i++) {
        PlanRow *row = &out->row[i];
        TRY(label_row(out, row));
        TRY(read_axes(out, row));
        row->over = is_over(out, row->survey);
        out->n_over += row->over ? row->n_cells : 0;
        TRY(plan_fill_of(&out->pool, &row->fill, row->survey));
        if (!grid->plan_only) row->disk = plan_disk_bytes(row->survey);
    }
    for (size_t i = 0; i < out->n_rows; i++) compare(out, &out->row[i]);
    TRY(note_modules(out));
    TRY(plan_groups(out));
    if (!grid->plan_only) TRY(plan_times(out, options));
done:
    return err;
}
