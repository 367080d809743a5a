/* The plain branch in double precision. */
#include "harness/run/trace_twin.h"

#include <string.h>

#include "harness/run/size_text.h"
#include "kernels/machine.h"
#include "kernels/mem.h"

/* Inputs of the twin, each with the values of a tensor of the step. */
enum { TWIN_INPUTS = 8 };

typedef struct Twinning {
    TraceTwin *twin;
    const Rig *rig;
    const Node *fused; /* patch_nll */
    TensorId input[TWIN_INPUTS], from[TWIN_INPUTS];
    int n_inputs;
} Twinning;

/* Where patch_nll has what the branch is built on. */
enum { FUSED_MASK, FUSED_BOX, FUSED_CENTRE_X, FUSED_CENTRE_Y, FUSED_GLIMPSE, FUSED_INV = 8, FUSED_IMAGE, FUSED_MAP };

static const Node *find_fused(const Graph *graph) {
    for (int i = 0; i < graph->n_nodes; i++)
        if (strcmp(graph->nodes[i].op->name, "patch_nll") == 0 && !graph->nodes[i].backward) return &graph->nodes[i];
    return NULL;
}

/* An input with the name, shape and values of a tensor of the step. */
static TensorId stand_in(Twinning *w, TensorId from) {
    if (from == TENSOR_NONE) return TENSOR_NONE;
    const Tensor *t = graph_tensor(w->rig->model->train.graph, from);
    TensorId input = graph_input(w->twin->graph, t->name, t->type, t->shape);
    ASSERT(w->n_inputs < TWIN_INPUTS);
    w->input[w->n_inputs] = input;
    w->from[w->n_inputs++] = from;
    return input;
}

/* The branch with implementation plain, below the loss's weight, so that gradients are those of the whole loss. */
static Err build_graph(Twinning *w) {
    Err err = ERR_OK;
    Settings *plain = NULL;
    const Model *model = w->rig->model;
    const TrainGraph *t = &model->train;
    const PatchNllAttr *attr = w->fused->attr;
    TraceTwin *twin = w->twin;
    TRY(settings_copy(&plain, w->rig->spec.settings));
    TRY(settings_set(plain, "focus.implementation", "plain"));
    TRY(settings_resolve(plain));
    TRY(graph_new(&twin->graph, &twin->params));
    Graph *g = twin->graph;
    TensorId lambda = stand_in(w, t->lambda);
    FocusIn in = {.image = stand_in(w, t->image),
                  .label = TENSOR_NONE,
                  .box = stand_in(w, t->box),
                  .mask = stand_in(w, t->mask),
                  .inv_boxes = stand_in(w, t->inv_boxes),
                  .state = TENSOR_NONE,
                  .glimpse = stand_in(w, w->fused->x[FUSED_GLIMPSE]),
                  .alpha = stand_in(w, graph_find(t->graph, "decoder.alpha")),
                  .centre_y = model->centre_y,
                  .cell = model->cell,
                  .n_chars = w->rig->facts.n_chars};
    in.encoded.map = w->fused->spec.n_x > FUSED_MAP ? stand_in(w, w->fused->x[FUSED_MAP]) : TENSOR_NONE;
    in.encoded.map_stride_y = attr->crop.stride_y;
    in.encoded.map_stride_x = attr->crop.stride_x;
    graph_enter(g, "focus");
    in.centre_x = graph_constant(g, "positions", SHAPE1(model->n_positions), model->centre_x);
    TensorId loss = focus_find("original")->build(g, plain, &in);
    graph_leave(g);
    graph_backward(g, g_mul(g, "loss.weighted_focus", loss, lambda));
    graph_finish(g, DEVICE_REF, 1);
    TRY(graph_status(g));
done:
    settings_free(plain);
    return err;
}

static Err check_room(const Graph *graph) {
    char need[SIZE_TEXT], have[SIZE_TEXT];
    MachineMemory memory;
    size_t bytes = 0;
    machine_memory(&memory);
    for (TensorId t = 0; t < graph->n_tensors; t++)
        if (graph->tensors[t].base == t) bytes += tensor_bytes(&graph->tensors[t], sizeof(double));
    if (bytes <= memory.available_bytes) return ERR_OK;
    return err_set(ERR_NOMEM, "the plain branch in double precision needs %s, and %s left by %s",
                   size_text(bytes, need), size_text(memory.available_bytes, have), memory.limited_by);
}

static Err fill_params(Twinning *w, const float *params) {
    Err err = ERR_OK;
    const ParamSet *all = &w->rig->model->params, *own = &w->twin->params;
    for (int i = 0; i < own->n; i++) {
        int k = params_find(all, own->items[i].name);
        ASSERT(k >= 0);
        TRY(arena_set_param(w->twin->arena, i, params + all->items[k].offset));
    }
done:
    return err;
}

static Err run(Twinning *w) {
    Err err = ERR_OK;
    void *room = NULL;
    const void *values = NULL;
    for (int i = 0; i < w->n_inputs; i++) {
        const Tensor *tensor = graph_tensor(w->rig->model->train.graph, w->from[i]);
        TRY(exec_view(&values, w->rig->step, w->from[i], 0, shape_count(&tensor->shape), &room));
        TRY(exec_upload(w->twin->exec, w->input[i], values));
    }
    TRY(exec_run(w->twin->exec));
done:
    mem_free(room);
    return err;
}

Err trace_twin_make(TraceTwin *out, const Rig *rig, const float *params) {
    Err err = ERR_OK;
    const Backend *ref = backend_ref();
    Twinning w = {.twin = out, .rig = rig, .fused = find_fused(rig->model->train.graph)};
    *out = (TraceTwin){0};
    params_init(&out->params);
    if (w.fused == NULL) return ERR_OK;
    TRY(build_graph(&w));
    TRY(check_room(out->graph));
    TRY(plan_build(&out->plan, out->graph, ref->real_bytes, false));
    TRY(arena_new(&out->arena, ref, &out->params, 64));
    TRY(exec_new(&out->exec, out->plan, out->arena, EXEC_SEPARATE, NULL));
    TRY(fill_params(&w, params));
    TRY(run(&w));
done:
    return err == ERR_OK ? ERR_OK : err_context(err, "the plain branch");
}

void trace_twin_clear(TraceTwin *twin) {
    exec_free(twin->exec);
    arena_free(twin->arena);
    plan_free(twin->plan);
    graph_free(twin->graph);
    params_clear(&twin->params);
    *twin = (TraceTwin){0};
}
