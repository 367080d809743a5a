/* Loading HDF5 objects into a record's storage, and a cell's labels and facts. */
#include "harness/record/results_load.h"

#include <string.h>

#include "harness/data/utf8.h"
#include "kernels/mem.h"

static size_t kind_bytes(H5Kind kind) { return H5Tget_size(h5_memory_type(kind)); }

/* Before anything is allocated for them: that many are there. */
static Err check_count(hid_t group, const char *name, size_t count) {
    Err err = ERR_OK;
    int rank = 0;
    hsize_t dim[H5_MAX_RANK];
    double elements = 1;
    TRY(h5_dims(group, name, &rank, dim)); /* refuses an extent that its bytes cannot hold */
    for (int i = 0; i < rank; i++) elements *= (double)dim[i];
    FAIL_IF(elements != (double)count, ERR_DATA, "dataset '%s' has %.0f elements, expected %zu", name, elements, count);
done:
    return err;
}

Err load_numbers(CellRecord *into, hid_t group, const char *name, H5Kind kind, size_t count, void *out) {
    Err err = ERR_OK;
    void *data = NULL;
    TRY(check_count(group, name, count));
    TRY(record_alloc(into, &data, count, kind_bytes(kind)));
    TRY(h5_read(group, name, kind, count, data));
    memcpy(out, &data, sizeof data);
done:
    return err;
}

/* Files may say anything: where text is read to be shown, what a terminal would obey is replaced. */
Err load_name(CellRecord *into, const char **out, const char *text) {
    Err err = ERR_OK;
    char *tame = NULL;
    if (!into->is_tame || utf8_is_tame(text)) return record_text(into, out, text);
    const size_t len = 3 * strlen(text) + 1;
    TRY(mem_alloc(&tame, len, 1));
    TRY(record_text(into, out, utf8_tame(tame, len, text)));
done:
    mem_free(tame);
    return err;
}

typedef struct TextSink {
    CellRecord *into;
    const char **text;
    size_t room;
} TextSink;

static Err take_text(void *context, size_t i, const char *text) {
    TextSink *sink = context;
    return i < sink->room ? load_name(sink->into, &sink->text[i], text) : ERR_OK;
}

Err load_texts(CellRecord *into, hid_t group, const char *name, size_t count, const char ***out) {
    Err err = ERR_OK;
    TextSink sink = {into, NULL, count};
    TRY(check_count(group, name, count));
    TRY(record_alloc(into, &sink.text, count, sizeof *sink.text));
    TRY(h5_read_texts(group, name, count, take_text, &sink));
    *out = sink.text;
done:
    return err;
}

Err load_text(CellRecord *into, hid_t group, const char *name, const char **out) {
    TextSink sink = {into, out, 1};
    return h5_read_texts(group, name, 1, take_text, &sink);
}

Err load_attr(CellRecord *into, hid_t object, const char *name, const char *otherwise, const char **out) {
    size_t count = 0;
    TextSink sink = {into, out, 1};
    *out = otherwise;
    return h5_has_attr(object, name) ? h5_get_texts(object, name, &count, take_text, &sink) : ERR_OK;
}

/* The number of strings is known only after reading: storage grows as they come. */
typedef struct ListSink {
    CellRecord *into;
    const char **text;
    size_t n, room;
} ListSink;

static Err take_listed(void *context, size_t i, const char *text) {
    ListSink *sink = context;
    Err err = ERR_OK;
    if (i >= sink->room) {
        const char **grown = NULL;
        size_t room = sink->room * 2 + 8;
        TRY(record_alloc(sink->into, &grown, room, sizeof *grown));
        if (sink->room > 0) memcpy(grown, sink->text, sink->room * sizeof *grown);
        sink->text = grown;
        sink->room = room;
    }
    TRY(load_name(sink->into, &sink->text[i], text));
    sink->n = i + 1;
done:
    return err;
}

Err load_attrs(CellRecord *into, hid_t object, const char *name, size_t *count, const char *const **out) {
    ListSink sink = {into, NULL, 0, 0};
    size_t n = 0;
    Err err = h5_has_attr(object, name) ? h5_get_texts(object, name, &n, take_listed, &sink) : ERR_OK;
    *count = sink.n;
    *out = sink.text;
    return err;
}

Err load_count(hid_t group, const char *name, size_t *count) {
    Err err = ERR_OK;
    int rank = 0;
    hsize_t dim[H5_MAX_RANK] = {0};
    TRY(h5_dims(group, name, &rank, dim));
    FAIL_IF(rank != 1, ERR_DATA, "dataset '%s' has rank %d, expected 1", name, rank);
    *count = (size_t)dim[0];
done:
    return err;
}

