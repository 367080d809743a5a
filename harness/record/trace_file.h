/* A trace: the tensors of one training step of one cell, in an HDF5 file of its own (results/README.md says how it
 * looks). The only writer and the only reader of such files; it knows no graph. Depends on h5, file. */
#ifndef HARNESS_RECORD_TRACE_FILE_H
#define HARNESS_RECORD_TRACE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/err.h"

enum { TRACE_FORMAT_VERSION = 1, TRACE_MAX_RANK = 5 };

/* The groups of the file. */
typedef enum TracePart {
    TRACE_VALUE,    /* values: parameters and optimiser state as the step found them, all else as it was computed */
    TRACE_GRADIENT, /* gradients: of the loss, under the same names */
    TRACE_AFTER,    /* after: what is persistent and was changed by the step */
    TRACE_N_PARTS
} TracePart;

typedef enum TraceType { TRACE_FLOAT, TRACE_DOUBLE, TRACE_INT } TraceType;

typedef struct TraceTensor {
    TracePart part;
    TraceType type;
    const char *name;    /* dotted: decoder.t03.attention.alpha */
    const char *role;    /* param, optimiser, input, activation, grad */
    const char *module;  /* first segment of the name */
    const char *op;      /* what made it, and the node; "" for what was there before the step */
    const char *node;    /* "decoder.t03.attention", with "'" for a backward one */
    const char *backend; /* cpu, or ref for what the step itself never holds */
    const char *dims;    /* letters of its dimensions with commas: "T,N,L"; "" = not known */
    int rank;
    int64_t dim[TRACE_MAX_RANK];
    int64_t order;       /* node after which it is complete: execution order; -1 = before the step */
    int64_t first, last; /* nodes of its first write and its last use; -1 and the number of nodes for what persists */
} TraceTensor;

/* What was traced. Text is borrowed; NULL counts as "". */
typedef struct TraceHead {
    const char *experiment, *cell, *variant, *settings;
    const char *from;    /* where the parameters come from, in words */
    const char *version; /* of the program */
    const char *bit_class;
    int64_t seed, step, n_nodes;
    double loss, loss_recognition, loss_focus, grad_norm, lr, lambda; /* NaN: there is none */
} TraceHead;

/* ---- writing: all or nothing ---- */

typedef struct TraceWriter TraceWriter;

/* Begins a file that will stand at path. ERR_CREATE. */
Err trace_create(TraceWriter **out, const char *path, const TraceHead *head) MUST_CHECK;

/* values: float, double or int32_t by tensor->type. A second tensor of one part and name is refused (ERR_ARG). */
Err trace_put(TraceWriter *writer, const TraceTensor *tensor, const void *values) MUST_CHECK;

/* Puts the file in its place, forced to the disk. */
Err trace_finish(TraceWriter *writer) MUST_CHECK;

/* Removes what was not finished; accepts NULL. */
void trace_writer_free(TraceWriter *writer);

/* ---- reading ---- */

typedef struct Trace Trace;

/* True if the file is a trace; whatever else is wrong with it, trace_open tells. */
bool trace_is(const char *path);

/* ERR_MISSING; ERR_DATA for what is damaged, no trace, or of a newer version. */
Err trace_open(Trace **out, const char *path) MUST_CHECK;
void trace_close(Trace *trace); /* accepts NULL */

const TraceHead *trace_head(const Trace *trace);

/* Tensors in execution order; equal orders as they were written. */
size_t trace_count(const Trace *trace);
const TraceTensor *trace_tensor(const Trace *trace, size_t i);
const TraceTensor *trace_find(const Trace *trace, TracePart part, const char *name); /* NULL */
size_t trace_elements(const TraceTensor *tensor);

/* All elements of a tensor into out [trace_elements]. */
Err trace_read(const Trace *trace, const TraceTensor *tensor, double *out) MUST_CHECK;

/* "values", "gradients", "after". */
const char *trace_part_name(TracePart part);

#endif
