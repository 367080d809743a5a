/* Student's t through the incomplete beta function; exact sign-flip test; Holm. */
#include "harness/report/stats.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>

Stats stats_of(const double *value, size_t n) {
    Stats s = {.n = n, .mean = NAN, .std = NAN, .low = NAN, .high = NAN};
    double sum = 0, squares = 0;
    if (n == 0) return s;
    for (size_t i = 0; i < n; i++) sum += value[i];
    s.mean = sum / (double)n;
    if (n < 2) return s;
    for (size_t i = 0; i < n; i++) squares += (value[i] - s.mean) * (value[i] - s.mean);
    s.std = sqrt(squares / (double)(n - 1));
    double half = stats_t_quantile(0.975, (double)(n - 1)) * s.std / sqrt((double)n);
    s.low = s.mean - half;
    s.high = s.mean + half;
    return s;
}

/* Continued fraction of the incomplete beta function, by Lentz's method (Press et al. 2007, 6.4). */
static double beta_fraction(double a, double b, double x) {
    const double tiny = 1e-300;
    double c = 1, d = 1 - (a + b) * x / (a + 1);
    d = 1 / (fabs(d) < tiny ? tiny : d);
    double h = d;
    for (int m = 1; m < 10000; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        d = 1 + even * d;
        d = 1 / (fabs(d) < tiny ? tiny : d);
        c = 1 + even / c;
        c = fabs(c) < tiny ? tiny : c;
        h *= d * c;
        d = 1 + odd * d;
        d = 1 / (fabs(d) < tiny ? tiny : d);
        c = 1 + odd / c;
        c = fabs(c) < tiny ? tiny : c;
        double step = d * c;
        h *= step;
        if (fabs(step - 1) < 4 * DBL_EPSILON) break;
    }
    return h;
}

/* I_x(a, b), regularised; y = 1 - x is given apart, since it may be too small to be formed from x. */
static double beta_regular(double a, double b, double x, double y) {
    if (x <= 0) return 0;
    if (y <= 0) return 1;
    double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log(y));
    if (x < (a + 1) / (a + b + 2)) return front * beta_fraction(a, b, x) / a;
    return 1 - front * beta_fraction(b, a, y) / b;
}

/* P(T > t) for t >= 0: half of I_{df/(df+t^2)}(df/2, 1/2). */
static double upper_tail(double t, double df) {
    double square = t * t;
    return 0.5 * beta_regular(df / 2, 0.5, df / (df + square), square / (df + square));
}

double stats_t_cdf(double t, double df) {
    if (isnan(t) || !(df >= 1)) return NAN;
    return t >= 0 ? 1 - upper_tail(t, df) : upper_tail(-t, df);
}

/* The tail falls monotonically: the bracket doubles until it holds the root, then halves down to the last bit. */
double stats_t_quantile(double p, double df) {
    if (!(p > 0 && p < 1) || !(df >= 1)) return NAN;
    if (p == 0.5) return 0;
    double tail = p < 0.5 ? p : 1 - p, low = 0, high = 1;
    while (upper_tail(high, df) > tail && high < DBL_MAX / 4) high *= 2;
    for (int i = 0; i < 200; i++) {
        double middle = low + (high - low) / 2;
        if (middle <= low || middle >= high) break;
        if (upper_tail(middle, df) > tail)
            low = middle;
        else
            high = middle;
    }
    return p < 0.5 ? -high : high;
}

double stats_sign_flip(const double *difference, size_t n) {
    double observed = 0, scale = 0;
    uint64_t hits = 0;
    if (n == 0) return 1;
    if (n > STATS_MAX_FLIPS) return NAN;
    for (size_t i = 0; i < n; i++) {
        observed += difference[i];
        scale += fabs(difference[i]);
    }
    /* Sums of the same numbers in other signs round differently: what differs by less than their rounding is a tie,
     * and a tie counts, since the observed signs are one of the choices. */
    double bar = fabs(observed) - 8 * (double)n * DBL_EPSILON * scale;
    uint64_t all = (uint64_t)1 << n;
    for (uint64_t signs = 0; signs < all; signs++) {
        double sum = 0;
        for (size_t i = 0; i < n; i++) sum += (signs >> i & 1) != 0 ? -difference[i] : difference[i];
        hits += fabs(sum) >= bar;
    }
    return (double)hits / (double)all;
}

double stats_smallest_p(size_t n) { return n == 0 ? 1 : ldexp(1, 1 - (int)n); }

/* Number of p-values not above p[i], equals counted by their place, which gives each a rank of its own. */
static size_t rank_of(const double *p, size_t m, size_t i) {
    size_t rank = 0;
    for (size_t k = 0; k < m; k++)
        if (!isnan(p[k]) && (p[k] < p[i] || (p[k] == p[i] && k < i))) rank++;
    return rank;
}

/* With at most a few dozen variants, the cubic loop that needs no storage is the plain one: the adjusted value is the
 * largest of (m - rank) p over all p-values of lower or equal rank. */
static double holm_adjusted(const double *p, size_t m, size_t n, size_t i) {
    double largest = 0;
    size_t rank = rank_of(p, m, i);
    for (size_t k = 0; k < m; k++) {
        if (isnan(p[k])) continue;
        size_t other = rank_of(p, m, k);
        if (other <= rank) largest = fmax(largest, (double)(n - other) * p[k]);
    }
    return fmin(1, largest);
}

void stats_holm(double *p, size_t m) {
    enum { MAX_TESTS = 256 };
    double adjusted[MAX_TESTS];
    size_t n = 0;
    ASSERT(m <= MAX_TESTS);
    for (size_t i = 0; i < m; i++) n += isnan(p[i]) ? 0 : 1;
    for (size_t i = 0; i < m; i++) adjusted[i] = isnan(p[i]) ? NAN : holm_adjusted(p, m, n, i);
    for (size_t i = 0; i < m; i++) p[i] = adjusted[i];
}

Verdict stats_verdict(double low, double high, double margin, int sign) {
    if (isnan(low) || isnan(high)) return VERDICT_NONE;
    if (margin > 0 && low >= -margin && high <= margin) return VERDICT_EQUIVALENT;
    if (low > 0) return sign >= 0 ? VERDICT_BETTER : VERDICT_WORSE;
    if (high < 0) return sign >= 0 ? VERDICT_WORSE : VERDICT_BETTER;
    return VERDICT_UNDECIDED;
}

const char *verdict_name(Verdict verdict) {
    switch (verdict) {
    case VERDICT_NONE: return "-";
    case VERDICT_BETTER: return "better";
    case VERDICT_WORSE: return "worse";
    case VERDICT_EQUIVALENT: return "equivalent";
    case VERDICT_UNDECIDED: return "undecided";
    }
    return "-";
}
