/* Rows in memory. */
#include "harness/run/history.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/mem.h"

Err history_new(History **out, const HistoryShape *shape) {
    Err err = mem_alloc(out, 1, sizeof **out);
    if (err == ERR_OK) (*out)->shape = *shape;
    return err;
}

void history_free(History *history) {
    if (history == NULL) return;
    mem_free(history->steps);
    for (int s = 0; s < HISTORY_MAX_SETS; s++) {
        mem_free(history->evaluated[s]);
        mem_free(history->values[s]);
    }
    mem_free(history->mapped);
    mem_free(history->maps);
    mem_free(history->centres);
    mem_free(history->predicted);
    mem_free(history);
}

size_t history_maps_bytes(const HistoryShape *s) {
    return (size_t)s->n_samples * (size_t)s->n_t * (size_t)s->n_l * sizeof(float);
}
size_t history_centres_bytes(const HistoryShape *s) { return (size_t)s->n_samples * (size_t)s->n_t * sizeof(float); }
size_t history_predicted_bytes(const HistoryShape *s) { return (size_t)s->n_samples * (size_t)s->text_len; }

int32_t history_find_set(const HistoryShape *shape, const char *set) {
    for (int32_t s = 0; s < shape->n_sets; s++)
        if (strcmp(shape->set[s], set) == 0) return s;
    return -1;
}

int64_t history_last_step(const History *h) { return h->n_steps == 0 ? 0 : h->steps[h->n_steps - 1].step; }
int64_t history_last_evaluation(const History *h, int32_t i_set) {
    return h->n_rows[i_set] == 0 ? 0 : h->evaluated[i_set][h->n_rows[i_set] - 1];
}
int64_t history_last_map(const History *h) { return h->n_maps == 0 ? 0 : h->mapped[h->n_maps - 1]; }

/* ---- room ---- */

static Err reserve_steps(History *h, int64_t room) {
    Err err = ERR_OK;
    if (room <= h->steps_room) return ERR_OK;
    TRY(mem_grow(&h->steps, (size_t)h->steps_room, (size_t)room, sizeof *h->steps));
    h->steps_room = room;
done:
    return err;
}

static Err reserve_rows(History *h, int64_t room) {
    Err err = ERR_OK;
    size_t old = (size_t)h->rows_room, fresh = (size_t)room, row = (size_t)h->shape.n_columns * sizeof(double);
    if (room <= h->rows_room) return ERR_OK;
    for (int32_t s = 0; s < h->shape.n_sets; s++) {
        TRY(mem_grow(&h->evaluated[s], old, fresh, sizeof(int64_t)));
        TRY(mem_grow(&h->values[s], old, fresh, row));
    }
    h->rows_room = room;
done:
    return err;
}

static Err reserve_maps(History *h, int64_t room) {
    Err err = ERR_OK;
    size_t old = (size_t)h->maps_room, fresh = (size_t)room;
    if (room <= h->maps_room || h->shape.n_samples == 0) return ERR_OK;
    TRY(mem_grow(&h->mapped, old, fresh, sizeof(int64_t)));
    TRY(mem_grow(&h->maps, old, fresh, history_maps_bytes(&h->shape)));
    TRY(mem_grow(&h->centres, old, fresh, history_centres_bytes(&h->shape)));
    TRY(mem_grow(&h->predicted, old, fresh, history_predicted_bytes(&h->shape)));
    h->maps_room = room;
done:
    return err;
}

static int64_t most_rows(const History *h) {
    int64_t most = 0;
    for (int32_t s = 0; s < h->shape.n_sets; s++)
        if (h->n_rows[s] > most) most = h->n_rows[s];
    return most;
}

Err history_reserve(History *h, int64_t n_steps, int64_t n_evaluations, int64_t n_maps) {
    Err err = ERR_OK;
    TRY(reserve_steps(h, h->n_steps + n_steps));
    TRY(reserve_rows(h, most_rows(h) + n_evaluations));
    TRY(reserve_maps(h, h->n_maps + n_maps));
done:
    return err;
}

/* ---- rows ---- */

static int64_t next_room(int64_t n) { return n < 16 ? 32 : 2 * n; }

static Err check_order(const char *what, int64_t last, int64_t step) {
    if (step > last) return ERR_OK;
    return err_set(ERR_DATA, "%s: step %" PRId64 " after step %" PRId64, what, step, last);
}

