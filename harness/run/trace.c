/* The step, and what is written of it. */
#include "harness/run/trace.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "harness/record/provenance.h"
#include "harness/record/trace_file.h"
#include "harness/run/size_text.h"
#include "harness/run/trace_list.h"
#include "harness/run/trace_start.h"
#include "harness/run/trace_twin.h"
#include "harness/run/trainer_parts.h"
#include "harness/version.h"
#include "kernels/machine.h"
#include "kernels/mem.h"

typedef struct Tracing {
    const TraceSpec *spec;
    TraceReport *out;
    TraceStart start;
    Trainer trainer;
    const Graph *graph;
    float *before; /* [n_elements] all that persists, as the step finds it */
    void *room;    /* for exec_view */
    TraceTwin twin;
    TraceWriter *writer;
} Tracing;

/* ---- up to the step ---- */

/* Every tensor at once, beside the arena. */
static Err check_room(const Rig *rig) {
    const Graph *const graphs[] = {rig->model->train.graph, rig->model->eval.graph};
    char need[SIZE_TEXT], have[SIZE_TEXT];
    MachineMemory memory;
    size_t bytes = rig->plan.peak_bytes;
    machine_memory(&memory);
    for (size_t g = 0; g < sizeof graphs / sizeof graphs[0]; g++)
        for (TensorId t = 0; t < graphs[g]->n_tensors; t++) {
            const Tensor *tensor = &graphs[g]->tensors[t];
            if (tensor->base == t && tensor->param < 0) bytes += tensor_bytes(tensor, sizeof(float));
        }
    if (rig->spec.device != DEVICE_CPU || bytes <= memory.available_bytes) return ERR_OK; /* a device says so itself */
    return err_set(ERR_DEFERRED,
                   "all tensors of a step at once need %s, and %s left by %s; a smaller train.batch needs "
                   "less",
                   size_text(bytes, need), size_text(memory.available_bytes, have), memory.limited_by);
}

static Err open_trainer(Tracing *t) {
    Err err = ERR_OK;
    const TraceSpec *spec = t->spec;
    bool fits = true; /* a budget is about the device that a plan is for: here it does not count */
    const TrainerSpec trainer = {.settings = spec->cell->settings,
                                 .seed = spec->cell->seed,
                                 .id = spec->cell->id,
                                 .folder = t->start.scratch,
                                 .n_threads = spec->n_threads,
                                 .device = spec->device,
                                 .mode = EXEC_SEPARATE,
                                 .note = trace_start_note,
                                 .ctx = &t->start};
    TRY(trainer_plan(&t->trainer, &trainer, &fits));
    TRY(check_room(&t->trainer.rig));
    TRY(trainer_open(&t->trainer));
    TRY(trace_start_take(&t->start, &t->trainer));
    t->graph = t->trainer.rig.model->train.graph;
done:
    return err;
}

static Err train_up_to(Tracing *t, int64_t step) {
    enum { TOLD_EVERY = 100 };
    Err err = ERR_OK;
    char line[96];
    Trainer *trainer = &t->trainer;
    while (trainer->state.step < step - 1) {
        TRY(trainer_step(trainer));
        FAIL_IF(trainer->has_diverged, ERR_NUMERIC, "training diverged before step %" PRId64 ": %s", step,
                trainer->cause);
        if (trainer->state.step % TOLD_EVERY != 0 || t->spec->note == NULL) continue;
        (void)snprintf(line, sizeof line, "trained %" PRId64 " of %" PRId64 " steps", trainer->state.step, step - 1);
        t->spec->note(t->spec->ctx, line);
    }
done:
    return err;
}

static Err keep_before(Tracing *t) {
    Err err = ERR_OK;
    const ParamSet *params = &t->trainer.rig.model->params;
    TRY(mem_alloc(&t->before, params->n_elements, sizeof *t->before));
    for (int i = 0; i < params->n; i++)
        TRY(arena_get_param(t->trainer.rig.arena, i, t->before + params->items[i].offset));
done:
    return err;
}

static Err run_step(Tracing *t) {
    Err err = ERR_OK;
    Trainer *trainer = &t->trainer;
    TraceReport *out = t->out;
    TRY(keep_before(t));
    TRY(trainer_step(trainer));
    const float *value = trainer->history->steps[trainer->history->n_steps - 1].value;
    out->loss = (double)value[CURVE_LOSS];
    out->loss_recognition = (double)value[CURVE_LOSS_RECOGNITION];
    out->loss_focus = (double)value[CURVE_LOSS_FOCUS];
    out->grad_norm = (double)value[CURVE_GRAD_NORM];
done:
    return err;
}

/* ---- writing ---- */

static bool is_wanted(const TraceSpec *spec, const char *name) {
    for (int i = 0; i < spec->n_match; i++)
        if (grid_match(spec->match[i], name)) return true;
    return spec->n_match == 0;
}

