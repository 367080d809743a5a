#include "tests/op_run.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kernels/device.h"
#include "kernels/mem.h"
#include "tests/fill.h"
#include "tests/guarded.h"

/* The operands of one execution. */
typedef struct Bench {
    const OpData *data;
    const OpHow *how;
    Guarded x[OP_MAX_X], y[OP_MAX_Y], dy[OP_MAX_Y], dx[OP_MAX_X], scratch;
    void *state;
    OpCall call;
} Bench;

/* ---- data ---- */

OpSpec op_case_spec(const OpCase *op_case) {
    OpSpec spec = {.attr = op_case->attr, .n_x = op_case->n_x};
    for (int i = 0; i < op_case->n_x; i++) {
        spec.x[i] = op_case->x[i].shape;
        spec.x_type[i] = op_case->x[i].type;
        if (op_case->x[i].absent) spec.x[i] = (Shape){.rank = SHAPE_ABSENT};
    }
    return spec;
}

static Err fill_normal(double **out, const Shape *shape, RngStream stream, int i) {
    const OpCaseInput normal = {.shape = *shape, .type = DT_REAL, .fill = FILL_NORMAL};
    Err err = mem_alloc(out, (size_t)shape_count(shape), sizeof **out);
    if (err == ERR_OK) fill_input(*out, &normal, stream, i);
    return err;
}

Err op_data_init(OpData *data, const Op *op, const OpCase *op_case) {
    Err err = ERR_OK;
    char name[128];
    (void)snprintf(name, sizeof name, "%s/%s", op->name, op_case->name);
    *data = (OpData){.op = op, .spec = op_case_spec(op_case)};
    TRY(op_infer(op, &data->spec));
    for (int i = 0; i < data->spec.n_x; i++) {
        if (shape_is_absent(&data->spec.x[i])) continue;
        OpCaseInput input = op_case->x[i];
        TRY(mem_alloc(&data->x[i], (size_t)shape_count(&data->spec.x[i]), sizeof(double)));
        fill_input(data->x[i], &input, rng_stream(1, name), i);
        TRY(fill_normal(&data->start[i], &data->spec.x[i], rng_stream(2, name), i));
    }
    for (int i = 0; i < op->n_out; i++)
        if (data->spec.y_type[i] == DT_REAL) TRY(fill_normal(&data->dy[i], &data->spec.y[i], rng_stream(3, name), i));
done:
    if (err != ERR_OK) op_data_clear(data);
    return err;
}

void op_data_clear(OpData *data) {
    for (int i = 0; i < OP_MAX_X; i++) {
        mem_free(data->x[i]);
        mem_free(data->start[i]);
        data->x[i] = data->start[i] = NULL;
    }
    for (int i = 0; i < OP_MAX_Y; i++) {
        mem_free(data->dy[i]);
        data->dy[i] = NULL;
    }
}

bool op_data_has_dx(const OpData *data, int i) {
    return (data->op->differentiable & OP_X(i)) != 0 && i < data->spec.n_x && !shape_is_absent(&data->spec.x[i]);
}

void op_values_clear(OpValues *values) {
    for (int i = 0; i < OP_MAX_X; i++) {
        mem_free(values->x[i]);
        mem_free(values->dx[i]);
    }
    for (int i = 0; i < OP_MAX_Y; i++) mem_free(values->y[i]);
    *values = (OpValues){0};
}

/* ---- tensors in memory ---- */

static size_t element_bytes(const Bench *b, DType type) {
    if (type == DT_INT) return sizeof(int32_t);
    return b->how->device == DEVICE_REF ? sizeof(double) : sizeof(float);
}

static Err make(const Bench *b, Guarded *g, const Shape *shape, DType type) {
    size_t offset = b->how->offset != 0 && element_bytes(b, type) == sizeof(double) ? sizeof(double) : b->how->offset;
    return guarded_init(g, (size_t)shape_count(shape) * element_bytes(b, type), offset);
}

static void put(const Bench *b, const Guarded *g, DType type, const double *values) {
    size_t n = g->bytes / element_bytes(b, type);
    for (size_t i = 0; i < n; i++) {
        if (type == DT_INT)
            ((int32_t *)g->data)[i] = (int32_t)values[i];
        else if (b->how->device == DEVICE_REF)
            ((double *)g->data)[i] = values[i];
        else
            ((float *)g->data)[i] = (float)values[i];
    }
}

