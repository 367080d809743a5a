/* Rows by variant. What is over budget is said by its frontier: a value's place on an axis is its place in the grid,
 * and a row is on the frontier if it is over and no other row is that is not beyond it on any axis. Grids are written
 * from small to large, so that all beyond the frontier is over; where that does not hold, every row is listed. */
#include <math.h>
#include <string.h>

#include "harness/report/plan_parts.h"

typedef struct Places {
    const PlanTable *table;
    size_t *at; /* [n_rows, n_axes] */
} Places;

/* Places on one axis: of values in the order of the table; 0 where a row has none. */
static Err find_places_on(Pool *pool, Places *out, size_t axis) {
    Err err = ERR_OK;
    const PlanTable *table = out->table;
    const char **value = NULL;
    size_t n = 0;
    TRY(pool_alloc(pool, &value, table->n_rows, sizeof *value));
    for (size_t i = 0; i < table->n_rows; i++) {
        const char *of_row = table->row[i].axis[axis];
        size_t k = 0;
        if (of_row == NULL) continue;
        while (k < n && strcmp(value[k], of_row) != 0) k++;
        if (k == n) value[n++] = of_row;
        out->at[i * table->n_axes + axis] = k;
    }
done:
    return err;
}

static Err find_places(Pool *pool, Places *out, const PlanTable *table) {
    *out = (Places){.table = table};
    Err err = pool_alloc(pool, &out->at, table->n_rows * table->n_axes + 1, sizeof *out->at);
    for (size_t k = 0; err == ERR_OK && k < table->n_axes; k++) err = find_places_on(pool, out, k);
    return err;
}

/* Row b is a, or beyond it on some axes and behind it on none. */
static bool is_beyond(const Places *places, size_t a, size_t b) {
    const size_t n = places->table->n_axes;
    for (size_t k = 0; k < n; k++)
        if (places->at[b * n + k] < places->at[a * n + k]) return false;
    return true;
}

static bool is_of(const PlanTable *table, const PlanGroup *group, size_t i) {
    return strcmp(table->row[i].variant, group->variant) == 0;
}

static bool is_frontier(const Places *places, const PlanGroup *group, size_t i) {
    const PlanTable *table = places->table;
    if (!table->row[i].over || !is_of(table, group, i)) return false;
    for (size_t k = 0; k < table->n_rows; k++)
        if (k != i && is_of(table, group, k) && table->row[k].over && is_beyond(places, k, i)) return false;
    return true;
}

/* All that is beyond a row over budget is over budget too. */
static bool is_monotone(const Places *places, const PlanGroup *group) {
    const PlanTable *table = places->table;
    for (size_t i = 0; i < table->n_rows; i++)
        for (size_t k = 0; table->row[i].over && is_of(table, group, i) && k < table->n_rows; k++)
            if (is_of(table, group, k) && !table->row[k].over && is_beyond(places, i, k)) return false;
    return true;
}

static Err find_frontier(PlanTable *table, const Places *places, PlanGroup *group) {
    Err err = ERR_OK;
    size_t *list = NULL;
    group->frontier_is_complete = is_monotone(places, group);
    TRY(pool_alloc(&table->pool, &list, table->n_rows, sizeof *list));
    for (size_t i = 0; i < table->n_rows; i++) {
        const bool over = table->row[i].over && is_of(table, group, i);
        if (group->frontier_is_complete ? is_frontier(places, group, i) : over) list[group->n_frontier++] = i;
    }
    group->frontier = list;
done:
    return err;
}

static uint64_t peak_of(const PlanTable *table, size_t i) { return table->row[i].survey->peak_bytes; }

static void add_row(const PlanTable *table, PlanGroup *group, size_t i) {
    const PlanRow *row = &table->row[i];
    if (peak_of(table, i) < peak_of(table, group->smallest)) group->smallest = i;
    if (peak_of(table, i) > peak_of(table, group->largest)) group->largest = i;
    group->least = fmin(group->least, row->added);
    group->most = fmax(group->most, row->added);
    group->n_cells += row->n_cells;
    group->n_over += row->over ? row->n_cells : 0;
}

static PlanGroup *group_of(PlanTable *table, size_t i_row) {
    for (size_t g = 0; g < table->n_groups; g++)
        if (is_of(table, &table->group[g], i_row)) return &table->group[g];
    PlanGroup *group = &table->group[table->n_groups++];
    *group = (PlanGroup){.variant = table->row[i_row].variant, .smallest = i_row, .largest = i_row};
    group->least = group->most = NAN;
    return group;
}

Err plan_groups(PlanTable *table) {
    Err err = ERR_OK;
    Places places;
    TRY(pool_alloc(&table->pool, &table->group, table->n_rows + 1, sizeof *table->group));
    for (size_t i = 0; i < table->n_rows; i++) add_row(table, group_of(table, i), i);
    TRY(find_places(&table->pool, &places, table));
    for (size_t g = 0; g < table->n_groups; g++)
        if (table->group[g].n_over > 0) TRY(find_frontier(table, &places, &table->group[g]));
done:
    return err;
}
