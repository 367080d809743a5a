/* Pairs of tensors. */
#include "harness/report/trace_difference.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "kernels/mem.h"
#include "models/text.h"

/* ---- tensors ---- */

static bool same_shape(const TraceTensor *a, const TraceTensor *b) {
    bool same = a->rank == b->rank;
    for (int i = 0; same && i < a->rank; i++) same = a->dim[i] == b->dim[i];
    return same;
}

/* NaN and NaN are equal; NaN and a number are as far apart as can be. */
static double distance(double a, double b) {
    if (a == b || (isnan(a) && isnan(b))) return 0.0;
    double d = fabs(a - b);
    return isnan(d) ? (double)INFINITY : d;
}

/* Zeros of both signs count as different bits, with a distance of 0. */
static bool same_bits(double a, double b) { return memcmp(&a, &b, sizeof a) == 0 || (isnan(a) && isnan(b)); }

static void compare_values(TracePair *pair, const double *a, const double *b) {
    double scale = 0.0;
    for (size_t i = 0; i < pair->n; i++) {
        double d = distance(a[i], b[i]);
        if (isfinite(a[i]) && fabs(a[i]) > scale) scale = fabs(a[i]);
        if (same_bits(a[i], b[i])) continue;
        if (pair->n_off++ == 0 || d > pair->abs_error) pair->worst = i, pair->abs_error = d;
    }
    if (pair->n_off == 0) return;
    pair->value_a = a[pair->worst];
    pair->value_b = b[pair->worst];
    if (pair->abs_error > 0.0) pair->rel_error = scale > 0.0 ? pair->abs_error / scale : (double)INFINITY;
}

static Err compare_pair(const TraceDifference *d, TracePair *pair) {
    Err err = ERR_OK;
    double *a = NULL, *b = NULL;
    pair->reshaped = !same_shape(pair->a, pair->b);
    if (pair->reshaped) return ERR_OK;
    pair->n = trace_elements(pair->a);
    TRY(mem_alloc(&a, pair->n, sizeof *a));
    TRY(mem_alloc(&b, pair->n, sizeof *b));
    TRY(trace_read(d->a, pair->a, a));
    TRY(trace_read(d->b, pair->b, b));
    compare_values(pair, a, b);
done:
    mem_free(a);
    mem_free(b);
    return err;
}

static Err compare_all(TraceDifference *d) {
    Err err = ERR_OK;
    TRY(mem_alloc(&d->pair, trace_count(d->a), sizeof *d->pair));
    for (size_t i = 0; i < trace_count(d->a); i++) {
        TracePair pair = {.a = trace_tensor(d->a, i)};
        pair.b = trace_find(d->b, pair.a->part, pair.a->name);
        if (pair.b == NULL) {
            d->n_only_a++;
            continue;
        }
        TRY(compare_pair(d, &pair));
        d->n_compared++;
        if (pair.reshaped || pair.n_off > 0) d->pair[d->n++] = pair;
    }
    d->n_only_b = trace_count(d->b) - d->n_compared;
done:
    return err;
}

/* ---- settings: lines of one dump that the other does not have ---- */

static bool has_line(const char *text, const char *line, size_t len) {
    for (const char *at = text; *at != '\0';) {
        size_t n = strcspn(at, "\n");
        if (n == len && memcmp(at, line, len) == 0) return true;
        at += n + (at[n] == '\n');
    }
    return false;
}

static Err add_missing(Text *text, const char *sign, const char *from, const char *in) {
    Err err = ERR_OK;
    for (const char *at = from; *at != '\0';) {
        size_t n = strcspn(at, "\n");
        if (!has_line(in, at, n)) TRY(text_add(text, "%s %.*s\n", sign, (int)n, at));
        at += n + (at[n] == '\n');
    }
done:
    return err;
}

static Err compare_settings(TraceDifference *d) {
    Err err = ERR_OK;
    Text text = {0};
    TRY(add_missing(&text, "A", trace_head(d->a)->settings, trace_head(d->b)->settings));
    TRY(add_missing(&text, "B", trace_head(d->b)->settings, trace_head(d->a)->settings));
    TRY(text_take(&text, &d->settings));
done:
    text_clear(&text);
    return err;
}

Err trace_difference_make(TraceDifference *out, const char *path_a, const char *path_b) {
    Err err = ERR_OK;
    *out = (TraceDifference){.path_a = path_a, .path_b = path_b};
    TRY(trace_open(&out->a, path_a));
    TRY(trace_open(&out->b, path_b));
    TRY(compare_settings(out));
    TRY(compare_all(out));
done:
    return err;
}

