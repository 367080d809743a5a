/* Statistics of a few paired runs. Depends on libm and kernels/mem only.
 * NaN means that a quantity does not exist (a standard deviation of one value), never zero. */
#ifndef HARNESS_REPORT_STATS_H
#define HARNESS_REPORT_STATS_H

#include <stddef.h>

#include "kernels/err.h"

typedef struct Stats {
    size_t n;
    double mean;
    double std;       /* sample standard deviation (n - 1); NaN for n < 2 */
    double low, high; /* 95 % interval of the mean, Student's t; NaN for n < 2 */
} Stats;

/* Of n finite values. n = 0 gives NaN throughout. */
Stats stats_of(const double *value, size_t n);

/* Student's t with df >= 1 degrees of freedom: P(T <= t), and its inverse for 0 < p < 1. Relative error below 1e-10. */
double stats_t_cdf(double t, double df);
double stats_t_quantile(double p, double df);

/* *p = the two-sided p of the exact sign-flip test that paired differences have mean zero: the share of all 2^n choices
 * of signs whose |sum| is at least the observed one. 1 for n = 0; NaN beyond STATS_MAX_FLIPS, where no exact value is
 * computed. ERR_NOMEM. */
enum { STATS_MAX_FLIPS = 40 };
Err stats_sign_flip(double *p, const double *difference, size_t n) MUST_CHECK;

/* The smallest p that this test can give: 2 / 2^n, when all differences point one way. */
double stats_smallest_p(size_t n);

/* Holm's step-down adjustment (Holm 1979) of m p-values, in place; NaN stays and does not count. ERR_NOMEM. */
Err stats_holm(double *p, size_t m) MUST_CHECK;

/* What an interval of a difference says. margin >= 0; sign +1 when higher is better, -1 when lower is. */
typedef enum Verdict {
    VERDICT_NONE,       /* no interval: fewer than two pairs */
    VERDICT_BETTER,     /* the interval lies on the good side of zero */
    VERDICT_WORSE,      /* on the bad side */
    VERDICT_EQUIVALENT, /* within -margin .. margin, whether or not it excludes zero */
    VERDICT_UNDECIDED
} Verdict;
Verdict stats_verdict(double low, double high, double margin, int sign);
const char *verdict_name(Verdict verdict);

#endif
