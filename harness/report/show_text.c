/* A cell for a terminal: labelled paragraphs, wrapped, and curves as sparklines. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "harness/report/identity.h"
#include "harness/report/pick.h"
#include "harness/report/show.h"
#include "harness/report/spark.h"
#include "harness/report/width.h"
#include "harness/run/size_text.h"
#include "kernels/mem.h"
#include "models/text.h"

enum { LABEL = 13, CURVE_NAME = 24, CURVE_COLUMNS = 40 };

/* What is written is put together first; a lack of memory shortens it, and shows. */
typedef struct Writer {
    FILE *to;
    size_t page;
    Text text;
    Err err;
} Writer;

#define ADD(...)                                                                                                       \
    do {                                                                                                               \
        if (w->err == ERR_OK) w->err = text_add(&w->text, __VA_ARGS__);                                                \
    } while (0)

/* Writes what was added as a paragraph under a label, "" = none; nothing if nothing was. */
static void put(Writer *w, const char *label) {
    if (w->err != ERR_OK) {
        (void)fputs("(out of memory)\n", w->to);
        w->err = ERR_OK;
    } else if (w->text.len > 0) {
        (void)fprintf(w->to, "  %-*s", LABEL - 2, label);
        text_wrap(w->to, w->page, w->text.data, LABEL, LABEL);
    }
    text_clear(&w->text);
    w->text = (Text){0};
}

/* ---- outcome and settings ---- */

static void put_outcome(Writer *w, const Show *show) {
    const CellRecord *c = show->cell;
    char state[PICK_STATE];
    int64_t done = c->curves.n > 0 ? c->curves.step[c->curves.n - 1] : 0;
    ADD("%s", pick_state(state, c));
    if (c->status != CELL_MISSING) ADD("; %" PRId64 " of %" PRId64 " steps", done, c->n_steps);
    if (c->best.step > 0) ADD("; best on valid after step %" PRId64, c->best.step);
    put(w, "outcome");
}

/* Settings that this cell has and the other has not, or has otherwise; with its value behind. */
static void put_differences(Writer *w, const Show *show) {
    const CellRecord *c = show->cell, *b = show->baseline;
    const char *text = c->identity, *line = NULL, *value = NULL;
    size_t len = 0, n = 0;
    if (b == NULL || c->status == CELL_MISSING || b->status == CELL_MISSING) return;
    while (identity_next(&text, &line, &len)) {
        if (identity_has(b->identity, line, len)) continue;
        ADD("%s%.*s", w->text.len > 0 ? "  " : "", (int)len, line);
        if ((value = identity_value(b->identity, line, &n)) != NULL) ADD(" (%.*s)", (int)n, value);
    }
    for (text = b->identity; identity_next(&text, &line, &len);)
        if (identity_value(c->identity, line, &n) == NULL)
            ADD("%s%.*s=default (%.*s)", w->text.len > 0 ? "  " : "", (int)strcspn(line, "="), line,
                (int)(len - strcspn(line, "=") - 1), line + strcspn(line, "=") + 1);
    if (w->text.len == 0) ADD("none");
    ADD("  (against %s)", b->name);
    put(w, "differs in");
}

static void put_settings(Writer *w, const Show *show) {
    const char *text = show->cell->identity, *line = NULL;
    size_t len = 0;
    while (text != NULL && identity_next(&text, &line, &len)) {
        if (show->baseline != NULL && !identity_has(show->baseline->identity, line, len)) continue;
        ADD("%s%.*s", w->text.len > 0 ? "  " : "", (int)len, line);
    }
    put(w, "settings");
}

/* ---- figures ---- */

