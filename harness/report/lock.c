/* Plans gathered from surveys and put into order. */
#include "harness/report/lock.h"

#include <stdlib.h>
#include <string.h>

#include "harness/report/steps.h"
#include "kernels/mem.h"

/* ---- order ---- */

static int by_seed(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int by_cells_name(const void *a, const void *b) {
    return strcmp(((const LockCells *)a)->name, ((const LockCells *)b)->name);
}

static int by_class_and_cell(const void *a, const void *b) {
    const LockPlan *x = a, *y = b;
    int order = strcmp(x->device, y->device);
    return order != 0 ? order : by_cells_name(&x->cells.item[0], &y->cells.item[0]);
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const RecordBytes *)a)->name, ((const RecordBytes *)b)->name);
}

static int by_step(const void *a, const void *b) {
    return steps_compare(((const RecordBytes *)a)->name, ((const RecordBytes *)b)->name);
}

void lock_sort_cells(LockCellList *cells) {
    for (size_t i = 0; i < cells->n; i++)
        qsort(cells->item[i].seeds, cells->item[i].n_seeds, sizeof *cells->item[i].seeds, by_seed);
    if (cells->n > 0) qsort(cells->item, cells->n, sizeof *cells->item, by_cells_name);
}

void lock_sort(Lock *lock) {
    for (size_t i = 0; i < lock->n_plans; i++) lock_sort_cells(&lock->plan[i].cells);
    if (lock->n_plans > 0) qsort(lock->plan, lock->n_plans, sizeof *lock->plan, by_class_and_cell);
}

/* ---- cells ---- */

static LockCells *find_cells(const LockCellList *cells, const char *name, size_t len) {
    for (size_t i = 0; i < cells->n; i++)
        if (strncmp(cells->item[i].name, name, len) == 0 && cells->item[i].name[len] == '\0') return &cells->item[i];
    return NULL;
}

const LockCells *lock_find_cells(const LockCellList *cells, const char *name) {
    return find_cells(cells, name, strlen(name));
}

Err lock_add_cell(Pool *pool, LockCellList *cells, const char *name, size_t len, int64_t seed) {
    Err err = ERR_OK;
    LockCells *item = find_cells(cells, name, len);
    if (item == NULL) {
        TRY(pool_grow(pool, &cells->item, cells->n, &cells->room, sizeof *cells->item));
        item = &cells->item[cells->n];
        *item = (LockCells){0};
        TRY(pool_printf(pool, &item->name, "%.*s", (int)len, name));
        cells->n++;
    }
    TRY(pool_grow(pool, &item->seeds, item->n_seeds, &item->room, sizeof *item->seeds));
    item->seeds[item->n_seeds++] = seed;
done:
    return err;
}

size_t lock_count_cells(const LockCellList *cells) {
    size_t n = 0;
    for (size_t i = 0; i < cells->n; i++) n += cells->item[i].n_seeds;
    return n;
}

/* ---- a survey's plan ---- */

/* Sorted; what has one name is one entry; what has no bytes is left out. */
static size_t unite(RecordBytes *list, size_t n, int (*compare)(const void *, const void *)) {
    size_t n_out = 0;
    if (n > 0) qsort(list, n, sizeof *list, compare);
    for (size_t i = 0; i < n; i++) {
        if (list[i].bytes == 0) continue;
        if (n_out > 0 && strcmp(list[n_out - 1].name, list[i].name) == 0)
            list[n_out - 1].bytes += list[i].bytes;
        else
            list[n_out++] = list[i];
    }
    return n_out;
}

static Err fill_plan(Lock *lock, LockPlan *plan, const RecordMemory *memory) {
    Err err = ERR_OK;
    RecordBytes *modules = NULL, *tensors = NULL;
    TRY(pool_alloc(&lock->pool, &modules, memory->n_modules, sizeof *modules));
    TRY(pool_alloc(&lock->pool, &tensors, memory->n_live, sizeof *tensors));
    for (size_t i = 0; i < memory->n_modules; i++) {
        TRY(pool_text(&lock->pool, &modules[i].name, memory->by_module[i].name));
        modules[i].bytes = memory->by_module[i].bytes;
    }
    for (size_t i = 0; i < memory->n_live; i++) {
        TRY(pool_text(&lock->pool, &tensors[i].name, memory->live[i].name));
        tensors[i].bytes = memory->live[i].bytes;
    }
    plan->n_modules = unite(modules, memory->n_modules, by_name);
    plan->n_tensors = unite(tensors, memory->n_live, by_step);
    plan->modules = modules;
    plan->tensors = tensors;
    plan->peak_bytes = memory->planned_bytes;
    TRY(pool_text(&lock->pool, &plan->peak_node, memory->peak_node != NULL ? memory->peak_node : "nothing"));
done:
    return err;
}

