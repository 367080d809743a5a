/* Differences for people and for programs. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/report/difference.h"
#include "harness/report/jsonio.h"

enum { KEY = 30, MAX_METRICS = 8, MAX_TEXT = 160 };

/* ---- text ---- */

static const char *or_none(const char *text) { return text == NULL ? "–" : text[0] == '\0' ? "\"\"" : text; }

/* The first line of a value, not too much of it. */
static void put_value(FILE *to, const char *text) {
    const char *shown = or_none(text);
    size_t len = strcspn(shown, "\n"), all = strlen(shown);
    if (len > MAX_TEXT) len = MAX_TEXT;
    (void)fprintf(to, "%.*s%s", (int)len, shown, len < all ? "..." : "");
}

static void put_pairs(FILE *to, const char *indent, const DiffPairs *pairs) {
    for (size_t i = 0; i < pairs->n; i++) {
        const DiffPair *pair = &pairs->item[i];
        (void)fprintf(to, "%s%-*s ", indent, KEY, pair->key);
        if (pair->a == NULL || pair->a[0] != '\0') {
            put_value(to, pair->a);
            (void)fputs(" → ", to);
        }
        put_value(to, pair->b);
        (void)fputc('\n', to);
    }
}

/* As few digits as tell a float from all others; of a metric, six. */
static char *number_text(char buf[40], double value, bool is_float) {
    for (int digits = 6; digits <= 9; digits++) {
        (void)snprintf(buf, 40, "%.*g", digits, value);
        if (!is_float || strtof(buf, NULL) == (float)value) break;
    }
    return buf;
}

static void put_numbers(FILE *to, const char *indent, const DiffNumbers *numbers, size_t most, bool are_floats) {
    for (size_t i = 0; i < numbers->n && i < most; i++) {
        const DiffNumber *n = &numbers->item[i];
        char a[40], b[40];
        const char *shown_a = isnan(n->a) ? "–" : number_text(a, n->a, are_floats);
        const char *shown_b = isnan(n->b) ? "–" : number_text(b, n->b, are_floats);
        (void)fprintf(to, "%s%-*s %s → %s", indent, KEY, n->key, shown_a, shown_b);
        if (isfinite(n->b - n->a)) (void)fprintf(to, "  (%+.3g)", n->b - n->a);
        (void)fputc('\n', to);
    }
    if (numbers->n > most) (void)fprintf(to, "%sand %zu more\n", indent, numbers->n - most);
}

static bool has_numbers(const DiffCell *cell) {
    return cell->first_step > 0 || cell->first_evaluation > 0 || cell->metrics.n > 0 || cell->first_maps > 0 ||
           cell->n_params > 0 || cell->n_a != cell->n_b;
}

static void put_curves(FILE *to, const DiffCell *cell) {
    if (cell->first_step > 0) {
        (void)fprintf(to, "  first difference at step %" PRId64 "\n", cell->first_step);
        put_numbers(to, "    ", &cell->step, SIZE_MAX, true);
    } else if (cell->n_a > 0 && cell->n_b > 0) {
        int64_t both = cell->n_a < cell->n_b ? cell->n_a : cell->n_b;
        (void)fprintf(to, "  the same up to step %" PRId64 "\n", both);
    }
    if (cell->n_a != cell->n_b)
        (void)fprintf(to, "  %-*s %" PRId64 " → %" PRId64 "\n", KEY, "steps recorded", cell->n_a, cell->n_b);
}

static void put_cell(FILE *to, const DiffCell *cell) {
    (void)fprintf(to, "%s: ", cell->name);
    if (!cell->in_a || !cell->in_b) {
        (void)fprintf(to, "only in %s\n", cell->in_a ? "A" : "B");
        return;
    }
    (void)fputs(cell->is_equal ? "equal\n" : "differs\n", to);
    put_pairs(to, "  ", &cell->settings);
    put_pairs(to, "  ", &cell->facts);
    put_pairs(to, "  ", &cell->origin);
    if (cell->is_equal) return;
    put_curves(to, cell);
    if (cell->first_evaluation > 0)
        (void)fprintf(to, "  evaluations differ from step %" PRId64 " on\n", cell->first_evaluation);
    put_numbers(to, "    ", &cell->metrics, MAX_METRICS, false);
    if (cell->first_maps > 0) (void)fprintf(to, "  attention differs from step %" PRId64 " on\n", cell->first_maps);
    if (cell->n_params > 0) (void)fprintf(to, "  %" PRId64 " parameters differ", cell->n_params);
    if (cell->worst_param != NULL) (void)fprintf(to, ", most in %s, by up to %.3g", cell->worst_param, cell->worst_by);
    if (cell->n_params > 0) (void)fputc('\n', to);
    if (!has_numbers(cell) && cell->settings.n == 0 && cell->facts.n == 0)
        (void)fputs("  in what is recorded beside curves, evaluations, attention and parameters\n", to);
}

