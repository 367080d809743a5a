/* Traces: writing. */
#include "harness/record/trace_file.h"

#include <string.h>
#include <unistd.h>

#include "harness/record/file.h"
#include "harness/record/h5.h"
#include "harness/record/trace_parts.h"
#include "kernels/mem.h"

struct TraceWriter {
    char *path, *beside;
    hid_t file, part[TRACE_N_PARTS];
};

static const char *const part_names[TRACE_N_PARTS] = {"values", "gradients", "after"};

const char *trace_part_name(TracePart part) { return part_names[part]; }

size_t trace_elements(const TraceTensor *tensor) {
    size_t n = 1;
    for (int i = 0; i < tensor->rank; i++) n *= (size_t)tensor->dim[i];
    return n;
}

static const char *text_of(const char *text) { return text != NULL ? text : ""; }

static Err write_head(hid_t file, const TraceHead *head) {
    Err err = ERR_OK;
    TRY(h5_attr_text(file, "format", TRACE_FORMAT));
    TRY(h5_attr_int(file, "format_version", TRACE_FORMAT_VERSION));
    TRY(h5_attr_text(file, "experiment", text_of(head->experiment)));
    TRY(h5_attr_text(file, "cell", text_of(head->cell)));
    TRY(h5_attr_text(file, "variant", text_of(head->variant)));
    TRY(h5_attr_int(file, "seed", head->seed));
    TRY(h5_attr_int(file, "step", head->step));
    TRY(h5_attr_text(file, "from", text_of(head->from)));
    TRY(h5_attr_int(file, "n_nodes", head->n_nodes));
    TRY(h5_attr_real(file, "loss", head->loss));
    TRY(h5_attr_real(file, "loss_recognition", head->loss_recognition));
    TRY(h5_attr_real(file, "loss_focus", head->loss_focus));
    TRY(h5_attr_real(file, "grad_norm", head->grad_norm));
    TRY(h5_attr_real(file, "lr", head->lr));
    TRY(h5_attr_real(file, "lambda", head->lambda));
    TRY(h5_attr_text(file, "version", text_of(head->version)));
    TRY(h5_attr_text(file, "bit_class", text_of(head->bit_class)));
    TRY(h5_write_text(file, "settings", head->settings));
done:
    return err;
}

Err trace_create(TraceWriter **out, const char *path, const TraceHead *head) {
    Err err = ERR_OK;
    TraceWriter *writer = NULL;
    *out = NULL;
    TRY(mem_alloc(&writer, 1, sizeof *writer));
    writer->file = H5I_INVALID_HID;
    for (int i = 0; i < TRACE_N_PARTS; i++) writer->part[i] = H5I_INVALID_HID;
    TRY(mem_strdup(&writer->path, path));
    TRY(file_beside(&writer->beside, path));
    TRY(h5_create(&writer->file, writer->beside));
    TRY(write_head(writer->file, head));
    for (int i = 0; i < TRACE_N_PARTS; i++) TRY(h5_group(&writer->part[i], writer->file, part_names[i], NULL));
    *out = writer;
    writer = NULL;
done:
    trace_writer_free(writer);
    return err;
}

static Err write_values(hid_t group, const TraceTensor *tensor, const void *values) {
    Err err = ERR_OK;
    int64_t *wide = NULL;
    H5Array array = {.name = tensor->name,
                     .kind = tensor->type == TRACE_FLOAT    ? H5_F32
                             : tensor->type == TRACE_DOUBLE ? H5_F64
                                                            : H5_I64,
                     .rank = tensor->rank,
                     .data = values,
                     .raw = true}; /* floats hardly shrink, and there are many of them */
    for (int i = 0; i < tensor->rank; i++) array.dim[i] = (hsize_t)tensor->dim[i];
    if (tensor->type == TRACE_INT) {
        size_t n = trace_elements(tensor);
        TRY(mem_alloc(&wide, n, sizeof *wide));
        for (size_t i = 0; i < n; i++) wide[i] = ((const int32_t *)values)[i];
        array.data = wide;
        array.raw = false;
    }
    TRY(h5_write(group, &array));
done:
    mem_free(wide);
    return err;
}

static Err write_facts(hid_t set, const TraceTensor *tensor) {
    Err err = ERR_OK;
    TRY(h5_attr_text(set, "role", text_of(tensor->role)));
    TRY(h5_attr_text(set, "module", text_of(tensor->module)));
    TRY(h5_attr_text(set, "op", text_of(tensor->op)));
    TRY(h5_attr_text(set, "node", text_of(tensor->node)));
    TRY(h5_attr_text(set, "backend", text_of(tensor->backend)));
    TRY(h5_attr_text(set, "dims", text_of(tensor->dims)));
    TRY(h5_attr_int(set, "order", tensor->order));
    TRY(h5_attr_int(set, "first", tensor->first));
    TRY(h5_attr_int(set, "last", tensor->last));
    if (tensor->dims != NULL && tensor->dims[0] != '\0') TRY(h5_label_axes(set, tensor->dims));
done:
    return err;
}

Err trace_put(TraceWriter *writer, const TraceTensor *tensor, const void *values) {
    Err err = ERR_OK;
    hid_t set = H5I_INVALID_HID, group = writer->part[tensor->part];
    FAIL_IF(h5_has(group, tensor->name), ERR_ARG, "the trace has two tensors %s", tensor->name);
    TRY(write_values(group, tensor, values));
    H5_TRY(set = H5Dopen2(group, tensor->name, H5P_DEFAULT));
    TRY(write_facts(set, tensor));
done:
    h5_close(set);
    return err == ERR_OK ? ERR_OK : err_context(err, "%s", tensor->name);
}

static void close_parts(TraceWriter *writer) {
    for (int i = 0; i < TRACE_N_PARTS; i++) {
        h5_close(writer->part[i]);
        writer->part[i] = H5I_INVALID_HID;
    }
}

Err trace_finish(TraceWriter *writer) {
    Err err = ERR_OK;
    close_parts(writer);
    TRY(h5_finish(&writer->file));
    TRY(file_stamp(writer->beside));
    TRY(file_sync(writer->beside));
    TRY(file_replace(writer->beside, writer->path));
done:
    return err;
}

void trace_writer_free(TraceWriter *writer) {
    if (writer == NULL) return;
    close_parts(writer);
    if (writer->file >= 0) (void)H5Fclose(writer->file);
    if (writer->beside != NULL) (void)unlink(writer->beside);
    mem_free(writer->beside);
    mem_free(writer->path);
    mem_free(writer);
}
