/* memory/, final/, best/ and volatile/ of a cell's group. */
#include "harness/record/cell_parts.h"

#include <stdio.h>
#include <string.h>

#include "harness/record/h5.h"
#include "kernels/mem.h"

/* One column of an array of structs, gathered: names or numbers of n rows that are `stride` bytes apart. */
static Err column_write(hid_t group, H5Array array, const void *first, size_t n, size_t stride, const char *axis) {
    Err err = ERR_OK;
    char *column = NULL;
    size_t size = array.kind == H5_TEXT ? sizeof(char *) : sizeof(int64_t);
    TRY(mem_alloc(&column, n, size));
    for (size_t i = 0; i < n; i++) memcpy(column + i * size, (const char *)first + i * stride, size);
    array.rank = 1;
    array.dim[0] = n;
    array.data = column;
    if (strcmp(axis, array.name) == 0) {
        TRY(h5_scale(group, &array));
    } else {
        TRY(h5_write(group, &array));
        TRY(h5_axes(group, array.name, 1, &axis));
    }
done:
    mem_free(column);
    return err;
}

static Err named_bytes_write(hid_t group, const char *axis, const char *name, const char *long_name, size_t n,
                             const RecordBytes *row) {
    Err err = ERR_OK;
    if (n == 0) return ERR_OK;
    const H5Array names = {.name = axis, .kind = H5_TEXT};
    const H5Array bytes = {.name = name, .kind = H5_I64, .unit = "byte", .long_name = long_name};
    TRY(column_write(group, names, &row->name, n, sizeof *row, axis));
    TRY(column_write(group, bytes, &row->bytes, n, sizeof *row, axis));
done:
    return err;
}

static Err timeline_write(hid_t group, size_t n, const RecordNode *row) {
    Err err = ERR_OK;
    int64_t *index = NULL;
    if (n == 0) return ERR_OK;
    TRY(mem_alloc(&index, n, sizeof *index));
    for (size_t i = 0; i < n; i++) index[i] = (int64_t)i;
    const H5Array number = {.name = "node", .kind = H5_I64, .unit = "1", .long_name = "node of the plan, in order"};
    const H5Array names = {.name = "node_name", .kind = H5_TEXT, .long_name = "what the node computes"};
    const H5Array bytes = {.name = "timeline", .kind = H5_I64, .unit = "byte", .long_name = "live bytes"};
    TRY(column_write(group, number, index, n, sizeof *index, "node"));
    TRY(column_write(group, names, &row->name, n, sizeof *row, "node"));
    TRY(column_write(group, bytes, &row->bytes, n, sizeof *row, "node"));
    TRY(h5_plot(group, "timeline", 1, (const char *const[]){"node"}));
done:
    mem_free(index);
    return err;
}

/* Bytes of each row of an axis while each node runs. */
static Err lines_write(hid_t group, const char *axis, const char *name, size_t n, size_t n_nodes, const int64_t *line) {
    Err err = ERR_OK;
    if (n == 0 || n_nodes == 0 || line == NULL) return ERR_OK;
    TRY(h5_write(group, &(H5Array){.name = name,
                                   .kind = H5_I64,
                                   .rank = 2,
                                   .dim = {n, n_nodes},
                                   .data = line,
                                   .unit = "byte",
                                   .long_name = "live bytes"}));
    TRY(h5_axes(group, name, 2, (const char *const[]){axis, "node"}));
done:
    return err;
}

static Err tensors_write(hid_t parent, size_t n, const RecordTensor *row) {
    Err err = ERR_OK;
    hid_t group = H5I_INVALID_HID;
    const size_t stride = sizeof *row;
    static const char axis[] = "name";
    if (n == 0) return ERR_OK;
    TRY(h5_group(&group, parent, "tensors", "NXcollection"));
    TRY(column_write(group, (H5Array){.name = axis, .kind = H5_TEXT}, &row->name, n, stride, axis));
    TRY(column_write(group, (H5Array){.name = "module", .kind = H5_TEXT}, &row->module, n, stride, axis));
    TRY(column_write(group, (H5Array){.name = "role", .kind = H5_TEXT}, &row->role, n, stride, axis));
    TRY(column_write(group, (H5Array){.name = "bytes", .kind = H5_I64, .unit = "byte"}, &row->bytes, n, stride, axis));
    TRY(column_write(group, (H5Array){.name = "offset", .kind = H5_I64, .unit = "byte", .long_name = "in the arena"},
                     &row->offset, n, stride, axis));
    TRY(column_write(group, (H5Array){.name = "first", .kind = H5_I64, .unit = "1", .long_name = "first node"},
                     &row->first, n, stride, axis));
    TRY(column_write(group, (H5Array){.name = "last", .kind = H5_I64, .unit = "1", .long_name = "last node"},
                     &row->last, n, stride, axis));
done:
    h5_close(group);
    return err;
}

