/* Writes a CellRecord as a group: labels and facts as attributes, one group per part. memory/ and parameters are in
 * cell_parts.c. */
#include "harness/record/cell_file.h"

#include <math.h>
#include <string.h>

#include "harness/record/cell_parts.h"
#include "harness/record/h5.h"
#include "kernels/mem.h"

Err cell_id(char **out, hid_t cells, const char *name) {
    Err err = ERR_OK;
    char *base = NULL, *id = NULL;
    *out = NULL;
    FAIL_IF(name == NULL || name[0] == '\0', ERR_ARG, "a cell without a name cannot be kept");
    TRY(mem_strdup(&base, name));
    for (char *c = base; *c != '\0'; c++)
        if (*c == '/') *c = '_';
    if (strcmp(base, ".") == 0) base[0] = '_';
    TRY(mem_strdup(&id, base));
    for (int n = 2; h5_has(cells, id); n++) {
        mem_free(id);
        TRY(mem_printf(&id, "%s~%d", base, n));
    }
    *out = id;
    id = NULL;
done:
    mem_free(id);
    mem_free(base);
    return err;
}

Err file_head_write(hid_t file, hid_t *cells) {
    Err err = ERR_OK;
    TRY(h5_attr_text(file, "NX_class", "NXroot"));
    TRY(h5_attr_text(file, "default", "cells"));
    TRY(h5_attr_text(file, "creator", "refocus"));
    TRY(h5_attr_text(file, "format", "refocus-results"));
    TRY(h5_attr_int(file, "format_version", RECORD_FORMAT_VERSION));
    TRY(h5_group(cells, file, "cells", "NXentry"));
done:
    return err;
}

Err labels_write(hid_t cell, const char *name, const char *variant, size_t n_axes, const char *const *axes) {
    Err err = ERR_OK;
    TRY(h5_attr_text(cell, "name", name));
    TRY(h5_attr_text(cell, "variant", variant));
    TRY(h5_attr_texts(cell, "axes", n_axes, axes));
done:
    return err;
}

static Err facts_write(hid_t cell, const CellRecord *record) {
    Err err = ERR_OK;
    TRY(h5_attr_int(cell, "seed", record->seed));
    TRY(h5_attr_text(cell, "status", cell_status_name(record->status)));
    TRY(h5_attr_text(cell, "cause", record->cause));
    TRY(h5_attr_int(cell, "n_steps", record->n_steps));
    TRY(h5_attr_int(cell, "n_params", record->n_params));
    TRY(h5_attr_int(cell, "n_boxes_used", record->n_boxes_used));
    TRY(h5_attr_int(cell, "flops_per_step", record->flops_per_step));
    TRY(h5_write_text(cell, "settings", record->settings));
    TRY(h5_write_text(cell, "identity", record->identity));
done:
    return err;
}

/* Steps as the axis of everything else in a group. */
static Err step_write(hid_t group, const int64_t *step, size_t n) {
    return h5_scale(group, &(H5Array){.name = "step",
                                      .kind = H5_I64,
                                      .rank = 1,
                                      .dim = {n},
                                      .data = step,
                                      .unit = "1",
                                      .long_name = "training step"});
}

static const char *const curve_names[CURVE_COUNT] = {"loss", "loss_recognition", "loss_focus", "grad_norm", "lr"};
static const char *const curve_label[CURVE_COUNT] = {"loss", "recognition loss", "focus loss",
                                                     "gradient norm before clipping", "learning rate"};

const char *curve_name(CurveKind kind) { return curve_names[kind]; }

/* A step's losses differ by orders of magnitude: viewers are asked for a logarithmic axis. The keys of H5Web and of
 * silx differ; NeXus itself has none. */
static const char style[] = "{\"signal_scale_type\": \"log\", \"axis_scale_type\": [\"linear\"], "
                            "\"axis_scale_types\": [\"linear\"]}";

static Err curves_write(hid_t cell, const RecordCurves *curves) {
    Err err = ERR_OK;
    hid_t group = H5I_INVALID_HID;
    if (curves->n == 0) return ERR_OK;
    TRY(h5_group(&group, cell, "curves", "NXdata"));
    TRY(step_write(group, curves->step, curves->n));
    for (int i = 0; i < CURVE_COUNT; i++) {
        TRY(h5_write(group, &(H5Array){.name = curve_names[i],
                                       .kind = H5_F32,
                                       .rank = 1,
                                       .dim = {curves->n},
                                       .data = curves->value[i],
                                       .unit = "1",
                                       .long_name = curve_label[i]}));
        TRY(h5_axes(group, curve_names[i], 1, (const char *const[]){"step"}));
    }
    TRY(h5_plot(group, "loss", 1, (const char *const[]){"step"}));
    TRY(h5_attr_texts(group, "auxiliary_signals", 2, (const char *const[]){"loss_recognition", "loss_focus"}));
    TRY(h5_attr_text(group, "SILX_style", style));
done:
    h5_close(group);
    return err;
}

