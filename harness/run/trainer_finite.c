/* A step that must not be taken: a loss or the gradients' norm is not finite. Looked at before the update where the
 * host computes, so that the parameters stay those of the last good step; then the step is run once more, to find the
 * first tensor that is not finite. A device that runs a step as a whole is looked at after it. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "harness/run/trainer_parts.h"
#include "models/lifetime.h"

static Err read_scalar(const Exec *exec, TensorId tensor, float *value) {
    *value = NAN;
    return tensor == TENSOR_NONE ? ERR_OK : exec_download(exec, tensor, value);
}

static Err read_losses(Trainer *t, HistoryStep *row) {
    Err err = ERR_OK;
    const TrainGraph *g = &t->rig.model->train;
    TRY(read_scalar(t->rig.step, g->loss, &row->value[CURVE_LOSS]));
    TRY(read_scalar(t->rig.step, g->loss_recognition, &row->value[CURVE_LOSS_RECOGNITION]));
    TRY(read_scalar(t->rig.step, g->loss_focus, &row->value[CURVE_LOSS_FOCUS]));
    TRY(read_scalar(t->rig.step, g->update.norm, &row->value[CURVE_GRAD_NORM]));
done:
    return err;
}

/* The parts before their sum, so that the cause names the one that failed. */
static void check_finite(Trainer *t, const HistoryStep *row) {
    static const struct {
        CurveKind kind;
        const char *name;
    } order[] = {{CURVE_LOSS_FOCUS, "loss_focus"},
                 {CURVE_LOSS_RECOGNITION, "loss_recognition"},
                 {CURVE_LOSS, "loss"},
                 {CURVE_GRAD_NORM, "grad_norm"}};
    for (size_t i = 0; i < sizeof order / sizeof order[0] && !t->has_diverged; i++) {
        float v = row->value[order[i].kind];
        bool absent = order[i].kind == CURVE_LOSS_FOCUS && t->rig.model->train.loss_focus == TENSOR_NONE;
        if (absent || isfinite(v)) continue;
        t->has_diverged = true;
        (void)snprintf(t->cause, sizeof t->cause, "%s is %s at step %" PRId64, order[i].name,
                       isnan(v) ? "not a number" : "infinite", row->step);
    }
}

/* ---- the first run ---- */

typedef struct Watch {
    Trainer *t;
    HistoryStep *row;
    int last; /* node before the update: it makes the norm */
    Err err;
} Watch;

static bool writes(const Node *node, TensorId tensor) {
    TensorId written[LIFETIME_MAX_WRITES];
    const int n = lifetime_writes(node, written);
    for (int i = 0; i < n; i++)
        if (written[i] == tensor) return true;
    return false;
}

static int node_of(const Graph *graph, TensorId tensor) {
    int i = 0;
    while (i < graph->n_nodes && !writes(&graph->nodes[i], tensor)) i++;
    return i;
}

static bool before_update(void *ctx, int i_node) {
    Watch *w = ctx;
    if (i_node != w->last) return true;
    w->err = read_losses(w->t, w->row);
    if (w->err == ERR_OK) check_finite(w->t, w->row);
    return w->err == ERR_OK && !w->t->has_diverged;
}

/* ---- the second run ---- */

typedef struct Search {
    const Trainer *t;
    const Graph *graph;
    TensorId found;
} Search;

static bool is_finite(const Exec *exec, const Tensor *tensor, TensorId id) {
    const float *values = exec_pointer(exec, id);
    const int64_t n = shape_count(&tensor->shape);
    if (tensor->type != DT_REAL || exec_backend(exec)->real_bytes != sizeof *values || values == NULL) return true;
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(values[i])) return false;
    return true;
}

static bool search(void *ctx, int i_node) {
    Search *s = ctx;
    const Node *node = &s->graph->nodes[i_node];
    TensorId written[LIFETIME_MAX_WRITES];
    const int n = lifetime_writes(node, written);
    for (int i = 0; i < n; i++) {
        const Tensor *tensor = &s->graph->tensors[written[i]];
        if (tensor->role == ROLE_SCRATCH || is_finite(s->t->rig.step, tensor, written[i])) continue;
        s->found = written[i];
        return false;
    }
    return true;
}

/* The parameters are still those that the step began with; running statistics are not, and are kept by nothing. */
static Err name_first(Trainer *t) {
    Err err = ERR_OK;
    Search s = {t, t->rig.model->train.graph, TENSOR_NONE};
    const size_t len = strlen(t->cause);
    TRY(trainer_feed(t));
    TRY(exec_run_watched(t->rig.step, search, &s));
    if (s.found != TENSOR_NONE)
        (void)snprintf(t->cause + len, sizeof t->cause - len, "; first in %.100s", s.graph->tensors[s.found].name);
done:
    return err;
}

Err trainer_run_step(Trainer *t, HistoryStep *row) {
    Err err = ERR_OK;
    const TrainGraph *g = &t->rig.model->train;
    Watch w = {.t = t, .row = row, .last = node_of(g->graph, g->update.norm)};
    if (exec_backend(t->rig.step)->on_host) {
        TRY(exec_run_watched(t->rig.step, before_update, &w));
        TRY(w.err);
        if (t->has_diverged) TRY(name_first(t));
    } else {
        TRY(exec_run(t->rig.step));
        TRY(read_losses(t, row));
        check_finite(t, row);
    }
done:
    return err;
}
