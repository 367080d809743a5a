/* A cell's record in memory: filled by the trainer or by results.c, freed in one piece. Knows no file. */
#include "harness/record/record.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "kernels/mem.h"

const char *cell_status_name(CellStatus status) {
    static const char *const name[CELL_STATUS_COUNT] = {"done",   "over_budget", "diverged",
                                                        "failed", "interrupted", "missing"};
    return status >= 0 && status < CELL_STATUS_COUNT ? name[status] : "unknown";
}

bool cell_status_is_result(CellStatus status) { return status == CELL_DONE || status == CELL_DIVERGED; }

Err record_new(CellRecord **out) {
    Err err = ERR_OK;
    CellRecord *record = NULL;
    TRY(mem_alloc(&record, 1, sizeof *record));
    record->id = record->name = record->variant = record->cause = record->settings = record->identity = "";
    record->memory = (RecordMemory){.planned_bytes = -1, .measured_bytes = -1, .lower_bound_bytes = -1};
    record->times = (RecordVolatile){.seconds_per_step = NAN,
                                     .wall_seconds = NAN,
                                     .cpu_seconds = NAN,
                                     .peak_rss_bytes = -1,
                                     .library_transient_bytes = -1,
                                     .library_code_bytes = -1,
                                     .device_total_bytes = -1,
                                     .device_free_before_bytes = -1,
                                     .device_free_after_bytes = -1,
                                     .context_bytes = -1};
done:
    *out = record;
    return err;
}

void record_free(CellRecord *record) {
    if (record == NULL) return;
    for (size_t i = 0; i < record->n_keep; i++) mem_free(record->keep[i]);
    mem_free(record->keep);
    mem_free(record);
}

/* Makes room in the list of owned blocks for one more. */
static Err room_to_keep(CellRecord *record) {
    if (record->n_keep < record->room_keep) return ERR_OK;
    size_t room = record->room_keep * 2 + 32;
    Err err = mem_grow(&record->keep, record->room_keep, room, sizeof *record->keep);
    if (err == ERR_OK) record->room_keep = room;
    return err;
}

Err record_alloc(CellRecord *record, void *out, size_t n, size_t size) {
    Err err = ERR_OK;
    void *block = NULL;
    TRY(room_to_keep(record));
    TRY(mem_alloc(&block, n, size));
    record->keep[record->n_keep++] = block;
done:
    memcpy(out, &block, sizeof block);
    return err;
}

enum { TEXT_BLOCK = 4096 };

Err record_text(CellRecord *record, const char **out, const char *text) {
    Err err = ERR_OK;
    *out = NULL;
    if (text == NULL) return ERR_OK;
    const size_t bytes = strlen(text) + 1;
    char *copy = NULL;
    if (bytes > TEXT_BLOCK / 8) {
        TRY(record_alloc(record, &copy, bytes, 1));
    } else {
        if (bytes > record->text_left) {
            TRY(record_alloc(record, &record->text_at, TEXT_BLOCK, 1));
            record->text_left = TEXT_BLOCK;
        }
        copy = record->text_at;
        record->text_at += bytes;
        record->text_left -= bytes;
    }
    memcpy(copy, text, bytes);
    *out = copy;
done:
    return err;
}

/* Copies n * size bytes into the record. */
static Err keep_copy(CellRecord *record, void *out, const void *from, size_t n, size_t size) {
    void *copy = NULL;
    Err err = from == NULL ? ERR_OK : record_alloc(record, &copy, n, size);
    if (copy != NULL && n > 0) memcpy(copy, from, n * size);
    memcpy(out, &copy, sizeof copy);
    return err;
}

/* Grows *array, which the record owns, from room_old to room elements. Arrays that grow are few: the old one is given
 * back at once, its place in the list goes to the new one. */
static Err keep_grow(CellRecord *record, void *array, size_t room_old, size_t room, size_t size) {
    Err err = ERR_OK;
    void *old;
    memcpy(&old, array, sizeof old);
    if (old == NULL) return record_alloc(record, array, room, size);
    size_t at = record->n_keep;
    while (at > 0 && record->keep[at - 1] != old) at--;
    ASSERT(at > 0);
    void *block = old;
    TRY(mem_grow(&block, room_old, room, size));
    record->keep[at - 1] = block;
    memcpy(array, &block, sizeof block);
done:
    return err;
}

static size_t next_room(size_t room) { return room < 16 ? 32 : room * 2; }