static double at(const Bench *b, const Guarded *g, DType type, size_t i) {
    if (type == DT_INT) return (double)((const int32_t *)g->data)[i];
    if (b->how->device == DEVICE_REF) return ((const double *)g->data)[i];
    return (double)((const float *)g->data)[i];
}

static Err get(const Bench *b, const Guarded *g, DType type, double **out) {
    size_t n = g->bytes / element_bytes(b, type);
    Err err = mem_alloc(out, n, sizeof **out);
    for (size_t i = 0; err == ERR_OK && i < n; i++) (*out)[i] = at(b, g, type, i);
    return err;
}

static bool holds(const Bench *b, const Guarded *g, DType type, const double *values) {
    for (size_t i = 0; i < g->bytes / element_bytes(b, type); i++)
        if (at(b, g, type, i) != values[i]) return false;
    return true;
}

static void bench_clear(Bench *b) {
    for (int i = 0; i < OP_MAX_X; i++) {
        guarded_clear(&b->x[i]);
        guarded_clear(&b->dx[i]);
    }
    for (int i = 0; i < OP_MAX_Y; i++) {
        guarded_clear(&b->y[i]);
        guarded_clear(&b->dy[i]);
    }
    guarded_clear(&b->scratch);
    if (b->state != NULL) b->data->op->release(b->state);
}

/* ---- what every pass has in common ---- */

static Err check_canaries(const Bench *b) {
    for (int i = 0; i < OP_MAX_X; i++) {
        if (!guarded_intact(&b->x[i])) return err_set(ERR_NUMERIC, "memory beside x[%d] was overwritten", i);
        if (!guarded_intact(&b->dx[i])) return err_set(ERR_NUMERIC, "memory beside dx[%d] was overwritten", i);
    }
    for (int i = 0; i < OP_MAX_Y; i++) {
        if (!guarded_intact(&b->y[i])) return err_set(ERR_NUMERIC, "memory beside y[%d] was overwritten", i);
        if (!guarded_intact(&b->dy[i])) return err_set(ERR_NUMERIC, "memory beside dy[%d] was overwritten", i);
    }
    return guarded_intact(&b->scratch) ? ERR_OK : err_set(ERR_NUMERIC, "memory beside scratch was overwritten");
}

/* What is planned for CUDA's scratch is used to its last line: the fill is gone there. Beside it, canaries watch. Not
 * asked of a backward pass that leaves out some dx: a plan may make one size do for several. */
static Err check_scratch_used(const Bench *b, bool backward) {
    enum { LINE = 64, FILL = 0xff };
    for (int i = 0; i < b->data->spec.n_x && backward; i++)
        if (op_data_has_dx(b->data, i) && (b->how->wanted & OP_X(i)) == 0) return ERR_OK;
    const unsigned char *at = b->scratch.data;
    size_t used = b->scratch.bytes;
    while (used > 0 && at[used - 1] == FILL) used--;
    if (b->scratch.bytes - used < LINE) return ERR_OK;
    return err_set(ERR_NUMERIC, "%zu bytes of scratch were asked for, and none behind the first %zu were used",
                   b->scratch.bytes, used);
}

/* ---- on a device: every operand has a double there while the kernel runs ---- */

enum { N_OPERANDS = 2 * OP_MAX_X + 2 * OP_MAX_Y + 1 };

static void list_operands(Bench *b, Guarded *out[N_OPERANDS]) {
    int n = 0;
    for (int i = 0; i < OP_MAX_X; i++) out[n++] = &b->x[i], out[n++] = &b->dx[i];
    for (int i = 0; i < OP_MAX_Y; i++) out[n++] = &b->y[i], out[n++] = &b->dy[i];
    out[n] = &b->scratch;
}

static void *on_device(Guarded *const *operands, const void *at) {
    for (int i = 0; at != NULL && i < N_OPERANDS; i++)
        if (operands[i]->block != NULL && operands[i]->data == at) return guarded_on_device(operands[i]);
    return NULL;
}

