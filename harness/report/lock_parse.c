/* The text of a lock read back. What is accepted is exactly what lock_text writes: after reading, the text is made
 * again and compared, so that no other spelling, order or number can stand for the same plans. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/data/utf8.h"
#include "harness/report/lock.h"
#include "harness/report/lock_words.h"
#include "harness/report/steps.h"
#include "kernels/mem.h"

enum { SEEDS_MAX = 200000, WORDS = 600, SHOWN = 80 };
#define BYTES_MAX INT64_C(1000000000000000) /* sums of STEPS_MAX such numbers fit */

typedef struct Reader {
    Lock *lock;
    const char *path;
    char **line; /* [n_lines] terminated */
    size_t n_lines, at, room;
    size_t n_seeds; /* of all cells of all plans: a few bytes of text can stand for many */
} Reader;

/* What is wrong in a line (from 0), and what to do. */
static Err refuse(const Reader *r, size_t at, const char *fmt, ...) PRINTF_LIKE(3, 4);
static Err refuse(const Reader *r, size_t at, const char *fmt, ...) {
    char what[WORDS];
    size_t stem = strlen(r->path);
    const char *dot = strrchr(r->path, '.');
    if (dot != NULL && strchr(dot, '/') == NULL) stem = (size_t)(dot - r->path);
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    return err_set(ERR_DATA,
                   "%s:%zu: %s; take the lock from version control again, or write it anew: "
                   "`refocus plan %.*s.yaml --write-lock`",
                   r->path, at + 1, what, (int)stem, r->path);
}

/* ---- lines ---- */

static Err cut_lines(Reader *r, const char *text, size_t n) {
    Err err = ERR_OK;
    char *copy = NULL;
    TRY(pool_alloc(&r->lock->pool, &copy, n + 1, 1));
    memcpy(copy, text, n);
    for (char *line = copy, *end = NULL; line < copy + n; line = end + 1) {
        end = memchr(line, '\n', (size_t)(copy + n - line));
        if (end == NULL) TRY(refuse(r, r->n_lines, "the lock is cut short inside this line"));
        *end = '\0';
        if (strlen(line) != (size_t)(end - line)) TRY(refuse(r, r->n_lines, "there is a zero byte in this line"));
        if (!utf8_is_tame(line)) TRY(refuse(r, r->n_lines, "there is a control character in this line"));
        TRY(pool_grow(&r->lock->pool, &r->line, r->n_lines, &r->room, sizeof *r->line));
        r->line[r->n_lines++] = line;
    }
    if (r->n_lines == 0) TRY(refuse(r, 0, "the lock is empty"));
done:
    return err;
}

/* What follows a word at the beginning of a line, spaces apart; NULL if the line begins otherwise. */
static const char *after(const char *line, const char *word) {
    size_t len = strlen(word);
    line += strspn(line, " ");
    return strncmp(line, word, len) == 0 && line[len] == ' ' ? line + len + strspn(line + len, " ") : NULL;
}

/* The rest of the present line if it begins with the word; then the next line is the present one. */
static const char *take(Reader *r, const char *word) {
    const char *rest = r->at < r->n_lines ? after(r->line[r->at], word) : NULL;
    r->at += rest != NULL;
    return rest;
}

static Err expect(Reader *r, const char *word) {
    if (r->at >= r->n_lines) return refuse(r, r->n_lines - 1, "the lock is cut short after this line");
    return refuse(r, r->at, "expected a line '%s ...', got '%.*s'", word, SHOWN, r->line[r->at]);
}

