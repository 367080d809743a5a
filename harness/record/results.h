/* The only reader of HDF5 results: of results/<experiment>.h5, and of a cell's sealed cell.h5, which has the same
 * layout with one cell. Reads into the CellRecord that record.h writes from. */
#ifndef HARNESS_RECORD_RESULTS_H
#define HARNESS_RECORD_RESULTS_H

#include "harness/record/record.h"

typedef struct Results Results;

/* What the grid said; all text borrowed from the Results, "" or NULL where a file does not have it. */
typedef struct ResultsInfo {
    const char *path;
    int64_t format_version;
    const char *experiment, *question, *grid, *settings;
    const char *baseline;                                                    /* NULL = none */
    const char *primary_variant, *primary_metric, *primary_set, *primary_at; /* NULL = not declared */
    double primary_margin;                                                   /* NaN = not declared */
    const char *tuning;                                                      /* name of a grid file; NULL = none */
    size_t n_tuning_trials;
    const char *const *tuning_trials; /* ["baseline=6"] */
    RecordPairs provenance;
} ResultsInfo;

/* Opens a file for reading. Each failure is one message that says what to do:
 * ERR_MISSING not there, or cannot be opened; ERR_DATA not HDF5, cut short or damaged, not refocus's, or of a newer
 * version; ERR_NOMEM. */
Err results_open(Results **out, const char *path) MUST_CHECK;
void results_close(Results *results); /* accepts NULL */

/* The same for a file that anybody may have made, by a program that shows what is in it: in all text that is read,
 * what a terminal would obey is U+FFFD (utf8_tame). What libraries make of such a file is met by who calls this: the
 * commands that do run in a copy of their process (Command.reads_foreign). */
Err results_open_shown(Results **out, const char *path) MUST_CHECK;

/* The same where that cannot be: `parts` (an or of ResultsPart) of the cell, or of all cells (NULL), are read and
 * their digests computed in a copy of this process with limits before, whose death is ERR_DATA. A cell that is not
 * there is for results_find to tell, a wrong digest for results_check_digest. */
Err results_open_tried(Results **out, const char *path, const char *cell, unsigned parts) MUST_CHECK;

const ResultsInfo *results_info(const Results *results);

/* Cells in the grid's order, missing ones among them. */
size_t results_count(const Results *results);

/* Labels and facts of cell i: id, name, variant, axes, seed, status, cause, settings, identity, n_*, digest,
 * code_digest, final.step and best.step (0 = none kept), the three sums of memory. Its curves and other parts are
 * empty: results_read. Borrowed. */
const CellRecord *results_cell(const Results *results, size_t i);

/* The cell with this id or name. ERR_NOTHING, with the nearest name, if there is none. NULL stands for the only
 * cell of a file that has one (ERR_ARG otherwise). */
Err results_find(const Results *results, const char *cell, size_t *i) MUST_CHECK;

typedef enum ResultsPart {
    PART_CURVES = 1,
    PART_EVALUATION = 2,
    PART_ATTENTION = 4,
    PART_MEMORY = 8,
    PART_FINAL = 16,
    PART_BEST = 32,
    PART_VOLATILE = 64,
    PART_PROVENANCE = 128,
    PART_ALL = 255
} ResultsPart;

/* *out = cell i with the asked parts (an or of ResultsPart). The caller frees it (record_free); it does not depend on
 * the Results. Parts that a cell does not have are empty. ERR_DATA, ERR_NOMEM. */
Err results_read(const Results *results, size_t i, unsigned parts, CellRecord **out) MUST_CHECK;

/* The parameter of that name in record->final or ->best, or NULL. */
const RecordParam *results_param(const RecordParams *params, const char *name);

/* Computes the digest of cell i and compares it with the stored one. ERR_DATA if they differ: the file is damaged. */
Err results_check_digest(const Results *results, size_t i) MUST_CHECK;

#endif