Err memory_write(hid_t cell, const RecordMemory *memory) {
    Err err = ERR_OK;
    hid_t group = H5I_INVALID_HID;
    if (memory->planned_bytes < 0) return ERR_OK;
    TRY(h5_group(&group, cell, "memory", memory->n_nodes > 0 ? "NXdata" : "NXcollection"));
    TRY(h5_write_int(group, "planned_bytes", memory->planned_bytes, "byte", "peak of the plan"));
    TRY(h5_write_int(group, "measured_bytes", memory->measured_bytes, "byte", "peak counted while running, or -1"));
    TRY(h5_write_int(group, "lower_bound_bytes", memory->lower_bound_bytes, "byte", "largest sum of live bytes"));
    TRY(h5_attr_text(group, "peak_node", memory->peak_node));
    TRY(named_bytes_write(group, "module", "by_module", "bytes at the peak", memory->n_modules, memory->by_module));
    TRY(named_bytes_write(group, "role", "by_role", "bytes at the peak", memory->n_roles, memory->by_role));
    TRY(timeline_write(group, memory->n_nodes, memory->timeline));
    TRY(lines_write(group, "module", "timeline_by_module", memory->n_modules, memory->n_nodes,
                    memory->timeline_by_module));
    TRY(lines_write(group, "role", "timeline_by_role", memory->n_roles, memory->n_nodes, memory->timeline_by_role));
    TRY(tensors_write(group, memory->n_tensors, memory->tensors));
done:
    h5_close(group);
    return err;
}

/* Axes of a parameter have no meaning of their own; readers of netCDF still want a scale on each: one per length, and a
 * second one where an array has the same length twice. */
static Err param_axes(hid_t group, const RecordParam *param) {
    Err err = ERR_OK;
    char name[SHAPE_MAX_RANK][48];
    const char *axes[SHAPE_MAX_RANK];
    for (int i = 0; i < param->shape.rank; i++) {
        int same = 1;
        for (int j = 0; j < i; j++) same += param->shape.dim[j] == param->shape.dim[i];
        (void)snprintf(name[i], sizeof name[i], same > 1 ? "axis_%lld_%d" : "axis_%lld", (long long)param->shape.dim[i],
                       same);
        axes[i] = name[i];
        TRY(h5_bare_axis(group, name[i], (hsize_t)param->shape.dim[i]));
    }
    TRY(h5_axes(group, param->name, param->shape.rank, axes));
done:
    return err;
}

static Err param_write(hid_t group, const RecordParam *param) {
    Err err = ERR_OK;
    hid_t set = H5I_INVALID_HID;
    FAIL_IF(param->shape.rank < 0 || param->data == NULL || strchr(param->name, '/') != NULL, ERR_ARG,
            "parameter '%s' cannot be kept", param->name);
    /* Weights are noise to deflate: shuffled and deflated, a quickstart cell's are 13 % smaller. */
    H5Array array = {.name = param->name, .kind = H5_F32, .rank = param->shape.rank, .data = param->data, .raw = true};
    for (int i = 0; i < array.rank; i++) array.dim[i] = (hsize_t)param->shape.dim[i];
    TRY(h5_write(group, &array));
    TRY(param_axes(group, param));
    H5_TRY(set = H5Dopen2(group, param->name, H5P_DEFAULT));
    TRY(h5_attr_text(set, "role", param->role));
done:
    h5_close(set);
    return err;
}

Err params_write(hid_t cell, const char *name, const RecordParams *params) {
    Err err = ERR_OK;
    hid_t group = H5I_INVALID_HID;
    if (params->n == 0) return ERR_OK;
    TRY(h5_group(&group, cell, name, "NXcollection"));
    TRY(h5_attr_int(group, "step", params->step));
    for (size_t i = 0; i < params->n; i++) TRY(param_write(group, &params->item[i]));
done:
    h5_close(group);
    return err;
}

/* Only of cells that an accelerator computed. */
static Err device_write(hid_t group, const RecordVolatile *times) {
    Err err = ERR_OK;
    TRY(h5_write_int(group, "device_total_bytes", times->device_total_bytes, "byte", "memory of the device"));
    TRY(h5_write_int(group, "device_free_before_bytes", times->device_free_before_bytes, "byte",
                     "free on the device before the cell took hold of it"));
    TRY(h5_write_int(group, "device_free_after_bytes", times->device_free_after_bytes, "byte",
                     "free on the device while the cell trained"));
    TRY(h5_write_int(group, "context_bytes", times->context_bytes, "byte",
                     "taken by the device's context and libraries beside the plan"));
done:
    return err;
}

Err volatile_write(hid_t cell, const RecordVolatile *times) {
    Err err = ERR_OK;
    hid_t group = H5I_INVALID_HID;
    TRY(h5_group(&group, cell, "volatile", "NXcollection"));
    TRY(h5_write_real(group, "seconds_per_step", times->seconds_per_step, "s", "median time of a training step"));
    TRY(h5_write_real(group, "wall_seconds", times->wall_seconds, "s", "wall time of the cell"));
    TRY(h5_write_real(group, "cpu_seconds", times->cpu_seconds, "s", "process time of all threads"));
    TRY(h5_write_int(group, "peak_rss_bytes", times->peak_rss_bytes, "byte", "largest resident set"));
    TRY(h5_write_int(group, "library_transient_bytes", times->library_transient_bytes, "byte",
                     "most that libraries held at once within a step"));
    TRY(h5_write_int(group, "library_code_bytes", times->library_code_bytes, "byte", "generated code"));
    if (times->device_total_bytes >= 0) TRY(device_write(group, times));
    TRY(h5_write_int(group, "n_resumes", times->n_resumes, "1", "times the cell was resumed"));
    if (times->n_steps == 0 || times->step_seconds == NULL) goto done;
    TRY(h5_write(group, &(H5Array){.name = "step_seconds",
                                   .kind = H5_F32,
                                   .rank = 1,
                                   .dim = {times->n_steps},
                                   .data = times->step_seconds,
                                   .unit = "s",
                                   .long_name = "wall time of each step",
                                   .raw = true}));
    TRY(h5_bare_axis(group, "row", times->n_steps));
    TRY(h5_axes(group, "step_seconds", 1, (const char *const[]){"row"}));
done:
    h5_close(group);
    return err;
}
