/* Words for the operands of ops: what the dimensions of each are called, and what outputs beside the first one are.
 * For people who read traces; nothing is computed from them. Depends on kernels/op. */
#ifndef HARNESS_RUN_TRACE_WORDS_H
#define HARNESS_RUN_TRACE_WORDS_H

#include "kernels/op.h"

typedef struct TraceWords {
    const char *op;
    const char *x[OP_MAX_X]; /* dimensions of the inputs: "N,H,W,C"; NULL = as the case may be */
    const char *y[OP_MAX_Y]; /* of the outputs and what is saved */
    const char *name[OP_MAX_Y];
    const char *tail; /* y[0] has the dimensions of x[0] with the last one called so, or one more ("+E") */
} TraceWords;

/* NULL for an op about which nothing is known. */
const TraceWords *trace_words(const char *op);

#endif