static void put_figures(Writer *w, const Show *show) {
    static const char *const names[] = {"char_accuracy", "word_accuracy", "step_accuracy", "hit_rate",
                                        "centre_error_px"};
    for (size_t i = 0; i < show->cell->n_evaluations; i++) {
        const RecordEvaluation *e = &show->cell->evaluations[i];
        for (size_t k = 0; e->n > 0 && k < sizeof names / sizeof *names; k++) {
            int m = record_find_metric(e, names[k]);
            if (m < 0 || isnan(e->value[m][e->n - 1])) continue;
            if (w->text.len == 0) ADD("step %" PRId64 ":", e->step[e->n - 1]);
            ADD("  %s %.3f", names[k], e->value[m][e->n - 1]);
        }
        put(w, e->set);
    }
}

/* ---- curves ---- */

static double first_finite(const double *value, size_t n, int step) {
    for (size_t i = 0; i < n; i++) {
        double v = value[step > 0 ? i : n - 1 - i];
        if (isfinite(v)) return v;
    }
    return NAN;
}

static void put_curve(Writer *w, const char *name, const double *value, size_t n) {
    char line[SPARK_TEXT];
    if (isnan(first_finite(value, n, 1))) return;
    ADD("%-*s%9.3g ", CURVE_NAME, name, first_finite(value, n, 1));
    ADD("%s", spark_text(line, value, n, CURVE_COLUMNS));
    for (size_t pad = text_width(line); pad < CURVE_COLUMNS && pad < n; pad++) ADD(" ");
    ADD(" %.3g\n", first_finite(value, n, -1));
}

static void put_curves(Writer *w, const Show *show) {
    static const struct {
        CurveKind kind;
        const char *name;
    } curves[] = {{CURVE_LOSS, "loss"}, {CURVE_LOSS_FOCUS, "loss_focus"}, {CURVE_LR, "lr"}};
    static const char *const metrics[] = {"char_accuracy", "hit_rate"};
    const RecordCurves *c = &show->cell->curves;
    double *value = NULL;
    w->err = mem_alloc(&value, c->n, sizeof *value);
    if (w->err != ERR_OK) {
        put(w, "curves");
        return;
    }
    for (size_t k = 0; k < sizeof curves / sizeof *curves; k++) {
        for (size_t i = 0; i < c->n; i++) value[i] = (double)c->value[curves[k].kind][i];
        put_curve(w, curves[k].name, value, c->n);
    }
    mem_free(value);
    for (size_t i = 0; i < show->cell->n_evaluations; i++) {
        const RecordEvaluation *e = &show->cell->evaluations[i];
        for (size_t k = 0; e->n > 1 && k < sizeof metrics / sizeof *metrics; k++) {
            char name[CURVE_NAME];
            int m = record_find_metric(e, metrics[k]);
            (void)snprintf(name, sizeof name, "%s %s", e->set, metrics[k]);
            if (m >= 0) put_curve(w, name, e->value[m], e->n);
        }
    }
    const char *at = w->err == ERR_OK && w->text.len > 0 ? w->text.data : "";
    for (bool first = true; *at != '\0'; first = false) { /* not wrapped */
        int len = (int)strcspn(at, "\n");
        (void)fprintf(w->to, "  %-*s%.*s\n", LABEL - 2, first ? "curves" : "", len, at);
        at += len + (at[len] == '\n');
    }
    text_clear(&w->text);
    w->text = (Text){0};
}

/* ---- cost ---- */

static void add_size(Writer *w, const char *before, int64_t bytes, const char *after) {
    char size[SIZE_TEXT];
    if (bytes < 0) return;
    ADD("%s%s%s%s", w->text.len > 0 ? ", " : "", before, size_text((uint64_t)bytes, size), after);
}

