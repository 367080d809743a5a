/* Words and numbers of two cells. */
#include "harness/report/difference_parts.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "harness/grid/grid.h"
#include "harness/grid/sources.h"
#include "harness/run/inputs.h"
#include "kernels/mem.h"

static bool same_text(const char *a, const char *b) { return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0; }

Err diff_pair(Pool *pool, DiffPairs *pairs, const char *key, const char *a, const char *b) {
    Err err = ERR_OK;
    if (same_text(a, b)) return ERR_OK;
    TRY(pool_grow(pool, &pairs->item, pairs->n, &pairs->room, sizeof *pairs->item));
    DiffPair *pair = &pairs->item[pairs->n++];
    *pair = (DiffPair){0};
    TRY(pool_text(pool, &pair->key, key));
    if (a != NULL) TRY(pool_text(pool, &pair->a, a));
    if (b != NULL) TRY(pool_text(pool, &pair->b, b));
done:
    return err;
}

/* ---- facts ---- */

static Err diff_count(Pool *pool, DiffPairs *pairs, const char *key, int64_t a, int64_t b) {
    char x[32], y[32];
    (void)snprintf(x, sizeof x, "%" PRId64, a);
    (void)snprintf(y, sizeof y, "%" PRId64, b);
    return diff_pair(pool, pairs, key, x, y);
}

static Err diff_facts(Pool *pool, DiffPairs *out, const CellRecord *a, const CellRecord *b) {
    Err err = ERR_OK;
    const struct {
        const char *key;
        int64_t a, b;
    } counts[] = {{"seed", a->seed, b->seed},
                  {"steps asked for", a->n_steps, b->n_steps},
                  {"parameters", a->n_params, b->n_params},
                  {"boxes used", a->n_boxes_used, b->n_boxes_used},
                  {"operations per step", a->flops_per_step, b->flops_per_step},
                  {"planned bytes", a->memory.planned_bytes, b->memory.planned_bytes},
                  {"measured bytes", a->memory.measured_bytes, b->memory.measured_bytes},
                  {"lower bound bytes", a->memory.lower_bound_bytes, b->memory.lower_bound_bytes},
                  {"best step", a->best.step, b->best.step}};
    TRY(diff_pair(pool, out, "status", cell_status_name(a->status), cell_status_name(b->status)));
    TRY(diff_pair(pool, out, "cause", a->cause, b->cause));
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        TRY(diff_count(pool, out, counts[i].key, counts[i].a, counts[i].b));
    TRY(diff_pair(pool, out, "peak at", a->memory.peak_node, b->memory.peak_node));
done:
    return err;
}

/* ---- settings ---- */

static const char *shown(const Settings *s, const char *key) {
    return settings_has(s, key) ? settings_show(s, key) : NULL;
}

static Err diff_settings(Pool *pool, DiffPairs *out, const CellRecord *a, const CellRecord *b) {
    Err err = ERR_OK;
    Settings *x = NULL, *y = NULL;
    if (same_text(a->settings, b->settings)) return ERR_OK;
    if (grid_read_settings(&x, a->name, a->settings) != ERR_OK ||
        grid_read_settings(&y, b->name, b->settings) != ERR_OK) {
        err_clear(); /* of a version with other settings: they differ, in what is not known */
        settings_free(x);
        return diff_pair(pool, out, "settings", "(of one version)", "(of another)");
    }
    for (size_t i = 0; i < settings_count(x); i++) {
        const char *key = settings_key_at(x, i);
        TRY(diff_pair(pool, out, key, settings_show(x, key), shown(y, key)));
    }
    for (size_t i = 0; i < settings_count(y); i++) {
        const char *key = settings_key_at(y, i);
        if (!settings_has(x, key)) TRY(diff_pair(pool, out, key, NULL, settings_show(y, key)));
    }
done:
    settings_free(x);
    settings_free(y);
    return err;
}

/* ---- where they come from ---- */

/* Of listings of files what changed is told, not the listings. */
static bool is_listing(const char *key) {
    return strcmp(key, INPUTS_KEY) == 0 || strcmp(key, INPUTS_OBSERVED_KEY) == 0 || strcmp(key, SOURCES_KEY) == 0;
}

