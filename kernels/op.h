/* What an op is. An op is one file, kernels/ops/<name>.c, that defines `const Op op_<name>` (and <name>.cu beside it
 * for CUDA). The table is generated from the file names. Everything the engine needs to know of an op is data here:
 * which tensors its backward pass reads, what may lie on top of what, and how much scratch it wants.
 *
 * Conventions of kernels:
 *  - A kernel never allocates. It runs its work as tasks through par_run, cut by call->shards and never by threads.
 *  - A library call is single-threaded inside a task. Sums over tasks are added in task order.
 *  - forward writes every element of y. backward writes dx[i], or adds to it when bit i of `accumulate` is set
 *    (dx NULL = not wanted; dy NULL = no gradient came in through that output: treat it as zero).
 *  - For the same inputs the bits are the same, for any number of threads and any address.
 *  - The reference (`ref_fwd`, `ref_bwd`) has the same contract with double for REAL, in plain serial loops that follow
 *    the formula; it shares no code with the kernels. INT tensors are int32_t in both. */
#ifndef KERNELS_OP_H
#define KERNELS_OP_H

#include "kernels/err.h"
#include "kernels/par.h"
#include "kernels/view.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { OP_MAX_X = 12, OP_MAX_Y = 6 };

typedef enum Device { DEVICE_CPU, DEVICE_CUDA, DEVICE_REF } Device;

/* An op with its attributes and shapes: pure data. y holds the n_out outputs, then the tensors saved for the backward
 * pass. x_type and y_type go with x and y. An optional input that is left out has rank SHAPE_ABSENT. attr points to the
 * op's own struct (see kernels/ops.h), borrowed. */
typedef struct OpSpec {
    const void *attr;
    int n_x, n_y;
    Shape x[OP_MAX_X], y[OP_MAX_Y];
    DType x_type[OP_MAX_X], y_type[OP_MAX_Y];
} OpSpec;

/* One execution. Pointers are into the arena; an optional input that is absent is NULL. */
typedef struct OpCall {
    const OpSpec *spec;
    const void *x[OP_MAX_X];
    void *y[OP_MAX_Y];        /* forward: written; backward: read where bwd_needs says so, else NULL */
    const void *dy[OP_MAX_Y]; /* backward only */
    void *dx[OP_MAX_X];       /* backward only */
    uint32_t accumulate;      /* bit i: add to dx[i] */
    void *scratch;            /* scratch_bytes(...) bytes, 64-byte aligned, contents undefined */
    void *state;              /* what prepare returned */
    Par *par;
    int shards;
    void *context; /* Backend.context */
} OpCall;

typedef Err (*OpFn)(const OpCall *call);

/* Masks over inputs and outputs, for bwd_needs. */
#define OP_X(i) (1u << (i))
#define OP_Y(i) (1u << (16 + (i)))

/* How the tests fill an input. */
typedef enum Fill {
    FILL_NORMAL,    /* standard normal times `scale` (0 = 1) */
    FILL_POSITIVE,  /* uniform in [0.1, 1] times scale: for log, variances, probabilities' denominators */
    FILL_PROB,      /* positive, the last dimension sums to 1 */
    FILL_INDEX,     /* INT: uniform in [0, scale) */
    FILL_LABEL,     /* INT: as FILL_INDEX, about a quarter of them -1 (= masked), at least one valid */
    FILL_LABEL_ONE, /* INT: all -1 but one */
    FILL_MASK,      /* REAL: 0 or 1, at least one 1 */
    FILL_BOX,       /* REAL (...,4): x0 < x1 in [0, scale), y0 < y1; about a quarter all zero (= no box) */
    FILL_ZERO,
    FILL_ONE
} Fill;

typedef struct OpCaseInput {
    Shape shape;
    DType type;
    Fill fill;
    double scale;
    bool absent; /* an optional input that is left out (NULL) */
} OpCaseInput;

/* One test case of an op. The generic test runs it forward and backward against the reference (elementwise within
 * `tolerance` times the tensor's largest magnitude; 0 = 1e-4), with in-place aliasing, canaries around every operand,
 * accumulation on and off, shards 1, 2, 3 and 1 and 2 threads (bitwise equal for equal shards), and checks the
 * reference's gradient by central differences. From an op's first case more are made, each with one of its sizes
 * replaced by 1 or by a larger one throughout: give that case sizes that are distinct primes. */
typedef struct OpCase {
    const char *name;
    const void *attr;
    int n_x;
    OpCaseInput x[OP_MAX_X];
    double tolerance;
    bool no_differences; /* not differentiable at these values (kinks, integer decisions): say why in a comment */
} OpCase;

typedef struct Op {
    const char *name;
    int n_x_min, n_x_max;         /* inputs beyond n_x_min may be absent */
    int n_out;                    /* outputs; spec.n_y - n_out tensors are saved for the backward pass */
    uint32_t differentiable;      /* bit i: dx[i] exists */
    uint32_t bwd_needs[OP_MAX_X]; /* what computing dx[i] reads: OP_X(j) | OP_Y(j), saved tensors included */
    uint32_t mutates;             /* bit i: x[i] is persistent state that the forward pass updates in place */
    uint32_t alias_fwd;           /* bit i: y[0] may be the same memory as x[i], if their sizes agree */
    uint32_t alias_bwd;           /* bit i: dx[i] may be the same memory as dy[0], if their sizes agree and
                                   * it does not accumulate */
    size_t attr_bytes;            /* size of the attribute struct, 0 if there is none */

    /* Fills n_y (0 on entry), y and y_type from attr, n_x, x and x_type. ERR_SHAPE says what was expected. Called by
     * op_infer, after its own checks; an element type that the op does not take is refused here. */
    Err (*infer)(OpSpec *spec);

    /* Bytes of scratch for one pass; NULL = none. A pure function of its arguments (and, for the CPU, of its
     * instruction set: device_class). wanted: bits of the dx that the backward pass computes. CUDA has no shards;
     * its sizes are built from cuda_scratch.h. */
    size_t (*scratch_bytes)(const OpSpec *spec, Device device, bool backward, uint32_t wanted, int shards);

    /* Multiply-adds count 2. NULL = counted as one per element of every x and y. */
    int64_t (*flops)(const OpSpec *spec, bool backward);

    /* Makes what the CPU kernel needs between calls (library primitives); NULL = nothing. *state is freed by release.
     * Called once for each bound node; may allocate; must not depend on addresses. */
    Err (*prepare)(void **state, const OpSpec *spec, bool backward, uint32_t wanted, uint32_t accumulate, int shards);
    void (*release)(void *state);

    OpFn fwd, bwd;         /* CPU */
    OpFn ref_fwd, ref_bwd; /* double precision, serial; bwd and ref_bwd NULL when nothing is differentiable */

    const OpCase *cases;
    int n_cases;
} Op;

/* All ops, sorted by name; *n is their number. */
const Op *const *op_table(int *n);

/* NULL when there is none. */
const Op *op_find(const char *name);

/* Checks arity, that required inputs are there and that sizes fit into int64_t bytes, then op->infer. ERR_SHAPE,
 * prefixed with the op's name. */
Err op_infer(const Op *op, OpSpec *spec) MUST_CHECK;

/* Everything the backward pass reads for the wanted dx. */
uint32_t op_bwd_reads(const Op *op, uint32_t wanted);

int64_t op_flops(const Op *op, const OpSpec *spec, bool backward);

#ifdef __cplusplus
}
#endif
#endif
