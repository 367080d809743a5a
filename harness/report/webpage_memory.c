/* Memory as data: what is live at each node of a training step by role, and what is live at its peak. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "harness/report/markup.h"
#include "harness/report/webpage_parts.h"
#include "kernels/mem.h"

/* Points of a timeline, each the highest of its nodes, so that the peak is one of them; tensors told one by one. */
enum { MOST_POINTS = 300, MOST_TENSORS = 14 };

typedef struct Timeline {
    const RecordMemory *memory;
    size_t n, node[MOST_POINTS]; /* indices of nodes, increasing */
    size_t peak;                 /* index of the node with most bytes, the first of them */
} Timeline;

static Timeline make_timeline(const RecordMemory *memory) {
    Timeline timeline = {.memory = memory};
    const size_t n = memory->n_nodes < MOST_POINTS ? memory->n_nodes : MOST_POINTS;
    for (size_t i = 0; i < n; i++) {
        size_t best = i * memory->n_nodes / n;
        for (size_t k = best; k < (i + 1) * memory->n_nodes / n; k++)
            if (memory->timeline[k].bytes > memory->timeline[best].bytes) best = k;
        timeline.node[timeline.n++] = best;
        if (memory->timeline[best].bytes > memory->timeline[timeline.peak].bytes) timeline.peak = best;
    }
    return timeline;
}

static void put_role(FILE *to, const Timeline *timeline, size_t role) {
    const RecordMemory *m = timeline->memory;
    (void)fputs(role > 0 ? ",{\"name\":" : "{\"name\":", to);
    markup_json(to, m->by_role[role].name);
    (void)fprintf(to, ",\"peak\":%" PRId64 ",\"bytes\":[", m->by_role[role].bytes);
    for (size_t i = 0; m->timeline_by_role != NULL && i < timeline->n; i++)
        (void)fprintf(to, "%s%" PRId64, i > 0 ? "," : "", m->timeline_by_role[role * m->n_nodes + timeline->node[i]]);
    (void)fputs("]}", to);
}

static void put_timeline(FILE *to, const Timeline *timeline) {
    const RecordMemory *m = timeline->memory;
    (void)fputs(",\"at\":[", to);
    for (size_t i = 0; i < timeline->n; i++) (void)fprintf(to, "%s%zu", i > 0 ? "," : "", timeline->node[i]);
    (void)fputs("],\"node\":[", to);
    for (size_t i = 0; i < timeline->n; i++) {
        if (i > 0) (void)fputc(',', to);
        markup_json(to, m->timeline[timeline->node[i]].name);
    }
    (void)fputs("],\"bytes\":[", to);
    for (size_t i = 0; i < timeline->n; i++)
        (void)fprintf(to, "%s%" PRId64, i > 0 ? "," : "", m->timeline[timeline->node[i]].bytes);
    (void)fputs("],\"roles\":[", to);
    for (size_t i = 0; i < m->n_roles; i++) put_role(to, timeline, i);
    (void)fputc(']', to);
}

/* Largest first, equal ones by name. */
static int compare(const void *a, const void *b) {
    const RecordTensor *x = *(const RecordTensor *const *)a, *y = *(const RecordTensor *const *)b;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
    return strcmp(x->name, y->name);
}

static Err put_tensors(FILE *to, const Timeline *timeline) {
    Err err = ERR_OK;
    const RecordMemory *m = timeline->memory;
    const RecordTensor **live = NULL;
    size_t n = 0;
    int64_t rest = 0;
    TRY(mem_alloc(&live, m->n_tensors, sizeof *live));
    for (size_t i = 0; i < m->n_tensors; i++)
        if (m->tensors[i].first <= (int64_t)timeline->peak && (int64_t)timeline->peak <= m->tensors[i].last)
            live[n++] = &m->tensors[i];
    if (n > 0) qsort(live, n, sizeof(*live), compare);
    (void)fputs(",\"tensors\":[", to);
    for (size_t i = 0; i < n; i++) {
        if (i >= MOST_TENSORS) {
            rest += live[i]->bytes;
            continue;
        }
        (void)fputs(i > 0 ? ",{\"name\":" : "{\"name\":", to);
        markup_json(to, live[i]->name);
        (void)fputs(",\"module\":", to);
        markup_json(to, live[i]->module);
        (void)fputs(",\"role\":", to);
        markup_json(to, live[i]->role);
        (void)fprintf(to, ",\"bytes\":%" PRId64 "}", live[i]->bytes);
    }
    (void)fprintf(to, "],\"more\":%zu,\"more_bytes\":%" PRId64, n > MOST_TENSORS ? n - MOST_TENSORS : 0, rest);
done:
    mem_free(live);
    return err;
}

static Err put_row(const Web *web, size_t row, const RecordMemory *m) {
    Err err = ERR_OK;
    FILE *to = web->to;
    const Timeline timeline = make_timeline(m);
    (void)fprintf(to, "{\"row\":%zu,\"cell\":", row);
    markup_json(to, results_cell(web->results, web->row[row].shown)->name);
    (void)fprintf(to,
                  ",\"planned\":%" PRId64 ",\"measured\":%" PRId64 ",\"lower\":%" PRId64 ",\"nodes\":%zu,\"peak\":%zu",
                  m->planned_bytes, m->measured_bytes, m->lower_bound_bytes, m->n_nodes, timeline.peak);
    (void)fputs(",\"peak_node\":", to);
    markup_json(to, m->n_nodes > 0 ? m->timeline[timeline.peak].name : "");
    put_timeline(to, &timeline);
    TRY(put_tensors(to, &timeline));
    (void)fputc('}', to);
done:
    return err;
}

Err web_memory(const Web *web) {
    Err err = ERR_OK;
    CellRecord *cell = NULL;
    bool any = false;
    for (size_t i = 0; i < web->n_rows; i++) {
        if (web->cell[web->row[i].shown] == NULL) continue;
        TRY(results_read(web->results, web->row[i].shown, PART_MEMORY, &cell));
        if (cell->memory.planned_bytes >= 0) {
            if (any) (void)fputs(",\n", web->to);
            TRY(put_row(web, i, &cell->memory));
            any = true;
        }
        record_free(cell);
        cell = NULL;
    }
done:
    record_free(cell);
    return err;
}
