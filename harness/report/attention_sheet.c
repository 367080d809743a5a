/* From options to rows of frames. */
#include "harness/report/attention_sheet.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/grid/grid.h"
#include "harness/grid/pool.h"
#include "harness/report/overlay.h"
#include "harness/report/page.h"
#include "harness/report/pick.h"
#include "kernels/mem.h"

typedef struct Choice {
    Pool pool; /* texts, rows, groups */
    const Results *results;
    const AttentionOptions *options;
    size_t *picked, n_picked; /* cells that the options name */
    CellRecord **cell;        /* [n] those with maps */
    size_t n;
    int64_t *sample; /* [n_samples] */
    size_t n_samples, samples_room;
    const char *left_out; /* ", without maps: original@0 (over budget)" */
    const char **family;
    size_t n_families, families_room;
} Choice;

/* ---- cells ---- */

static bool has_maps(const CellRecord *cell) { return cell->attention.n > 0 && cell->attention.n_samples > 0; }

/* When comparing without a name: the cells that share the first cell's seed. */
static void keep_first_seed(Choice *c) {
    size_t n = 0;
    int64_t seed = results_cell(c->results, c->picked[0])->seed;
    for (size_t i = 0; i < c->n_picked; i++)
        if (results_cell(c->results, c->picked[i])->seed == seed) c->picked[n++] = c->picked[i];
    c->n_picked = n;
}

static Err choose_cells(Choice *c) {
    Err err = ERR_OK;
    const AttentionOptions *o = c->options;
    size_t only = 0;
    if (o->cell == NULL && !o->compare) TRY(results_find(c->results, NULL, &only)); /* or says that there are more */
    TRY(pick_cells(&c->picked, &c->n_picked, c->results, o->cell));
    if (o->cell == NULL && o->compare) keep_first_seed(c);
    FAIL_IF(c->n_picked > 1 && !o->compare, ERR_ARG,
            "%zu cells match '%s': name one of them, or add --compare to see them side by side", c->n_picked, o->cell);
done:
    return err;
}

static Err no_maps(const CellRecord *cell) {
    char state[PICK_STATE];
    if (cell->status == CELL_DONE)
        return err_set(ERR_NOTHING, "%s has no attention maps: it ran with record.attention_samples 0", cell->name);
    return err_set(ERR_NOTHING, "%s has no attention maps: %s", cell->name, pick_state(state, cell));
}

static Err read_cells(Choice *c) {
    Err err = ERR_OK;
    c->left_out = "";
    TRY(mem_alloc(&c->cell, c->n_picked, sizeof *c->cell));
    for (size_t i = 0; i < c->n_picked; i++) {
        CellRecord *cell = NULL;
        TRY(results_read(c->results, c->picked[i], PART_ATTENTION, &cell));
        c->cell[c->n++] = cell;
        if (has_maps(cell)) continue;
        if (c->n_picked == 1) TRY(no_maps(cell));
        TRY(pool_printf(&c->pool, &c->left_out, "%s%s%s (%s)", c->left_out,
                        c->left_out[0] == '\0' ? "; without maps: " : ", ", cell->name, pick_status(cell->status)));
        record_free(cell);
        c->n--;
    }
    FAIL_IF(c->n == 0, ERR_NOTHING, "none of the %zu cells has attention maps", c->n_picked);
done:
    return err;
}

/* ---- samples ---- */

static Err add_sample(Choice *c, int64_t sample) {
    Err err = ERR_OK;
    TRY(pool_grow(&c->pool, &c->sample, c->n_samples, &c->samples_room, sizeof *c->sample));
    c->sample[c->n_samples++] = sample;
done:
    return err;
}

/* A number at *text, which moves behind it. */
static bool take_number(const char **text, int64_t *out) {
    char *end = NULL;
    if (**text < '0' || **text > '9') return false;
    errno = 0;
    *out = strtoll(*text, &end, 10);
    *text = end;
    return errno == 0;
}