static Err diff_listings(Pool *pool, DiffPairs *out, const char *key, const CellRecord *x, const CellRecord *y) {
    Err err = ERR_OK;
    const char *a = record_provenance_find(x, key), *b = record_provenance_find(y, key);
    char *changes = NULL;
    if (a == NULL || b == NULL || same_text(a, b)) return ERR_OK;
    TRY(sources_changes(&changes, a, b));
    TRY(diff_pair(pool, out, key, "", changes));
done:
    mem_free(changes);
    return err;
}

static Err diff_origin(Pool *pool, DiffPairs *out, const CellRecord *a, const CellRecord *b) {
    Err err = ERR_OK;
    for (size_t i = 0; i < a->provenance.n; i++) {
        const char *key = a->provenance.item[i].key;
        if (!is_listing(key))
            TRY(diff_pair(pool, out, key, a->provenance.item[i].value, record_provenance_find(b, key)));
    }
    for (size_t i = 0; i < b->provenance.n; i++) {
        const char *key = b->provenance.item[i].key;
        if (!is_listing(key) && record_provenance_find(a, key) == NULL)
            TRY(diff_pair(pool, out, key, NULL, b->provenance.item[i].value));
    }
    TRY(diff_listings(pool, out, INPUTS_KEY, a, b));
    TRY(diff_listings(pool, out, INPUTS_OBSERVED_KEY, a, b));
    TRY(diff_listings(pool, out, SOURCES_KEY, a, b));
    TRY(diff_pair(pool, out, "code", a->code_digest, b->code_digest));
done:
    return err;
}

Err diff_words(Pool *pool, DiffCell *out, const CellRecord *a, const CellRecord *b) {
    Err err = ERR_OK;
    TRY(diff_facts(pool, &out->facts, a, b));
    TRY(diff_settings(pool, &out->settings, a, b));
    TRY(diff_origin(pool, &out->origin, a, b));
done:
    return err;
}

/* ---- curves ---- */

static Err add_number(Pool *pool, DiffNumbers *numbers, const char *key, double a, double b) {
    Err err = ERR_OK;
    TRY(pool_grow(pool, &numbers->item, numbers->n, &numbers->room, sizeof *numbers->item));
    DiffNumber *number = &numbers->item[numbers->n++];
    *number = (DiffNumber){.a = a, .b = b};
    TRY(pool_text(pool, &number->key, key));
done:
    return err;
}

/* Bits, so that a NaN is the same as itself and 0 is not -0. */
static bool same_float(float a, float b) { return memcmp(&a, &b, sizeof a) == 0; }
static bool same_double(double a, double b) { return memcmp(&a, &b, sizeof a) == 0; }

static Err diff_curves(Pool *pool, DiffCell *out, const RecordCurves *a, const RecordCurves *b) {
    static const char *const names[CURVE_COUNT] = {"loss", "loss_recognition", "loss_focus", "grad_norm", "lr"};
    Err err = ERR_OK;
    out->n_a = (int64_t)a->n;
    out->n_b = (int64_t)b->n;
    for (size_t i = 0; i < a->n && i < b->n && out->step.n == 0; i++) {
        for (int k = 0; k < CURVE_COUNT; k++)
            if (!same_float(a->value[k][i], b->value[k][i]))
                TRY(add_number(pool, &out->step, names[k], (double)a->value[k][i], (double)b->value[k][i]));
        if (out->step.n > 0 || a->step[i] != b->step[i])
            out->first_step = a->step[i] < b->step[i] ? a->step[i] : b->step[i];
        if (a->step[i] != b->step[i]) break;
    }
done:
    return err;
}

/* ---- evaluations ---- */

static void note_first(int64_t *first, int64_t step) {
    if (*first == 0 || step < *first) *first = step;
}

static Err diff_metric(Pool *pool, DiffCell *out, const RecordEvaluation *a, int i_a, const RecordEvaluation *b) {
    Err err = ERR_OK;
    char key[200];
    const char *name = a->metrics[i_a].name;
    int i_b = record_find_metric(b, name);
    double last_a = a->n > 0 ? a->value[i_a][a->n - 1] : (double)NAN;
    double last_b = i_b >= 0 && b->n > 0 ? b->value[i_b][b->n - 1] : (double)NAN;
    for (size_t i = 0; i_b >= 0 && i < a->n && i < b->n; i++)
        if (a->step[i] != b->step[i] || !same_double(a->value[i_a][i], b->value[i_b][i])) {
            note_first(&out->first_evaluation, a->step[i] < b->step[i] ? a->step[i] : b->step[i]);
            break;
        }
    (void)snprintf(key, sizeof key, "%s %s", a->set, name);
    if (!same_double(last_a, last_b)) TRY(add_number(pool, &out->metrics, key, last_a, last_b));
done:
    return err;
}

