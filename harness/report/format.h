/* Output formats. One is one file, harness/report/format_<name>.c, that defines `const Format format_<name>`; the table
 * is generated from the file names. */
#ifndef HARNESS_REPORT_FORMAT_H
#define HARNESS_REPORT_FORMAT_H

#include <stdio.h>

#include "harness/report/table.h"

typedef struct Format {
    const char *name;
    /* Writes the whole table. A failed write shows in ferror(to); ERR_NOMEM. */
    Err (*table)(FILE *to, const Table *table);
} Format;

/* All formats, sorted by name; *n is their number. */
const Format *const *format_list(int *n);

/* Their names with '|' before each; FORMAT_CHOICES: between them, for a row of options. */
extern const char format_names[];
#define FORMAT_CHOICES (format_names + 1)

/* The format of that name. ERR_ARG with the nearest one. */
Err format_find(const Format **out, const char *name) MUST_CHECK;

#endif
