/* Reads the parts of a cell's group: the mirror of cell_file.c and cell_parts.c. */
#include "harness/record/results_read.h"

#include <hdf5_hl.h>
#include <math.h>
#include <string.h>

#include "harness/record/results.h"
#include "harness/record/results_load.h"

static Err read_curves(CellRecord *into, hid_t group) {
    Err err = ERR_OK;
    RecordCurves *curves = &into->curves;
    size_t n = 0;
    TRY(load_count(group, "step", &n));
    TRY(load_numbers(into, group, "step", H5_I64, n, &curves->step));
    for (int i = 0; i < CURVE_COUNT; i++)
        TRY(load_numbers(into, group, curve_name((CurveKind)i), H5_F32, n, &curves->value[i]));
    curves->n = curves->room = n;
done:
    return err;
}

/* Names of a group's links in order of creation. */
typedef struct Names {
    CellRecord *into;
    const char **name;
    size_t n, room;
    Err err;
} Names;

/* The group's own count of its links is not relied on: it is a number in a file. */
static Err add_name(Names *names, const char *name) {
    Err err = ERR_OK;
    if (names->n == names->room) {
        const char **grown = NULL;
        size_t room = names->room * 2 + 16;
        TRY(record_alloc(names->into, &grown, room, sizeof *grown));
        if (names->n > 0) memcpy(grown, names->name, names->n * sizeof *grown);
        names->name = grown;
        names->room = room;
    }
    TRY(record_text(names->into, &names->name[names->n], name));
    names->n++;
done:
    return err;
}

static herr_t visit_name(hid_t group, const char *name, const H5L_info_t *info, void *context) {
    Names *names = context;
    (void)group;
    (void)info;
    names->err = add_name(names, name);
    return names->err == ERR_OK ? 0 : -1;
}

static Err read_names(CellRecord *into, hid_t group, Names *names) {
    *names = (Names){.into = into};
    if (H5Literate(group, H5_INDEX_CRT_ORDER, H5_ITER_INC, NULL, visit_name, names) >= 0) return ERR_OK;
    return names->err != ERR_OK ? names->err : h5_fail(ERR_DATA, "H5Literate");
}

static Err read_metric(CellRecord *into, hid_t group, RecordMetric *metric, size_t n, double **value) {
    Err err = ERR_OK;
    hid_t set = H5I_INVALID_HID;
    int64_t direction = 0, is_attention = 0;
    TRY(load_numbers(into, group, metric->name, H5_F64, n, value));
    H5_TRY(set = H5Dopen2(group, metric->name, H5P_DEFAULT));
    TRY(load_attr(into, set, "units", "1", &metric->unit));
    TRY(load_attr(into, set, "long_name", metric->name, &metric->long_name));
    TRY(h5_get_int(set, "direction", &direction));
    metric->direction = direction > 0 ? 1 : direction < 0 ? -1 : 0;
    TRY(h5_get_int(set, "is_attention", &is_attention));
    metric->is_attention = is_attention != 0;
    metric->chance = NAN;
    if (h5_has_attr(set, "chance")) TRY(h5_get_real(set, "chance", &metric->chance));
done:
    h5_close(set);
    return err;
}

static Err read_evaluation(CellRecord *into, hid_t sets, const char *name, RecordEvaluation *to) {
    Err err = ERR_OK;
    hid_t group = H5I_INVALID_HID;
    Names names;
    H5_TRY(group = H5Gopen2(sets, name, H5P_DEFAULT));
    TRY(load_name(into, &to->set, name));
    TRY(load_attr(into, group, "comment", NULL, &to->comment));
    TRY(h5_get_int(group, "n_samples", &to->n_samples));
    TRY(h5_get_int(group, "n_chars", &to->n_chars));
    TRY(load_count(group, "step", &to->n));
    TRY(load_numbers(into, group, "step", H5_I64, to->n, &to->step));
    TRY(read_names(into, group, &names));
    TRY(record_alloc(into, &to->metrics, names.n, sizeof *to->metrics));
    TRY(record_alloc(into, &to->value, names.n, sizeof *to->value));
    for (size_t i = 0; i < names.n; i++) {
        if (strcmp(names.name[i], "step") == 0) continue;
        RecordMetric *metric = &to->metrics[to->n_metrics];
        metric->name = names.name[i];
        TRY(read_metric(into, group, metric, to->n, &to->value[to->n_metrics]));
        TRY(load_name(into, &metric->name, names.name[i]));
        to->n_metrics++;
    }
    to->room = to->n;
done:
    h5_close(group);
    return err;
}