/* Those that are read first come first. */
static bool is_main(const char *metric) {
    static const char *const names[] = {"char_accuracy", "word_accuracy", "hit_rate", "centre_error_px"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], metric) == 0) return true;
    return false;
}

static Err diff_evaluations(Pool *pool, DiffCell *out, const CellRecord *a, const CellRecord *b) {
    Err err = ERR_OK;
    for (size_t i = 0; i < a->n_evaluations; i++) {
        const RecordEvaluation *x = &a->evaluations[i], *y = record_find_evaluation(b, x->set);
        TRY(diff_pair(pool, &out->facts, "evaluation", x->set, y != NULL ? x->set : NULL));
    }
    for (size_t i = 0; i < 2 * a->n_evaluations; i++) {
        const RecordEvaluation *x = &a->evaluations[i % a->n_evaluations], *y = record_find_evaluation(b, x->set);
        for (size_t m = 0; y != NULL && m < x->n_metrics; m++)
            if (is_main(x->metrics[m].name) == (i < a->n_evaluations)) TRY(diff_metric(pool, out, x, (int)m, y));
    }
    for (size_t i = 0; i < b->n_evaluations; i++)
        if (record_find_evaluation(a, b->evaluations[i].set) == NULL)
            TRY(diff_pair(pool, &out->facts, "evaluation", NULL, b->evaluations[i].set));
done:
    return err;
}

/* ---- maps and parameters ---- */

static void diff_maps(DiffCell *out, const RecordAttention *a, const RecordAttention *b) {
    size_t n = (size_t)(a->n_samples * a->n_t * a->map_h * a->map_w);
    bool same_shape = a->n_samples == b->n_samples && a->n_t == b->n_t && a->map_h == b->map_h && a->map_w == b->map_w;
    for (int64_t e = 0; e < a->n && e < b->n; e++) {
        if (same_shape && a->step[e] == b->step[e] &&
            memcmp(a->maps + (size_t)e * n, b->maps + (size_t)e * n, n * sizeof *a->maps) == 0)
            continue;
        out->first_maps = a->step[e];
        return;
    }
}

/* Compares one parameter; *by = the largest difference of an element, infinite where it is no number or missing. */
static bool same_param(const RecordParam *a, const RecordParam *b, double *by) {
    *by = INFINITY;
    if (b == NULL || shape_count(&a->shape) != shape_count(&b->shape)) return false;
    size_t n = (size_t)shape_count(&a->shape);
    *by = 0;
    if (memcmp(a->data, b->data, n * sizeof *a->data) == 0) return true;
    for (size_t i = 0; i < n; i++) {
        double away = fabs((double)a->data[i] - (double)b->data[i]);
        if (!same_float(a->data[i], b->data[i])) *by = fmax(*by, isnan(away) ? INFINITY : away);
    }
    return false;
}

static Err diff_params(Pool *pool, DiffCell *out, const RecordParams *a, const RecordParams *b) {
    Err err = ERR_OK;
    const RecordParam *worst = NULL;
    double by = 0;
    for (size_t i = 0; i < a->n; i++) {
        if (same_param(&a->item[i], results_param(b, a->item[i].name), &by)) continue;
        out->n_params++;
        if (worst == NULL || by > out->worst_by) {
            worst = &a->item[i];
            out->worst_by = by;
        }
    }
    for (size_t i = 0; i < b->n; i++) out->n_params += results_param(a, b->item[i].name) == NULL;
    if (worst != NULL) TRY(pool_text(pool, &out->worst_param, worst->name));
done:
    return err;
}

Err diff_numbers(Pool *pool, DiffCell *out, const CellRecord *a, const CellRecord *b) {
    Err err = ERR_OK;
    TRY(diff_curves(pool, out, &a->curves, &b->curves));
    TRY(diff_evaluations(pool, out, a, b));
    diff_maps(out, &a->attention, &b->attention);
    TRY(diff_params(pool, out, &a->final, &b->final));
done:
    return err;
}
