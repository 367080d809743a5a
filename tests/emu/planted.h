/* The emulated runtime as C tests call it: kernels with planted bugs, and plain uses of every part. Codes are those of
 * CUDA or cuBLAS. Pointers are the device's. */
#ifndef TESTS_EMU_PLANTED_H
#define TESTS_EMU_PLANTED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* NOTHING: y = x with each run of 128 elements turned around; SUM_TWICE: y[0..127] = 128 times the sum of x[0..127];
 * the others spoil one of both, or something of their own. */
typedef enum Planted {
    PLANTED_NOTHING,
    PLANTED_NO_BARRIER,
    PLANTED_SUM_TWICE,
    PLANTED_SUM_NO_BARRIER,
    PLANTED_STRAY,
    PLANTED_STRAY_BEFORE,
    PLANTED_DIVERGENCE,
    PLANTED_RETURN,
    PLANTED_LANE_MISSING,
    PLANTED_LANE_BEYOND,
    PLANTED_LANE_NOT_NAMED,
    PLANTED_LANE_OUTSIDE,
    PLANTED_SHARED_SIZE,
    PLANTED_SHARED_STRAY
} Planted;
int planted_run(Planted what, float *y, const float *x, int n);

/* y [blocks, threads, 5]: sum of threadIdx.x over the warp; lane + 1; the lane three further among eight, or its own;
 * the number of lanes that 3 divides; 2. */
int planted_collectives(float *y, int n_blocks, int n_threads);

/* y[block, thread] = 1000 block + thread + .5 by way of dynamic shared memory. */
int planted_launch(float *y, const unsigned grid[3], const unsigned block[3], size_t shared);
int planted_shared_limit(int bytes); /* of planted_launch */
int planted_read_shared(float *y, int n_blocks);

int planted_malloc(void **out, size_t bytes);
int planted_free(void *block);
int planted_copy(void *dst, const void *src, size_t bytes, int kind);

/* Captures y += x, x += y, and replays it. */
int planted_capture(float *y, float *x, int n, int n_replays);
typedef enum PlantedMisuse { PLANTED_SYNCHRONIZE, PLANTED_NULL_STREAM, PLANTED_MALLOC } PlantedMisuse;
int planted_capture_misuse(PlantedMisuse what, int *after);

typedef struct PlantedGemm {
    bool trans_a, trans_b, sets_stream_last;
    int64_t m, n, k, lda, ldb, ldc;
    float alpha, beta;
    size_t workspace_bytes, workspace_offset;
} PlantedGemm;
int planted_gemm(const PlantedGemm *g, const float *a, const float *b, float *c);
int planted_gemm_after_destroy(void);

#ifdef __cplusplus
}
#endif
#endif
