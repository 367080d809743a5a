/* Counter-based random numbers: Philox4x32-10 from Random123. A value is a pure function of
 * (seed, stream name, step, element, draw), so that it depends on no thread, no order and no other stream.
 * Header-only; compiles for host and device. */
#ifndef KERNELS_RNG_H
#define KERNELS_RNG_H

#include <math.h>
#include <stdint.h>

#include <Random123/philox.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A named stream of one seed. */
typedef struct RngStream {
    uint64_t key;
} RngStream;

/* FNV-1a over the name, mixed with the seed (splitmix64's finaliser), so that streams of one seed share nothing. */
static inline RngStream rng_stream(uint64_t seed, const char *name) {
    uint64_t h = 0xcbf29ce484222325u;
    for (const char *p = name; *p != '\0'; p++) h = (h ^ (uint64_t)(unsigned char)*p) * 0x100000001b3u;
    h ^= seed + 0x9e3779b97f4a7c15u + (h << 6) + (h >> 2);
    h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9u;
    h = (h ^ (h >> 27)) * 0x94d049bb133111ebu;
    RngStream stream = {h ^ (h >> 31)};
    return stream;
}

/* Four words of block `block` of element `element` at step `step` (element < 2^48, block < 2^16). */
static inline void rng_block(RngStream stream, uint64_t step, uint64_t element, uint32_t block, uint32_t out[4]) {
    philox4x32_ctr_t ctr = {{(uint32_t)step, (uint32_t)(step >> 32), (uint32_t)element,
                             (uint32_t)((element >> 32) & 0xffffu) | (block << 16)}};
    philox4x32_key_t key = {{(uint32_t)stream.key, (uint32_t)(stream.key >> 32)}};
    philox4x32_ctr_t r = philox4x32(ctr, key);
    for (int i = 0; i < 4; i++) out[i] = r.v[i];
}

/* A word as a float in [0,1): 24 bits, exact. As a double in [0,1): 32 bits. */
static inline float rng_unit(uint32_t word) { return (float)(word >> 8) * 0x1p-24f; }
static inline double rng_unit_double(uint32_t word) { return (double)word * 0x1p-32; }

/* Consecutive draws for one (stream, step, element): what a renderer or a shuffler wants. */
typedef struct Rng {
    RngStream stream;
    uint64_t step, element;
    uint32_t block;
    int n_left;
    uint32_t words[4];
} Rng;

static inline Rng rng_at(RngStream stream, uint64_t step, uint64_t element) {
    Rng rng = {stream, step, element, 0, 0, {0, 0, 0, 0}};
    return rng;
}

static inline uint32_t rng_u32(Rng *rng) {
    if (rng->n_left == 0) {
        rng_block(rng->stream, rng->step, rng->element, rng->block++, rng->words);
        rng->n_left = 4;
    }
    return rng->words[4 - rng->n_left--];
}

/* Uniform in [lo, hi). */
static inline double rng_range(Rng *rng, double lo, double hi) {
    return lo + (hi - lo) * rng_unit_double(rng_u32(rng));
}

/* Uniform integer in [0, n), n >= 1, by multiply-shift (bias below 2^-32 * n). */
static inline uint32_t rng_below(Rng *rng, uint32_t n) { return (uint32_t)(((uint64_t)rng_u32(rng) * n) >> 32); }

/* Standard normal by Box-Muller. */
static inline double rng_normal(Rng *rng) {
    double u = (double)((uint64_t)rng_u32(rng) + 1) * 0x1p-32; /* (0,1] */
    double v = rng_unit_double(rng_u32(rng));
    return sqrt(-2.0 * log(u)) * cos(6.283185307179586477 * v);
}

#ifdef __cplusplus
}
#endif
#endif
