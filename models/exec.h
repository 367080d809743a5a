/* Running planned graphs. An Arena holds the persistent part of one model and room for the largest of its graphs; an
 * Exec is one graph bound to addresses in it. Lifetimes: backend > graph > plan > arena > exec. */
#ifndef MODELS_EXEC_H
#define MODELS_EXEC_H

#include "kernels/backend.h"
#include "models/plan.h"

/* How memory is used. All modes give the same bits. */
typedef enum ExecMode {
    EXEC_ARENA,   /* as planned: what training uses */
    EXEC_POISON,  /* as planned, and what nobody may read any more is filled with NaN after each node */
    EXEC_CHECKED, /* every block an allocation of its own, made at its first write and freed after its last use;
                     exec_peak_bytes counts them: the plan's live bytes, proven */
    EXEC_SEPARATE /* every tensor its own storage for the whole step: for ref, and to look at any tensor afterwards */
} ExecMode;

typedef struct Arena Arena;

/* Room for the persistent part of params and transient_bytes behind it. ERR_NOMEM says how much was asked for. */
Err arena_new(Arena **out, const Backend *backend, const ParamSet *params, size_t transient_bytes) MUST_CHECK;
void arena_free(Arena *arena);
size_t arena_bytes(const Arena *arena);

/* Initial values of every parameter (param_initial). ERR_NOMEM. */
Err arena_initialise(Arena *arena, uint64_t seed) MUST_CHECK;

/* Copies parameter i between the host [shape] and the arena. */
Err arena_set_param(Arena *arena, int i, const float *values) MUST_CHECK;
Err arena_get_param(const Arena *arena, int i, float *values) MUST_CHECK;

/* Fills the transient part with a pattern, so that arena_used_bytes can tell how far graphs have written since: what
 * running really used, counted without the plan. Not between feeding a graph and running it. */
void arena_mark(Arena *arena);

/* *out = bytes from the arena's start to the last one that was written, rounded up to 64. */
Err arena_used_bytes(size_t *out, const Arena *arena) MUST_CHECK;

typedef struct Exec Exec;

/* Binds a plan to an arena: prepares every node's kernel. par (borrowed) may be NULL: one thread. Nothing is allocated
 * after this, except in EXEC_CHECKED. ERR_UNSUPPORTED names an op that the backend lacks. */
Err exec_new(Exec **out, const Plan *plan, Arena *arena, ExecMode mode, Par *par) MUST_CHECK;
void exec_free(Exec *exec);

const Backend *exec_backend(const Exec *exec);

/* Host values into an input, before exec_run; a kept tensor's values out of it, after. values [shape]: float or
 * int32_t. */
Err exec_upload(Exec *exec, TensorId t, const void *values) MUST_CHECK;
Err exec_download(const Exec *exec, TensorId t, void *values) MUST_CHECK;

/* *out = n elements of t's storage from `offset` elements on, as the backend holds them: where they are, if the host
 * may read them there, else copied into *room, which starts NULL, is made anew by each call, and is the caller's to
 * free (mem_free). ERR_ARG if t holds nothing now. */
Err exec_view(const void **out, const Exec *exec, TensorId t, int64_t offset, int64_t n, void **room) MUST_CHECK;

/* Runs all nodes in order. A kernel's error is prefixed with the node's name. Where kernels run on their own, as on
 * cuda, their errors may come later, from a download. */
Err exec_run(Exec *exec) MUST_CHECK;

/* As exec_run, call by call, and calls seen(ctx, i_node) after each node, while what it wrote is still there; the nodes
 * that follow run only if it returns true. */
Err exec_run_watched(Exec *exec, bool (*seen)(void *ctx, int i_node), void *ctx) MUST_CHECK;

/* EXEC_CHECKED: the largest sum of blocks that were allocated at once during the last run. */
size_t exec_peak_bytes(const Exec *exec);

/* The address of a tensor; on the cpu and ref backends the host may read it. NULL if it has no storage now. */
void *exec_pointer(const Exec *exec, TensorId t);

#endif
