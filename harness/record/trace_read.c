/* Traces: reading. What a file holds is not trusted. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "harness/data/utf8.h"
#include "harness/record/file.h"
#include "harness/record/h5.h"
#include "harness/record/trace_file.h"
#include "harness/record/trace_parts.h"
#include "kernels/mem.h"

struct Trace {
    hid_t file, part[TRACE_N_PARTS];
    TraceHead head;
    TraceTensor *tensor;
    size_t n, room;
    char **text; /* all that head and tensors point to */
    size_t n_text, text_room;
};

/* ---- texts ---- */

static Err own_text(Trace *trace, const char **out, const char *text) {
    Err err = ERR_OK;
    if (trace->n_text == trace->text_room) {
        size_t room = 2 * trace->text_room + 64;
        TRY(mem_grow(&trace->text, trace->text_room, room, sizeof *trace->text));
        trace->text_room = room;
    }
    TRY(mem_alloc(&trace->text[trace->n_text], 3 * strlen(text) + 1, 1));
    *out = utf8_tame(trace->text[trace->n_text++], 3 * strlen(text) + 1, text);
done:
    return err;
}

typedef struct Taken {
    Trace *trace;
    const char **out;
} Taken;

static Err take_text(void *context, size_t i, const char *text) {
    Taken *taken = context;
    return i == 0 ? own_text(taken->trace, taken->out, text) : ERR_OK;
}

static Err load_text(Trace *trace, hid_t object, const char *name, const char **out) {
    size_t count = 0;
    Taken taken = {trace, out};
    *out = "";
    return h5_get_texts(object, name, &count, take_text, &taken);
}

/* ---- the head ---- */

static Err load_head(Trace *trace) {
    Err err = ERR_OK;
    TraceHead *head = &trace->head;
    hid_t file = trace->file;
    Taken settings = {trace, &head->settings};
    TRY(load_text(trace, file, "experiment", &head->experiment));
    TRY(load_text(trace, file, "cell", &head->cell));
    TRY(load_text(trace, file, "variant", &head->variant));
    TRY(load_text(trace, file, "from", &head->from));
    TRY(load_text(trace, file, "version", &head->version));
    TRY(load_text(trace, file, "bit_class", &head->bit_class));
    TRY(h5_get_int(file, "seed", &head->seed));
    TRY(h5_get_int(file, "step", &head->step));
    TRY(h5_get_int(file, "n_nodes", &head->n_nodes));
    TRY(h5_get_real(file, "loss", &head->loss));
    TRY(h5_get_real(file, "loss_recognition", &head->loss_recognition));
    TRY(h5_get_real(file, "loss_focus", &head->loss_focus));
    TRY(h5_get_real(file, "grad_norm", &head->grad_norm));
    TRY(h5_get_real(file, "lr", &head->lr));
    TRY(h5_get_real(file, "lambda", &head->lambda));
    TRY(h5_read_texts(file, "settings", 1, take_text, &settings));
done:
    return err;
}

/* ---- tensors ---- */

static Err load_shape(TraceTensor *tensor, hid_t group, hid_t set) {
    Err err = ERR_OK;
    hsize_t dim[H5_MAX_RANK];
    TRY(h5_dims(group, tensor->name, &tensor->rank, dim));
    FAIL_IF(tensor->rank > TRACE_MAX_RANK, ERR_DATA, "it has rank %d, expected at most %d", tensor->rank,
            (int)TRACE_MAX_RANK);
    for (int i = 0; i < tensor->rank; i++) tensor->dim[i] = (int64_t)dim[i];
    hid_t type = H5Dget_type(set);
    tensor->type = type >= 0 && H5Tget_class(type) == H5T_INTEGER     ? TRACE_INT
                   : type >= 0 && H5Tget_size(type) == sizeof(double) ? TRACE_DOUBLE
                                                                      : TRACE_FLOAT;
    h5_close(type);
done:
    return err;
}

static Err load_facts(Trace *trace, TraceTensor *tensor, hid_t set) {
    Err err = ERR_OK;
    TRY(load_text(trace, set, "role", &tensor->role));
    TRY(load_text(trace, set, "module", &tensor->module));
    TRY(load_text(trace, set, "op", &tensor->op));
    TRY(load_text(trace, set, "node", &tensor->node));
    TRY(load_text(trace, set, "backend", &tensor->backend));
    TRY(load_text(trace, set, "dims", &tensor->dims));
    TRY(h5_get_int(set, "order", &tensor->order));
    TRY(h5_get_int(set, "first", &tensor->first));
    TRY(h5_get_int(set, "last", &tensor->last));
done:
    return err;
}

static Err add_tensor(Trace *trace, TracePart part, const char *name) {
    Err err = ERR_OK;
    hid_t set = H5I_INVALID_HID, group = trace->part[part];
    TraceTensor tensor = {.part = part};
    if (trace->n == trace->room) {
        size_t room = 2 * trace->room + 256;
        TRY(mem_grow(&trace->tensor, trace->room, room, sizeof *trace->tensor));
        trace->room = room;
    }
    TRY(own_text(trace, &tensor.name, name));
    H5_TRY(set = H5Dopen2(group, name, H5P_DEFAULT));
    TRY(load_shape(&tensor, group, set));
    TRY(load_facts(trace, &tensor, set));
    trace->tensor[trace->n++] = tensor;
done:
    h5_close(set);
    return err == ERR_OK ? ERR_OK : err_context(err, "%s/%s", trace_part_name(part), name);
}