static Err read_evaluations(CellRecord *into, hid_t sets) {
    Err err = ERR_OK;
    Names names;
    TRY(read_names(into, sets, &names));
    TRY(record_alloc(into, &into->evaluations, names.n, sizeof *into->evaluations));
    for (size_t i = 0; i < names.n; i++) {
        TRY(read_evaluation(into, sets, names.name[i], &into->evaluations[i]));
        into->n_evaluations++;
    }
done:
    return err;
}

static Err read_attention_extent(hid_t group, RecordAttention *a) {
    Err err = ERR_OK;
    int rank = 0;
    hsize_t dim[H5_MAX_RANK] = {0};
    TRY(h5_dims(group, "maps", &rank, dim));
    FAIL_IF(rank != 5, ERR_DATA, "dataset 'maps' has rank %d, expected 5", rank);
    a->n_samples = (int64_t)dim[1];
    a->n_t = (int64_t)dim[2];
    a->map_h = (int64_t)dim[3];
    a->map_w = (int64_t)dim[4];
    a->n = a->room = (int64_t)dim[0];
    size_t h = 0, w = 0;
    TRY(load_count(group, "image_y", &h));
    TRY(load_count(group, "image_x", &w));
    a->image_h = (int64_t)h;
    a->image_w = (int64_t)w;
    /* Products of any of these stay far below what a count holds. */
    const int64_t extent[] = {a->n, a->n_samples, a->n_t, a->map_h, a->map_w, a->image_h, a->image_w};
    double product = 1;
    for (size_t i = 0; i < sizeof extent / sizeof *extent; i++) product *= extent[i] > 0 ? (double)extent[i] : 1.0;
    FAIL_IF(product > 1e17, ERR_DATA, "dataset 'maps' has an extent that makes no sense");
done:
    return err;
}

static Err read_attention(CellRecord *into, hid_t group) {
    Err err = ERR_OK;
    RecordAttention a = {0};
    TRY(read_attention_extent(group, &a));
    size_t e = (size_t)a.n, n = (size_t)a.n_samples, t = (size_t)a.n_t, h = (size_t)a.map_h, w = (size_t)a.map_w;
    const char **text = NULL;
    TRY(load_numbers(into, group, "step", H5_I64, e, &a.step));
    TRY(load_numbers(into, group, "y", H5_F32, h, &a.map_y));
    TRY(load_numbers(into, group, "x", H5_F32, w, &a.map_x));
    TRY(load_numbers(into, group, "maps", H5_F32, e * n * t * h * w, &a.maps));
    TRY(load_numbers(into, group, "centres", H5_F32, e * n * t * 2, &a.centres));
    TRY(load_texts(into, group, "predicted", e * n, &a.predicted));
    TRY(load_texts(into, group, "text", n, &text));
    a.text = text;
    if (h5_has(group, "boxes")) TRY(load_numbers(into, group, "boxes", H5_F32, n * t * 4, &a.boxes));
    size_t pixels = n * (size_t)a.image_h * (size_t)a.image_w * 3;
    if (h5_has(group, "images")) TRY(load_numbers(into, group, "images", H5_U8, pixels, &a.images));
    into->attention = a;
done:
    return err;
}

static Err read_named_bytes(CellRecord *into, hid_t group, const char *axis, const char *name, size_t *count,
                            const RecordBytes **out) {
    Err err = ERR_OK;
    const char **names = NULL;
    int64_t *bytes = NULL;
    RecordBytes *row = NULL;
    size_t n = 0;
    if (!h5_has(group, axis)) return ERR_OK;
    TRY(load_count(group, axis, &n));
    TRY(load_texts(into, group, axis, n, &names));
    TRY(load_numbers(into, group, name, H5_I64, n, &bytes));
    TRY(record_alloc(into, &row, n, sizeof *row));
    for (size_t i = 0; i < n; i++) row[i] = (RecordBytes){names[i], bytes[i]};
    *out = row;
    *count = n;
done:
    return err;
}

