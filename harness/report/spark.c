/* Eight heights of U+2581 .. U+2588. */
#include "harness/report/spark.h"

#include <math.h>
#include <stdio.h>

/* Mean of the finite ones among value [from, until); NaN without any. */
static double mean_of(const double *value, size_t from, size_t until) {
    double sum = 0;
    size_t n = 0;
    for (size_t i = from; i < until; i++) {
        if (!isfinite(value[i])) continue;
        sum += value[i];
        n++;
    }
    return n > 0 ? sum / (double)n : NAN;
}

char *spark_text(char buf[SPARK_TEXT], const double *value, size_t n, int columns) {
    double column[SPARK_MAX], low = INFINITY, high = -INFINITY;
    size_t room = columns < SPARK_MAX ? (size_t)columns : SPARK_MAX, width = n < room ? n : room, at = 0;
    for (size_t i = 0; i < width; i++) {
        column[i] = mean_of(value, i * n / width, (i + 1) * n / width);
        low = fmin(low, column[i]);
        high = fmax(high, column[i]);
    }
    buf[0] = '\0';
    for (size_t i = 0; i < width; i++) {
        int level = high > low ? (int)lrint(7 * (column[i] - low) / (high - low)) : 3;
        if (isnan(column[i]))
            at += (size_t)snprintf(buf + at, SPARK_TEXT - at, " ");
        else
            at += (size_t)snprintf(buf + at, SPARK_TEXT - at, "\xe2\x96%c", 0x81 + level);
    }
    return buf;
}