Err history_step(History *h, const HistoryStep *step) {
    Err err = ERR_OK;
    TRY(check_order("curves", history_last_step(h), step->step));
    if (h->n_steps == h->steps_room) TRY(reserve_steps(h, next_room(h->n_steps)));
    h->steps[h->n_steps++] = *step;
done:
    return err;
}

Err history_evaluation(History *h, int32_t i_set, int64_t step, const double *values) {
    Err err = ERR_OK;
    size_t n = (size_t)h->shape.n_columns;
    TRY(check_order(h->shape.set[i_set], history_last_evaluation(h, i_set), step));
    if (h->n_rows[i_set] == h->rows_room) TRY(reserve_rows(h, next_room(h->rows_room)));
    size_t at = (size_t)h->n_rows[i_set]++;
    h->evaluated[i_set][at] = step;
    memcpy(h->values[i_set] + at * n, values, n * sizeof *values);
done:
    return err;
}

Err history_map(History *h, int64_t step, const float *maps, const float *centres, const char *predicted) {
    Err err = ERR_OK;
    TRY(check_order("attention", history_last_map(h), step));
    if (h->n_maps == h->maps_room) TRY(reserve_maps(h, next_room(h->n_maps)));
    size_t at = (size_t)h->n_maps++;
    size_t n_maps = history_maps_bytes(&h->shape), n_centres = history_centres_bytes(&h->shape);
    size_t n_text = history_predicted_bytes(&h->shape);
    h->mapped[at] = step;
    memcpy((char *)h->maps + at * n_maps, maps, n_maps);
    memcpy((char *)h->centres + at * n_centres, centres, n_centres);
    memcpy(h->predicted + at * n_text, predicted, n_text);
done:
    return err;
}

/* ---- into a record ---- */

static int by_value(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Of the CPU times; the first step, which warms caches, is left out where there are others. */
static Err note_times(const History *h, CellRecord *record) {
    Err err = ERR_OK;
    float *sorted = NULL, *wall = NULL;
    size_t n = (size_t)h->n_steps, skip = n > 1 ? 1 : 0;
    if (n == 0) return ERR_OK;
    TRY(mem_alloc(&sorted, n, sizeof *sorted));
    TRY(record_alloc(record, &wall, n, sizeof *wall));
    for (size_t i = 0; i < n; i++) {
        sorted[i] = h->steps[i].cpu_seconds;
        wall[i] = h->steps[i].wall_seconds;
    }
    qsort(sorted + skip, n - skip, sizeof *sorted, by_value);
    record->times.seconds_per_step = (double)sorted[skip + (n - skip) / 2];
    record->times.n_steps = n;
    record->times.step_seconds = wall;
done:
    mem_free(sorted);
    return err;
}

static Err add_maps(const History *h, double centre_y, CellRecord *record) {
    Err err = ERR_OK;
    float *xy = NULL;
    const char **text = NULL;
    size_t n = (size_t)h->shape.n_samples, places = n * (size_t)h->shape.n_t;
    TRY(mem_alloc(&xy, places, 2 * sizeof *xy));
    TRY(mem_alloc(&text, n, sizeof *text));
    for (int64_t e = 0; e < h->n_maps; e++) {
        const float *x = h->centres + (size_t)e * places;
        const char *predicted = h->predicted + (size_t)e * history_predicted_bytes(&h->shape);
        for (size_t i = 0; i < places; i++) {
            xy[2 * i] = x[i];
            xy[2 * i + 1] = isnan(x[i]) ? NAN : (float)centre_y;
        }
        for (size_t i = 0; i < n; i++) text[i] = predicted + i * (size_t)h->shape.text_len;
        const float *maps = h->maps + (size_t)e * (history_maps_bytes(&h->shape) / sizeof(float));
        TRY(record_attention(record, h->mapped[e], maps, xy, text));
    }
done:
    mem_free(xy);
    mem_free(text);
    return err;
}

Err history_to_record(const History *h, const RecordMetric *metrics, double centre_y, CellRecord *record) {
    Err err = ERR_OK;
    size_t n_columns = (size_t)h->shape.n_columns;
    for (int64_t i = 0; i < h->n_steps; i++) TRY(record_step(record, h->steps[i].step, h->steps[i].value));
    for (int32_t s = 0; s < h->shape.n_sets; s++)
        for (int64_t i = 0; i < h->n_rows[s]; i++)
            TRY(record_evaluation(record, h->shape.set[s], h->evaluated[s][i], n_columns, metrics,
                                  h->values[s] + (size_t)i * n_columns));
    if (record->attention.n_samples > 0) TRY(add_maps(h, centre_y, record));
    TRY(note_times(h, record));
done:
    return err;
}
