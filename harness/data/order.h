/* Which sample comes when, as pure functions: nothing is shuffled in memory, so that any step can be asked for at any
 * time. Depends on rng. */
#ifndef HARNESS_DATA_ORDER_H
#define HARNESS_DATA_ORDER_H

#include <stdint.h>

#include "kernels/err.h"
#include "kernels/rng.h"

/* Element i of the permutation of 0..n-1 that belongs to (stream, epoch); n < 2^47. A Feistel network over the next
 * power of four, walked until it falls below n (Black and Rogaway 2002). */
int64_t order_permute(RngStream stream, uint64_t epoch, int64_t n, int64_t i);

/* Sources mixed by weight: a fixed, evenly interleaved pattern of ORDER_PATTERN draws, repeated. */
enum { ORDER_PATTERN = 10000 };
typedef struct OrderMix {
    int32_t *source; /* [ORDER_PATTERN] */
    int32_t *before; /* [ORDER_PATTERN] draws of the same source earlier in the pattern */
    int32_t *total;  /* [n] draws of each source in the pattern */
} OrderMix;

/* weight: [n] >= 0, one at least > 0. A source of weight 0 is never drawn; ERR_ARG for one whose share is above 0 and
 * too small for the pattern, with *bad = its number. */
Err order_mix_init(OrderMix *out, const double *weight, int n, int *bad) MUST_CHECK;
void order_mix_clear(OrderMix *mix);

/* Draw number `position` takes from *source, as its draw number *draw. */
void order_mix_at(const OrderMix *mix, int64_t position, int32_t *source, int64_t *draw);

#endif