static Err metric_write(hid_t group, const RecordMetric *metric, size_t n, const double *value) {
    Err err = ERR_OK;
    hid_t set = H5I_INVALID_HID;
    TRY(h5_write(group, &(H5Array){.name = metric->name,
                                   .kind = H5_F64,
                                   .rank = 1,
                                   .dim = {n},
                                   .data = value,
                                   .unit = metric->unit,
                                   .long_name = metric->long_name}));
    TRY(h5_axes(group, metric->name, 1, (const char *const[]){"step"}));
    H5_TRY(set = H5Dopen2(group, metric->name, H5P_DEFAULT));
    TRY(h5_attr_int(set, "direction", metric->direction));
    TRY(h5_attr_int(set, "is_attention", metric->is_attention));
    if (!isnan(metric->chance)) TRY(h5_attr_real(set, "chance", metric->chance));
done:
    h5_close(set);
    return err;
}

Err evaluation_write(hid_t sets, const RecordEvaluation *evaluation) {
    Err err = ERR_OK;
    hid_t group = H5I_INVALID_HID;
    FAIL_IF(evaluation->n == 0 || evaluation->n_metrics == 0, ERR_ARG, "evaluation of '%s' is empty", evaluation->set);
    TRY(h5_group(&group, sets, evaluation->set, "NXdata"));
    TRY(h5_attr_text(group, "comment", evaluation->comment));
    TRY(h5_attr_int(group, "n_samples", evaluation->n_samples));
    TRY(h5_attr_int(group, "n_chars", evaluation->n_chars));
    TRY(step_write(group, evaluation->step, evaluation->n));
    for (size_t i = 0; i < evaluation->n_metrics; i++)
        TRY(metric_write(group, &evaluation->metrics[i], evaluation->n, evaluation->value[i]));
    int signal = record_find_metric(evaluation, "char_accuracy");
    TRY(h5_plot(group, evaluation->metrics[signal >= 0 ? signal : 0].name, 1, (const char *const[]){"step"}));
done:
    h5_close(group);
    return err;
}

static Err evaluations_write(hid_t cell, const CellRecord *record) {
    Err err = ERR_OK;
    hid_t sets = H5I_INVALID_HID;
    if (record->n_evaluations == 0) return ERR_OK;
    TRY(h5_group(&sets, cell, "evaluation", "NXsubentry"));
    TRY(h5_attr_text(sets, "default", record->evaluations[0].set));
    for (size_t i = 0; i < record->n_evaluations; i++) TRY(evaluation_write(sets, &record->evaluations[i]));
done:
    h5_close(sets);
    return err;
}

/* 0, 1, ... n - 1 as the values of an axis. */
static Err index_write(hid_t group, const char *name, int64_t n, const char *long_name) {
    Err err = ERR_OK;
    int64_t *index = NULL;
    TRY(mem_alloc(&index, (size_t)n, sizeof *index));
    for (int64_t i = 0; i < n; i++) index[i] = i;
    TRY(h5_scale(group, &(H5Array){.name = name,
                                   .kind = H5_I64,
                                   .rank = 1,
                                   .dim = {(hsize_t)n},
                                   .data = index,
                                   .unit = "1",
                                   .long_name = long_name}));
done:
    mem_free(index);
    return err;
}

static Err attention_axes(hid_t group, const RecordAttention *a) {
    Err err = ERR_OK;
    TRY(step_write(group, a->step, (size_t)a->n));
    TRY(index_write(group, "sample", a->n_samples, "sample"));
    TRY(index_write(group, "character", a->n_t, "decoding step"));
    H5Array place = {.kind = H5_F32, .rank = 1, .unit = "px"};
    place.name = "y", place.dim[0] = (hsize_t)a->map_h, place.data = a->map_y;
    place.long_name = "image row at the centre of the map's cell";
    TRY(h5_scale(group, &place));
    place.name = "x", place.dim[0] = (hsize_t)a->map_w, place.data = a->map_x;
    place.long_name = "image column at the centre of the map's cell";
    TRY(h5_scale(group, &place));
    TRY(index_write(group, "image_y", a->image_h, "image row"));
    TRY(index_write(group, "image_x", a->image_w, "image column"));
    H5Array words = {.kind = H5_TEXT, .rank = 1};
    words.name = "channel", words.dim[0] = 3, words.data = (const char *const[]){"red", "green", "blue"};
    TRY(h5_scale(group, &words));
    words.name = "coordinate", words.dim[0] = 2, words.data = (const char *const[]){"x", "y"};
    TRY(h5_scale(group, &words));
    words.name = "edge", words.dim[0] = 4, words.data = (const char *const[]){"x0", "y0", "x1", "y1"};
    TRY(h5_scale(group, &words));
done:
    return err;
}

/* One array of the group and the names of its axes. */
static Err axed_write(hid_t group, const H5Array *array, const char *const *axes) {
    Err err = h5_write(group, array);
    return err != ERR_OK ? err : h5_axes(group, array->name, array->rank, axes);
}