static Err check_head(Reader *r) {
    Err err = ERR_OK;
    static const char *const conflict[] = {"<<<<<<< ", "=======", ">>>>>>> "};
    const char *format = take(r, LOCK_FIRST);
    for (size_t i = 0; i < r->n_lines; i++)
        for (size_t k = 0; k < sizeof conflict / sizeof conflict[0]; k++)
            if (strncmp(r->line[i], conflict[k], strlen(conflict[k])) == 0)
                TRY(refuse(r, i, "a conflict of a merge stands in the lock"));
    if (format == NULL) TRY(refuse(r, 0, "expected '" LOCK_FIRST " %d', got '%.*s'", LOCK_FORMAT, SHOWN, r->line[0]));
    char *end = NULL;
    if (strtol(format, &end, 10) != LOCK_FORMAT || *end != '\0')
        TRY(refuse(r, 0, "the lock has format '%.*s', this refocus reads format %d", SHOWN, format, LOCK_FORMAT));
    while (r->at < r->n_lines && r->line[r->at][0] == '#') r->at++;
    const char *experiment = take(r, LOCK_EXPERIMENT);
    if (experiment == NULL) TRY(expect(r, LOCK_EXPERIMENT));
    TRY(pool_text(&r->lock->pool, &r->lock->experiment, experiment));
done:
    return err;
}

/* ---- numbers ---- */

/* Digits alone, at most max; *end is behind them. -1: it is no such number. */
static int64_t read_count(const char *text, const char **end, int64_t max) {
    char *stop = NULL;
    if (*text < '0' || *text > '9' || strspn(text, "0123456789") > 18) return -1;
    long long value = strtoll(text, &stop, 10);
    *end = stop;
    return value <= max ? value : -1;
}

/* "  8388608     8.0 MiB  name": the rounded figure is for people. */
static Err read_bytes(Reader *r, const char *rest, RecordBytes *out) {
    out->bytes = read_count(rest, &rest, BYTES_MAX);
    if (out->bytes < 0) return refuse(r, r->at - 1, "expected a number of bytes, got '%.*s'", SHOWN, rest);
    for (int word = 0; word < 2; word++) {
        rest += strspn(rest, " ");
        rest += strcspn(rest, " ");
    }
    rest += strspn(rest, " ");
    if (*rest == '\0') return refuse(r, r->at - 1, "the line has no name");
    return pool_text(&r->lock->pool, &out->name, rest);
}

static Err read_seeds(Reader *r, LockCells *cells, const char *text) {
    Err err = ERR_OK;
    do {
        int64_t first = read_count(text, &text, INT64_MAX - SEEDS_MAX), last = first;
        if (first >= 0 && *text == '-') last = read_count(text + 1, &text, first + SEEDS_MAX);
        bool ok = first >= 0 && last >= first && (*text == ',' || *text == '\0') &&
                  (cells->n_seeds == 0 || first > cells->seeds[cells->n_seeds - 1]);
        if (!ok) TRY(refuse(r, r->at - 1, "expected ascending seeds after '@', such as 0-6,9"));
        r->n_seeds += (size_t)(last - first) + 1;
        if (r->n_seeds > SEEDS_MAX) TRY(refuse(r, r->at - 1, "the lock has more than %d seeds", SEEDS_MAX));
        for (int64_t seed = first; seed <= last; seed++) {
            TRY(pool_grow(&r->lock->pool, &cells->seeds, cells->n_seeds, &cells->room, sizeof *cells->seeds));
            cells->seeds[cells->n_seeds++] = seed;
        }
    } while (*text++ == ',');
done:
    return err;
}

/* ---- a plan ---- */

static Err read_cell(Reader *r, LockPlan *plan, const char *rest) {
    Err err = ERR_OK;
    const char *at = strrchr(rest, '@');
    LockCells *cells = NULL;
    if (at == NULL || at == rest) TRY(refuse(r, r->at - 1, "expected a cell with its seeds, got '%.*s'", SHOWN, rest));
    TRY(pool_grow(&r->lock->pool, &plan->cells.item, plan->cells.n, &plan->cells.room, sizeof *plan->cells.item));
    cells = &plan->cells.item[plan->cells.n++];
    *cells = (LockCells){0};
    TRY(pool_printf(&r->lock->pool, &cells->name, "%.*s", (int)(at - rest), rest));
    if (plan->cells.n > 1 && strcmp(cells[-1].name, cells->name) >= 0)
        TRY(refuse(r, r->at - 1, "cells are not sorted: '%.*s' stands after '%.*s'", SHOWN, cells->name, SHOWN,
                   cells[-1].name));
    TRY(read_seeds(r, cells, at + 1));
done:
    return err;
}