/* "0,4-6" */
static Err choose_samples(Choice *c) {
    Err err = ERR_OK;
    const char *text = c->options->samples;
    int64_t n = c->cell[0]->attention.n_samples;
    if (text == NULL) {
        for (int64_t i = 0; i < (c->options->compare ? 1 : n); i++) TRY(add_sample(c, i));
        return ERR_OK;
    }
    for (const char *at = text;;) {
        int64_t first = 0, last = 0;
        bool good = take_number(&at, &first);
        last = first;
        if (good && *at == '-') {
            at++;
            good = take_number(&at, &last) && last >= first;
        }
        FAIL_IF(!good || (*at != ',' && *at != '\0'), ERR_ARG, "--sample is '%s', expected numbers such as 3 or 0,4-6",
                text);
        FAIL_IF(last >= n, ERR_ARG, "--sample %s: %s kept maps of %" PRId64 " samples, 0 to %" PRId64, text,
                c->cell[0]->name, n, n - 1);
        for (int64_t i = first; i <= last; i++) TRY(add_sample(c, i));
        if (*at++ == '\0') break;
    }
done:
    return err;
}

/* ---- evaluations ---- */

static Err no_step(const CellRecord *cell, const char *step) {
    char known[200] = "";
    size_t at = 0;
    for (int64_t e = 0; e < cell->attention.n && at < sizeof known; e++)
        at += (size_t)snprintf(known + at, sizeof known - at, "%s%" PRId64, e > 0 ? ", " : "", cell->attention.step[e]);
    return err_set(ERR_NOTHING, "%s has no maps at step %s; it has some at %s", cell->name, step, known);
}

/* *from, *until = the evaluations to show. */
static Err find_evaluations(const CellRecord *cell, const char *step, int64_t *from, int64_t *until) {
    Err err = ERR_OK;
    const RecordAttention *a = &cell->attention;
    int64_t wanted = 0;
    *from = a->n - 1;
    *until = a->n;
    if (step == NULL || strcmp(step, "last") == 0) return ERR_OK;
    if (strcmp(step, "all") == 0) {
        *from = 0;
        return ERR_OK;
    }
    const char *at = step;
    FAIL_IF(!take_number(&at, &wanted) || *at != '\0', ERR_ARG, "--step is '%s', expected last, all or a step", step);
    for (*from = 0; *from < a->n && a->step[*from] != wanted; (*from)++) continue;
    if (*from == a->n) TRY(no_step(cell, step));
    *until = *from + 1;
done:
    return err;
}

/* ---- rows ---- */

/* Two cells side by side must show one image with one text. */
static Err check_same(const CellRecord *a, const CellRecord *b, int64_t sample) {
    const RecordAttention *x = &a->attention, *y = &b->attention;
    bool same = sample < y->n_samples && x->image_h == y->image_h && x->image_w == y->image_w &&
                strcmp(x->text[sample], y->text[sample]) == 0;
    size_t bytes = (size_t)(x->image_h * x->image_w * 3);
    if (same) same = memcmp(x->images + (size_t)sample * bytes, y->images + (size_t)sample * bytes, bytes) == 0;
    if (same) return ERR_OK;
    return err_set(ERR_ARG,
                   "sample %" PRId64 " of %s is not that of %s: cells with the same data.valid can be compared", sample,
                   b->name, a->name);
}

static bool seeds_differ(const Choice *c) {
    for (size_t i = 1; i < c->n; i++)
        if (c->cell[i]->seed != c->cell[0]->seed) return true;
    return false;
}

static Err make_label(Choice *c, const char **out, const CellRecord *cell, int64_t step, bool all_steps) {
    Err err = ERR_OK;
    char *label = NULL;
    const AttentionOptions *o = c->options;
    *out = "";
    if (o->compare) {
        TRY(pick_label(&label, cell));
        TRY(pool_text(&c->pool, out, label));
        if (seeds_differ(c)) TRY(pool_printf(&c->pool, out, "%s@%" PRId64, label, cell->seed));
        if (all_steps) TRY(pool_printf(&c->pool, out, "%s %" PRId64, *out, step));
    } else if (all_steps) {
        TRY(pool_printf(&c->pool, out, "step %" PRId64, step));
    }
done:
    mem_free(label);
    return err;
}