static Err values_of(const void **out, Tracing *t, const Exec *exec, const Graph *graph, const TraceEntry *entry) {
    const Tensor *tensor = graph_tensor(graph, entry->tensor);
    if (entry->gradient || tensor->param < 0 || graph != t->graph)
        return exec_view(out, exec, entry->store, tensor->offset, shape_count(&tensor->shape), &t->room);
    *out = t->before + graph->params->items[tensor->param].offset + tensor->offset;
    return ERR_OK;
}

static TraceTensor describe(const Graph *graph, const TraceEntry *entry, const Backend *backend, char module[64]) {
    const Tensor *tensor = graph_tensor(graph, entry->tensor);
    TraceTensor out = {.part = entry->gradient ? TRACE_GRADIENT : TRACE_VALUE,
                       .type = tensor->type == DT_INT                  ? TRACE_INT
                               : backend->real_bytes == sizeof(double) ? TRACE_DOUBLE
                                                                       : TRACE_FLOAT,
                       .name = entry->name,
                       .role = role_name(entry->gradient ? ROLE_GRAD : tensor->role),
                       .module = module,
                       .op = entry->node >= 0 ? graph->nodes[entry->node].op->name : "",
                       .node = entry->node >= 0 ? graph->nodes[entry->node].name : "",
                       .backend = backend->name,
                       .dims = entry->dims,
                       .rank = tensor->shape.rank,
                       .order = entry->node,
                       .first = entry->first,
                       .last = entry->last};
    for (int i = 0; i < out.rank; i++) out.dim[i] = tensor->shape.dim[i];
    tensor_module(tensor, module, 64);
    return out;
}

/* The node of the step that stands for all of the twin's: the fused op. */
static int fused_node(const Graph *graph, bool backward) {
    for (int i = 0; i < graph->n_nodes; i++)
        if (graph->nodes[i].backward == backward && strcmp(graph->nodes[i].op->name, "patch_nll") == 0) return i;
    return -1;
}

static Err put_entry(Tracing *t, const Exec *exec, const Graph *graph, const TraceEntry *entry) {
    Err err = ERR_OK;
    char module[64];
    const void *values = NULL;
    TraceTensor tensor = describe(graph, entry, exec_backend(exec), module);
    if (graph != t->graph) tensor.order = tensor.first = tensor.last = fused_node(t->graph, entry->gradient);
    TRY(values_of(&values, t, exec, graph, entry));
    TRY(trace_put(t->writer, &tensor, values));
    if (entry->gradient)
        t->out->n_gradients++;
    else
        t->out->n_values++;
done:
    return err;
}

/* What the update changed. */
static Err put_after(Tracing *t, const TraceEntry *entry) {
    Err err = ERR_OK;
    char module[64];
    float *after = NULL;
    const Tensor *tensor = graph_tensor(t->graph, entry->tensor);
    if (entry->gradient || tensor->param < 0) return ERR_OK;
    const size_t n = (size_t)shape_count(&tensor->shape);
    TRY(mem_alloc(&after, n, sizeof *after));
    TRY(arena_get_param(t->trainer.rig.arena, tensor->param, after));
    if (memcmp(after, t->before + t->graph->params->items[tensor->param].offset, n * sizeof *after) == 0) goto done;
    TraceTensor out = describe(t->graph, entry, exec_backend(t->trainer.rig.step), module);
    out.part = TRACE_AFTER;
    out.order = t->graph->n_nodes;
    TRY(trace_put(t->writer, &out, after));
done:
    mem_free(after);
    return err;
}

static Err put_step(Tracing *t, const TraceList *list) {
    Err err = ERR_OK;
    for (int i = 0; i < list->n; i++) {
        if (!is_wanted(t->spec, list->entry[i].name)) continue;
        TRY(put_entry(t, t->trainer.rig.step, t->graph, &list->entry[i]));
        TRY(put_after(t, &list->entry[i]));
    }
done:
    return err;
}

/* Of the twin, what the step does not have. */
static Err put_twin(Tracing *t) {
    Err err = ERR_OK;
    TraceList list = {0};
    int n = t->out->n_values + t->out->n_gradients;
    if (t->twin.exec == NULL) return ERR_OK;
    TRY(trace_list_make(&list, t->twin.graph));
    for (int i = 0; i < list.n; i++) {
        TraceEntry *entry = &list.entry[i];
        bool known = graph_find(t->graph, entry->name) != TENSOR_NONE;
        if (known || strncmp(entry->name, "focus.", 6) != 0 || !is_wanted(t->spec, entry->name)) continue;
        TRY(put_entry(t, t->twin.exec, t->twin.graph, entry));
    }
    t->out->n_plain = t->out->n_values + t->out->n_gradients - n;
done:
    trace_list_clear(&list);
    return err;
}

static TraceHead head_of(const Tracing *t, const char *bit_class, const char *settings) {
    const HistoryStep *row = &t->trainer.history->steps[t->trainer.history->n_steps - 1];
    return (TraceHead){.experiment = t->spec->experiment,
                       .cell = t->spec->cell->name,
                       .variant = t->spec->cell->variant,
                       .settings = settings,
                       .from = t->out->from,
                       .version = version_text(),
                       .bit_class = bit_class,
                       .seed = t->spec->cell->seed,
                       .step = t->out->step,
                       .n_nodes = t->graph->n_nodes,
                       .loss = t->out->loss,
                       .loss_recognition = t->out->loss_recognition,
                       .loss_focus = t->out->loss_focus,
                       .grad_norm = t->out->grad_norm,
                       .lr = (double)row->value[CURVE_LR],
                       .lambda = model_lambda(t->spec->cell->settings, t->out->step - 1)};
}

