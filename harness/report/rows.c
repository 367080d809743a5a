/* Gathers cells into rows and pairs rows with the baseline. */
#include "harness/report/rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/mem.h"

/* The place on the axes as the label shows it: "revised, focus.lambda=0.5". */
static Err make_label(Pool *pool, const char **out, const CellRecord *cell) {
    Err err = ERR_OK;
    *out = cell->variant;
    for (size_t i = 0; i < cell->n_axes; i++) TRY(pool_printf(pool, out, "%s, %s", *out, cell->axes[i]));
done:
    return err;
}

static bool same_place(const CellRecord *a, const CellRecord *b) {
    if (strcmp(a->variant, b->variant) != 0 || a->n_axes != b->n_axes) return false;
    for (size_t i = 0; i < a->n_axes; i++)
        if (strcmp(a->axes[i], b->axes[i]) != 0) return false;
    return true;
}

static Err find_row(Rows *rows, RowData **out, const CellRecord *cell) {
    Err err = ERR_OK;
    for (size_t i = 0; i < rows->n; i++)
        if (same_place(rows->row[i].first, cell)) {
            *out = &rows->row[i];
            return ERR_OK;
        }
    TRY(pool_grow(&rows->pool, &rows->row, rows->n, &rows->room, sizeof *rows->row));
    RowData *row = &rows->row[rows->n];
    *row = (RowData){.variant = cell->variant, .first = cell};
    TRY(make_label(&rows->pool, &row->label, cell));
    rows->n++;
    *out = row;
done:
    return err;
}

static Err add_cell(Rows *rows, size_t i) {
    Err err = ERR_OK;
    const unsigned parts = (unsigned)PART_EVALUATION | (unsigned)PART_VOLATILE | (unsigned)PART_PROVENANCE;
    const CellRecord *cell = results_cell(rows->results, i);
    RowData *row = NULL;
    if (cell->status == CELL_DONE) {
        TRY(results_read(rows->results, i, parts, &rows->read[rows->n_read]));
        cell = rows->read[rows->n_read++];
    }
    TRY(find_row(rows, &row, cell));
    TRY(pool_grow(&rows->pool, &row->cell, row->n_cells, &row->room, sizeof *row->cell));
    row->cell[row->n_cells++] = cell;
    row->n_done += cell->status == CELL_DONE;
    /* What a missing cell has to say of its settings is nothing. */
    if (row->first->status == CELL_MISSING && cell->status != CELL_MISSING) row->first = cell;
done:
    return err;
}

static bool has_axis(const CellRecord *cell, const char *axis) {
    for (size_t i = 0; i < cell->n_axes; i++)
        if (strcmp(cell->axes[i], axis) == 0) return true;
    return false;
}

/* The baseline's row at the same place; axes that a variant has for itself alone do not count. */
static const RowData *find_baseline(const Rows *rows, const RowData *of, const char *baseline) {
    const RowData *best = NULL;
    for (size_t i = 0; i < rows->n; i++) {
        const RowData *row = &rows->row[i];
        bool fits = row != of && strcmp(row->variant, baseline) == 0;
        for (size_t k = 0; fits && k < row->first->n_axes; k++) fits = has_axis(of->first, row->first->axes[k]);
        if (fits && (best == NULL || row->first->n_axes > best->first->n_axes)) best = row;
    }
    return best;
}

Err rows_read(Rows *rows, const Results *results, const char *baseline) {
    Err err = ERR_OK;
    size_t n = results_count(results);
    *rows = (Rows){.results = results};
    TRY(mem_alloc(&rows->read, n, sizeof *rows->read));
    for (size_t i = 0; i < n; i++) TRY(add_cell(rows, i));
    for (size_t i = 0; baseline != NULL && i < rows->n; i++)
        if (strcmp(rows->row[i].variant, baseline) != 0)
            rows->row[i].baseline = find_baseline(rows, &rows->row[i], baseline);
done:
    return err;
}

void rows_clear(Rows *rows) {
    for (size_t i = 0; i < rows->n_read; i++) record_free(rows->read[i]);
    mem_free(rows->read);
    pool_clear(&rows->pool);
    *rows = (Rows){0};
}

Err rows_check_code(const Rows *rows) {
    for (size_t i = 0; i < rows->n; i++) {
        const CellRecord *first = NULL;
        for (size_t k = 0; k < rows->row[i].n_cells; k++) {
            const CellRecord *cell = rows->row[i].cell[k];
            if (cell->status != CELL_DONE || cell->code_digest == NULL) continue;
            if (first == NULL) first = cell;
            if (strcmp(first->code_digest, cell->code_digest) != 0)
                return err_set(ERR_DATA,
                               "cells '%s' and '%s' were trained by different code; `refocus run` trains the stale "
                               "one again, --mixed-code shows them together",
                               first->name, cell->name);
        }
    }
    return ERR_OK;
}

const CellRecord *row_with_seed(const RowData *row, int64_t seed) {
    for (size_t i = 0; i < row->n_cells; i++)
        if (row->cell[i]->seed == seed && row->cell[i]->status == CELL_DONE) return row->cell[i];
    return NULL;
}

Err at_parse(At *out, const char *text) {
    char *end = NULL;
    *out = (At){AT_LAST, 0};
    if (strcmp(text, "last") == 0) return ERR_OK;
    if (strcmp(text, "best") == 0) {
        out->kind = AT_BEST;
        return ERR_OK;
    }
    errno = 0;
    long long step = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || step < 0)
        return err_set(ERR_ARG, "'%s' is no place to read figures at; expected last, best or a step", text);
    *out = (At){AT_STEP, step};
    return ERR_OK;
}
