/* Placing blocks of known lifetimes in one piece of memory so that two that are alive at once never overlap, as low as
 * possible: dynamic storage allocation, which is NP-hard (Garey & Johnson 1979, SR2). Knows no graph. */
#ifndef MODELS_PLACE_H
#define MODELS_PLACE_H

#include <stddef.h>

#include "kernels/err.h"

/* One block of the transient part: a base tensor, or several that share it in place, one after the other. */
typedef struct PlanBlock {
    int first, last; /* nodes between which it is alive, inclusive; first = -1: written by the host before the step */
    size_t bytes;
    size_t offset; /* from the start of the transient part */
} PlanBlock;

/* Fills the blocks' offsets; *total = where the highest one ends. Takes the best of several orders, each block in
 * the lowest or in the smallest gap that fits, and then improves it: what lies on top is given its place earlier. Stops
 * when *total is `enough`, for which the caller passes the most bytes that are alive at once: no placement is lower.
 * The same blocks are placed alike everywhere. ERR_NOMEM. */
Err place_blocks(PlanBlock *blocks, int n, size_t enough, size_t *total) MUST_CHECK;

#endif
