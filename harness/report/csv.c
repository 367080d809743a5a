/* Fields and records. */
#include "harness/report/csv.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "harness/report/markup.h"

static void separate(Csv *csv) {
    if (csv->begun) (void)fputc(',', csv->to);
    csv->begun = true;
}

void csv_text(Csv *csv, const char *text) {
    separate(csv);
    markup_csv(csv->to, text);
}

void csv_whole(Csv *csv, int64_t number) {
    separate(csv);
    (void)fprintf(csv->to, "%" PRId64, number);
}

void csv_real(Csv *csv, double number) {
    char buf[32] = "";
    separate(csv);
    for (int digits = 15; digits <= 17 && !isnan(number); digits++) {
        (void)snprintf(buf, sizeof buf, "%.*g", digits, number);
        if (strtod(buf, NULL) == number) break;
    }
    (void)fputs(buf, csv->to);
}

void csv_float(Csv *csv, float number) {
    char buf[32] = "";
    separate(csv);
    for (int digits = 6; digits <= 9 && !isnan(number); digits++) {
        (void)snprintf(buf, sizeof buf, "%.*g", digits, (double)number);
        if (strtof(buf, NULL) == number) break;
    }
    (void)fputs(buf, csv->to);
}

void csv_empty(Csv *csv) { separate(csv); }

void csv_end(Csv *csv) {
    (void)fputc('\n', csv->to);
    csv->begun = false;
}
