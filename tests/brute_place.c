#include "tests/brute_place.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include <cmocka.h>

bool brute_meet(const PlanBlock *a, const PlanBlock *b) { return a->first <= b->last && b->first <= a->last; }

size_t brute_bound(const PlanBlock *blocks, int n) {
    size_t most = 0;
    for (int i = 0; i < n; i++) { /* the most are alive where some block begins */
        size_t alive = 0;
        for (int k = 0; k < n; k++)
            if (blocks[k].first <= blocks[i].first && blocks[i].first <= blocks[k].last) alive += blocks[k].bytes;
        if (alive > most) most = alive;
    }
    return most;
}

typedef struct Brute {
    const PlanBlock *blocks;
    int n;
    size_t offset[BRUTE_MAX];
    bool placed[BRUTE_MAX];
    size_t best;
} Brute;

/* The lowest place where block b meets none of those that are placed. */
static size_t lowest(const Brute *brute, int b) {
    size_t at = 0;
    for (bool moved = true; moved;) {
        moved = false;
        for (int k = 0; k < brute->n; k++) {
            size_t end = brute->offset[k] + brute->blocks[k].bytes;
            bool apart = at + brute->blocks[b].bytes <= brute->offset[k] || end <= at;
            if (!brute->placed[k] || !brute_meet(&brute->blocks[k], &brute->blocks[b]) || apart) continue;
            at = end;
            moved = true;
        }
    }
    return at;
}

/* Any placement can be pressed together: taken in the order of their offsets, each block at its lowest place lies no
 * higher than before. So the best order gives the best placement. */
static void try_orders(Brute *brute, int depth, size_t top) {
    if (top >= brute->best) return;
    if (depth == brute->n) {
        brute->best = top;
        return;
    }
    for (int b = 0; b < brute->n; b++) {
        if (brute->placed[b]) continue;
        brute->offset[b] = lowest(brute, b);
        brute->placed[b] = true;
        size_t end = brute->offset[b] + brute->blocks[b].bytes;
        try_orders(brute, depth + 1, end > top ? end : top);
        brute->placed[b] = false;
    }
}

size_t brute_best(const PlanBlock *blocks, int n) {
    Brute brute = {.blocks = blocks, .n = n, .best = SIZE_MAX};
    assert_true(n <= BRUTE_MAX);
    try_orders(&brute, 0, 0);
    return brute.best;
}
