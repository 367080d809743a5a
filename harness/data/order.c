#include "harness/data/order.h"

#include "kernels/mem.h"

enum { ROUNDS = 8 };

int64_t order_permute(RngStream stream, uint64_t epoch, int64_t n, int64_t i) {
    int half = 1;
    while (half < 24 && (int64_t)1 << (2 * half) < n) half++;
    ASSERT(n >= 1 && n <= (int64_t)1 << (2 * half) && i >= 0 && i < n);
    uint64_t mask = ((uint64_t)1 << half) - 1, value = (uint64_t)i;
    do {
        uint64_t left = value >> half, right = value & mask;
        for (uint32_t round = 0; round < ROUNDS; round++) {
            uint32_t word[4];
            rng_block(stream, epoch, right, round, word);
            uint64_t next = left ^ (word[0] & mask);
            left = right;
            right = next;
        }
        value = left << half | right;
    } while (value >= (uint64_t)n);
    return (int64_t)value;
}

Err order_mix_init(OrderMix *out, const double *weight, int n, int *bad) {
    Err err = ERR_OK;
    double *credit = NULL, sum = 0;
    OrderMix mix = {0};
    *out = mix;
    *bad = -1;
    TRY(mem_alloc(&credit, (size_t)n, sizeof *credit));
    TRY(mem_alloc(&mix.source, ORDER_PATTERN, sizeof *mix.source));
    TRY(mem_alloc(&mix.before, ORDER_PATTERN, sizeof *mix.before));
    TRY(mem_alloc(&mix.total, (size_t)n, sizeof *mix.total));
    for (int s = 0; s < n; s++) sum += weight[s];
    for (int i = 0; i < ORDER_PATTERN; i++) {
        int best = 0;
        for (int s = 0; s < n; s++) {
            credit[s] += weight[s] / sum;
            if (credit[s] > credit[best]) best = s;
        }
        credit[best] -= 1;
        mix.source[i] = best;
        mix.before[i] = mix.total[best]++;
    }
    for (int s = 0; s < n; s++) {
        *bad = s;
        FAIL_IF(weight[s] > 0 && mix.total[s] == 0, ERR_ARG, "share %g of %g is less than 1/%d", weight[s], sum,
                ORDER_PATTERN);
    }
    *bad = -1;
    *out = mix;
    mix = (OrderMix){0};

done:
    mem_free(credit);
    order_mix_clear(&mix);
    return err;
}

void order_mix_clear(OrderMix *mix) {
    mem_free(mix->source);
    mem_free(mix->before);
    mem_free(mix->total);
    *mix = (OrderMix){0};
}

void order_mix_at(const OrderMix *mix, int64_t position, int32_t *source, int64_t *draw) {
    int64_t pattern = position / ORDER_PATTERN, i = position % ORDER_PATTERN;
    *source = mix->source[i];
    *draw = pattern * mix->total[*source] + mix->before[i];
}
