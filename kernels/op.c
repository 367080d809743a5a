/* The op registry and what is the same for every op. */
#include "kernels/op.h"

#include <stdio.h>
#include <string.h>

#define X(op) extern const Op op_##op;
#include "gen/ops.inc"
#undef X

static const Op *const table[] = {
#define X(op) &op_##op,
#include "gen/ops.inc"
#undef X
    NULL /* no empty array while there is no op */
};

const Op *const *op_table(int *n) {
    *n = (int)(sizeof table / sizeof table[0]) - 1;
    return table;
}

const Op *op_find(const char *name) {
    int n = 0;
    const Op *const *ops = op_table(&n);
    for (int i = 0; i < n; i++)
        if (strcmp(ops[i]->name, name) == 0) return ops[i];
    return NULL;
}

char *shape_text(const Shape *s, char *out, size_t len) {
    size_t at = 0;
    out[0] = '\0';
    for (int i = 0; i < s->rank && at < len; i++)
        at += (size_t)snprintf(out + at, len - at, "%s%lld", i == 0 ? "(" : ",", (long long)s->dim[i]);
    if (at < len) (void)snprintf(out + at, len - at, s->rank == 0 ? "()" : ")");
    return out;
}

/* Every dimension at least 1, and the size in bytes fits. */
static Err check_size(const Shape *shape, const char *what, int i) {
    int64_t bytes = (int64_t)sizeof(double);
    if (shape->rank > SHAPE_MAX_RANK)
        return err_set(ERR_SHAPE, "%s %d has rank %d, expected at most %d", what, i, shape->rank, SHAPE_MAX_RANK);
    for (int d = 0; d < shape->rank; d++) {
        if (shape->dim[d] < 1) {
            char text[96];
            return err_set(ERR_SHAPE, "%s %d would be empty: %s", what, i, shape_text(shape, text, sizeof text));
        }
        if (__builtin_mul_overflow(bytes, shape->dim[d], &bytes))
            return err_set(ERR_SHAPE, "%s %d is too large", what, i);
    }
    return ERR_OK;
}

static Err check_inputs(const Op *op, const OpSpec *spec) {
    Err err = ERR_OK;
    FAIL_IF(spec->n_x < op->n_x_min || spec->n_x > op->n_x_max, ERR_SHAPE, "%d inputs, expected %d to %d", spec->n_x,
            op->n_x_min, op->n_x_max);
    for (int i = 0; i < spec->n_x; i++) {
        FAIL_IF(i < op->n_x_min && shape_is_absent(&spec->x[i]), ERR_SHAPE, "input %d is required", i);
        TRY(check_size(&spec->x[i], "input", i));
    }
done:
    return err;
}

Err op_infer(const Op *op, OpSpec *spec) {
    Err err = check_inputs(op, spec);
    spec->n_y = 0;
    if (err == ERR_OK) err = op->infer(spec);
    for (int i = 0; err == ERR_OK && i < spec->n_y; i++) err = check_size(&spec->y[i], "output", i);
    return err == ERR_OK ? ERR_OK : err_context(err, "%s", op->name);
}

uint32_t op_bwd_reads(const Op *op, uint32_t wanted) {
    uint32_t reads = 0;
    for (int i = 0; i < OP_MAX_X; i++)
        if (wanted & OP_X(i)) reads |= op->bwd_needs[i];
    return reads;
}

int64_t op_flops(const Op *op, const OpSpec *spec, bool backward) {
    if (op->flops != NULL) return op->flops(spec, backward);
    int64_t n = 0;
    for (int i = 0; i < spec->n_x; i++) n += shape_count(&spec->x[i]);
    for (int i = 0; i < spec->n_y; i++) n += shape_count(&spec->y[i]);
    return n;
}
