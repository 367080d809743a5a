/* Gathers cells into rows and pairs rows with the baseline. */
#include "harness/report/rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "harness/grid/grid.h"
#include "kernels/mem.h"
#include "kernels/near.h"

/* ---- files ---- */

/* "drift+ab12cd34" of "results/drift+ab12cd34.h5". */
static Err file_stem(Pool *pool, const char **out, const char *path) {
    const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path, *dot = strrchr(name, '.');
    return pool_printf(pool, out, "%.*s", (int)(dot != NULL && dot > name ? (size_t)(dot - name) : strlen(name)), name);
}

static bool is_unique(const Rows *rows, size_t i) {
    if (rows->file[i].label[0] == '\0') return false;
    for (size_t k = 0; k < rows->n_files; k++)
        if (k != i && strcmp(rows->file[k].label, rows->file[i].label) == 0) return false;
    return true;
}

/* By experiment; where two files have the same one, all of them by file name; and by path if need be. */
static Err label_files(Rows *rows) {
    Err err = ERR_OK;
    for (int attempt = 0; attempt < 3; attempt++) {
        bool unique = true;
        for (size_t i = 0; i < rows->n_files; i++) {
            RowsFile *file = &rows->file[i];
            if (attempt == 0) file->label = file->info->experiment;
            if (attempt == 1) TRY(file_stem(&rows->pool, &file->label, file->info->path));
            if (attempt == 2) file->label = file->info->path;
        }
        for (size_t i = 0; i < rows->n_files; i++) unique = unique && is_unique(rows, i);
        if (unique || rows->n_files == 1) break;
    }
done:
    return err;
}

static Err open_files(Rows *rows, const Results *const *results, size_t n) {
    Err err = ERR_OK;
    TRY(pool_alloc(&rows->pool, &rows->file, n, sizeof *rows->file));
    for (size_t i = 0; i < n; i++) {
        const ResultsInfo *info = results_info(results[i]);
        for (size_t k = 0; k < i; k++)
            FAIL_IF(strcmp(info->path, rows->file[k].info->path) == 0, ERR_ARG, "'%s' is named twice", info->path);
        rows->file[i] = (RowsFile){.results = results[i], .info = info};
        rows->n_files++;
    }
    TRY(label_files(rows));
done:
    return err;
}

/* ---- rows ---- */

/* The place on the axes as names and labels show it: "revised,focus.lambda=0.5", "revised, focus.lambda=0.5". */
static Err name_row(Rows *rows, RowData *row, const CellRecord *cell) {
    Err err = ERR_OK;
    Pool *pool = &rows->pool;
    row->name = row->label = cell->variant;
    for (size_t i = 0; i < cell->n_axes; i++) {
        TRY(pool_printf(pool, &row->name, "%s,%s", row->name, cell->axes[i]));
        TRY(pool_printf(pool, &row->label, "%s, %s", row->label, cell->axes[i]));
    }
    if (rows->n_files > 1) TRY(pool_printf(pool, &row->label, "%s: %s", rows->file[row->file].label, row->label));
done:
    return err;
}

static bool same_place(const CellRecord *a, const CellRecord *b) {
    if (strcmp(a->variant, b->variant) != 0 || a->n_axes != b->n_axes) return false;
    for (size_t i = 0; i < a->n_axes; i++)
        if (strcmp(a->axes[i], b->axes[i]) != 0) return false;
    return true;
}

static Err find_row(Rows *rows, RowData **out, size_t file, const CellRecord *cell) {
    Err err = ERR_OK;
    for (size_t i = 0; i < rows->n; i++)
        if (rows->row[i].file == file && same_place(rows->row[i].first, cell)) {
            *out = &rows->row[i];
            return ERR_OK;
        }
    TRY(pool_grow(&rows->pool, &rows->row, rows->n, &rows->room, sizeof *rows->row));
    RowData *row = &rows->row[rows->n];
    *row = (RowData){.file = file, .variant = cell->variant, .first = cell};
    TRY(name_row(rows, row, cell));
    rows->n++;
    *out = row;
done:
    return err;
}