static Err read_timeline(CellRecord *into, hid_t group, RecordMemory *memory) {
    Err err = ERR_OK;
    const char **names = NULL;
    int64_t *bytes = NULL;
    RecordNode *row = NULL;
    size_t n = 0;
    if (!h5_has(group, "timeline")) return ERR_OK;
    TRY(load_count(group, "timeline", &n));
    TRY(load_texts(into, group, "node_name", n, &names));
    TRY(load_numbers(into, group, "timeline", H5_I64, n, &bytes));
    TRY(record_alloc(into, &row, n, sizeof *row));
    for (size_t i = 0; i < n; i++) row[i] = (RecordNode){names[i], bytes[i]};
    memory->timeline = row;
    memory->n_nodes = n;
done:
    return err;
}

static Err read_lines(CellRecord *into, hid_t group, const char *name, size_t n, size_t n_nodes, const int64_t **out) {
    Err err = ERR_OK;
    int64_t *line = NULL;
    if (!h5_has(group, name)) return ERR_OK;
    TRY(load_numbers(into, group, name, H5_I64, n * n_nodes, &line));
    *out = line;
done:
    return err;
}

static Err read_tensors(CellRecord *into, hid_t parent, RecordMemory *memory) {
    Err err = ERR_OK;
    hid_t group = H5I_INVALID_HID;
    const char **name = NULL, **module = NULL, **role = NULL;
    int64_t *bytes = NULL, *offset = NULL, *first = NULL, *last = NULL;
    RecordTensor *row = NULL;
    size_t n = 0;
    if (!h5_has(parent, "tensors")) return ERR_OK;
    H5_TRY(group = H5Gopen2(parent, "tensors", H5P_DEFAULT));
    TRY(load_count(group, "name", &n));
    TRY(load_texts(into, group, "name", n, &name));
    TRY(load_texts(into, group, "module", n, &module));
    TRY(load_texts(into, group, "role", n, &role));
    TRY(load_numbers(into, group, "bytes", H5_I64, n, &bytes));
    TRY(load_numbers(into, group, "offset", H5_I64, n, &offset));
    TRY(load_numbers(into, group, "first", H5_I64, n, &first));
    TRY(load_numbers(into, group, "last", H5_I64, n, &last));
    TRY(record_alloc(into, &row, n, sizeof *row));
    for (size_t i = 0; i < n; i++)
        row[i] =
            (RecordTensor){name[i], module[i], role[i], bytes[i], offset[i], first[i], last[i], {.rank = SHAPE_ABSENT}};
    memory->tensors = row;
    memory->n_tensors = n;
done:
    h5_close(group);
    return err;
}

static Err read_memory(CellRecord *into, hid_t group) {
    Err err = ERR_OK;
    RecordMemory *memory = &into->memory;
    TRY(load_attr(into, group, "peak_node", NULL, &memory->peak_node));
    TRY(read_named_bytes(into, group, "module", "by_module", &memory->n_modules, &memory->by_module));
    TRY(read_named_bytes(into, group, "role", "by_role", &memory->n_roles, &memory->by_role));
    TRY(read_timeline(into, group, memory));
    TRY(read_lines(into, group, "timeline_by_module", memory->n_modules, memory->n_nodes, &memory->timeline_by_module));
    TRY(read_lines(into, group, "timeline_by_role", memory->n_roles, memory->n_nodes, &memory->timeline_by_role));
    TRY(read_tensors(into, group, memory));
done:
    return err;
}