static Err execute_on_device(Bench *b, OpFn fn) {
    Err err = ERR_OK;
    Guarded *operands[N_OPERANDS];
    const Backend *cuda = b->how->cuda;
    OpCall call = b->call;
    list_operands(b, operands);
    for (int i = 0; i < N_OPERANDS; i++) TRY(guarded_push(operands[i], cuda));
    for (int i = 0; i < OP_MAX_X; i++) {
        call.x[i] = on_device(operands, call.x[i]);
        call.dx[i] = on_device(operands, call.dx[i]);
    }
    for (int i = 0; i < OP_MAX_Y; i++) {
        call.y[i] = on_device(operands, call.y[i]);
        call.dy[i] = on_device(operands, call.dy[i]);
    }
    call.scratch = on_device(operands, call.scratch);
    call.context = cuda->context;
    if (b->how->reorder != NULL) b->how->reorder(b->how->order);
    const uint64_t n_allocs = mem_stats().n_allocs;
    TRY(fn(&call));
    FAIL_IF(mem_stats().n_allocs != n_allocs, ERR_NUMERIC, "the kernel allocated memory");
done:
    for (int i = 0; i < N_OPERANDS; i++) {
        const Err pulled = guarded_pull(operands[i], cuda);
        if (err == ERR_OK) err = pulled;
    }
    return err;
}

static OpFn function_of(const Bench *b, bool backward) {
    const Op *op = b->data->op;
    if (b->how->device == DEVICE_CUDA) return b->how->cuda->kernel(b->how->cuda, op, backward);
    if (b->how->device == DEVICE_REF) return backward ? op->ref_bwd : op->ref_fwd;
    return backward ? op->bwd : op->fwd;
}

static Err execute_here(Bench *b, OpFn fn) {
    Err err = ERR_OK;
    uint64_t n_allocs = mem_stats().n_allocs;
    TRY(fn(&b->call));
    FAIL_IF(mem_stats().n_allocs != n_allocs, ERR_NUMERIC, "the kernel allocated memory");
done:
    return err;
}

/* Scratch, state and the call itself. Only the CPU's kernels have a state. */
static Err execute(Bench *b, bool backward) {
    Err err = ERR_OK;
    const Op *op = b->data->op;
    const OpHow *how = b->how;
    const OpSpec *spec = &b->data->spec;
    OpFn fn = function_of(b, backward);
    FAIL_IF(fn == NULL, ERR_UNSUPPORTED, "%s has no %s for %s", op->name, backward ? "bwd" : "fwd",
            device_name(how->device));
    uint32_t wanted = backward ? how->wanted : 0, accumulate = backward ? how->accumulate : 0;
    if (op->scratch_bytes != NULL) {
        size_t bytes = op->scratch_bytes(spec, how->device, backward, wanted, how->shards);
        TRY(guarded_init(&b->scratch, bytes, 0));
    }
    if (op->prepare != NULL && how->device == DEVICE_CPU)
        TRY(op->prepare(&b->state, spec, backward, wanted, accumulate, how->shards));
    b->call.spec = spec;
    b->call.accumulate = accumulate;
    b->call.scratch = b->scratch.data;
    b->call.state = b->state;
    b->call.par = how->par;
    b->call.shards = how->shards;
    TRY(how->device == DEVICE_CUDA ? execute_on_device(b, fn) : execute_here(b, fn));
    TRY(check_canaries(b));
    if (how->device == DEVICE_CUDA) TRY(check_scratch_used(b, backward));
done:
    return err;
}

/* ---- forward ---- */

static Err check_inputs_kept(const Bench *b, double *const *x) {
    for (int i = 0; i < b->data->spec.n_x; i++) {
        bool may_change = (b->data->op->mutates & OP_X(i)) != 0 || b->how->alias == i + 1;
        if (x[i] != NULL && !may_change && !holds(b, &b->x[i], b->data->spec.x_type[i], x[i]))
            return err_set(ERR_NUMERIC, "the forward pass overwrote x[%d]", i);
    }
    return ERR_OK;
}

Err op_run_forward(OpValues *out, const OpData *data, const OpHow *how, double *const *x) {
    Err err = ERR_OK;
    Bench b = {.data = data, .how = how};
    const OpSpec *spec = &data->spec;
    *out = (OpValues){0};
    if (x == NULL) x = data->x;
    for (int i = 0; i < spec->n_x; i++) {
        if (x[i] == NULL) continue;
        TRY(make(&b, &b.x[i], &spec->x[i], spec->x_type[i]));
        put(&b, &b.x[i], spec->x_type[i], x[i]);
        b.call.x[i] = b.x[i].data;
    }
    for (int i = 0; i < spec->n_y; i++) {
        if (i > 0 || how->alias == 0) TRY(make(&b, &b.y[i], &spec->y[i], spec->y_type[i]));
        b.call.y[i] = i > 0 || how->alias == 0 ? b.y[i].data : b.x[how->alias - 1].data;
    }
    TRY(execute(&b, false));
    TRY(check_inputs_kept(&b, x));
    for (int i = 0; i < spec->n_y; i++) {
        const Guarded *g = i > 0 || how->alias == 0 ? &b.y[i] : &b.x[how->alias - 1];
        TRY(get(&b, g, spec->y_type[i], &out->y[i]));
    }
    for (int i = 0; i < spec->n_x; i++)
        if (x[i] != NULL && how->alias != i + 1) TRY(get(&b, &b.x[i], spec->x_type[i], &out->x[i]));
done:
    bench_clear(&b);
    if (err != ERR_OK) op_values_clear(out);
    return err;
}