static Err read_modules(Reader *r, LockPlan *plan) {
    Err err = ERR_OK;
    RecordBytes *list = NULL;
    size_t n = 0, room = 0;
    int64_t sum = 0;
    for (const char *rest = take(r, LOCK_MODULE); rest != NULL; rest = take(r, LOCK_MODULE)) {
        TRY(pool_grow(&r->lock->pool, &list, n, &room, sizeof *list));
        TRY(read_bytes(r, rest, &list[n]));
        if (n > 0 && strcmp(list[n - 1].name, list[n].name) >= 0)
            TRY(refuse(r, r->at - 1, "modules are not sorted: '%.*s' stands after '%.*s'", SHOWN, list[n].name, SHOWN,
                       list[n - 1].name));
        sum += list[n++].bytes;
        if (sum > plan->peak_bytes) break;
    }
    if (sum != plan->peak_bytes)
        TRY(refuse(r, r->at - 1, "the modules' bytes do not add up to the peak's %" PRId64, plan->peak_bytes));
    plan->modules = list;
    plan->n_modules = n;
done:
    return err;
}

typedef struct Tensors {
    RecordBytes *item;
    size_t n, room;
} Tensors;

/* A tensor of several steps becomes as many tensors. */
static Err add_tensor(Reader *r, Tensors *list, const RecordBytes *line, int64_t peak_bytes) {
    Err err = ERR_OK;
    size_t n_steps = steps_count(line->name);
    if (!lock_is_large(line->bytes, peak_bytes))
        TRY(refuse(r, r->at - 1, "'%.*s' is too small to be listed", SHOWN, line->name));
    if (n_steps == 0 || line->bytes % (int64_t)n_steps != 0)
        TRY(refuse(r, r->at - 1, "expected steps of equal sizes, got '%.*s'", SHOWN, line->name));
    for (size_t i = 0; i < n_steps; i++) {
        TRY(pool_grow(&r->lock->pool, &list->item, list->n, &list->room, sizeof *list->item));
        RecordBytes *tensor = &list->item[list->n];
        TRY(steps_unfold(&r->lock->pool, &tensor->name, line->name, i));
        tensor->bytes = line->bytes / (int64_t)n_steps;
        if (list->n++ > 0 && steps_compare(tensor[-1].name, tensor->name) >= 0)
            TRY(refuse(r, r->at - 1, "tensors are not sorted: '%.*s' stands after '%.*s'", SHOWN, tensor->name, SHOWN,
                       tensor[-1].name));
    }
done:
    return err;
}

static Err read_tensors(Reader *r, LockPlan *plan) {
    Err err = ERR_OK;
    Tensors list = {0};
    RecordBytes line = {0};
    int64_t sum = lock_module_bytes(plan, "gaps");
    const char *rest = NULL;
    while ((rest = take(r, LOCK_TENSOR)) != NULL && sum <= plan->peak_bytes) {
        TRY(read_bytes(r, rest, &line));
        TRY(add_tensor(r, &list, &line, plan->peak_bytes));
        sum += line.bytes;
    }
    rest = take(r, LOCK_SMALLER);
    if (rest == NULL) TRY(expect(r, LOCK_SMALLER));
    TRY(read_bytes(r, rest, &line));
    plan->further.bytes = line.bytes;
    plan->further.n = read_count(line.name, &rest, BYTES_MAX);
    if (plan->further.n < 0 || sum + line.bytes != plan->peak_bytes)
        TRY(refuse(r, r->at - 1, "the tensors' bytes do not add up to the peak's %" PRId64 " less gaps",
                   plan->peak_bytes));
    plan->tensors = list.item;
    plan->n_tensors = list.n;
done:
    return err;
}

static bool share_a_seed(const LockCells *a, const LockCells *b) {
    for (size_t i = 0, k = 0; i < a->n_seeds && k < b->n_seeds;) { /* both ascend */
        if (a->seeds[i] == b->seeds[k]) return true;
        if (a->seeds[i] < b->seeds[k])
            i++;
        else
            k++;
    }
    return false;
}

