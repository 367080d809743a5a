/* Values and headers of a table as text, the same in every format that people read. */
#include <math.h>
#include <stdio.h>
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

char *table_value_text(char buf[VALUE_LEN], const TableColumn *column, const TableValue *value) {
    char mean[32], other[32], third[32];
    bool words = value->kind == VALUE_TEXT, none = value->kind == VALUE_NONE || (!words && isnan(value->mean));
    if (words || none) (void)snprintf(buf, VALUE_LEN, "%s", none ? "–" : value->text);
    if (words || none) return buf;
    put_number(mean, sizeof mean, column, value->mean);
    TableColumn plain = *column;
    plain.is_signed = false;
    const char *space = value->remark != NULL ? " " : "", *remark = value->remark != NULL ? value->remark : "";
    if (value->kind == VALUE_SPREAD && !isnan(value->std)) {
        put_number(other, sizeof other, &plain, value->std);
        (void)snprintf(buf, VALUE_LEN, "%s%s ± %s%s%s", mean, column->after, other, space, remark);
    } else if (value->kind == VALUE_INTERVAL && !isnan(value->low)) {
        put_number(other, sizeof other, column, value->low);
        put_number(third, sizeof third, column, value->high);
        (void)snprintf(buf, VALUE_LEN, "%s%s [%s, %s]%s%s", mean, column->after, other, third, space, remark);
    } else {
        (void)snprintf(buf, VALUE_LEN, "%s%s%s%s", mean, column->after, space, remark);
    }
    return buf;
}

char *table_header_text(char buf[VALUE_LEN], const TableColumn *column) {
    const char *arrow = column->direction > 0 ? " ↑" : column->direction < 0 ? " ↓" : "";
    (void)snprintf(buf, VALUE_LEN, "%s%s", column->header, arrow);
    return buf;
}
