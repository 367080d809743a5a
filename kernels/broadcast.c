#include "kernels/broadcast.h"

#include <string.h>

#include "kernels/cuda_scratch.h"
#include "kernels/infer.h"
#include "kernels/simd.h"

/* TILE: outputs that one task sums at a time, in registers and first-level cache. CHUNK: elements of a row that are
 * handed out together. */
enum { TILE = 256, CHUNK = 4096, SUM_LANES = 8 };

/* ---- shapes ---- */

/* Size of dimension d, counted from the last, 1 where there is none. */
static int64_t dim_from_end(const Shape *s, int d) { return d < s->rank ? s->dim[s->rank - 1 - d] : 1; }

Err broadcast_infer(OpSpec *spec) {
    Err err = ERR_OK;
    char a_text[96], b_text[96];
    const Shape *a = &spec->x[0], *b = &spec->x[1];
    Shape y = {.rank = a->rank > b->rank ? a->rank : b->rank};
    TRY(infer_type(spec, 0, "a", DT_REAL));
    TRY(infer_type(spec, 1, "b", DT_REAL));
    for (int d = 0; d < y.rank; d++) {
        int64_t m = dim_from_end(a, d), n = dim_from_end(b, d);
        FAIL_IF(m != n && m != 1 && n != 1, ERR_SHAPE, "%s and %s: dimensions, from the last, must be equal or 1",
                shape_text(a, a_text, sizeof a_text), shape_text(b, b_text, sizeof b_text));
        y.dim[y.rank - 1 - d] = m > n ? m : n;
    }
    infer_output(spec, DT_REAL, y);
done:
    return err;
}

Broadcast broadcast_of(const Shape *a, const Shape *b) {
    int rank = a->rank > b->rank ? a->rank : b->rank;
    bool a_full[SHAPE_MAX_RANK], b_full[SHAPE_MAX_RANK];
    Broadcast map = {.n = 0};
    for (int d = rank - 1; d >= 0; d--) {
        int64_t m = dim_from_end(a, d), n = dim_from_end(b, d), size = m > n ? m : n;
        if (size == 1) continue;
        bool same = map.n > 0 && a_full[map.n - 1] == (m == size) && b_full[map.n - 1] == (n == size);
        if (!same) map.size[map.n++] = 1;
        map.size[map.n - 1] *= size;
        a_full[map.n - 1] = m == size;
        b_full[map.n - 1] = n == size;
    }
    if (map.n == 0) return (Broadcast){1, {1}, {1}, {1}};
    int64_t a_step = 1, b_step = 1;
    for (int g = map.n - 1; g >= 0; g--) {
        map.a_stride[g] = a_full[g] ? a_step : 0;
        map.b_stride[g] = b_full[g] ? b_step : 0;
        a_step *= a_full[g] ? map.size[g] : 1;
        b_step *= b_full[g] ? map.size[g] : 1;
    }
    return map;
}

Broadcast broadcast_swapped(const Broadcast *map) {
    Broadcast swapped = *map;
    memcpy(swapped.a_stride, map->b_stride, sizeof swapped.a_stride);
    memcpy(swapped.b_stride, map->a_stride, sizeof swapped.b_stride);
    return swapped;
}

bool broadcast_is_full(const Broadcast *map) {
    for (int g = 0; g < map->n; g++)
        if (map->a_stride[g] == 0) return false;
    return true;
}

/* ---- elementwise ---- */

typedef struct Apply {
    const Broadcast *map;
    BroadcastFn fn;
    bool accumulate;
    int shards;
    float *y;
    const float *a, *b;
} Apply;

/* With every argument but the pointers and n constant, this is one plain loop. */
KERNEL_INLINE void combine(BroadcastFn fn, bool add, float *y, const float *a, int a_step, const float *b, int b_step,
                           int64_t n) {
    KERNEL_LOOP
    for (int64_t k = 0; k < n; k++) {
        float v = a[k * a_step];
        if (fn == BROADCAST_ADD) v += b[k * b_step];
        if (fn == BROADCAST_MUL) v *= b[k * b_step];
        y[k] = add ? y[k] + v : v;
    }
}

KERNEL_INLINE void combine_steps(BroadcastFn fn, bool add, float *y, const float *a, bool a_moves, const float *b,
                                 bool b_moves, int64_t n) {
    if (a_moves && b_moves)
        combine(fn, add, y, a, 1, b, 1, n);
    else if (a_moves)
        combine(fn, add, y, a, 1, b, 0, n);
    else
        combine(fn, add, y, a, 0, b, 1, n);
}