/* Plans stand in order, and a cell has one plan of a class. */
static Err check_place(const Reader *r, const LockPlan *plan, size_t at) {
    const Lock *lock = r->lock;
    const LockPlan *last = lock->n_plans > 0 ? &lock->plan[lock->n_plans - 1] : NULL;
    const char *first = plan->cells.item[0].name;
    int order = last == NULL ? -1 : strcmp(last->device, plan->device);
    if (order > 0 || (order == 0 && strcmp(last->cells.item[0].name, first) > 0))
        return refuse(r, at, "plans are not sorted: '%.*s' of %.*s stands after '%.*s' of %.*s", SHOWN, first, SHOWN,
                      plan->device, SHOWN, last->cells.item[0].name, SHOWN, last->device);
    for (size_t i = 0; i < lock->n_plans; i++)
        for (size_t c = 0; strcmp(lock->plan[i].device, plan->device) == 0 && c < plan->cells.n; c++) {
            const LockCells *cells = &plan->cells.item[c];
            const LockCells *twin = lock_find_cells(&lock->plan[i].cells, cells->name);
            if (twin != NULL && share_a_seed(twin, cells))
                return refuse(r, at, "'%.*s' has two plans of %.*s", SHOWN, cells->name, SHOWN, plan->device);
        }
    return ERR_OK;
}

static Err read_plan(Reader *r, const char *device) {
    Err err = ERR_OK;
    size_t at = r->at - 1;
    LockPlan plan = {0};
    RecordBytes peak = {0};
    TRY(pool_text(&r->lock->pool, &plan.device, device));
    const char *rest = NULL;
    while ((rest = take(r, LOCK_CELL)) != NULL) TRY(read_cell(r, &plan, rest));
    if (plan.cells.n == 0) TRY(expect(r, LOCK_CELL));
    rest = take(r, LOCK_PEAK);
    if (rest == NULL) TRY(expect(r, LOCK_PEAK));
    TRY(read_bytes(r, rest, &peak));
    plan.peak_bytes = peak.bytes;
    plan.peak_node = peak.name;
    TRY(read_modules(r, &plan));
    TRY(read_tensors(r, &plan));
    TRY(check_place(r, &plan, at));
    TRY(lock_add(r->lock, &plan));
done:
    return err;
}

/* ---- the whole ---- */

/* The line in which the text differs from what would be written for the same plans; the last one holds the digest of
 * the others. */
static Err check_text(const Reader *r, const char *text, size_t n) {
    Err err = ERR_OK;
    char *expected = NULL;
    TRY(lock_text(&expected, r->lock));
    size_t i = 0, at = 0, start = 0;
    while (i < n && text[i] == expected[i]) {
        if (text[i++] == '\n') at++, start = i;
    }
    if (i == n && expected[i] == '\0') goto done;
    if (strncmp(expected + start, LOCK_END " ", strlen(LOCK_END " ")) == 0)
        TRY(refuse(r, at, "the digest is not that of the lines above: the lock was edited by hand"));
    TRY(refuse(r, at, "expected '%.*s': the lock was edited by hand", (int)strcspn(expected + start, "\n"),
               expected + start));
done:
    mem_free(expected);
    return err;
}

Err lock_parse(Lock *out, const char *path, const char *text, size_t n) {
    Err err = ERR_OK;
    Reader r = {.lock = out, .path = path};
    TRY(cut_lines(&r, text, n));
    TRY(check_head(&r));
    while (r.at < r.n_lines) {
        const char *device = NULL;
        if (r.line[r.at][0] == '\0')
            r.at++;
        else if ((device = take(&r, LOCK_PLAN)) != NULL)
            TRY(read_plan(&r, device));
        else
            break;
    }
    if (take(&r, LOCK_END) == NULL) TRY(expect(&r, r.at < r.n_lines ? LOCK_PLAN : LOCK_END));
    if (r.at < r.n_lines) TRY(refuse(&r, r.at, "there are lines behind the last one"));
    TRY(check_text(&r, text, n));
done:
    return err;
}