/* ---- backward ---- */

/* What bwd_needs declares holds its value; the rest is NaN, or not there at all. */
static Err put_read(Bench *b, const OpValues *before, uint32_t reads) {
    Err err = ERR_OK;
    const OpSpec *spec = &b->data->spec;
    for (int i = 0; i < spec->n_x; i++) {
        bool read = (reads & OP_X(i)) != 0;
        if (b->data->x[i] == NULL || (!read && b->how->null_unread)) continue;
        TRY(make(b, &b->x[i], &spec->x[i], spec->x_type[i]));
        if (read) put(b, &b->x[i], spec->x_type[i], before->x[i]);
        b->call.x[i] = b->x[i].data;
    }
    for (int i = 0; i < spec->n_y; i++) {
        bool read = (reads & OP_Y(i)) != 0;
        if (!read && b->how->null_unread) continue;
        TRY(make(b, &b->y[i], &spec->y[i], spec->y_type[i]));
        if (read) put(b, &b->y[i], spec->y_type[i], before->y[i]);
        b->call.y[i] = b->y[i].data;
    }
done:
    return err;
}

static Err put_gradients(Bench *b) {
    Err err = ERR_OK;
    const OpData *data = b->data;
    const OpSpec *spec = &data->spec;
    for (int i = 0; i < data->op->n_out; i++) {
        if (data->dy[i] == NULL || (b->how->no_dy & OP_X(i)) != 0) continue;
        TRY(make(b, &b->dy[i], &spec->y[i], DT_REAL));
        put(b, &b->dy[i], DT_REAL, data->dy[i]);
        b->call.dy[i] = b->dy[i].data;
    }
    for (int i = 0; i < spec->n_x; i++) {
        if ((b->how->wanted & OP_X(i)) == 0) continue;
        if (b->how->alias == i + 1) {
            b->call.dx[i] = b->dy[0].data;
            continue;
        }
        TRY(make(b, &b->dx[i], &spec->x[i], DT_REAL));
        if ((b->how->accumulate & OP_X(i)) != 0) put(b, &b->dx[i], DT_REAL, data->start[i]);
        b->call.dx[i] = b->dx[i].data;
    }
done:
    return err;
}

static Err check_operands_kept(const Bench *b, const OpValues *before, uint32_t reads) {
    const OpData *data = b->data;
    for (int i = 0; i < data->spec.n_x; i++)
        if ((reads & OP_X(i)) != 0 && before->x[i] != NULL && !holds(b, &b->x[i], data->spec.x_type[i], before->x[i]))
            return err_set(ERR_NUMERIC, "the backward pass overwrote x[%d]", i);
    for (int i = 0; i < data->spec.n_y; i++)
        if ((reads & OP_Y(i)) != 0 && !holds(b, &b->y[i], data->spec.y_type[i], before->y[i]))
            return err_set(ERR_NUMERIC, "the backward pass overwrote y[%d]", i);
    for (int i = 0; i < data->op->n_out; i++)
        if (b->dy[i].block != NULL && !(i == 0 && b->how->alias != 0) && !holds(b, &b->dy[i], DT_REAL, data->dy[i]))
            return err_set(ERR_NUMERIC, "the backward pass overwrote dy[%d]", i);
    return ERR_OK;
}

Err op_run_backward(OpValues *out, const OpData *data, const OpHow *how, const OpValues *before) {
    Err err = ERR_OK;
    Bench b = {.data = data, .how = how};
    uint32_t reads = op_bwd_reads(data->op, how->wanted);
    *out = (OpValues){0};
    TRY(put_read(&b, before, reads));
    TRY(put_gradients(&b));
    TRY(execute(&b, true));
    TRY(check_operands_kept(&b, before, reads));
    for (int i = 0; i < data->spec.n_x; i++)
        if ((how->wanted & OP_X(i)) != 0) TRY(get(&b, how->alias == i + 1 ? &b.dy[0] : &b.dx[i], DT_REAL, &out->dx[i]));
done:
    bench_clear(&b);
    if (err != ERR_OK) op_values_clear(out);
    return err;
}
