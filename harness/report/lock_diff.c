/* Pairs each cell's plan with the one that the lock has for it. */
#include "harness/report/lock_diff.h"

#include <stdlib.h>
#include <string.h>

#include "harness/report/steps.h"

const char *lock_kind_name(LockKind kind) {
    static const char *const names[] = {[LOCK_GREW] = "grew",
                                        [LOCK_NEW] = "new",
                                        [LOCK_SHRANK] = "shrank",
                                        [LOCK_CHANGED] = "changed",
                                        [LOCK_GONE] = "removed"};
    return names[kind];
}

/* ---- pairs ---- */

static bool has_seed(const LockCells *cells, int64_t seed) {
    for (size_t i = 0; cells != NULL && i < cells->n_seeds; i++)
        if (cells->seeds[i] == seed) return true;
    return false;
}

/* The plan of a cell, or NULL. */
static const LockPlan *plan_of(const Lock *lock, const char *device, const char *name, int64_t seed) {
    for (size_t i = 0; i < lock->n_plans; i++) {
        const LockPlan *plan = &lock->plan[i];
        if (strcmp(plan->device, device) == 0 && has_seed(lock_find_cells(&plan->cells, name), seed)) return plan;
    }
    return NULL;
}

static Err add_pair(LockDiff *diff, const LockPlan *before, const LockPlan *after, const LockCells *cells,
                    int64_t seed) {
    Err err = ERR_OK;
    size_t i = 0;
    while (i < diff->n && (diff->change[i].before != before || diff->change[i].after != after)) i++;
    if (i == diff->n) {
        TRY(pool_grow(&diff->pool, &diff->change, diff->n, &diff->room, sizeof *diff->change));
        diff->change[diff->n++] = (LockChange){.before = before, .after = after};
    }
    TRY(lock_add_cell(&diff->pool, &diff->change[i].cells, cells->name, strlen(cells->name), seed));
done:
    return err;
}

/* Every cell of the plans in `of`, with its plan there and its plan in `other`. */
static Err pair_cells(LockDiff *diff, const Lock *of, const Lock *other, const char *device, bool only_missing) {
    Err err = ERR_OK;
    for (size_t i = 0; i < of->n_plans; i++) {
        const LockPlan *plan = &of->plan[i];
        for (size_t c = 0; strcmp(plan->device, device) == 0 && c < plan->cells.n; c++) {
            const LockCells *cells = &plan->cells.item[c];
            for (size_t s = 0; s < cells->n_seeds; s++) {
                const LockPlan *twin = plan_of(other, device, cells->name, cells->seeds[s]);
                if (!only_missing)
                    TRY(add_pair(diff, twin, plan, cells, cells->seeds[s]));
                else if (twin == NULL)
                    TRY(add_pair(diff, plan, NULL, cells, cells->seeds[s]));
            }
        }
    }
done:
    return err;
}

/* ---- what moved ---- */

static int64_t growth(const LockPart *part) { return part->after - part->before; }
static int64_t magnitude(int64_t value) { return value < 0 ? -value : value; }

/* By how much, then by name. */
static int by_growth(const void *a, const void *b) {
    const LockPart *x = a, *y = b;
    int64_t m = magnitude(growth(x)), n = magnitude(growth(y));
    return m != n ? (m < n ? 1 : -1) : strcmp(x->name, y->name);
}

/* Two sorted lists side by side: *parts has every name of either, with 0 where one lacks it. */
static Err join(Pool *pool, LockPart **parts, size_t *n, const RecordBytes *a, size_t n_a, const RecordBytes *b,
                size_t n_b, int (*compare)(const char *, const char *)) {
    Err err = ERR_OK;
    TRY(pool_alloc(pool, parts, n_a + n_b, sizeof **parts));
    for (size_t i = 0, k = 0; i < n_a || k < n_b;) {
        int order = i == n_a ? 1 : k == n_b ? -1 : compare(a[i].name, b[k].name);
        LockPart *part = &(*parts)[(*n)++];
        part->name = order <= 0 ? a[i].name : b[k].name;
        if (order <= 0) part->before = a[i++].bytes;
        if (order >= 0) part->after = b[k++].bytes;
    }
done:
    return err;
}

static Err compare_modules(LockDiff *diff, LockChange *change) {
    Err err = ERR_OK;
    const LockPlan *a = change->before, *b = change->after;
    LockPart *parts = NULL;
    size_t n = 0;
    TRY(join(&diff->pool, &parts, &n, a->modules, a->n_modules, b->modules, b->n_modules, strcmp));
    for (size_t i = 0; i < n; i++)
        if (growth(&parts[i]) != 0) parts[change->n_modules++] = parts[i];
    if (change->n_modules > 0) qsort(parts, change->n_modules, sizeof *parts, by_growth);
    change->modules = parts;
done:
    return err;
}

