/* A curve in a line of text: "▇▅▃▂▁▁". Depends on libm only. */
#ifndef HARNESS_REPORT_SPARK_H
#define HARNESS_REPORT_SPARK_H

#include <stddef.h>

enum { SPARK_MAX = 64, SPARK_TEXT = 3 * SPARK_MAX + 1 };

/* n values, in at most `columns` (<= SPARK_MAX) columns, each the mean of its share of them; heights between the
 * smallest and the largest column. Values that are not finite count for nothing; a column without any is a space. A
 * flat curve is drawn at half height. Returns buf. */
char *spark_text(char buf[SPARK_TEXT], const double *value, size_t n, int columns);

#endif
