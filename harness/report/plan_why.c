/* The peak of one plan. */
#include "harness/report/plan_why.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "harness/report/steps.h"
#include "harness/run/size_text.h"

enum { EXPLAINED = 95, MOST_TENSORS = 24 }; /* percent of the peak; rows */

static bool is_backward(const char *name) {
    const size_t len = strlen(name);
    return len > 0 && name[len - 1] == '\'';
}

static bool is_update(const char *name) { return strncmp(name, "update.", strlen("update.")) == 0; }

static Err find_nodes(PlanWhy *why) {
    const RecordMemory *memory = &why->row->survey->record->memory;
    Err err = pool_alloc(&why->pool, &why->live_bytes, memory->n_nodes + 1, sizeof *why->live_bytes);
    if (err != ERR_OK) return err;
    why->first_back = why->first_update = memory->n_nodes;
    for (size_t i = 0; i < memory->n_nodes; i++) {
        const RecordNode *node = &memory->timeline[i];
        why->live_bytes[i] = node->bytes;
        if (node->bytes > memory->timeline[why->peak_node].bytes) why->peak_node = i;
        if (why->first_back == memory->n_nodes && is_backward(node->name)) why->first_back = i;
        if (why->first_update == memory->n_nodes && is_update(node->name)) why->first_update = i;
    }
    why->in_training = why->first_back < memory->n_nodes;
    return ERR_OK;
}

/* ---- what is alive, steps folded ---- */

static int by_step(const void *a, const void *b) {
    return steps_compare((*(const RecordTensor *const *)a)->name, (*(const RecordTensor *const *)b)->name);
}

static int by_bytes(const void *a, const void *b) {
    const PlanWhyTensor *x = a, *y = b;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
    return strcmp(x->name, y->name);
}

static bool goes_on(const RecordTensor *a, const RecordTensor *b) {
    return a->bytes == b->bytes && shape_equal(&a->shape, &b->shape) && steps_follow(a->name, b->name);
}

/* Sorted by bytes; all of them. */
static Err fold(PlanWhy *why, const RecordTensor **live, size_t n_live) {
    Err err = ERR_OK;
    TRY(pool_alloc(&why->pool, &why->tensor, n_live + 1, sizeof *why->tensor));
    qsort(live, n_live, sizeof(RecordTensor *), by_step);
    for (size_t i = 0, n; i < n_live; i += n) {
        PlanWhyTensor *out = &why->tensor[why->n_tensors++];
        for (n = 1; i + n < n_live && goes_on(live[i + n - 1], live[i + n]);) n++;
        *out = (PlanWhyTensor){.role = live[i]->role, .n = n, .bytes = (int64_t)n * live[i]->bytes};
        TRY(steps_fold(&why->pool, &out->name, live[i]->name, n));
        TRY(plan_shape_words(&why->pool, &out->what, why->row->survey, live[i]));
    }
    qsort(why->tensor, why->n_tensors, sizeof *why->tensor, by_bytes);
done:
    return err;
}

/* The largest ones, until they are most of the peak. */
static Err choose_tensors(PlanWhy *why) {
    Err err = ERR_OK;
    const RecordMemory *memory = &why->row->survey->record->memory;
    const RecordTensor **live = NULL;
    int64_t bytes = 0;
    size_t n = 0;
    TRY(pool_alloc(&why->pool, &live, memory->n_live + 1, sizeof *live));
    for (size_t i = 0; i < memory->n_live; i++) live[i] = &memory->live[i];
    TRY(fold(why, live, memory->n_live));
    while (n < why->n_tensors && n < MOST_TENSORS && bytes * 100 < memory->planned_bytes * EXPLAINED)
        bytes += why->tensor[n++].bytes;
    for (size_t i = n; i < why->n_tensors; i++) {
        why->n_rest += why->tensor[i].n;
        why->rest_bytes += why->tensor[i].bytes;
    }
    why->n_tensors = n;
done:
    return err;
}

Err plan_why(PlanWhy *out, const PlanTable *table, const PlanRow *row) {
    Err err = ERR_OK;
    const Settings *settings = row->survey->settings;
    *out = (PlanWhy){.row = row};
    TRY(find_nodes(out));
    TRY(choose_tensors(out));
    out->budget = table->budget > 0 ? table->budget : (uint64_t)settings_int(settings, "memory.budget");
    if (out->budget > 0) TRY(fit_batch(&out->fit, settings, table->surveys->device, out->budget));
done:
    return err;
}

void plan_why_clear(PlanWhy *why) {
    pool_clear(&why->pool);
    memset(why, 0, sizeof *why);
}

/* ---- sentences ---- */