/* How many of the first parts are consecutive steps that moved alike. */
static size_t run_of(const LockPart *parts, size_t n) {
    size_t len = 1;
    while (len < n && len < STEPS_MAX && parts[len].before == parts[0].before && parts[len].after == parts[0].after &&
           steps_follow(parts[len - 1].name, parts[len].name))
        len++;
    return len;
}

/* A plan read from a file lacks its smaller tensors: whether one of them was there cannot be told. */
static bool may_lack(const LockPlan *plan, int64_t bytes) {
    return plan->further.n > 0 && !lock_is_large(bytes, plan->peak_bytes);
}

static bool is_certain(const LockChange *change, const LockPart *part) {
    if (growth(part) == 0) return false;
    if (part->before == 0 && may_lack(change->before, part->after)) return false;
    return !(part->after == 0 && may_lack(change->after, part->before));
}

static Err compare_tensors(LockDiff *diff, LockChange *change) {
    Err err = ERR_OK;
    const LockPlan *a = change->before, *b = change->after;
    LockPart *parts = NULL;
    size_t n = 0;
    TRY(join(&diff->pool, &parts, &n, a->tensors, a->n_tensors, b->tensors, b->n_tensors, steps_compare));
    change->smaller = b->peak_bytes - lock_module_bytes(b, "gaps") - a->peak_bytes + lock_module_bytes(a, "gaps");
    for (size_t i = 0, len = 0; i < n; i += len) {
        len = run_of(parts + i, n - i);
        LockPart part = {parts[i].name, parts[i].before * (int64_t)len, parts[i].after * (int64_t)len};
        if (!is_certain(change, &part)) continue;
        TRY(steps_fold(&diff->pool, &part.name, part.name, len));
        change->smaller -= growth(&part);
        parts[change->n_tensors++] = part;
    }
    if (change->n_tensors > 0) qsort(parts, change->n_tensors, sizeof *parts, by_growth);
    change->tensors = parts;
done:
    return err;
}

/* ---- all of it ---- */

static int64_t peak_growth(const LockChange *change) {
    return (change->after != NULL ? change->after->peak_bytes : 0) -
           (change->before != NULL ? change->before->peak_bytes : 0);
}

static int by_kind(const void *a, const void *b) {
    const LockChange *x = a, *y = b;
    if (x->kind != y->kind) return x->kind < y->kind ? -1 : 1;
    int64_t m = magnitude(peak_growth(x)), n = magnitude(peak_growth(y));
    return m != n ? (m < n ? 1 : -1) : strcmp(x->cells.item[0].name, y->cells.item[0].name);
}

/* *same: nothing is different. */
static Err judge(LockDiff *diff, LockChange *change, const Tolerance *tolerance, bool *same) {
    Err err = ERR_OK;
    const LockPlan *a = change->before, *b = change->after;
    int64_t by = peak_growth(change);
    *same = false;
    change->kind = a == NULL   ? LOCK_NEW
                   : b == NULL ? LOCK_GONE
                   : by > 0    ? LOCK_GREW
                   : by < 0    ? LOCK_SHRANK
                               : LOCK_CHANGED;
    if (a == NULL || b == NULL) goto done;
    TRY(compare_modules(diff, change));
    TRY(compare_tensors(diff, change));
    *same = by == 0 && change->n_modules == 0 && change->n_tensors == 0 && change->smaller == 0 &&
            lock_smaller(a).n == lock_smaller(b).n && strcmp(a->peak_node, b->peak_node) == 0;
    change->tolerated =
        tolerance->text != NULL && tolerance_allows(tolerance, (double)a->peak_bytes, (double)magnitude(by));
done:
    return err;
}

Err lock_diff(LockDiff *out, const Lock *locked, const Lock *planned, const char *device, const Tolerance *tolerance) {
    Err err = ERR_OK;
    size_t n = 0;
    TRY(pair_cells(out, planned, locked, device, false));
    TRY(pair_cells(out, locked, planned, device, true));
    for (size_t i = 0; i < out->n; i++) {
        LockChange *change = &out->change[i];
        bool same = false;
        TRY(judge(out, change, tolerance, &same));
        size_t n_cells = lock_count_cells(&change->cells);
        out->n_same += same ? n_cells : 0;
        if (same) continue;
        out->n_cells[change->kind] += n_cells;
        out->n_tolerated += change->tolerated ? n_cells : 0;
        lock_sort_cells(&change->cells);
        out->change[n++] = *change;
    }
    out->n = n;
    if (n > 0) qsort(out->change, n, sizeof *out->change, by_kind);
done:
    return err;
}

void lock_diff_clear(LockDiff *diff) {
    pool_clear(&diff->pool);
    *diff = (LockDiff){0};
}

size_t lock_diff_failures(const LockDiff *diff) {
    size_t n = 0;
    for (int kind = 0; kind < LOCK_KIND_COUNT; kind++) n += diff->n_cells[kind];
    return n - diff->n_tolerated;
}