static Err attention_arrays(hid_t group, const RecordAttention *a) {
    Err err = ERR_OK;
    hsize_t e = (hsize_t)a->n, n = (hsize_t)a->n_samples, t = (hsize_t)a->n_t;
    const H5Array maps = {.name = "maps",
                          .kind = H5_F32,
                          .rank = 5,
                          .data = a->maps,
                          .unit = "1",
                          .dim = {e, n, t, (hsize_t)a->map_h, (hsize_t)a->map_w},
                          .long_name = "attention"};
    TRY(axed_write(group, &maps, (const char *const[]){"step", "sample", "character", "y", "x"}));
    const H5Array centres = {.name = "centres",
                             .kind = H5_F32,
                             .rank = 4,
                             .data = a->centres,
                             .unit = "px",
                             .dim = {e, n, t, 2},
                             .long_name = "centre of attention"};
    TRY(axed_write(group, &centres, (const char *const[]){"step", "sample", "character", "coordinate"}));
    const H5Array predicted = {.name = "predicted",
                               .kind = H5_TEXT,
                               .rank = 2,
                               .data = a->predicted,
                               .dim = {e, n},
                               .long_name = "greedy reading"};
    TRY(axed_write(group, &predicted, (const char *const[]){"step", "sample"}));
    const H5Array text = {
        .name = "text", .kind = H5_TEXT, .rank = 1, .data = a->text, .dim = {n}, .long_name = "true text"};
    TRY(axed_write(group, &text, (const char *const[]){"sample"}));
    const H5Array boxes = {.name = "boxes",
                           .kind = H5_F32,
                           .rank = 3,
                           .data = a->boxes,
                           .unit = "px",
                           .dim = {n, t, 4},
                           .long_name = "box of a character, half-open"};
    if (a->boxes != NULL) TRY(axed_write(group, &boxes, (const char *const[]){"sample", "character", "edge"}));
    const H5Array images = {.name = "images",
                            .kind = H5_U8,
                            .rank = 4,
                            .data = a->images,
                            .unit = "1",
                            .dim = {n, (hsize_t)a->image_h, (hsize_t)a->image_w, 3},
                            .long_name = "image, sRGB"};
    if (a->images != NULL)
        TRY(axed_write(group, &images, (const char *const[]){"sample", "image_y", "image_x", "channel"}));
done:
    return err;
}

static Err attention_write(hid_t cell, const RecordAttention *a) {
    Err err = ERR_OK;
    hid_t group = H5I_INVALID_HID, maps = H5I_INVALID_HID;
    if (a->n == 0) return ERR_OK;
    TRY(h5_group(&group, cell, "attention", "NXdata"));
    TRY(attention_axes(group, a));
    TRY(attention_arrays(group, a));
    TRY(h5_plot(group, "maps", 5, (const char *const[]){"step", "sample", "character", "y", "x"}));
    H5_TRY(maps = H5Dopen2(group, "maps", H5P_DEFAULT));
    TRY(h5_attr_text(maps, "interpretation", a->map_h > 1 ? "image" : "spectrum"));
done:
    h5_close(maps);
    h5_close(group);
    return err;
}

Err provenance_write(hid_t parent, size_t n, const RecordPair *pair, const char *code_digest) {
    Err err = ERR_OK;
    hid_t group = H5I_INVALID_HID;
    TRY(h5_group(&group, parent, "provenance", "NXcollection"));
    for (size_t i = 0; i < n; i++) TRY(h5_attr_text(group, pair[i].key, pair[i].value));
    TRY(h5_attr_text(group, "code_digest", code_digest));
done:
    h5_close(group);
    return err;
}

Err cell_head_write(hid_t cells, const char *id, const CellRecord *record, hid_t *cell) {
    Err err = ERR_OK;
    TRY(h5_group(cell, cells, id, "NXsubentry"));
    TRY(labels_write(*cell, record->name, record->variant, record->n_axes, record->axes));
    TRY(facts_write(*cell, record));
done:
    return err;
}

Err cell_finish(hid_t cell, char digest[DIGEST_HEX]) {
    Err err = ERR_OK;
    const char *plot = h5_has(cell, "curves") ? "curves" : NULL;
    if (plot == NULL && h5_has(cell, "memory") && h5_has(cell, "memory/timeline")) plot = "memory";
    TRY(h5_attr_text(cell, "default", plot));
    /* What a full disk did not take must not be read back: the library can crash on half a block. */
    H5_TRY(H5Fflush(cell, H5F_SCOPE_LOCAL));
    TRY(digest_cell(digest, cell));
    TRY(h5_attr_text(cell, "digest", digest));
done:
    return err;
}

Err cell_write(hid_t cells, const char *id, const CellRecord *record, char digest[DIGEST_HEX]) {
    Err err = ERR_OK;
    hid_t cell = H5I_INVALID_HID;
    TRY(cell_head_write(cells, id, record, &cell));
    TRY(curves_write(cell, &record->curves));
    TRY(evaluations_write(cell, record));
    TRY(attention_write(cell, &record->attention));
    TRY(memory_write(cell, &record->memory));
    TRY(params_write(cell, "final", &record->final));
    TRY(params_write(cell, "best", &record->best));
    TRY(provenance_write(cell, record->provenance.n, record->provenance.item, record->code_digest));
    TRY(volatile_write(cell, &record->times));
    TRY(cell_finish(cell, digest));
done:
    h5_close(cell);
    return err;
}