typedef struct Visit {
    Trace *trace;
    TracePart part;
    Err err;
} Visit;

static herr_t visit(hid_t group, const char *name, const H5L_info_t *info, void *context) {
    Visit *v = context;
    (void)group;
    (void)info;
    v->err = add_tensor(v->trace, v->part, name);
    return v->err == ERR_OK ? 0 : -1;
}

static Err load_part(Trace *trace, TracePart part) {
    Err err = ERR_OK;
    const char *name = trace_part_name(part);
    Visit v = {trace, part, ERR_OK};
    FAIL_IF(!h5_has(trace->file, name), ERR_DATA, "group '%s' is missing", name);
    H5_TRY(trace->part[part] = H5Gopen2(trace->file, name, H5P_DEFAULT));
    if (H5Literate(trace->part[part], H5_INDEX_CRT_ORDER, H5_ITER_INC, NULL, visit, &v) < 0)
        err = v.err != ERR_OK ? v.err : h5_fail(ERR_DATA, "H5Literate");
done:
    return err;
}

/* Execution order. Ties by part, then by name: two traces have the same order whatever they were written for. */
static int by_order(const void *a, const void *b) {
    const TraceTensor *x = a, *y = b;
    if (x->order != y->order) return x->order < y->order ? -1 : 1;
    if (x->part != y->part) return x->part < y->part ? -1 : 1;
    return strcmp(x->name, y->name);
}

/* ---- the file ---- */

static Err open_file(Trace *trace, const char *path) {
    Err err = ERR_OK;
    char reason[300];
    h5_begin();
    TRY(file_check_hdf5(path, "trace", "`refocus trace`"));
    err = file_check_stamp(path);
    if (err != ERR_OK) return err_context(err, "trace '%s' is damaged", path);
    trace->file = h5_open(path, H5F_ACC_RDONLY);
    FAIL_IF(trace->file < 0, ERR_DATA, "trace '%s' is damaged or cut short (%s)", path,
            h5_reason(reason, sizeof reason));
done:
    return err;
}

static Err check_format(Trace *trace, const char *path) {
    Err err = ERR_OK;
    const char *format = "";
    int64_t version = 0;
    if (h5_has_attr(trace->file, "format")) TRY(load_text(trace, trace->file, "format", &format));
    FAIL_IF(strcmp(format, TRACE_FORMAT) != 0, ERR_DATA, "'%s' is an HDF5 file, but not a trace of refocus", path);
    TRY(h5_get_int(trace->file, "format_version", &version));
    FAIL_IF(version < 1 || version > TRACE_FORMAT_VERSION, ERR_DATA,
            "'%s' is a trace of format version %" PRId64 ", this refocus reads up to %d", path, version,
            (int)TRACE_FORMAT_VERSION);
done:
    return err;
}

static Err open_trace(Trace **out, const char *path) {
    Err err = ERR_OK;
    Trace *trace = NULL;
    *out = NULL;
    TRY(mem_alloc(&trace, 1, sizeof *trace));
    trace->file = H5I_INVALID_HID;
    for (int i = 0; i < TRACE_N_PARTS; i++) trace->part[i] = H5I_INVALID_HID;
    TRY(open_file(trace, path));
    TRY(check_format(trace, path));
    *out = trace;
    trace = NULL;
done:
    trace_close(trace);
    return err;
}

bool trace_is(const char *path) {
    Trace *trace = NULL;
    bool is = open_trace(&trace, path) == ERR_OK;
    if (!is) err_clear();
    trace_close(trace);
    return is;
}

static Err load_all(Trace *trace) {
    Err err = ERR_OK;
    TRY(load_head(trace));
    for (int i = 0; i < TRACE_N_PARTS; i++) TRY(load_part(trace, (TracePart)i));
    if (trace->n > 0) qsort(trace->tensor, trace->n, sizeof *trace->tensor, by_order);
done:
    return err;
}

Err trace_open(Trace **out, const char *path) {
    Err err = ERR_OK;
    Trace *trace = NULL;
    *out = NULL;
    TRY(open_trace(&trace, path));
    err = load_all(trace);
    if (err != ERR_OK) TRY(err_context(err == ERR_NOMEM ? err : ERR_DATA, "trace '%s' is damaged", path));
    *out = trace;
    trace = NULL;
done:
    trace_close(trace);
    return err;
}

void trace_close(Trace *trace) {
    if (trace == NULL) return;
    for (int i = 0; i < TRACE_N_PARTS; i++) h5_close(trace->part[i]);
    h5_close(trace->file);
    for (size_t i = 0; i < trace->n_text; i++) mem_free(trace->text[i]);
    mem_free(trace->text);
    mem_free(trace->tensor);
    mem_free(trace);
}

const TraceHead *trace_head(const Trace *trace) { return &trace->head; }

size_t trace_count(const Trace *trace) { return trace->n; }

const TraceTensor *trace_tensor(const Trace *trace, size_t i) {
    ASSERT(i < trace->n);
    return &trace->tensor[i];
}

const TraceTensor *trace_find(const Trace *trace, TracePart part, const char *name) {
    for (size_t i = 0; i < trace->n; i++)
        if (trace->tensor[i].part == part && strcmp(trace->tensor[i].name, name) == 0) return &trace->tensor[i];
    return NULL;
}

Err trace_read(const Trace *trace, const TraceTensor *tensor, double *out) {
    return h5_read(trace->part[tensor->part], tensor->name, H5_F64, trace_elements(tensor), out);
}