static Err add_cell(Rows *rows, size_t file, size_t i) {
    Err err = ERR_OK;
    const unsigned parts = (unsigned)PART_EVALUATION | (unsigned)PART_VOLATILE | (unsigned)PART_PROVENANCE;
    const CellRecord *cell = results_cell(rows->file[file].results, i);
    RowData *row = NULL;
    if (cell->status == CELL_DONE) {
        TRY(results_read(rows->file[file].results, i, parts, &rows->read[rows->n_read]));
        cell = rows->read[rows->n_read++];
    }
    TRY(find_row(rows, &row, file, cell));
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

/* The baseline's row of the same file at the same place; axes that a variant has for itself alone do not count. */
static const RowData *find_baseline(const Rows *rows, const RowData *of) {
    const RowData *best = NULL;
    const char *baseline = rows->file[of->file].info->baseline;
    if (baseline == NULL || strcmp(of->variant, baseline) == 0) return NULL;
    for (size_t i = 0; i < rows->n; i++) {
        const RowData *row = &rows->row[i];
        bool fits = row->file == of->file && strcmp(row->variant, baseline) == 0;
        for (size_t k = 0; fits && k < row->first->n_axes; k++) fits = has_axis(of->first, row->first->axes[k]);
        if (fits && (best == NULL || row->first->n_axes > best->first->n_axes)) best = row;
    }
    return best;
}

Err rows_read(Rows *rows, const Results *const *results, size_t n_results) {
    Err err = ERR_OK;
    size_t n = 0;
    *rows = (Rows){0};
    for (size_t i = 0; i < n_results; i++) n += results_count(results[i]);
    TRY(mem_alloc(&rows->read, n, sizeof *rows->read));
    TRY(open_files(rows, results, n_results));
    for (size_t file = 0; file < rows->n_files; file++)
        for (size_t i = 0; i < results_count(results[file]); i++) TRY(add_cell(rows, file, i));
    for (size_t i = 0; i < rows->n; i++) rows->row[i].baseline = find_baseline(rows, &rows->row[i]);
done:
    return err;
}

void rows_clear(Rows *rows) {
    for (size_t i = 0; i < rows->n_read; i++) record_free(rows->read[i]);
    mem_free(rows->read);
    pool_clear(&rows->pool);
    *rows = (Rows){0};
}

/* ---- code ---- */

/* A source of the first cell that used it. */
typedef struct Source {
    const char *digest, *path; /* in the cell's listing; the path ends at a newline */
    size_t digest_len, path_len;
    const CellRecord *cell;
} Source;

typedef struct SourceList {
    Source *item;
    size_t n, room;
} SourceList;

static Err different_code(const CellRecord *a, const CellRecord *b, const Source *source) {
    return err_set(ERR_DATA,
                   "cells '%s' and '%s' were trained by different code%s%.*s; `refocus run` trains the stale one "
                   "again, --mixed-code shows them together",
                   a->name, b->name, source != NULL ? ": " : "", source != NULL ? (int)source->path_len : 0,
                   source != NULL ? source->path : "");
}

static Err check_source(Rows *rows, SourceList *known, const Source *source) {
    Err err = ERR_OK;
    for (size_t i = 0; i < known->n; i++) {
        const Source *other = &known->item[i];
        if (other->path_len != source->path_len || memcmp(other->path, source->path, source->path_len) != 0) continue;
        bool same =
            other->digest_len == source->digest_len && memcmp(other->digest, source->digest, source->digest_len) == 0;
        return same ? ERR_OK : different_code(other->cell, source->cell, source);
    }
    TRY(pool_grow(&rows->pool, &known->item, known->n, &known->room, sizeof *known->item));
    known->item[known->n++] = *source;
done:
    return err;
}

/* What the cell used is the same as what others used under that name: variants have branches of their own, but one
 * kernel. Lines are "digest  path". */
static Err check_sources(Rows *rows, SourceList *known, const CellRecord *cell) {
    Err err = ERR_OK;
    const char *line = record_provenance_find(cell, SOURCES_KEY);
    while (line != NULL && *line != '\0') {
        size_t len = strcspn(line, "\n"), digest_len = strcspn(line, " \n");
        const char *path = line + digest_len + strspn(line + digest_len, " ");
        const Source source = {line, path, digest_len, (size_t)(line + len - path), cell};
        TRY(check_source(rows, known, &source));
        line += len + (line[len] == '\n');
    }
done:
    return err;
}

/* Results that were written before cells had listings have digests alone. */
static Err check_digests(const RowData *row) {
    const CellRecord *first = NULL;
    for (size_t k = 0; k < row->n_cells; k++) {
        const CellRecord *cell = row->cell[k];
        if (cell->status != CELL_DONE || cell->code_digest == NULL) continue;
        if (first == NULL) first = cell;
        if (strcmp(first->code_digest, cell->code_digest) != 0) return different_code(first, cell, NULL);
    }
    return ERR_OK;
}

Err rows_check_code(Rows *rows) {
    Err err = ERR_OK;
    for (size_t file = 0; file < rows->n_files; file++) {
        SourceList known = {0};
        for (size_t i = 0; i < rows->n; i++) {
            const RowData *row = &rows->row[i];
            if (row->file != file) continue;
            for (size_t k = 0; k < row->n_cells; k++)
                if (row->cell[k]->status == CELL_DONE) TRY(check_sources(rows, &known, row->cell[k]));
            TRY(check_digests(row));
        }
    }
done:
    return err;
}

bool row_matches(const RowData *row, const char *pattern) {
    return grid_match(pattern, row->name) || grid_match(pattern, row->label);
}

Err rows_check_pattern(const Rows *rows, const char *pattern) {
    char hint[160];
    Near near = near_start(pattern);
    for (size_t i = 0; i < rows->n; i++) {
        if (row_matches(&rows->row[i], pattern)) return ERR_OK;
        near_offer(&near, rows->row[i].name);
    }
    (void)near_hint(&near, "", hint, (int)sizeof hint);
    if (hint[0] == '\0' && rows->n > 0)
        return err_set(ERR_NOTHING, "no row matches '%s'; the first is '%s'", pattern, rows->row[0].name);
    return err_set(ERR_NOTHING, "no row matches '%s'%s", pattern, hint);
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