Err plan_why_head(Pool *pool, const char ***out, size_t *n, const PlanTable *table, const PlanWhy *why) {
    Err err = ERR_OK;
    const Survey *s = why->row->survey;
    const RecordMemory *memory = &s->record->memory;
    char peak[SIZE_TEXT], budget[SIZE_TEXT], reserve[SIZE_TEXT];
    const uint64_t kept = (uint64_t)settings_int(s->settings, "memory.reserve");
    const char *of = why->in_training ? "the training step" : "the evaluation";
    TRY(pool_alloc(pool, out, 4, sizeof **out));
    *n = 0;
    TRY(pool_text(pool, &(*out)[(*n)++], why->row->label));
    TRY(pool_printf(pool, &(*out)[(*n)++], "peak %s on %s, while %s runs: op %zu of %zu of %s",
                    size_text(s->peak_bytes, peak), table->device, memory->peak_node, why->peak_node + 1,
                    memory->n_nodes, of));
    if (why->budget > 0)
        TRY(pool_printf(pool, &(*out)[(*n)++], "%s the budget of %s%s%s", why->row->over ? "OVER" : "within",
                        size_text(why->budget, budget), kept > 0 ? " with a reserve of " : "",
                        kept > 0 ? size_text(kept, reserve) : ""));
    TRY(pool_printf(pool, &(*out)[(*n)++],
                    "T %" PRId32 " steps, B %" PRId64 " samples (%" PRId64 " in an evaluation), K %" PRId32
                    " characters, %" PRId64 " positions, images %" PRId32 " x %" PRId32,
                    s->facts.n_steps, settings_int(s->settings, "train.batch"), settings_int(s->settings, "eval.batch"),
                    s->facts.n_chars, s->n_positions, s->facts.height, s->facts.width));
done:
    return err;
}

Err plan_why_tail(Pool *pool, const char ***out, size_t *n, const PlanWhy *why) {
    Err err = ERR_OK;
    char peak[SIZE_TEXT], budget[SIZE_TEXT], disk[SIZE_TEXT], checkpoint[SIZE_TEXT];
    const int64_t batch = settings_int(why->row->survey->settings, "train.batch");
    TRY(pool_alloc(pool, out, 2, sizeof **out));
    *n = 0;
    if (why->budget == 0)
        TRY(pool_text(pool, &(*out)[(*n)++],
                      "No budget is given: --budget SIZE, or memory.budget, tells the largest "
                      "train.batch that fits."));
    else if (why->fit.batch == 0)
        TRY(pool_printf(pool, &(*out)[(*n)++], "No train.batch fits %s: one of 1 needs %s.",
                        size_text(why->budget, budget), size_text(why->fit.peak_bytes, peak)));
    else
        TRY(pool_printf(pool, &(*out)[(*n)++], "Largest train.batch that fits %s: %" PRId64 " (%s); it is %" PRId64 ".",
                        size_text(why->budget, budget), why->fit.batch, size_text(why->fit.peak_bytes, peak), batch));
    if (why->row->disk > 0)
        TRY(pool_printf(pool, &(*out)[(*n)++], "On disk about %s when it is done, and a checkpoint of %s until then.",
                        size_text((uint64_t)why->row->disk, disk),
                        size_text(why->row->survey->copies_bytes, checkpoint)));
done:
    return err;
}

/* ---- listings ---- */

static double share_of(const PlanWhy *why, int64_t bytes) {
    return 100 * (double)bytes / (double)why->row->survey->peak_bytes;
}

Err plan_why_tensors(Listing *out, const PlanWhy *why) {
    Err err = ERR_OK;
    char size[SIZE_TEXT];
    TRY(listing_column(out, LISTING_KEY, "alive at the peak"));
    TRY(listing_column(out, LISTING_NUMBER, "bytes"));
    TRY(listing_column(out, LISTING_NUMBER, "share"));
    TRY(listing_column(out, LISTING_WORDS, "role"));
    TRY(listing_column(out, LISTING_WORDS, "shape"));
    for (size_t i = 0; i < why->n_tensors; i++) {
        const PlanWhyTensor *tensor = &why->tensor[i];
        TRY(listing_row(out));
        TRY(listing_field(out, "%s", tensor->name));
        TRY(listing_field(out, "%s", size_text((uint64_t)tensor->bytes, size)));
        TRY(listing_field(out, "%.1f %%", share_of(why, tensor->bytes)));
        TRY(listing_field(out, "%s", tensor->role));
        TRY(listing_field(out, "%s", tensor->what));
    }
    if (why->n_rest == 0) goto done;
    TRY(listing_row(out));
    TRY(listing_field(out, "%zu smaller ones", why->n_rest));
    TRY(listing_field(out, "%s", size_text((uint64_t)why->rest_bytes, size)));
    TRY(listing_field(out, "%.1f %%", share_of(why, why->rest_bytes)));
done:
    return err;
}

