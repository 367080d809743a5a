/* Rows against their baselines: differences of pairs of equal seeds, and what may be said of them. */
#include <math.h>

#include "harness/report/table_build.h"

size_t pair_differences(const Build *build, const RowData *row, const char *metric, double *difference) {
    size_t n = 0;
    for (size_t i = 0; row->baseline != NULL && i < row->n_cells; i++) {
        const CellRecord *cell = row->cell[i];
        const CellRecord *other = cell->status == CELL_DONE ? row_with_seed(row->baseline, cell->seed) : NULL;
        if (other == NULL) continue;
        double d = cell_metric(cell, build->set, metric, build->at) - cell_metric(other, build->set, metric, build->at);
        if (!isnan(d)) difference[n++] = d;
    }
    return n;
}

const Comparison *comparison_of(const Build *build, const RowData *row) {
    return &build->comparison[row - build->rows->row];
}

/* An interval of two or three seeds excludes zero now and then by chance: without p the verdict stays open. */
static Verdict tempered(Verdict verdict, double p) {
    bool claims = verdict == VERDICT_BETTER || verdict == VERDICT_WORSE;
    return claims && !(p < 0.05) ? VERDICT_UNDECIDED : verdict;
}

static Err compare_row(Build *build, size_t i) {
    Err err = ERR_OK;
    const RowData *row = &build->rows->row[i];
    const TableFile *file = &build->table->file[row->file];
    Comparison *c = &build->comparison[i];
    size_t n = pair_differences(build, row, build->metric, build->scratch);
    *c = (Comparison){.n = n, .difference = stats_of(build->scratch, n), .p = NAN, .p_holm = NAN};
    if (n == 0 || !file->is_primary) goto done;
    TRY(stats_sign_flip(&c->p, build->scratch, n));
    if (build->declared->direction != 0)
        c->verdict = stats_verdict(c->difference.low, c->difference.high, file->margin, build->declared->direction);
done:
    return err;
}

/* Bold asks for three things: the declared metric, which is not one on attention; an interval without zero; a p that
 * stays below 0.05 after Holm over all of the file's comparisons in that metric. */
static Err adjust_file(Build *build, size_t file) {
    Err err = ERR_OK;
    const Rows *rows = build->rows;
    double *p = build->scratch;
    size_t n = 0;
    for (size_t i = 0; i < rows->n; i++)
        if (rows->row[i].file == file) p[n++] = build->comparison[i].p;
    TRY(stats_holm(p, n));
    n = 0;
    for (size_t i = 0; i < rows->n; i++) {
        Comparison *c = &build->comparison[i];
        if (rows->row[i].file != file) continue;
        c->p_holm = p[n++];
        c->verdict = tempered(c->verdict, c->p_holm);
        c->bold =
            !build->declared->is_attention && (c->difference.low > 0 || c->difference.high < 0) && c->p_holm < 0.05;
    }
done:
    return err;
}

Err comparisons_make(Build *build) {
    Err err = ERR_OK;
    const Rows *rows = build->rows;
    if (build->declared == NULL) return ERR_OK;
    for (size_t i = 0; i < rows->n; i++) {
        TableFile *file = &build->table->file[rows->row[i].file];
        TRY(compare_row(build, i));
        size_t n = build->comparison[i].n;
        file->n_comparisons += n > 0;
        if (n > file->n_pairs) file->n_pairs = n;
    }
    for (size_t file = 0; file < rows->n_files; file++) TRY(adjust_file(build, file));
done:
    return err;
}
