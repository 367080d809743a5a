/* One cell of a results file, told: settings that matter, curves, outcome, memory and time, where its files are. Reads
 * the parts that it shows. Depends on results, sealed, pick, spark; jansson. */
#ifndef HARNESS_REPORT_SHOW_H
#define HARNESS_REPORT_SHOW_H

#include <jansson.h>
#include <stdio.h>

#include "harness/grid/pool.h"
#include "harness/record/results.h"

/* What is known of a cell, read. */
typedef struct Show {
    Pool pool;
    const ResultsInfo *info; /* borrowed from the results, as the baseline is */
    CellRecord *cell;
    const CellRecord *baseline; /* of the same seed and place; NULL = none, or it is one */
    const char *folder;         /* of its log; NULL = not beside the file */
} Show;

/* Reads cell i. The caller clears *out whatever comes. */
Err show_read(Show *out, const Results *results, size_t i) MUST_CHECK;
void show_clear(Show *show);

/* For a terminal. A failed write shows in ferror(to). */
void show_text(FILE *to, const Show *show);

/* All of it but parameters and maps, as an object that the caller releases; NULL when memory is short. */
json_t *show_json(const Show *show);

/* All cells of a file, a line each: name, outcome, steps, the primary metric, time. ERR_NOMEM, ERR_DATA. */
Err show_list(FILE *to, const Results *results) MUST_CHECK;

#endif
