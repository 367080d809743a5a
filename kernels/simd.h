/* KERNEL marks a function that is compiled once per instruction set and chosen when the program starts.
 * Contraction is off and sums are written out in fixed lanes, so that every version computes the same bits. */
#ifndef KERNELS_SIMD_H
#define KERNELS_SIMD_H

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) &&               \
    !defined(__SANITIZE_THREAD__) && !defined(REFOCUS_PLAIN_KERNELS)
#define KERNEL __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define KERNEL
#endif

/* A helper of KERNEL functions: it must become part of them, or it would be compiled for the plainest instruction set.
 * CUDA's kernels call the same helpers. */
#if defined(__CUDACC__)
#define KERNEL_INLINE static __host__ __device__ __forceinline__
#elif defined(__GNUC__)
#define KERNEL_INLINE static inline __attribute__((always_inline))
#else
#define KERNEL_INLINE static inline
#endif

/* Before a loop: no iteration reads what another one writes. Operands may be one and the same tensor, so that an op in
 * place runs as vector code too, which `restrict` would forbid. */
#if defined(__GNUC__) && !defined(__clang__) && !defined(__CUDACC__)
#define KERNEL_LOOP _Pragma("GCC ivdep")
#else
#define KERNEL_LOOP
#endif

#endif