void difference_text(FILE *to, const Difference *d) {
    (void)fprintf(to, "A %s\nB %s\n", d->path_a, d->path_b);
    if (d->environment.n > 0) {
        (void)fputs("environment\n", to);
        put_pairs(to, "  ", &d->environment);
    }
    for (size_t i = 0; i < d->n; i++)
        if (!d->cell[i].is_equal || d->cell[i].origin.n > 0) put_cell(to, &d->cell[i]);
    (void)fprintf(to, "%zu equal, %zu different", d->n_equal, d->n - d->n_equal - d->n_only_a - d->n_only_b);
    if (d->n_only_a > 0) (void)fprintf(to, ", %zu only in A", d->n_only_a);
    if (d->n_only_b > 0) (void)fprintf(to, ", %zu only in B", d->n_only_b);
    (void)fputc('\n', to);
}

/* ---- JSON ---- */

static json_t *pairs_object(const DiffPairs *pairs) {
    json_t *object = json_object();
    for (size_t i = 0; i < pairs->n; i++) {
        json_t *pair = json_array();
        jsonio_append(&pair, jsonio_text(pairs->item[i].a));
        jsonio_append(&pair, jsonio_text(pairs->item[i].b));
        jsonio_set(&object, pairs->item[i].key, pair);
    }
    return object;
}

static json_t *numbers_object(const DiffNumbers *numbers) {
    json_t *object = json_object();
    for (size_t i = 0; i < numbers->n; i++) {
        json_t *pair = json_array();
        jsonio_append(&pair, jsonio_number(numbers->item[i].a));
        jsonio_append(&pair, jsonio_number(numbers->item[i].b));
        jsonio_set(&object, numbers->item[i].key, pair);
    }
    return object;
}

static json_t *step_or_null(int64_t step) { return step > 0 ? json_integer(step) : json_null(); }

static json_t *cell_object(const DiffCell *cell) {
    json_t *object = json_object();
    jsonio_set(&object, "cell", json_string(cell->name));
    jsonio_set(&object, "in", json_string(!cell->in_b ? "a" : !cell->in_a ? "b" : "both"));
    jsonio_set(&object, "equal", json_boolean(cell->is_equal));
    jsonio_set(&object, "settings", pairs_object(&cell->settings));
    jsonio_set(&object, "facts", pairs_object(&cell->facts));
    jsonio_set(&object, "origin", pairs_object(&cell->origin));
    jsonio_set(&object, "first_step", step_or_null(cell->first_step));
    jsonio_set(&object, "values", numbers_object(&cell->step));
    jsonio_set(&object, "first_evaluation", step_or_null(cell->first_evaluation));
    jsonio_set(&object, "metrics", numbers_object(&cell->metrics));
    jsonio_set(&object, "first_attention", step_or_null(cell->first_maps));
    jsonio_set(&object, "parameters", json_integer(cell->n_params));
    jsonio_set(&object, "worst_parameter", jsonio_text(cell->worst_param));
    jsonio_set(&object, "worst_by", jsonio_number(cell->worst_param != NULL ? cell->worst_by : 0));
    return object;
}

json_t *difference_json(const Difference *d) {
    json_t *object = json_object(), *cells = json_array();
    for (size_t i = 0; i < d->n; i++) jsonio_append(&cells, cell_object(&d->cell[i]));
    jsonio_set(&object, "a", json_string(d->path_a));
    jsonio_set(&object, "b", json_string(d->path_b));
    jsonio_set(&object, "equal", json_boolean(difference_is_none(d)));
    jsonio_set(&object, "environment", pairs_object(&d->environment));
    jsonio_set(&object, "cells", cells);
    return object;
}