static bool same_list(const RecordBytes *a, size_t n_a, const RecordBytes *b, size_t n_b) {
    bool same = n_a == n_b;
    for (size_t i = 0; same && i < n_a; i++) same = a[i].bytes == b[i].bytes && strcmp(a[i].name, b[i].name) == 0;
    return same;
}

static bool same_plan(const LockPlan *a, const LockPlan *b) {
    return a->peak_bytes == b->peak_bytes && strcmp(a->peak_node, b->peak_node) == 0 &&
           same_list(a->modules, a->n_modules, b->modules, b->n_modules) &&
           same_list(a->tensors, a->n_tensors, b->tensors, b->n_tensors);
}

Err lock_add(Lock *lock, const LockPlan *plan) {
    Err err = ERR_OK;
    TRY(pool_grow(&lock->pool, &lock->plan, lock->n_plans, &lock->room, sizeof *lock->plan));
    lock->plan[lock->n_plans++] = *plan;
done:
    return err;
}

/* Puts a survey's plan into the lock unless an equal one is there; *at = where it is. */
static Err take_plan(Lock *lock, size_t *at, const Survey *survey, const char *device) {
    Err err = ERR_OK;
    LockPlan plan = {.device = device};
    TRY(fill_plan(lock, &plan, &survey->record->memory));
    for (*at = 0; *at < lock->n_plans; (*at)++)
        if (same_plan(&lock->plan[*at], &plan)) goto done;
    TRY(lock_add(lock, &plan));
done:
    return err;
}

Err lock_of_surveys(Lock *out, const Grid *grid, const Surveys *surveys, const char *device) {
    Err err = ERR_OK;
    size_t *plan_of = NULL; /* [surveys->n] */
    const char *class = NULL;
    TRY(pool_text(&out->pool, &out->experiment, grid->experiment));
    TRY(pool_text(&out->pool, &class, device));
    TRY(mem_alloc(&plan_of, surveys->n, sizeof *plan_of));
    for (size_t i = 0; i < surveys->n; i++) TRY(take_plan(out, &plan_of[i], &surveys->item[i], class));
    for (size_t i = 0; i < grid->n_cells; i++) {
        const char *name = grid->cells[i].name;
        LockPlan *plan = &out->plan[plan_of[surveys->of_cell[i]]];
        TRY(lock_add_cell(&out->pool, &plan->cells, name, (size_t)(strrchr(name, '@') - name), grid->cells[i].seed));
    }
    lock_sort(out);
done:
    mem_free(plan_of);
    return err;
}

void lock_clear(Lock *lock) {
    pool_clear(&lock->pool);
    *lock = (Lock){0};
}

const LockPlan *lock_find(const Lock *lock, const char *device) {
    for (size_t i = 0; i < lock->n_plans; i++)
        if (strcmp(lock->plan[i].device, device) == 0) return &lock->plan[i];
    return NULL;
}

int64_t lock_module_bytes(const LockPlan *plan, const char *module) {
    for (size_t i = 0; i < plan->n_modules; i++)
        if (strcmp(plan->modules[i].name, module) == 0) return plan->modules[i].bytes;
    return 0;
}

size_t lock_run(const RecordBytes *tensors, size_t n) {
    size_t len = 1;
    while (len < n && len < STEPS_MAX && tensors[len].bytes == tensors[0].bytes &&
           steps_follow(tensors[len - 1].name, tensors[len].name))
        len++;
    return len;
}

LockSmaller lock_smaller(const LockPlan *plan) {
    LockSmaller sum = plan->further;
    for (size_t i = 0, len = 0; i < plan->n_tensors; i += len) {
        len = lock_run(plan->tensors + i, plan->n_tensors - i);
        int64_t bytes = plan->tensors[i].bytes * (int64_t)len;
        if (lock_is_large(bytes, plan->peak_bytes)) continue;
        sum.n += (int64_t)len;
        sum.bytes += bytes;
    }
    return sum;
}