static Err make_group(Choice *c, OverlayGroup *out, int64_t sample) {
    Err err = ERR_OK;
    OverlayRow *row = NULL;
    size_t room = 0;
    *out = (OverlayGroup){.sample = sample};
    TRY(pool_printf(&c->pool, &out->heading, "sample %" PRId64, sample));
    for (size_t i = 0; i < c->n; i++) {
        int64_t from = 0, until = 0;
        TRY(check_same(c->cell[0], c->cell[i], sample));
        TRY(find_evaluations(c->cell[i], c->options->step, &from, &until));
        for (int64_t e = from; e < until; e++) {
            TRY(pool_grow(&c->pool, &row, out->n_rows, &room, sizeof *row));
            OverlayRow *next = &row[out->n_rows++];
            *next = (OverlayRow){.attention = &c->cell[i]->attention, .evaluation = e};
            TRY(make_label(c, &next->label, c->cell[i], next->attention->step[e], until - from > 1));
        }
    }
    out->row = row;
done:
    return err;
}

/* Families that the cell's data are drawn with: they have its characters. */
static Err add_families(Choice *c, const CellRecord *cell) {
    Err err = ERR_OK;
    Settings *settings = NULL;
    if (grid_read_settings(&settings, cell->name, cell->settings) != ERR_OK) { /* of another version: DejaVu will do */
        err_clear();
        return ERR_OK;
    }
    for (size_t i = 0; i < settings_count(settings); i++) {
        const char *key = settings_key_at(settings, i), *dot = strrchr(key, '.');
        if (dot == NULL || strcmp(dot, ".fonts") != 0) continue;
        for (size_t k = 0; k < settings_len(settings, key); k++) {
            TRY(pool_grow(&c->pool, &c->family, c->n_families, &c->families_room, sizeof *c->family));
            TRY(pool_text(&c->pool, &c->family[c->n_families], settings_text_at(settings, key, k)));
            c->n_families++;
        }
    }
done:
    settings_free(settings);
    return err;
}

/* ---- the page ---- */

static Err describe(Choice *c, Overlay *out) {
    Err err = ERR_OK;
    const AttentionOptions *o = c->options;
    const CellRecord *first = c->cell[0];
    const RecordAttention *shown = out->group[0].row[out->group[0].n_rows - 1].attention;
    const char *steps = "at every recorded step";
    if (o->step == NULL || strcmp(o->step, "all") != 0)
        TRY(pool_printf(&c->pool, &steps, "after step %" PRId64, shown->step[out->group[0].row[0].evaluation]));
    const char *experiment = results_info(c->results)->experiment;
    if (!o->compare)
        TRY(pool_printf(&c->pool, &out->title, "%s%s%s: where it looks", experiment, experiment[0] != '\0' ? ", " : "",
                        first->name));
    else if (seeds_differ(c))
        TRY(pool_printf(&c->pool, &out->title, "%s: where each cell looks", experiment));
    else
        TRY(pool_printf(&c->pool, &out->title, "%s, seed %" PRId64 ": where each variant looks", experiment,
                        first->seed));
    TRY(pool_printf(&c->pool, &out->about, "validation lines, %s; attention teacher-forced, reading free-running%s",
                    steps, c->left_out));
done:
    return err;
}

static Err draw(Choice *c, const char *path) {
    Err err = ERR_OK;
    OverlayGroup *group = NULL;
    TRY(pool_alloc(&c->pool, &group, c->n_samples, sizeof *group));
    for (size_t i = 0; i < c->n_samples; i++) TRY(make_group(c, &group[i], c->sample[i]));
    TRY(add_families(c, c->cell[0]));
    Overlay overlay = {.n_groups = c->n_samples, .group = group, .n_families = c->n_families, .family = c->family};
    TRY(describe(c, &overlay));
    TRY(overlay_write(&overlay, path));
done:
    return err;
}

Err attention_sheet_write(const Results *results, const AttentionOptions *options, const char *path) {
    Err err = ERR_OK;
    Choice choice = {.results = results, .options = options};
    TRY(page_check_name(path));
    TRY(choose_cells(&choice));
    TRY(read_cells(&choice));
    TRY(choose_samples(&choice));
    TRY(draw(&choice, path));
done:
    for (size_t i = 0; i < choice.n; i++) record_free(choice.cell[i]);
    mem_free(choice.cell);
    mem_free(choice.picked);
    pool_clear(&choice.pool);
    return err;
}