static Err write_trace(Tracing *t) {
    Err err = ERR_OK;
    TraceList list = {0};
    char bit_class[BIT_CLASS_LEN], *settings = NULL;
    if (t->spec->path == NULL) return ERR_OK;
    provenance_bit_class(bit_class, rig_accelerator_class(&t->trainer.rig));
    TRY(settings_dump(t->spec->cell->settings, &settings));
    const TraceHead head = head_of(t, bit_class, settings);
    TRY(trace_list_make(&list, t->graph));
    TRY(trace_create(&t->writer, t->spec->path, &head));
    TRY(put_step(t, &list));
    TRY(put_twin(t));
    FAIL_IF(t->out->n_values + t->out->n_gradients == 0, ERR_NOTHING,
            "the step has no tensor that matches; without --match all are written");
    TRY(trace_finish(t->writer));
done:
    mem_free(settings);
    trace_list_clear(&list);
    return err;
}

/* ---- checking ---- */

static Err add_name(char ***list, int *n, const char *name) {
    Err err = mem_grow(list, (size_t)*n, (size_t)*n + 1, sizeof **list);
    if (err == ERR_OK) err = mem_strdup(&(*list)[*n], name);
    if (err == ERR_OK) (*n)++;
    return err;
}

static Err is_zero(bool *out, Tracing *t, TensorId grad, int64_t n) {
    const void *values = NULL;
    Err err = exec_view(&values, t->trainer.rig.step, grad, 0, n, &t->room);
    *out = true;
    for (int64_t i = 0; err == ERR_OK && i < n && *out; i++) *out = ((const float *)values)[i] == 0.0f;
    return err;
}

static Err list_idle(Tracing *t) {
    Err err = ERR_OK;
    TraceReport *out = t->out;
    for (TensorId id = 0; id < t->graph->n_tensors; id++) {
        const Tensor *tensor = graph_tensor(t->graph, id);
        if (tensor->base != id || tensor->param < 0 || !tensor->requires_grad) continue;
        out->n_weights++;
        bool zero = false;
        if (tensor->grad == TENSOR_NONE)
            TRY(add_name(&out->idle, &out->n_idle, tensor->name));
        else
            TRY(is_zero(&zero, t, tensor->grad, shape_count(&tensor->shape)));
        if (zero) TRY(add_name(&out->zero, &out->n_zero, tensor->name));
    }
done:
    return err;
}

/* The step once more, from where it began: the inputs are still in place. */
static Err check_step(Tracing *t) {
    Err err = ERR_OK;
    const Rig *rig = &t->trainer.rig;
    const bool twin = t->twin.exec != NULL;
    float loss = 0;
    TRY(trace_level(&t->out->level, twin ? t->twin.exec : rig->step, twin ? t->twin.graph : t->graph,
                    t->spec->cell->settings));
    TRY(list_idle(t));
    for (int i = 0; i < rig->model->params.n; i++)
        TRY(arena_set_param(rig->arena, i, t->before + rig->model->params.items[i].offset));
    TRY(trace_check(&t->out->check, rig->step, t->graph));
    TRY(exec_download(rig->step, rig->model->train.loss, &loss));
    FAIL_IF((double)loss != t->out->loss && !isnan(t->out->loss), ERR_NUMERIC,
            "the step run twice has losses %.9g and %.9g: it does not repeat itself", t->out->loss, (double)loss);
done:
    return err;
}

Err trace_step(TraceReport *out, const TraceSpec *spec) {
    Err err = ERR_OK;
    Tracing t = {.spec = spec, .out = out};
    *out = (TraceReport){.level = {.trivial = NAN, .floor = NAN}};
    TRY(trace_start_open(&t.start, spec));
    TRY(open_trainer(&t));
    TRY(trace_start_step(&t.start, &t.trainer, &out->step));
    (void)snprintf(out->from, sizeof out->from, "%s", t.start.text);
    TRY(train_up_to(&t, out->step));
    TRY(run_step(&t));
    TRY(trace_twin_make(&t.twin, &t.trainer.rig, t.before));
    TRY(write_trace(&t));
    if (spec->check) TRY(check_step(&t));
done:
    trace_writer_free(t.writer);
    trace_twin_clear(&t.twin);
    mem_free(t.before);
    mem_free(t.room);
    trainer_close(&t.trainer);
    trace_start_close(&t.start);
    return err;
}

void trace_report_clear(TraceReport *report) {
    for (int i = 0; i < report->n_idle; i++) mem_free(report->idle[i]);
    for (int i = 0; i < report->n_zero; i++) mem_free(report->zero[i]);
    mem_free(report->idle);
    mem_free(report->zero);
    report->idle = report->zero = NULL;
    report->n_idle = report->n_zero = 0;
}