typedef struct PairVisit {
    CellRecord *into;
    Err err;
} PairVisit;

static herr_t visit_pair(hid_t object, const char *name, const H5A_info_t *info, void *context) {
    PairVisit *visit = context;
    const char *value = NULL, *key = NULL;
    (void)info;
    if (strcmp(name, "NX_class") == 0 || strcmp(name, "code_digest") == 0) return 0;
    visit->err = load_attr(visit->into, object, name, "", &value);
    if (visit->err == ERR_OK) visit->err = load_name(visit->into, &key, name);
    if (visit->err == ERR_OK) visit->err = record_provenance(visit->into, key, value);
    return visit->err == ERR_OK ? 0 : -1;
}

Err load_pairs(CellRecord *into, hid_t group) {
    PairVisit visit = {into, ERR_OK};
    if (H5Aiterate2(group, H5_INDEX_CRT_ORDER, H5_ITER_INC, NULL, visit_pair, &visit) >= 0) return ERR_OK;
    return visit.err != ERR_OK ? visit.err : h5_fail(ERR_DATA, "provenance");
}

static Err load_status(CellRecord *into, hid_t cell) {
    Err err = ERR_OK;
    const char *name = NULL;
    TRY(load_attr(into, cell, "status", "", &name));
    for (int i = 0; i < CELL_STATUS_COUNT; i++)
        if (strcmp(name, cell_status_name((CellStatus)i)) == 0) {
            into->status = (CellStatus)i;
            return ERR_OK;
        }
    err = err_set(ERR_DATA, "attribute 'status' is '%s'", name);
done:
    return err;
}

/* Step of kept parameters; 0 where there are none. */
static Err load_kept_step(hid_t cell, const char *name, int64_t *step) {
    Err err = ERR_OK;
    hid_t group = H5I_INVALID_HID;
    if (!h5_has(cell, name)) return ERR_OK;
    H5_TRY(group = H5Gopen2(cell, name, H5P_DEFAULT));
    TRY(h5_get_int(group, "step", step));
done:
    h5_close(group);
    return err;
}

static Err load_memory_sums(RecordMemory *memory, hid_t cell) {
    Err err = ERR_OK;
    hid_t group = H5I_INVALID_HID;
    if (!h5_has(cell, "memory")) return ERR_OK;
    H5_TRY(group = H5Gopen2(cell, "memory", H5P_DEFAULT));
    TRY(h5_read(group, "planned_bytes", H5_I64, 1, &memory->planned_bytes));
    TRY(h5_read(group, "measured_bytes", H5_I64, 1, &memory->measured_bytes));
    TRY(h5_read(group, "lower_bound_bytes", H5_I64, 1, &memory->lower_bound_bytes));
done:
    h5_close(group);
    return err;
}

/* What a cell without a result does not have. */
static Err load_content_facts(CellRecord *into, hid_t cell) {
    Err err = ERR_OK;
    hid_t provenance = H5I_INVALID_HID;
    TRY(h5_get_int(cell, "n_steps", &into->n_steps));
    TRY(h5_get_int(cell, "n_params", &into->n_params));
    TRY(h5_get_int(cell, "n_boxes_used", &into->n_boxes_used));
    TRY(h5_get_int(cell, "flops_per_step", &into->flops_per_step));
    TRY(load_text(into, cell, "settings", &into->settings));
    TRY(load_text(into, cell, "identity", &into->identity));
    TRY(load_attr(into, cell, "digest", NULL, &into->digest));
    TRY(load_kept_step(cell, "final", &into->final.step));
    TRY(load_kept_step(cell, "best", &into->best.step));
    TRY(load_memory_sums(&into->memory, cell));
    if (h5_has(cell, "provenance")) {
        H5_TRY(provenance = H5Gopen2(cell, "provenance", H5P_DEFAULT));
        TRY(load_attr(into, provenance, "code_digest", NULL, &into->code_digest));
    }
done:
    h5_close(provenance);
    return err;
}

Err load_facts(CellRecord *into, hid_t cell, const char *id) {
    Err err = ERR_OK;
    TRY(record_text(into, &into->id, id));
    TRY(load_attr(into, cell, "name", id, &into->name));
    if (into->name == id) TRY(load_name(into, &into->name, id));
    TRY(load_attr(into, cell, "variant", "", &into->variant));
    TRY(load_attrs(into, cell, "axes", &into->n_axes, &into->axes));
    TRY(h5_get_int(cell, "seed", &into->seed));
    TRY(load_status(into, cell));
    TRY(load_attr(into, cell, "cause", "", &into->cause));
    if (into->status != CELL_MISSING) TRY(load_content_facts(into, cell));
done:
    return err;
}