KERNEL static void apply_row(const Apply *p, float *y, const float *a, const float *b, int64_t n) {
    bool a_moves = p->map->a_stride[p->map->n - 1] != 0;
    bool b_moves = p->map->b_stride[p->map->n - 1] != 0 || p->fn == BROADCAST_COPY;
    if (p->fn == BROADCAST_COPY) {
        if (p->accumulate)
            combine_steps(BROADCAST_COPY, true, y, a, a_moves, b, b_moves, n);
        else
            combine_steps(BROADCAST_COPY, false, y, a, a_moves, b, b_moves, n);
    } else if (p->fn == BROADCAST_ADD) {
        if (p->accumulate)
            combine_steps(BROADCAST_ADD, true, y, a, a_moves, b, b_moves, n);
        else
            combine_steps(BROADCAST_ADD, false, y, a, a_moves, b, b_moves, n);
    } else {
        if (p->accumulate)
            combine_steps(BROADCAST_MUL, true, y, a, a_moves, b, b_moves, n);
        else
            combine_steps(BROADCAST_MUL, false, y, a, a_moves, b, b_moves, n);
    }
}

/* Number of rows, a row being the last group. */
static int64_t rows_of(const Broadcast *map) {
    int64_t n = 1;
    for (int g = 0; g < map->n - 1; g++) n *= map->size[g];
    return n;
}

/* Offset in an operand of where row i begins. */
static int64_t row_start(const Broadcast *map, const int64_t *stride, int64_t i) {
    int64_t at = 0;
    for (int g = map->n - 2; g >= 0; g--) {
        at += i % map->size[g] * stride[g];
        i /= map->size[g];
    }
    return at;
}

static void apply_task(void *arg, int i_task) {
    const Apply *p = arg;
    const Broadcast *map = p->map;
    const int64_t len = map->size[map->n - 1], chunks = (len + CHUNK - 1) / CHUNK;
    const int64_t a_step = map->a_stride[map->n - 1], b_step = map->b_stride[map->n - 1];
    int64_t first = 0, last = 0;
    par_range(rows_of(map) * chunks, p->shards, i_task, &first, &last);
    for (int64_t i = first; i < last; i++) {
        int64_t row = i / chunks, at = i % chunks * CHUNK, n = len - at < CHUNK ? len - at : CHUNK;
        const float *a = p->a + row_start(map, map->a_stride, row) + at * a_step;
        const float *b = p->b == NULL ? NULL : p->b + row_start(map, map->b_stride, row) + at * b_step;
        apply_row(p, p->y + row * len + at, a, b, n);
    }
}

void broadcast_apply(const OpCall *call, const Broadcast *map, BroadcastFn fn, float *y, const float *a, const float *b,
                     bool accumulate) {
    Apply p = {map, fn, accumulate, call->shards, y, a, fn == BROADCAST_COPY ? NULL : b};
    par_run(call->par, call->shards, apply_task, &p);
}

/* ---- sums ---- */

/* The groups of y, parted into those that a keeps and those that are summed. A tile is up to TILE neighbouring outputs
 * when the last group is kept, and one output when it is summed. */
typedef struct Sum {
    const Broadcast *map;
    Broadcast kept,
        summed; /* strides: a_stride into dy, b_stride into b; kept: the last group left out when in tiles */
    bool last_kept;
    int64_t len, tiles;      /* of the last group; tiles of a row */
    int64_t chunks;          /* parts of a row that are summed one by one, when the last group is summed */
    int64_t n_kept, n_units; /* combinations of the kept groups; things that are added up for each tile */
    float *out;
    const float *dy, *b;
    double *partial; /* [shards][outputs] when the sum itself is cut into shards, else NULL */
    int64_t n_out;
    int shards;
    bool accumulate;
} Sum;

static void add_group(Broadcast *to, int64_t size, int64_t dy_stride, int64_t b_stride) {
    to->size[to->n] = size;
    to->a_stride[to->n] = dy_stride;
    to->b_stride[to->n++] = b_stride;
}

static Sum sum_of(const Broadcast *map, int shards) {
    Sum s = {.map = map, .shards = shards, .n_kept = 1, .n_units = 1, .tiles = 1, .chunks = 1};
    int64_t dy_stride[SHAPE_MAX_RANK], step = 1;
    for (int g = map->n - 1; g >= 0; g--) {
        dy_stride[g] = step;
        step *= map->size[g];
    }
    s.len = map->size[map->n - 1];
    s.last_kept = map->a_stride[map->n - 1] != 0;
    if (s.last_kept)
        s.tiles = (s.len + TILE - 1) / TILE;
    else
        s.chunks = (s.len + CHUNK - 1) / CHUNK;
    for (int g = 0; g < map->n - 1; g++) {
        bool keep = map->a_stride[g] != 0;
        add_group(keep ? &s.kept : &s.summed, map->size[g], dy_stride[g], map->b_stride[g]);
        *(keep ? &s.n_kept : &s.n_units) *= map->size[g];
    }
    s.n_units *= s.chunks;
    s.n_out = s.n_kept * (s.last_kept ? s.len : 1);
    return s;
}

