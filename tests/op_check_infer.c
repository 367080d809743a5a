/* Shape inference under wrong and changed shapes: the part of op_check that bends a case. */
#include <stdio.h>
#include <string.h>

#include "tests/op_check.h"
#include "tests/op_run.h"

static Err expect_refused(const Op *op, const OpSpec *bad, const char *how, int i) {
    OpSpec spec = *bad;
    err_clear();
    Err got = op_infer(op, &spec);
    if (got == ERR_OK) return err_set(ERR_NUMERIC, "infer: %s of x[%d] was accepted", how, i);
    if (got != ERR_SHAPE) return err_set(ERR_NUMERIC, "infer: %s of x[%d] gave %s", how, i, err_name(got));
    size_t len = strlen(op->name);
    if (strncmp(err_message(), op->name, len) != 0 || strlen(err_message()) < len + 8)
        return err_set(ERR_NUMERIC, "infer: %s of x[%d] has no message", how, i);
    return ERR_OK;
}

/* Whatever the op, these make no sense. */
static Err refuse_nonsense(const Op *op, const OpSpec *good) {
    static const int64_t bad_dim[] = {0, -1, INT64_MAX, (int64_t)1 << 62};
    Err err = ERR_OK;
    OpSpec bad = *good;
    bad.n_x = op->n_x_min - 1;
    TRY(expect_refused(op, &bad, "too few inputs instead", bad.n_x));
    bad.n_x = op->n_x_max + 1;
    if (bad.n_x <= OP_MAX_X) TRY(expect_refused(op, &bad, "too many inputs instead", bad.n_x));
    for (int i = 0; i < good->n_x; i++) {
        if (shape_is_absent(&good->x[i])) continue;
        bad = *good;
        bad.x_type[i] = good->x_type[i] == DT_INT ? DT_REAL : DT_INT;
        TRY(expect_refused(op, &bad, "the other element type", i));
        for (int d = 0; d < good->x[i].rank; d++)
            for (size_t k = 0; k < sizeof bad_dim / sizeof bad_dim[0]; k++) {
                bad = *good;
                bad.x[i].dim[d] = bad_dim[k];
                TRY(expect_refused(op, &bad, "an impossible dimension", i));
            }
        bad = *good;
        bad.x[i] = (Shape){.rank = SHAPE_ABSENT};
        if (i < op->n_x_min) TRY(expect_refused(op, &bad, "absence", i));
    }
done:
    return err;
}

/* A changed shape is refused, or it is a case like any other. */
static Err refuse_or_run(const Op *op, const OpCase *bent, const char *how, int i) {
    OpSpec spec = op_case_spec(bent);
    Err err = op_infer(op, &spec);
    if (err != ERR_OK) {
        spec = op_case_spec(bent);
        return expect_refused(op, &spec, how, i);
    }
    err = op_check_forward(op, bent, NULL);
    return err == ERR_OK ? ERR_OK : err_context(err, "with %s of x[%d]", how, i);
}

static Err bend(const Op *op, const OpCase *op_case, int i) {
    Err err = ERR_OK;
    OpCase bent = *op_case;
    Shape *shape = &bent.x[i].shape;
    const Shape good = *shape;
    for (int d = 0; d < good.rank; d++) {
        shape->dim[d] = good.dim[d] + 1;
        TRY(refuse_or_run(op, &bent, "one more in a dimension", i));
        *shape = good;
    }
    if (good.rank > 0) {
        shape->rank--;
        TRY(refuse_or_run(op, &bent, "a lower rank", i));
        *shape = good;
    }
    if (good.rank < SHAPE_MAX_RANK) {
        shape->dim[shape->rank++] = 1;
        TRY(refuse_or_run(op, &bent, "a higher rank", i));
        *shape = good;
    }
    if (i >= op->n_x_min) {
        bent.x[i].absent = true;
        TRY(refuse_or_run(op, &bent, "absence", i));
    }
done:
    return err;
}

static Err check_result(const Op *op, const OpSpec *spec) {
    if (spec->n_y < op->n_out || spec->n_y > OP_MAX_Y || op->n_out < 1)
        return err_set(ERR_NUMERIC, "infer gives %d tensors for %d outputs", spec->n_y, op->n_out);
    for (int i = 0; i < spec->n_y; i++)
        if (spec->y[i].rank < 0 || spec->y[i].rank > SHAPE_MAX_RANK)
            return err_set(ERR_NUMERIC, "y[%d] has rank %d", i, spec->y[i].rank);
    return ERR_OK;
}

Err op_check_infer(const Op *op, const OpCase *op_case) {
    Err err = ERR_OK;
    OpSpec good = op_case_spec(op_case), inferred = good;
    TRY(op_infer(op, &inferred));
    TRY(check_result(op, &inferred));
    TRY(refuse_nonsense(op, &good));
    for (int i = 0; i < op_case->n_x; i++)
        if (!op_case->x[i].absent) TRY(bend(op, op_case, i));
done:
    return err;
}
