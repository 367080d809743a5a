/* The judge of ops: whether an op keeps the contract of kernels/op.h in one of its cases. Each check returns ERR_OK,
 * or ERR_NUMERIC (or what the op itself returned) with a message that says what was found and where. */
#ifndef TESTS_OP_CHECK_H
#define TESTS_OP_CHECK_H

#include "kernels/backend.h"

/* Where an op is judged: on the CPU for shards 1, 2, 3, each run by one thread and by those of par; on CUDA in the
 * order of its threads and in n_orders others. NULL stands for the CPU without threads. */
typedef struct OpSite {
    Device device; /* DEVICE_CPU or DEVICE_CUDA */
    Par *par;      /* NULL: one thread */
    const Backend *cuda;
    void (*reorder)(uint64_t seed);
    int n_orders;
    double *worst; /* how near the site's results came to the tolerance (OpHow); NULL = nobody asks */
} OpSite;

/* Shapes: the case's own are accepted; wrong arity, element types, ranks, empty, negative and overflowing dimensions
 * give ERR_SHAPE; any other change of a shape is refused with a message, or runs and agrees with the reference. */
Err op_check_infer(const Op *op, const OpCase *op_case) MUST_CHECK;

/* Forward against the reference, on a site, operands off alignment, and in place. */
Err op_check_forward(const Op *op, const OpCase *op_case, const OpSite *site) MUST_CHECK;

/* Backward likewise, for all dx together and each alone, written and added, with each dy left out, given only what
 * bwd_needs declares. ERR_OK where nothing is differentiable. */
Err op_check_backward(const Op *op, const OpCase *op_case, const OpSite *site) MUST_CHECK;

/* The reference's backward against central differences of a random functional of its outputs. ERR_OK, checking
 * nothing, where nothing is differentiable or the case says no_differences. */
Err op_check_differences(const Op *op, const OpCase *op_case) MUST_CHECK;

/* prepare gives up cleanly when any allocation of it fails. */
Err op_check_prepare(const Op *op, const OpCase *op_case) MUST_CHECK;

/* All of them. */
Err op_check(const Op *op, const OpCase *op_case, const OpSite *site) MUST_CHECK;

/* Forward, backward and differences in cases made from this one, each with one of its sizes replaced by 1 or a larger
 * one. *n_checked counts those that infer accepted. */
Err op_check_generated(const Op *op, const OpCase *op_case, const OpSite *site, int *n_checked) MUST_CHECK;

/* The dx that have a gradient which is not zero everywhere, by the reference: where a wrong backward would show. */
Err op_check_live_dx(uint32_t *out, const Op *op, const OpCase *op_case) MUST_CHECK;

#endif
