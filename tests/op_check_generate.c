/* Cases made from a case: every size that occurs in it is replaced, wherever it occurs, by others, so that the tensors
 * still fit together. What infer refuses (an attribute fixes the size) is no case. */
#include <stdio.h>

#include "tests/op_check.h"
#include "tests/op_run.h"

enum { MAX_SIZES = OP_MAX_X * SHAPE_MAX_RANK };

static int sizes_of(const OpCase *op_case, int64_t out[MAX_SIZES]) {
    int n = 0;
    for (int i = 0; i < op_case->n_x; i++)
        for (int d = 0; !op_case->x[i].absent && d < op_case->x[i].shape.rank; d++) {
            int64_t size = op_case->x[i].shape.dim[d];
            bool known = false;
            for (int k = 0; k < n; k++) known = known || out[k] == size;
            if (!known) out[n++] = size;
        }
    return n;
}

/* Indices run up to a size too. */
static void replace(OpCase *op_case, int64_t from, int64_t to) {
    for (int i = 0; i < op_case->n_x; i++) {
        OpCaseInput *x = &op_case->x[i];
        for (int d = 0; d < x->shape.rank; d++)
            if (x->shape.dim[d] == from) x->shape.dim[d] = to;
        if (x->type == DT_INT && x->scale == (double)from) x->scale = (double)to;
    }
}

static Err check_replaced(const Op *op, const OpCase *op_case, int64_t from, int64_t to, const OpSite *site,
                          int *n_checked) {
    Err err = ERR_OK;
    OpCase made = *op_case;
    replace(&made, from, to);
    OpSpec spec = op_case_spec(&made);
    if (op_infer(op, &spec) != ERR_OK) return ERR_OK;
    (*n_checked)++;
    TRY(op_check_forward(op, &made, site));
    TRY(op_check_backward(op, &made, site));
    if (site == NULL || site->device == DEVICE_CPU) TRY(op_check_differences(op, &made)); /* of ref: once is enough */
done:
    return err == ERR_OK ? ERR_OK
                         : err_context(err, "%s/%s with %lld instead of %lld", op->name, op_case->name, (long long)to,
                                       (long long)from);
}

Err op_check_generated(const Op *op, const OpCase *op_case, const OpSite *site, int *n_checked) {
    Err err = ERR_OK;
    int64_t sizes[MAX_SIZES];
    int n = sizes_of(op_case, sizes);
    *n_checked = 0;
    for (int k = 0; k < n; k++) {
        if (sizes[k] > 1) TRY(check_replaced(op, op_case, sizes[k], 1, site, n_checked));
        TRY(check_replaced(op, op_case, sizes[k], sizes[k] + 4, site, n_checked));
    }
done:
    return err;
}
