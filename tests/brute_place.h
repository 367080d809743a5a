/* Placement without a planner: the bound, and the best of all orders. */
#ifndef TESTS_BRUTE_PLACE_H
#define TESTS_BRUTE_PLACE_H

#include <stdbool.h>

#include "models/place.h"

enum { BRUTE_MAX = 10 }; /* blocks: already 3.6 million orders */

/* Are both alive at some node? */
bool brute_meet(const PlanBlock *a, const PlanBlock *b);

/* The most bytes that are alive at once. */
size_t brute_bound(const PlanBlock *blocks, int n);

/* The lowest end that any placement of up to BRUTE_MAX blocks has. */
size_t brute_best(const PlanBlock *blocks, int n);

#endif