/* Are there too few outputs for each shard to have its own, so that the sum is cut instead? */
static bool cuts_sum(const Sum *s) { return s->n_kept * s->tiles < s->shards; }

size_t broadcast_sum_bytes(const Broadcast *map, Device device, int shards) {
    Sum s = sum_of(map, shards);
    if (device == DEVICE_CUDA) {
        int64_t n = 1;
        for (int g = 0; g < map->n; g++) n *= map->size[g];
        return cuda_sum_bytes(n / s.n_out, s.n_out);
    }
    return cuts_sum(&s) ? (size_t)shards * (size_t)s.n_out * sizeof(double) : 0;
}

/* Where the i-th combination of indices of some groups begins. */
static void seek(const Broadcast *groups, int64_t i, int64_t *dy_at, int64_t *b_at) {
    for (int g = groups->n - 1; g >= 0; g--) {
        int64_t k = i % groups->size[g];
        i /= groups->size[g];
        *dy_at += k * groups->a_stride[g];
        *b_at += k * groups->b_stride[g];
    }
}

KERNEL static void add_row(double *acc, const float *dy, const float *b, int64_t b_step, int64_t n) {
    if (b == NULL) {
        for (int64_t k = 0; k < n; k++) acc[k] += (double)dy[k];
    } else if (b_step == 0) {
        const double factor = (double)b[0];
        for (int64_t k = 0; k < n; k++) acc[k] += (double)dy[k] * factor;
    } else {
        for (int64_t k = 0; k < n; k++) acc[k] += (double)dy[k] * (double)b[k];
    }
}

/* Sum over a row in SUM_LANES interleaved lanes, so that it can be vector code. */
KERNEL static double dot_row(const float *dy, const float *b, int64_t b_step, int64_t n) {
    double lane[SUM_LANES] = {0};
    int64_t k = 0;
    if (b == NULL || b_step == 0) {
        for (; k + SUM_LANES <= n; k += SUM_LANES)
            for (int l = 0; l < SUM_LANES; l++) lane[l] += (double)dy[k + l];
        for (int l = 0; k < n; k++, l++) lane[l] += (double)dy[k];
    } else {
        for (; k + SUM_LANES <= n; k += SUM_LANES)
            for (int l = 0; l < SUM_LANES; l++) lane[l] += (double)dy[k + l] * (double)b[k + l];
        for (int l = 0; k < n; k++, l++) lane[l] += (double)dy[k] * (double)b[k];
    }
    double sum = ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
    return b == NULL || b_step != 0 ? sum : sum * (double)b[0];
}

/* acc[n] = the sums over units [first, last) for one tile. A unit is a combination of the summed groups but the last,
 * and a chunk of the last group where that is summed too. */
static void sum_tile(const Sum *s, int64_t i_kept, int64_t i_tile, int64_t first, int64_t last, double *acc,
                     int64_t n) {
    const int64_t b_step = s->b == NULL ? 0 : s->map->b_stride[s->map->n - 1];
    int64_t dy_start = i_tile * TILE, b_start = i_tile * TILE * b_step;
    memset(acc, 0, (size_t)n * sizeof *acc);
    seek(&s->kept, i_kept, &dy_start, &b_start);
    for (int64_t i = first; i < last; i++) {
        int64_t at = i % s->chunks * CHUNK, dy_at = dy_start + at, b_at = b_start + at * b_step;
        seek(&s->summed, i / s->chunks, &dy_at, &b_at);
        const float *dy = s->dy + dy_at, *b = s->b == NULL ? NULL : s->b + b_at;
        if (s->last_kept)
            add_row(acc, dy, b, b_step, n);
        else
            acc[0] += dot_row(dy, b, b_step, s->len - at < CHUNK ? s->len - at : CHUNK);
    }
}

static void store(const Sum *s, int64_t at, const double *acc, int64_t n) {
    for (int64_t k = 0; k < n; k++) s->out[at + k] = (float)(acc[k] + (s->accumulate ? (double)s->out[at + k] : 0.0));
}

static int64_t tile_width(const Sum *s, int64_t i_tile) {
    if (!s->last_kept) return 1;
    return s->len - i_tile * TILE < TILE ? s->len - i_tile * TILE : TILE;
}

/* Each task sums some of the tiles completely. */
static void tiles_task(void *arg, int i_task) {
    const Sum *s = arg;
    double acc[TILE];
    int64_t first = 0, last = 0, width = s->last_kept ? s->len : 1;
    par_range(s->n_kept * s->tiles, s->shards, i_task, &first, &last);
    for (int64_t i = first; i < last; i++) {
        int64_t i_kept = i / s->tiles, i_tile = i % s->tiles, n = tile_width(s, i_tile);
        sum_tile(s, i_kept, i_tile, 0, s->n_units, acc, n);
        store(s, i_kept * width + i_tile * TILE, acc, n);
    }
}