Err record_step(CellRecord *record, int64_t step, const float value[CURVE_COUNT]) {
    Err err = ERR_OK;
    RecordCurves *curves = &record->curves;
    FAIL_IF(curves->n > 0 && step <= curves->step[curves->n - 1], ERR_ARG,
            "step %" PRId64 " was recorded after step %" PRId64, step, curves->step[curves->n - 1]);
    if (curves->n == curves->room) {
        size_t room = next_room(curves->room);
        TRY(keep_grow(record, &curves->step, curves->room, room, sizeof *curves->step));
        for (int i = 0; i < CURVE_COUNT; i++)
            TRY(keep_grow(record, &curves->value[i], curves->room, room, sizeof(float)));
        curves->room = room;
    }
    curves->step[curves->n] = step;
    for (int i = 0; i < CURVE_COUNT; i++) curves->value[i][curves->n] = value[i];
    curves->n++;
done:
    return err;
}

RecordEvaluation *record_find_evaluation(const CellRecord *record, const char *set) {
    for (size_t i = 0; i < record->n_evaluations; i++)
        if (strcmp(record->evaluations[i].set, set) == 0) return &record->evaluations[i];
    return NULL;
}

int record_find_metric(const RecordEvaluation *evaluation, const char *metric) {
    for (size_t i = 0; i < evaluation->n_metrics; i++)
        if (strcmp(evaluation->metrics[i].name, metric) == 0) return (int)i;
    return -1;
}

static Err copy_metric(CellRecord *record, RecordMetric *to, const RecordMetric *from) {
    Err err = ERR_OK;
    *to = *from;
    TRY(record_text(record, &to->name, from->name));
    TRY(record_text(record, &to->unit, from->unit != NULL ? from->unit : "1"));
    TRY(record_text(record, &to->long_name, from->long_name != NULL ? from->long_name : from->name));
done:
    return err;
}

static Err new_evaluation(CellRecord *record, RecordEvaluation **out, const char *set, size_t n_metrics,
                          const RecordMetric *metrics) {
    Err err = ERR_OK;
    RecordEvaluation fresh = {.n_metrics = n_metrics};
    TRY(record_text(record, &fresh.set, set));
    TRY(record_alloc(record, &fresh.metrics, n_metrics, sizeof *fresh.metrics));
    TRY(record_alloc(record, &fresh.value, n_metrics, sizeof *fresh.value));
    for (size_t i = 0; i < n_metrics; i++) TRY(copy_metric(record, &fresh.metrics[i], &metrics[i]));
    TRY(keep_grow(record, &record->evaluations, record->n_evaluations, record->n_evaluations + 1, sizeof fresh));
    *out = &record->evaluations[record->n_evaluations++];
    **out = fresh;
done:
    return err;
}

static Err check_metrics(const RecordEvaluation *have, size_t n_metrics, const RecordMetric *metrics) {
    if (have->n_metrics != n_metrics)
        return err_set(ERR_ARG, "set '%s' has %zu metrics, then %zu", have->set, have->n_metrics, n_metrics);
    for (size_t i = 0; i < n_metrics; i++)
        if (strcmp(have->metrics[i].name, metrics[i].name) != 0)
            return err_set(ERR_ARG, "set '%s' has metric '%s', then '%s'", have->set, have->metrics[i].name,
                           metrics[i].name);
    return ERR_OK;
}

Err record_evaluation(CellRecord *record, const char *set, int64_t step, size_t n_metrics, const RecordMetric *metrics,
                      const double *value) {
    Err err = ERR_OK;
    RecordEvaluation *to = record_find_evaluation(record, set);
    if (to == NULL) TRY(new_evaluation(record, &to, set, n_metrics, metrics));
    TRY(check_metrics(to, n_metrics, metrics));
    FAIL_IF(to->n > 0 && step <= to->step[to->n - 1], ERR_ARG,
            "set '%s': step %" PRId64 " was recorded after step %" PRId64, set, step, to->step[to->n - 1]);
    if (to->n == to->room) {
        size_t room = next_room(to->room);
        TRY(keep_grow(record, &to->step, to->room, room, sizeof *to->step));
        for (size_t i = 0; i < n_metrics; i++) TRY(keep_grow(record, &to->value[i], to->room, room, sizeof(double)));
        to->room = room;
    }
    to->step[to->n] = step;
    for (size_t i = 0; i < n_metrics; i++) to->value[i][to->n] = value[i];
    to->n++;
done:
    return err;
}

