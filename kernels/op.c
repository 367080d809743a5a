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

static Err check_sizes(const OpSpec *spec) {
    for (int i = 0; i < spec->n_y; i++) {
        int64_t bytes = (int64_t)sizeof(double);
        for (int d = 0; d < spec->y[i].rank; d++) {
            if (spec->y[i].dim[d] < 1) {
                char text[96];
                return err_set(ERR_SHAPE, "output %d would be empty: %s", i,
                               shape_text(&spec->y[i], text, sizeof text));
            }
            if (__builtin_mul_overflow(bytes, spec->y[i].dim[d], &bytes))
                return err_set(ERR_SHAPE, "output %d is too large", i);
        }
    }
    return ERR_OK;
}

Err op_infer(const Op *op, OpSpec *spec) {
    if (spec->n_x < op->n_x_min || spec->n_x > op->n_x_max)
        return err_set(ERR_SHAPE, "%s: %d inputs, expected %d to %d", op->name, spec->n_x, op->n_x_min, op->n_x_max);
    Err err = op->infer(spec);
    if (err == ERR_OK) err = check_sizes(spec);
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