static Err put_sum(Listing *out, const PlanWhy *why, const RecordBytes *list, size_t n, size_t i) {
    Err err = ERR_OK;
    char size[SIZE_TEXT];
    const bool there = i < n && list[i].bytes > 0;
    TRY(listing_field(out, "%s", there ? list[i].name : ""));
    TRY(listing_field(out, "%s", there ? size_text((uint64_t)list[i].bytes, size) : ""));
    if (there)
        TRY(listing_field(out, "%.1f %%", share_of(why, list[i].bytes)));
    else
        TRY(listing_field(out, "%s", ""));
done:
    return err;
}

/* Sums are sorted by bytes, but for the gaps behind them: zeros are at the end. */
static size_t n_with_bytes(const RecordBytes *list, size_t n) {
    while (n > 0 && list[n - 1].bytes == 0) n--;
    return n;
}

Err plan_why_sums(Listing *out, const PlanWhy *why) {
    static const char *const headers[] = {"module", "bytes", "share", "role", "bytes", "share"};
    Err err = ERR_OK;
    const RecordMemory *memory = &why->row->survey->record->memory;
    const size_t n_modules = n_with_bytes(memory->by_module, memory->n_modules);
    const size_t n_roles = n_with_bytes(memory->by_role, memory->n_roles);
    for (size_t c = 0; c < sizeof headers / sizeof headers[0]; c++)
        TRY(listing_column(out, c % 3 == 0 ? LISTING_WORDS : LISTING_NUMBER, headers[c]));
    for (size_t i = 0; i < n_modules || i < n_roles; i++) {
        TRY(listing_row(out));
        TRY(put_sum(out, why, memory->by_module, n_modules, i));
        TRY(put_sum(out, why, memory->by_role, n_roles, i));
    }
done:
    return err;
}

/* ---- timeline ---- */

enum { LABEL = 9, LINE_MOST = 72, LINE_MODULES = 4 };

/* The largest value of each of `width` stretches of nodes, in eighths of `top`. */
static void put_line(FILE *to, const char *label, const int64_t *value, size_t n, size_t width, int64_t top) {
    static const char *const block[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    char size[SIZE_TEXT];
    int64_t all = 0;
    (void)fprintf(to, "%-*.*s ", LABEL, LABEL, label);
    for (size_t x = 0; x < width; x++) {
        int64_t most = 0;
        for (size_t i = x * n / width; i < (x + 1) * n / width; i++)
            if (value[i] > most) most = value[i];
        const int64_t eighths = top == 0 ? 0 : (most * 8 + top - 1) / top;
        (void)fputs(block[eighths > 8 ? 8 : eighths], to);
        all = most > all ? most : all;
    }
    (void)fprintf(to, " %s\n", size_text((uint64_t)all, size));
}

/* Where the passes begin: "forward | backward | update" under the stretches that hold their first nodes. */
static void put_passes(FILE *to, const PlanWhy *why, size_t n, size_t width) {
    const struct {
        const char *name;
        size_t first;
    } pass[] = {{"forward", 0}, {"backward", why->first_back}, {"update", why->first_update}};
    char line[LINE_MOST + 1];
    memset(line, ' ', width);
    line[width] = '\0';
    for (size_t i = 0; i < sizeof pass / sizeof pass[0]; i++) {
        const size_t at = pass[i].first * width / n, len = strlen(pass[i].name);
        if (pass[i].first >= n || at + 1 > width) continue;
        line[at] = '|';
        if (at + 1 + len <= width) memcpy(line + at + 1, pass[i].name, len);
    }
    for (size_t end = width; end > 0 && line[end - 1] == ' '; end--) line[end - 1] = '\0';
    (void)fprintf(to, "%*s %s\n", LABEL, "", line);
}

void plan_why_timeline(FILE *to, const PlanWhy *why, size_t page) {
    const RecordMemory *memory = &why->row->survey->record->memory;
    const size_t n = memory->n_nodes;
    size_t width = page > LABEL + 14 ? page - LABEL - 14 : 1;
    if (width > LINE_MOST) width = LINE_MOST;
    if (width > n) width = n;
    if (n == 0) return;
    put_line(to, "all", why->live_bytes, n, width, memory->planned_bytes);
    for (size_t m = 0; memory->timeline_by_module != NULL && m < memory->n_modules && m < LINE_MODULES; m++)
        if (memory->by_module[m].bytes > 0 && strcmp(memory->by_module[m].name, "gaps") != 0)
            put_line(to, memory->by_module[m].name, memory->timeline_by_module + m * n, n, width,
                     memory->planned_bytes);
    put_passes(to, why, n, width);
}