static void put_memory(Writer *w, const Show *show) {
    const RecordMemory *m = &show->cell->memory;
    if (m->planned_bytes < 0) return;
    add_size(w, "planned ", m->planned_bytes, "");
    add_size(w, "measured ", m->measured_bytes, "");
    add_size(w, "lower bound ", m->lower_bound_bytes, "");
    add_size(w, "context ", show->cell->times.context_bytes, " beside it");
    add_size(w, "whole process ", show->cell->times.peak_rss_bytes, "");
    put(w, "memory");
    if (m->peak_node != NULL) ADD("peak at %s:", m->peak_node);
    for (size_t i = 0; i < m->n_modules; i++) {
        char size[SIZE_TEXT];
        if (m->by_module[i].bytes > 0)
            ADD("%s%s %s", w->text.len > 0 ? "  " : "", m->by_module[i].name,
                size_text((uint64_t)m->by_module[i].bytes, size));
    }
    put(w, "");
}

static void put_time(Writer *w, const Show *show) {
    const CellRecord *c = show->cell;
    const RecordVolatile *t = &c->times;
    char text[SIZE_TEXT];
    if (t->wall_seconds >= 0) ADD("%s in all", time_text(t->wall_seconds, text));
    if (t->seconds_per_step > 0)
        ADD("%s%.1f ms%s per step (median)", w->text.len > 0 ? ", " : "", 1000 * t->seconds_per_step,
            t->device_total_bytes < 0 ? " of processor time" : "");
    if (t->n_resumes > 0) ADD("; resumed %" PRId64 " time%s", t->n_resumes, t->n_resumes == 1 ? "" : "s");
    put(w, "time");
    if (c->n_params > 0) ADD("%s parameters", count_text((uint64_t)c->n_params, text));
    if (c->flops_per_step > 0)
        ADD("%s%s operations per step", w->text.len > 0 ? ", " : "", count_text((uint64_t)c->flops_per_step, text));
    if (c->n_boxes_used > 0)
        ADD("%s%s boxes used", w->text.len > 0 ? ", " : "", count_text((uint64_t)c->n_boxes_used, text));
    put(w, "size");
}

/* ---- where it comes from ---- */

static void put_origin(Writer *w, const Show *show) {
    static const struct {
        const char *key, *before;
    } parts[] = {{"version", "refocus "},         {"commit", "commit "},   {"build", "build "}, {"device", "on "},
                 {"accelerator_class", ""},       {"threads", "threads "}, {"cpu", ""},         {"host", "host "},
                 {"revalidated", "revalidated: "}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        const char *value = record_provenance_find(show->cell, parts[i].key);
        if (value == NULL || value[0] == '\0') continue;
        ADD("%s%s%.*s", w->text.len > 0 ? ", " : "", parts[i].before, (int)strcspn(value, "\n"), value);
    }
    put(w, "trained by");
    if (show->cell->digest != NULL) ADD("%s", show->cell->digest);
    put(w, "digest");
    if (show->folder != NULL) ADD("%s/log.txt  sources: %s/sources.txt", show->folder, show->folder);
    put(w, "log");
}

static void put_attention(Writer *w, const Show *show) {
    const RecordAttention *a = &show->cell->attention;
    if (a->n == 0) return;
    ADD("%" PRId64 " samples at step", a->n_samples);
    if (a->n > 12)
        ADD("s %" PRId64 " to %" PRId64 " (%" PRId64 " times)", a->step[0], a->step[a->n - 1], a->n);
    else
        for (int64_t i = 0; i < a->n; i++) ADD("%s %" PRId64, i > 0 ? "," : a->n > 1 ? "s" : "", a->step[i]);
    ADD(": refocus show %s '%s' --attention FILE.png", show->info->path, show->cell->name);
    put(w, "attention");
}

void show_text(FILE *to, const Show *show) {
    Writer w = {.to = to, .page = text_page(to)};
    (void)fprintf(to, "%s%s%s\n", show->cell->name, show->info->experiment[0] != '\0' ? "  of " : "",
                  show->info->experiment);
    put_outcome(&w, show);
    put_differences(&w, show);
    put_settings(&w, show);
    put_figures(&w, show);
    put_curves(&w, show);
    put_memory(&w, show);
    put_time(&w, show);
    put_attention(&w, show);
    put_origin(&w, show);
    text_clear(&w.text);
}