void trace_difference_clear(TraceDifference *difference) {
    trace_close(difference->a);
    trace_close(difference->b);
    mem_free(difference->pair);
    mem_free(difference->settings);
    *difference = (TraceDifference){0};
}

bool trace_difference_is_none(const TraceDifference *d) { return d->n + d->n_only_a + d->n_only_b == 0; }

/* ---- showing ---- */

static void place_text(char *out, size_t len, const TraceTensor *t, size_t at) {
    size_t inner = trace_elements(t), used = (size_t)snprintf(out, len, "[");
    for (int i = 0; i < t->rank && used < len; i++) {
        inner /= (size_t)t->dim[i];
        used += (size_t)snprintf(out + used, len - used, "%s%zu", i > 0 ? "," : "", at / inner);
        at %= inner;
    }
    if (used < len) (void)snprintf(out + used, len - used, "]");
}

static void print_head(FILE *to, const char *name, const char *path, const TraceHead *head) {
    fprintf(to, "%s  %s: %s, step %" PRId64 ", from %s; loss %.9g\n", name, path, head->cell, head->step, head->from,
            head->loss);
}

static void print_pair(FILE *to, const TracePair *pair) {
    char where[64];
    fprintf(to, "  %s/%s", trace_part_name(pair->a->part), pair->a->name);
    if (pair->a->node[0] != '\0') fprintf(to, " (%s of %s)", pair->a->op, pair->a->node);
    if (pair->reshaped) {
        fprintf(to, ": the shapes differ\n");
        return;
    }
    place_text(where, sizeof where, pair->a, pair->worst);
    fprintf(to, ": max abs error %.3g, rel %.3g, at %s: %.9g, %.9g; %zu of %zu elements\n", pair->abs_error,
            pair->rel_error, where, pair->value_a, pair->value_b, pair->n_off, pair->n);
}

void trace_difference_text(FILE *to, const TraceDifference *d) {
    enum { SHOWN = 10 };
    print_head(to, "A", d->path_a, trace_head(d->a));
    print_head(to, "B", d->path_b, trace_head(d->b));
    if (d->settings[0] != '\0') fprintf(to, "\nsettings that differ:\n%s", d->settings);
    if (d->n_only_a + d->n_only_b > 0)
        fprintf(to, "\ntensors: %zu only in A, %zu only in B\n", d->n_only_a, d->n_only_b);
    fprintf(to, "\n%zu tensors compared", d->n_compared);
    if (d->n == 0) {
        fprintf(to, ": the same, bit by bit\n");
        return;
    }
    fprintf(to, ", %zu differ; the first in execution order:\n", d->n);
    for (size_t i = 0; i < d->n && i < SHOWN; i++) print_pair(to, &d->pair[i]);
    if (d->n > SHOWN) fprintf(to, "  and %zu more (--json lists all)\n", d->n - SHOWN);
}

static json_t *number(double v) { return isfinite(v) ? json_real(v) : json_null(); }

static json_t *pair_json(const TracePair *pair) {
    char where[64];
    place_text(where, sizeof where, pair->a, pair->worst);
    return json_pack("{s:s, s:s, s:s, s:s, s:I, s:b, s:I, s:I, s:s, s:o, s:o, s:o, s:o}", "part",
                     trace_part_name(pair->a->part), "tensor", pair->a->name, "op", pair->a->op, "node", pair->a->node,
                     "order", (json_int_t)pair->a->order, "reshaped", pair->reshaped, "elements", (json_int_t)pair->n,
                     "elements_off", (json_int_t)pair->n_off, "at", where, "a", number(pair->value_a), "b",
                     number(pair->value_b), "abs_error", number(pair->abs_error), "rel_error", number(pair->rel_error));
}

json_t *trace_difference_json(const TraceDifference *d) {
    json_t *pairs = json_array();
    for (size_t i = 0; i < d->n; i++) (void)json_array_append_new(pairs, pair_json(&d->pair[i]));
    return json_pack("{s:s, s:s, s:b, s:I, s:I, s:I, s:o}", "a", d->path_a, "b", d->path_b, "same",
                     trace_difference_is_none(d), "compared", (json_int_t)d->n_compared, "only_a",
                     (json_int_t)d->n_only_a, "only_b", (json_int_t)d->n_only_b, "differ", pairs);
}
