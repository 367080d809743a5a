/* Orders in which blocks are placed, each by first fit and by best fit, then a search from the best of them. */
#include "models/place.h"

#include <stdlib.h>
#include <string.h>

#include "kernels/mem.h"
#include "kernels/rng.h"

/* What a search may cost: placements, and pairs of blocks that all placements compare (a few milliseconds). After so
 * many steps it goes back to the best order. */
enum { STEPS_MAX = 400, WORK_MAX = 1000000, STEPS_FROM_BEST = 40 };

typedef enum Fit { FIT_FIRST, FIT_BEST, N_FITS } Fit;

/* A block in its place. */
typedef struct Placed {
    size_t begin, end;
    int first, last;
} Placed;

/* What orders go by; larger first. */
typedef struct Key {
    int block;
    double key, second;
} Key;

/* A block that has no place yet, and the lowest one above all those that it meets and that have one. */
typedef struct Waiting {
    size_t low;
    int block, first, last;
} Waiting;

typedef struct Search {
    const PlanBlock *blocks;
    int n;
    Fit fit, best_fit;
    int *order, *best_order;        /* [n] blocks, the first one placed first */
    size_t *offsets, *best_offsets; /* [n] per block */
    Placed *placed;                 /* [n] sorted by begin */
    Key *keys;                      /* [n] */
    Waiting *waiting;               /* [n] */
    size_t *pressure;               /* [n] the most bytes that are alive at once while the block is */
    size_t total, best_total;       /* of order, of best_order */
    int64_t work;
} Search;

/* ---- one order ---- */

/* The lowest gap that fits or the smallest one, the leading one included; behind everything if none does. */
static size_t find_gap(const Placed *placed, int n, const PlanBlock *block, Fit fit) {
    size_t end = 0, best = SIZE_MAX, best_gap = SIZE_MAX;
    for (int i = 0; i < n; i++) {
        const Placed *other = &placed[i];
        if (other->last < block->first || block->last < other->first) continue;
        if (other->begin > end && other->begin - end >= block->bytes && other->begin - end < best_gap) {
            best = end;
            best_gap = other->begin - end;
            if (fit == FIT_FIRST || best_gap == block->bytes) break;
        }
        if (other->end > end) end = other->end;
    }
    return best != SIZE_MAX ? best : end;
}

static void place_in_order(Search *s) {
    s->total = 0;
    for (int k = 0; k < s->n; k++) {
        const PlanBlock *block = &s->blocks[s->order[k]];
        size_t begin = find_gap(s->placed, k, block, s->fit), end = begin + block->bytes;
        int at = k;
        for (; at > 0 && s->placed[at - 1].begin > begin; at--) s->placed[at] = s->placed[at - 1];
        s->placed[at] = (Placed){begin, end, block->first, block->last};
        s->offsets[s->order[k]] = begin;
        if (end > s->total) s->total = end;
    }
    s->work += (int64_t)s->n * s->n / 2;
    if (s->total >= s->best_total) return;
    s->best_total = s->total;
    s->best_fit = s->fit;
    memcpy(s->best_order, s->order, (size_t)s->n * sizeof *s->order);
    memcpy(s->best_offsets, s->offsets, (size_t)s->n * sizeof *s->offsets);
}

/* ---- orders to begin with ---- */

/* Bottom up: the next block is the one that can lie lowest on top of those that are placed; of several, the one that is
 * alive when the most others are, and then for longest (UP_BY_PRESSURE) or from earliest on (UP_BY_BIRTH), or the one
 * that is alive for longest, or whose bytes times nodes are the most. Leaves hardly a gap where lives are nested, as
 * those of a training step are. The others need no explanation. */
typedef enum OrderKind {
    UP_BY_PRESSURE,
    UP_BY_LENGTH,
    UP_BY_AREA,
    UP_BY_BIRTH,
    BY_SIZE,
    BY_AREA,
    BY_BIRTH,
    BY_LENGTH,
    N_ORDERS
} OrderKind;

/* Larger keys first; equal ones in the order of the blocks, so that there is one outcome. */
static int by_key(const void *a, const void *b) {
    const Key *x = a, *y = b;
    if (x->key != y->key) return x->key < y->key ? 1 : -1;
    if (x->second != y->second) return x->second < y->second ? 1 : -1;
    return (x->block > y->block) - (x->block < y->block);
}

static Key key_of(const Search *s, int b, OrderKind kind) {
    const PlanBlock *block = &s->blocks[b];
    double length = (double)(block->last - block->first + 1), bytes = (double)block->bytes;
    Key key = {.block = b};
    switch (kind) {
    case UP_BY_PRESSURE:
    case UP_BY_BIRTH:
        key.key = (double)s->pressure[b];
        key.second = kind == UP_BY_PRESSURE ? length : -(double)block->first;
        break;
    case BY_SIZE: key.key = bytes; break;
    case BY_BIRTH: key.key = -(double)block->first; break;
    case UP_BY_LENGTH:
    case BY_LENGTH: key.key = length; break;
    default: key.key = bytes * length; break;
    }
    return key;
}

