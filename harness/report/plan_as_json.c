/* Plans for programs: an object for each cell, the groups, and with --why all that is alive at the peak. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#include "harness/report/plan_format.h"

/* ---- values; a NULL that comes of a lack of memory makes what holds it NULL too ---- */

static json_t *real_or_null(double value) { return isnan(value) ? json_null() : json_real(value); }

static json_t *bytes_object(const RecordBytes *items, size_t n) {
    json_t *object = json_object();
    for (size_t i = 0; i < n; i++) (void)json_object_set_new(object, items[i].name, json_integer(items[i].bytes));
    return object;
}

static json_t *axes_object(const PlanTable *table, const PlanRow *row) {
    json_t *object = json_object();
    for (size_t k = 0; k < table->n_axes; k++)
        if (row->axis[k] != NULL) (void)json_object_set_new(object, table->axis_key[k], json_string(row->axis[k]));
    return object;
}

static json_t *fill_object(const PlanFill *fill) {
    return json_pack("{s:I, s:I, s:s, s:s}", "tensors", (json_int_t)fill->n, "bytes", (json_int_t)fill->bytes, "shape",
                     fill->what, "names", fill->names);
}

/* Into object, whose reference is taken on failure as well. */
static json_t *with(json_t *object, json_t *more) {
    if (object == NULL || more == NULL || json_object_update(object, more) != 0) {
        json_decref(object);
        object = NULL;
    }
    json_decref(more);
    return object;
}

static json_t *cell_object(const PlanTable *table, size_t i_cell) {
    const Cell *cell = &table->grid->cells[i_cell];
    const PlanRow *row = plan_row_of(table, i_cell);
    const Survey *s = row->survey;
    const RecordMemory *m = &s->record->memory;
    json_t *head =
        json_pack("{s:s, s:s, s:I, s:o, s:I, s:I, s:I, s:f, s:I}", "cell", cell->name, "variant", cell->variant, "seed",
                  (json_int_t)cell->seed, "axes", axes_object(table, row), "parameters", (json_int_t)s->n_params,
                  "peak_bytes", (json_int_t)s->peak_bytes, "lower_bound_bytes", (json_int_t)s->lower_bound_bytes,
                  "ratio", s->ratio, "flops_per_step", (json_int_t)s->flops_per_step);
    json_t *rest = json_pack("{s:s*, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "peak_node", m->peak_node, "over_budget",
                             row->over, "added", real_or_null(row->added), "disk_bytes",
                             row->disk < 0 ? json_null() : json_integer(row->disk), "checkpoint_bytes",
                             row->disk < 0 ? json_null() : json_integer((json_int_t)s->copies_bytes), "seconds",
                             real_or_null(row->seconds), "most", fill_object(&row->fill), "by_module",
                             bytes_object(m->by_module, m->n_modules), "by_role", bytes_object(m->by_role, m->n_roles));
    return with(head, rest);
}

static json_t *group_object(const PlanTable *table, const PlanGroup *group) {
    const PlanRow *smallest = &table->row[group->smallest], *largest = &table->row[group->largest];
    json_t *frontier = json_array();
    for (size_t i = 0; i < group->n_frontier; i++)
        (void)json_array_append_new(frontier, json_string(table->row[group->frontier[i]].label));
    return json_pack("{s:s, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:b}", "variant", group->variant, "cells",
                     (json_int_t)group->n_cells, "over_budget", (json_int_t)group->n_over, "smallest_peak_bytes",
                     (json_int_t)smallest->survey->peak_bytes, "largest_peak_bytes",
                     (json_int_t)largest->survey->peak_bytes, "added_least", real_or_null(group->least), "added_most",
                     real_or_null(group->most), "most", fill_object(&largest->fill), "over_budget_from", frontier,
                     "and_all_beyond", group->n_over > 0 && group->frontier_is_complete);
}

/* ---- documents ---- */

static json_t *document(const PlanTable *table, const char *key, json_t *list) {
    return json_pack("{s:s, s:s, s:s, s:I, s:o}", "experiment", table->grid->experiment, "device", table->grid->device,
                     "device_class", table->device, "budget_bytes", (json_int_t)table->budget, key, list);
}

static Err put(FILE *to, json_t *root) {
    char *text = root != NULL ? json_dumps(root, JSON_INDENT(2)) : NULL;
    Err err = text != NULL ? ERR_OK : err_set(ERR_NOMEM, "out of memory while the plan was written as JSON");
    if (text != NULL) (void)fprintf(to, "%s\n", text);
    free(text);
    json_decref(root);
    return err;
}

static Err write_table(FILE *to, const PlanTable *table, bool summary) {
    json_t *cells = json_array(), *groups = json_array();
    bool ok = true;
    for (size_t i = 0; ok && !summary && i < table->grid->n_cells; i++)
        if (plan_row_of(table, i) != NULL) ok = json_array_append_new(cells, cell_object(table, i)) == 0;
    for (size_t g = 0; ok && g < table->n_groups; g++)
        ok = json_array_append_new(groups, group_object(table, &table->group[g])) == 0;
    json_t *root = document(table, "variants", groups);
    if (!summary && root != NULL) ok = ok && json_object_set(root, "cells", cells) == 0;
    json_decref(cells);
    if (!ok) json_decref(root);
    return put(to, ok ? root : NULL);
}

/* ---- why ---- */

static json_t *tensor_object(const RecordTensor *tensor) {
    json_t *shape = tensor->shape.rank < 0 ? json_null() : json_array();
    for (int i = 0; i < tensor->shape.rank; i++) (void)json_array_append_new(shape, json_integer(tensor->shape.dim[i]));
    return json_pack("{s:s, s:I, s:s, s:s, s:o}", "name", tensor->name, "bytes", (json_int_t)tensor->bytes, "module",
                     tensor->module, "role", tensor->role, "shape", shape);
}

static json_t *live_array(const RecordMemory *memory) {
    json_t *list = json_array();
    for (size_t i = 0; i < memory->n_live; i++) (void)json_array_append_new(list, tensor_object(&memory->live[i]));
    return list;
}

static json_t *timeline_array(const RecordMemory *memory) {
    json_t *list = json_array();
    for (size_t i = 0; i < memory->n_nodes; i++)
        (void)json_array_append_new(list, json_pack("{s:s, s:I}", "op", memory->timeline[i].name, "bytes",
                                                    (json_int_t)memory->timeline[i].bytes));
    return list;
}

static json_t *why_object(const PlanTable *table, const PlanWhy *why) {
    const RecordMemory *memory = &why->row->survey->record->memory;
    json_t *fit = why->budget == 0 ? json_null()
                                   : json_pack("{s:I, s:I}", "batch", (json_int_t)why->fit.batch, "peak_bytes",
                                               (json_int_t)why->fit.peak_bytes);
    json_t *more = json_pack("{s:s, s:b, s:o, s:o, s:o}", "plan", why->row->label, "in_training", why->in_training,
                             "live", live_array(memory), "timeline", timeline_array(memory), "largest_batch", fit);
    return with(cell_object(table, why->row->first), more);
}

static Err write_why(FILE *to, const PlanTable *table, const PlanWhy *why, size_t n) {
    json_t *list = json_array();
    bool ok = true;
    for (size_t i = 0; ok && i < n; i++) ok = json_array_append_new(list, why_object(table, &why[i])) == 0;
    json_t *root = document(table, "why", list);
    if (!ok) json_decref(root);
    return put(to, ok ? root : NULL);
}

const PlanFormat plan_as_json = {.name = "json", .table = write_table, .why = write_why};
