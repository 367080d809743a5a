/* Records of comma-separated values, field by field (RFC 4180, but that lines end in LF, as Unix has it). */
#ifndef HARNESS_REPORT_CSV_H
#define HARNESS_REPORT_CSV_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct Csv {
    FILE *to;
    bool begun; /* the record has a field */
} Csv;

void csv_text(Csv *csv, const char *text);
void csv_whole(Csv *csv, int64_t number);
void csv_real(Csv *csv, double number); /* the shortest text that reads back as the same number; empty for NaN */
void csv_float(Csv *csv, float number); /* the same for a float */
void csv_empty(Csv *csv);
void csv_end(Csv *csv); /* of the record */

#endif
