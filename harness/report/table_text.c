/* Values and headers of a table as text, the same in every format that people read. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/report/table.h"

/* Commas between groups of three digits of the whole part, in place. */
static void group_digits(char *text, size_t len) {
    size_t start = strspn(text, "+-"), digits = strspn(text + start, "0123456789");
    for (size_t at = start + digits; at > start + 3;) {
        at -= 3;
        size_t rest = strlen(text + at) + 1;
        if (at + rest + 1 > len) return;
        memmove(text + at + 1, text + at, rest);
        text[at] = ',';
    }
}

/* A number; what rounds to zero has no sign. */
static void put_number(char *out, size_t len, const TableColumn *column, double v) {
    (void)snprintf(out, len, column->is_signed ? "%+.*f" : "%.*f", column->decimals, v);
    if ((out[0] == '-' || out[0] == '+') && strspn(out + 1, "0.") == strlen(out + 1))
        memmove(out, out + 1, strlen(out));
    if (column->is_grouped) group_digits(out, len);
}

char *table_number_text(char buf[VALUE_LEN], const TableColumn *column, const TableValue *value, double number) {
    TableColumn plain = *column;
    /* A standard deviation is no difference. */
    if (value->kind == VALUE_SPREAD && number != value->mean) plain.is_signed = false;
    if (isnan(number))
        (void)snprintf(buf, VALUE_LEN, "–");
    else
        put_number(buf, VALUE_LEN, &plain, number);
    return buf;
}

char *table_value_text(char buf[VALUE_LEN], const TableColumn *column, const TableValue *value) {
    char mean[VALUE_LEN], other[VALUE_LEN], third[VALUE_LEN];
    bool words = value->kind == VALUE_TEXT, none = value->kind == VALUE_NONE || (!words && isnan(value->mean));
    if (words || none) (void)snprintf(buf, VALUE_LEN, "%s", none ? "–" : value->text);
    if (words || none) return buf;
    const char *after = column->after, *remark = value->remark != NULL ? value->remark : "";
    (void)table_number_text(mean, column, value, value->mean);
    if (value->kind == VALUE_SPREAD && !isnan(value->std))
        (void)snprintf(buf, VALUE_LEN, "%s%s ± %s%s", mean, after, table_number_text(other, column, value, value->std),
                       remark);
    else if (value->kind == VALUE_INTERVAL && !isnan(value->low))
        (void)snprintf(buf, VALUE_LEN, "%s%s [%s, %s]%s", mean, after,
                       table_number_text(other, column, value, value->low),
                       table_number_text(third, column, value, value->high), remark);
    else
        (void)snprintf(buf, VALUE_LEN, "%s%s%s", mean, after, remark);
    return buf;
}

double table_plain_number(const Table *table, const TableColumn *column, double number) {
    char buf[VALUE_LEN];
    if (!table->has_digits || !isfinite(number)) return number;
    (void)snprintf(buf, sizeof buf, "%.*f", column->decimals, number);
    return strtod(buf, NULL);
}

char *table_header_text(char buf[VALUE_LEN], const TableColumn *column) {
    const char *arrow = column->direction > 0 ? " ↑" : column->direction < 0 ? " ↓" : "";
    (void)snprintf(buf, VALUE_LEN, "%s%s", column->header, arrow);
    return buf;
}