/* s->keys is sorted: of equally low ones the first is taken. Those that wait stay in their order. */
static void order_bottom_up(Search *s) {
    int next = 0;
    for (int i = 0; i < s->n; i++) {
        const PlanBlock *block = &s->blocks[s->keys[i].block];
        s->waiting[i] = (Waiting){.block = s->keys[i].block, .first = block->first, .last = block->last};
    }
    for (int k = 0; k < s->n; k++) {
        const Waiting taken = s->waiting[next];
        const size_t end = taken.low + s->blocks[taken.block].bytes;
        const int n_left = s->n - k - 1;
        s->order[k] = taken.block;
        memmove(&s->waiting[next], &s->waiting[next + 1], (size_t)(n_left - next) * sizeof *s->waiting);
        next = 0;
        for (int i = 0; i < n_left; i++) {
            Waiting *w = &s->waiting[i];
            if (w->low < end && w->first <= taken.last && taken.first <= w->last) w->low = end;
            if (w->low < s->waiting[next].low) next = i;
        }
    }
    s->work += (int64_t)s->n * s->n / 2;
}

static void make_order(Search *s, OrderKind kind) {
    for (int b = 0; b < s->n; b++) s->keys[b] = key_of(s, b, kind);
    qsort(s->keys, (size_t)s->n, sizeof *s->keys, by_key);
    if (kind <= UP_BY_BIRTH) {
        order_bottom_up(s);
    } else {
        for (int k = 0; k < s->n; k++) s->order[k] = s->keys[k].block;
    }
}

static Err measure_pressure(Search *s) {
    Err err = ERR_OK;
    size_t *live = NULL; /* [n_nodes + 1], of nodes -1, 0, ... */
    int last = 0;
    for (int b = 0; b < s->n; b++)
        if (s->blocks[b].last > last) last = s->blocks[b].last;
    TRY(mem_alloc(&live, (size_t)last + 2, sizeof *live));
    for (int b = 0; b < s->n; b++)
        for (int i = s->blocks[b].first; i <= s->blocks[b].last; i++) live[i + 1] += s->blocks[b].bytes;
    for (int b = 0; b < s->n; b++)
        for (int i = s->blocks[b].first; i <= s->blocks[b].last; i++)
            if (live[i + 1] > s->pressure[b]) s->pressure[b] = live[i + 1];
done:
    mem_free(live);
    return err;
}

/* ---- the search ---- */

/* Gives the block on top its place earlier: mostly first of all, else anywhere before. The top block of an order that
 * is not perfect is never its first one, which lies at 0. */
static void promote(Search *s, Rng *rng) {
    int at = 0;
    while (s->offsets[s->order[at]] + s->blocks[s->order[at]].bytes != s->total) at++;
    int to = rng_below(rng, 3) > 0 || at == 0 ? 0 : (int)rng_below(rng, (uint32_t)at), block = s->order[at];
    memmove(&s->order[to + 1], &s->order[to], (size_t)(at - to) * sizeof *s->order);
    s->order[to] = block;
}

static void improve(Search *s, size_t enough) {
    Rng rng = rng_at(rng_stream(0, "place"), 0, 0);
    s->fit = s->best_fit;
    for (int step = 0; s->best_total > enough && step < STEPS_MAX && s->work < WORK_MAX; step++) {
        if (step % STEPS_FROM_BEST == 0) {
            memcpy(s->order, s->best_order, (size_t)s->n * sizeof *s->order);
            memcpy(s->offsets, s->best_offsets, (size_t)s->n * sizeof *s->offsets);
            s->total = s->best_total;
        }
        promote(s, &rng);
        place_in_order(s);
    }
}

/* ---- all of it ---- */

static void clear(Search *s) {
    mem_free(s->order);
    mem_free(s->best_order);
    mem_free(s->offsets);
    mem_free(s->best_offsets);
    mem_free(s->placed);
    mem_free(s->keys);
    mem_free(s->waiting);
    mem_free(s->pressure);
}

Err place_blocks(PlanBlock *blocks, int n_blocks, size_t enough, size_t *total) {
    Err err = ERR_OK;
    Search s = {.blocks = blocks, .n = n_blocks, .best_total = SIZE_MAX};
    size_t n = (size_t)n_blocks;
    TRY(mem_alloc(&s.order, n, sizeof *s.order));
    TRY(mem_alloc(&s.best_order, n, sizeof *s.best_order));
    TRY(mem_alloc(&s.offsets, n, sizeof *s.offsets));
    TRY(mem_alloc(&s.best_offsets, n, sizeof *s.best_offsets));
    TRY(mem_alloc(&s.placed, n, sizeof *s.placed));
    TRY(mem_alloc(&s.keys, n, sizeof *s.keys));
    TRY(mem_alloc(&s.waiting, n, sizeof *s.waiting));
    TRY(mem_alloc(&s.pressure, n, sizeof *s.pressure));
    TRY(measure_pressure(&s));
    for (OrderKind kind = 0; kind < N_ORDERS && s.best_total > enough; kind++) {
        make_order(&s, kind);
        for (s.fit = 0; s.fit < N_FITS && s.best_total > enough; s.fit++) place_in_order(&s);
    }
    improve(&s, enough);
    for (int b = 0; b < n_blocks; b++) blocks[b].offset = s.best_offsets[b];
    *total = s.best_total;
done:
    clear(&s);
    return err;
}