/* Each task sums a part of every tile. */
static void parts_task(void *arg, int i_task) {
    const Sum *s = arg;
    double *acc = s->partial + i_task * s->n_out;
    int64_t first = 0, last = 0, width = s->last_kept ? s->len : 1;
    par_range(s->n_units, s->shards, i_task, &first, &last);
    for (int64_t i = 0; i < s->n_kept * s->tiles; i++) {
        int64_t i_kept = i / s->tiles, i_tile = i % s->tiles;
        sum_tile(s, i_kept, i_tile, first, last, acc + i_kept * width + i_tile * TILE, tile_width(s, i_tile));
    }
}

void broadcast_sum(const OpCall *call, const Broadcast *map, float *out, const float *dy, const float *b,
                   bool accumulate) {
    Sum s = sum_of(map, call->shards);
    s.out = out;
    s.dy = dy;
    s.b = b;
    s.accumulate = accumulate;
    if (!cuts_sum(&s)) {
        par_run(call->par, call->shards, tiles_task, &s);
        return;
    }
    s.partial = call->scratch;
    par_run(call->par, call->shards, parts_task, &s);
    for (int i = 1; i < s.shards; i++)
        for (int64_t k = 0; k < s.n_out; k++) s.partial[k] += s.partial[i * s.n_out + k];
    store(&s, 0, s.partial, s.n_out);
}

/* ---- what the ops share besides ---- */

size_t broadcast_scratch_bytes(const OpSpec *spec, Device device, bool backward, uint32_t wanted, int shards) {
    Broadcast map = broadcast_of(&spec->x[0], &spec->x[1]), swapped = broadcast_swapped(&map);
    size_t a = backward && (wanted & OP_X(0)) ? broadcast_sum_bytes(&map, device, shards) : 0;
    size_t b = backward && (wanted & OP_X(1)) ? broadcast_sum_bytes(&swapped, device, shards) : 0;
    return a > b ? a : b;
}

/* Dimension by dimension from the last, 0 where the operand is repeated. */
int64_t broadcast_ref_at(const Shape *x, const Shape *y, int64_t k) {
    int64_t at = 0, step = 1;
    for (int d = 1; d <= y->rank; d++) {
        int64_t i = k % y->dim[y->rank - d];
        k /= y->dim[y->rank - d];
        if (d > x->rank) break;
        if (x->dim[x->rank - d] > 1) at += i * step;
        step *= x->dim[x->rank - d];
    }
    return at;
}

const OpCase broadcast_cases[BROADCAST_N_CASES] = {
    {.name = "same shape", .n_x = 2, .x = {{.shape = {3, {3, 7, 13}}}, {.shape = {3, {3, 7, 13}}}}},
    {.name = "row", .n_x = 2, .x = {{.shape = {3, {5, 7, 11}}}, {.shape = {1, {11}}}}},
    {.name = "column", .n_x = 2, .x = {{.shape = {2, {7, 1}}}, {.shape = {2, {7, 13}}}}},
    {.name = "both ways", .n_x = 2, .x = {{.shape = {2, {7, 1}}}, {.shape = {2, {1, 13}}}}},
    {.name = "middle", .n_x = 2, .x = {{.shape = {4, {2, 3, 7, 5}}}, {.shape = {4, {2, 3, 1, 5}}}}},
    {.name = "interleaved", .n_x = 2, .x = {{.shape = {5, {2, 1, 3, 1, 5}}}, {.shape = {5, {1, 2, 3, 4, 1}}}}},
    {.name = "fours", .n_x = 2, .x = {{.shape = {3, {3, 1, 8}}}, {.shape = {2, {5, 1}}}}},
    {.name = "fours both", .n_x = 2, .x = {{.shape = {3, {3, 1, 8}}}, {.shape = {2, {5, 8}}}}},
    {.name = "scalar with tensor", .n_x = 2, .x = {{.shape = {0}}, {.shape = {2, {7, 11}}}}},
    {.name = "scalars", .n_x = 2, .x = {{.shape = {0}}, {.shape = {0}}}},
    {.name = "ranks apart", .n_x = 2, .x = {{.shape = {3, {1, 1, 3}}}, {.shape = {1, {1}}}}},
    {.name = "wide row", .n_x = 2, .x = {{.shape = {2, {3, 601}}}, {.shape = {2, {1, 601}}}}},
    {.name = "long sum", .n_x = 2, .x = {{.shape = {1, {9001}}}, {.shape = {1, {1}}}}},
};