Err record_attention_samples(CellRecord *record, const RecordAttention *of) {
    Err err = ERR_OK;
    RecordAttention *to = &record->attention;
    const char **text = NULL;
    FAIL_IF(to->n_samples > 0, ERR_ARG, "the samples of the attention maps were set before");
    FAIL_IF(of->n_samples < 1 || of->n_t < 1 || of->map_h < 1 || of->map_w < 1 || of->image_h < 1 || of->image_w < 1,
            ERR_ARG, "attention maps without extent");
    *to = (RecordAttention){
        .n_t = of->n_t, .map_h = of->map_h, .map_w = of->map_w, .image_h = of->image_h, .image_w = of->image_w};
    size_t n = (size_t)of->n_samples, pixels = 0;
    TRY(size_mul3(&pixels, n, (size_t)of->image_h, (size_t)of->image_w));
    TRY(keep_copy(record, &to->map_y, of->map_y, (size_t)of->map_h, sizeof(float)));
    TRY(keep_copy(record, &to->map_x, of->map_x, (size_t)of->map_w, sizeof(float)));
    TRY(keep_copy(record, &to->images, of->images, pixels, 3));
    TRY(keep_copy(record, &to->boxes, of->boxes, n * (size_t)of->n_t, 4 * sizeof(float)));
    TRY(record_alloc(record, &text, n, sizeof *text));
    for (size_t i = 0; i < n; i++) TRY(record_text(record, &text[i], of->text[i]));
    to->text = text;
    to->n_samples = of->n_samples;
done:
    return err;
}

Err record_attention(CellRecord *record, int64_t step, const float *maps, const float *centres,
                     const char *const *predicted) {
    Err err = ERR_OK;
    RecordAttention *to = &record->attention;
    FAIL_IF(to->n_samples == 0, ERR_ARG, "attention maps came before their samples");
    FAIL_IF(to->n > 0 && step <= to->step[to->n - 1], ERR_ARG,
            "attention: step %" PRId64 " was recorded after step %" PRId64, step, to->step[to->n - 1]);
    size_t n = (size_t)to->n_samples, places = n * (size_t)to->n_t, at = (size_t)to->n, map = 0;
    TRY(size_mul3(&map, places, (size_t)to->map_h, (size_t)to->map_w));
    if (to->n == to->room) {
        size_t room = at < 4 ? 8 : at * 2;
        TRY(keep_grow(record, &to->step, at, room, sizeof *to->step));
        TRY(keep_grow(record, &to->maps, at, room, map * sizeof(float)));
        TRY(keep_grow(record, &to->centres, at, room, places * 2 * sizeof(float)));
        TRY(keep_grow(record, &to->predicted, at, room, n * sizeof(char *)));
        to->room = (int64_t)room;
    }
    to->step[at] = step;
    memcpy(to->maps + at * map, maps, map * sizeof(float));
    memcpy(to->centres + at * places * 2, centres, places * 2 * sizeof(float));
    for (size_t i = 0; i < n; i++) TRY(record_text(record, &to->predicted[at * n + i], predicted[i]));
    to->n++;
done:
    return err;
}

Err record_param(CellRecord *record, RecordParams *params, const char *name, const char *role, Shape shape,
                 const float *data) {
    Err err = ERR_OK;
    if (params->n == params->room) {
        size_t room = next_room(params->room);
        TRY(keep_grow(record, &params->item, params->room, room, sizeof *params->item));
        params->room = room;
    }
    RecordParam item = {.shape = shape, .data = data};
    TRY(record_text(record, &item.name, name));
    TRY(record_text(record, &item.role, role));
    params->item[params->n++] = item;
done:
    return err;
}

Err record_provenance(CellRecord *record, const char *key, const char *value) {
    Err err = ERR_OK;
    RecordPairs *pairs = &record->provenance;
    RecordPair fresh = {NULL, NULL};
    TRY(record_text(record, &fresh.value, value));
    for (size_t i = 0; i < pairs->n; i++)
        if (strcmp(pairs->item[i].key, key) == 0) {
            pairs->item[i].value = fresh.value;
            return ERR_OK;
        }
    if (pairs->n == pairs->room) {
        size_t room = next_room(pairs->room);
        TRY(keep_grow(record, &pairs->item, pairs->room, room, sizeof *pairs->item));
        pairs->room = room;
    }
    TRY(record_text(record, &fresh.key, key));
    pairs->item[pairs->n++] = fresh;
done:
    return err;
}

const char *record_provenance_find(const CellRecord *record, const char *key) {
    for (size_t i = 0; i < record->provenance.n; i++)
        if (strcmp(record->provenance.item[i].key, key) == 0) return record->provenance.item[i].value;
    return NULL;
}
