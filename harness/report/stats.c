/* Student's t through the incomplete beta function; exact sign-flip test; Holm. */
#include "harness/report/stats.h"

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "kernels/mem.h"

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

/* ---- exact sign-flip test ---- */

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The sums of n numbers in all 2^n choices of signs, ascending. */
static Err signed_sums(double **out, const double *value, size_t n) {
    const size_t all = (size_t)1 << n;
    Err err = mem_alloc(out, all, sizeof **out);
    if (err != ERR_OK) return err;
    for (size_t signs = 0; signs < all; signs++)
        for (size_t i = 0; i < n; i++) (*out)[signs] += (signs >> i & 1) != 0 ? -value[i] : value[i];
    qsort(*out, all, sizeof **out, by_value);
    return ERR_OK;
}

/* Pairs of one sum from each list, both of n, that add up to at least bar. */
static uint64_t count_reaching(const double *a, size_t n_a, const double *b, size_t n_b, double bar) {
    uint64_t count = 0;
    size_t reach = n_b; /* of b, those from here on reach the bar; as a rises, more do */
    for (size_t i = 0; i < n_a; i++) {
        while (reach > 0 && a[i] + b[reach - 1] >= bar) reach--;
        count += n_b - reach;
    }
    return count;
}

/* All choices of signs are all pairs of choices for the two halves: sorted, they are counted without being listed. */
Err stats_sign_flip(double *p, const double *difference, size_t n) {
    Err err = ERR_OK;
    double observed = 0, scale = 0, *low = NULL, *high = NULL;
    *p = n == 0 ? 1 : NAN;
    if (n == 0 || n > STATS_MAX_FLIPS) return ERR_OK;
    for (size_t i = 0; i < n; i++) {
        observed += difference[i];
        scale += fabs(difference[i]);
    }
    const size_t half = n / 2, n_low = (size_t)1 << half, n_high = (size_t)1 << (n - half);
    TRY(signed_sums(&low, difference, half));
    TRY(signed_sums(&high, difference + half, n - half));
    /* Sums of the same numbers in other signs round differently: what differs by less than their rounding is a tie,
     * and a tie counts, since the observed signs are one of the choices. */
    double bar = fabs(observed) - 8 * (double)n * DBL_EPSILON * scale;
    /* Every choice has its mirror: as many sums lie at or below -bar as at or above bar. */
    *p = bar <= 0 ? 1 : ldexp((double)count_reaching(low, n_low, high, n_high, bar), 1 - (int)n);
done:
    mem_free(low);
    mem_free(high);
    return err;
}

double stats_smallest_p(size_t n) { return n == 0 ? 1 : ldexp(1, 1 - (int)n); }

/* ---- Holm ---- */

typedef struct Ranked {
    double p;
    size_t i;
} Ranked;

static int by_p(const void *a, const void *b) {
    const Ranked *x = a, *y = b;
    return x->p != y->p ? by_value(&x->p, &y->p) : (x->i > y->i) - (x->i < y->i);
}

Err stats_holm(double *p, size_t m) {
    Err err = ERR_OK;
    Ranked *ranked = NULL;
    double largest = 0;
    size_t n = 0;
    TRY(mem_alloc(&ranked, m, sizeof *ranked));
    for (size_t i = 0; i < m; i++)
        if (!isnan(p[i])) ranked[n++] = (Ranked){p[i], i};
    qsort(ranked, n, sizeof *ranked, by_p);
    for (size_t rank = 0; rank < n; rank++) {
        largest = fmax(largest, (double)(n - rank) * ranked[rank].p);
        p[ranked[rank].i] = fmin(1, largest);
    }
done:
    mem_free(ranked);
    return err;
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
