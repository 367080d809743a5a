/* Names of what is repeated, folded: decoder.t00.attention.alpha ... decoder.t24.attention.alpha, a decoder's unrolled
 * steps, are decoder.t{00..24}.attention.alpha, an encoder's blocks encoder.conv4.{1..5}.out. A step is the first
 * segment of a dotted name that is a number, or 't' and a number. Depends on grid/pool. */
#ifndef HARNESS_REPORT_STEPS_H
#define HARNESS_REPORT_STEPS_H

#include <stdbool.h>
#include <stddef.h>

#include "harness/grid/pool.h"

enum { STEPS_MAX = 4096 }; /* that one folded name may stand for */

/* Orders names so that the steps of one thing stand together, in the order of time. A total order. */
int steps_compare(const char *a, const char *b);

/* True if b is the name of the step after a's, and otherwise the same. */
bool steps_follow(const char *a, const char *b);

/* *out = the folded name of n steps from first on; first itself for n = 1. */
Err steps_fold(Pool *pool, const char **out, const char *first, size_t n) MUST_CHECK;

/* How many names a folded name stands for: 1 if nothing in it is folded, 0 if it is not well formed or too long. */
size_t steps_count(const char *folded);

/* *out = its i-th name. */
Err steps_unfold(Pool *pool, const char **out, const char *folded, size_t i) MUST_CHECK;

#endif