static Err read_param(CellRecord *into, hid_t group, const char *name, RecordParams *params) {
    Err err = ERR_OK;
    hid_t set = H5I_INVALID_HID;
    Shape shape = {0};
    hsize_t dim[H5_MAX_RANK] = {0};
    float *data = NULL;
    const char *role = NULL, *shown = NULL;
    H5_TRY(set = H5Dopen2(group, name, H5P_DEFAULT));
    if (H5DSis_scale(set) > 0) goto done; /* an axis of the parameters, not one of them */
    TRY(h5_dims(group, name, &shape.rank, dim));
    FAIL_IF(shape.rank > SHAPE_MAX_RANK, ERR_DATA, "parameter '%s' has rank %d", name, shape.rank);
    for (int i = 0; i < shape.rank; i++) shape.dim[i] = (int64_t)dim[i];
    TRY(load_numbers(into, group, name, H5_F32, (size_t)shape_count(&shape), &data));
    TRY(load_attr(into, set, "role", "param", &role));
    TRY(load_name(into, &shown, name));
    TRY(record_param(into, params, shown, role, shape, data));
done:
    h5_close(set);
    return err;
}

static Err read_params(CellRecord *into, hid_t group, RecordParams *params) {
    Err err = ERR_OK;
    Names names;
    TRY(read_names(into, group, &names));
    for (size_t i = 0; i < names.n; i++) TRY(read_param(into, group, names.name[i], params));
done:
    return err;
}

static Err read_final(CellRecord *into, hid_t group) { return read_params(into, group, &into->final); }
static Err read_best(CellRecord *into, hid_t group) { return read_params(into, group, &into->best); }

static Err read_int(hid_t group, const char *name, int64_t *value) { return h5_read(group, name, H5_I64, 1, value); }

static Err read_device(hid_t group, RecordVolatile *times) {
    Err err = ERR_OK;
    TRY(read_int(group, "device_total_bytes", &times->device_total_bytes));
    TRY(read_int(group, "device_free_before_bytes", &times->device_free_before_bytes));
    TRY(read_int(group, "device_free_after_bytes", &times->device_free_after_bytes));
    TRY(read_int(group, "context_bytes", &times->context_bytes));
done:
    return err;
}

static Err read_volatile(CellRecord *into, hid_t group) {
    Err err = ERR_OK;
    RecordVolatile *times = &into->times;
    TRY(h5_read(group, "seconds_per_step", H5_F64, 1, &times->seconds_per_step));
    TRY(h5_read(group, "wall_seconds", H5_F64, 1, &times->wall_seconds));
    TRY(h5_read(group, "cpu_seconds", H5_F64, 1, &times->cpu_seconds));
    TRY(read_int(group, "peak_rss_bytes", &times->peak_rss_bytes));
    TRY(read_int(group, "library_transient_bytes", &times->library_transient_bytes));
    TRY(read_int(group, "library_code_bytes", &times->library_code_bytes));
    TRY(read_int(group, "n_resumes", &times->n_resumes));
    if (h5_has(group, "device_total_bytes")) TRY(read_device(group, times));
    if (!h5_has(group, "step_seconds")) goto done;
    TRY(load_count(group, "step_seconds", &times->n_steps));
    TRY(load_numbers(into, group, "step_seconds", H5_F32, times->n_steps, &times->step_seconds));
done:
    return err;
}

static Err read_provenance(CellRecord *into, hid_t group) { return load_pairs(into, group); }

Err parts_read(CellRecord *into, hid_t cell, unsigned parts) {
    static const struct {
        unsigned part;
        const char *group;
        Err (*read)(CellRecord *, hid_t);
    } row[] = {{PART_CURVES, "curves", read_curves},
               {PART_EVALUATION, "evaluation", read_evaluations},
               {PART_ATTENTION, "attention", read_attention},
               {PART_MEMORY, "memory", read_memory},
               {PART_FINAL, "final", read_final},
               {PART_BEST, "best", read_best},
               {PART_VOLATILE, "volatile", read_volatile},
               {PART_PROVENANCE, "provenance", read_provenance}};
    Err err = ERR_OK;
    for (size_t i = 0; i < sizeof row / sizeof *row && err == ERR_OK; i++) {
        if ((parts & row[i].part) == 0 || !h5_has(cell, row[i].group)) continue;
        hid_t group = H5Gopen2(cell, row[i].group, H5P_DEFAULT);
        err = group < 0 ? h5_fail(ERR_DATA, row[i].group) : row[i].read(into, group);
        h5_close(group);
        if (err != ERR_OK) err = err_context(err, "%s", row[i].group);
    }
    return err;
}
