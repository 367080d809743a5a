/* A look-alike of CUDA's runtime header, by which CUDA sources compile for the CPU and run there: one fiber for each
 * thread of a block, blocks one after the other. It has what this project uses and nothing that it must not use: no
 * float atomics, no fast-math intrinsics. What hardware would leave undefined (diverging barriers, lanes missing at a
 * warp's collective, accesses outside an allocation) ends the program with a message. C++17. */
#ifndef TESTS_EMU_CUDA_RUNTIME_H
#define TESTS_EMU_CUDA_RUNTIME_H

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <tuple>
#include <type_traits>
#include <utility>

/* ---- language ---- */

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))
#define __shared__ static_assert(false, "shared memory is declared by SHARED or SHARED_DYNAMIC")
#define __constant__ static_assert(false, "constant memory is not emulated")

/* kernels/cuda_kernel.cuh has the other half of these. Each block has memory of its own, of exactly this size. */
#define SHARED(type, name, ...)                                                                                        \
    static char name##_site;                                                                                           \
    using name##_type = type __VA_ARGS__;                                                                              \
    name##_type &name = *static_cast<name##_type *>(emu::shared(&name##_site, sizeof(name##_type)))
#define SHARED_DYNAMIC(type, name) type *const name = static_cast<type *>(emu::shared_dynamic())

struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned nx = 1, unsigned ny = 1, unsigned nz = 1) : x(nx), y(ny), z(nz) {}
};
struct uint3 {
    unsigned x, y, z;
};
struct alignas(8) float2 {
    float x, y;
};
struct alignas(16) float4 {
    float x, y, z, w;
};
struct alignas(16) int4 {
    int x, y, z, w;
};
struct alignas(16) double2 {
    double x, y;
};
inline float2 make_float2(float x, float y) { return {x, y}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
inline int4 make_int4(int x, int y, int z, int w) { return {x, y, z, w}; }

/* Of the thread that runs now. */
extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;

/* ---- what a block's threads do together ---- */

namespace emu {

struct Place {
    const char *file;
    int line;
};

enum Collective { SYNCWARP, SHFL, SHFL_UP, SHFL_DOWN, SHFL_XOR, BALLOT };

void *shared(const void *site, size_t bytes);
void *shared_dynamic();
void syncthreads(Place place);
/* value and result: 8 bytes. */
uint64_t collective(Collective kind, unsigned mask, uint64_t value, int param, int width, Place place);

template <typename T> T shuffle(Collective kind, unsigned mask, T value, int param, int width, Place place) {
    static_assert(std::is_arithmetic<T>::value && sizeof(T) <= sizeof(uint64_t), "a shuffle moves one number");
    uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof value);
    bits = collective(kind, mask, bits, param, width, place);
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

} // namespace emu

#define EMU_PLACE const char *file = __builtin_FILE(), int line = __builtin_LINE()

inline void __syncthreads(EMU_PLACE) { emu::syncthreads({file, line}); }
inline void __syncwarp(unsigned mask = 0xffffffffu, EMU_PLACE) {
    emu::collective(emu::SYNCWARP, mask, 0, 0, 32, {file, line});
}
template <typename T> T __shfl_sync(unsigned mask, T v, int lane, int width = 32, EMU_PLACE) {
    return emu::shuffle(emu::SHFL, mask, v, lane, width, {file, line});
}
template <typename T> T __shfl_up_sync(unsigned mask, T v, unsigned delta, int width = 32, EMU_PLACE) {
    return emu::shuffle(emu::SHFL_UP, mask, v, (int)delta, width, {file, line});
}
template <typename T> T __shfl_down_sync(unsigned mask, T v, unsigned delta, int width = 32, EMU_PLACE) {
    return emu::shuffle(emu::SHFL_DOWN, mask, v, (int)delta, width, {file, line});
}
template <typename T> T __shfl_xor_sync(unsigned mask, T v, int lanes, int width = 32, EMU_PLACE) {
    return emu::shuffle(emu::SHFL_XOR, mask, v, lanes, width, {file, line});
}
inline unsigned __ballot_sync(unsigned mask, int predicate, EMU_PLACE) {
    return (unsigned)emu::collective(emu::BALLOT, mask, predicate != 0, 0, 32, {file, line});
}
inline int __any_sync(unsigned mask, int predicate, EMU_PLACE) {
    return emu::collective(emu::BALLOT, mask, predicate != 0, 0, 32, {file, line}) != 0;
}
inline int __all_sync(unsigned mask, int predicate, EMU_PLACE) {
    return emu::collective(emu::BALLOT, mask, predicate == 0, 0, 32, {file, line}) == 0;
}
inline void __threadfence() {}
inline void __threadfence_block() {}

/* ---- device functions ---- */

template <typename To, typename From> To emu_bits(From from) {
    static_assert(sizeof(To) == sizeof(From), "bits of one size");
    To to;
    std::memcpy(&to, &from, sizeof to);
    return to;
}
inline int __float_as_int(float x) { return emu_bits<int>(x); }
inline unsigned __float_as_uint(float x) { return emu_bits<unsigned>(x); }
inline float __int_as_float(int x) { return emu_bits<float>(x); }
inline float __uint_as_float(unsigned x) { return emu_bits<float>(x); }
inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline int __clz(int x) { return x == 0 ? 32 : __builtin_clz((unsigned)x); }
template <typename T> T __ldg(const T *at) { return *at; }

inline int min(int a, int b) { return a < b ? a : b; }
inline int max(int a, int b) { return a > b ? a : b; }
inline unsigned min(unsigned a, unsigned b) { return a < b ? a : b; }
inline unsigned max(unsigned a, unsigned b) { return a > b ? a : b; }
inline int64_t min(int64_t a, int64_t b) { return a < b ? a : b; }
inline int64_t max(int64_t a, int64_t b) { return a > b ? a : b; }
inline float min(float a, float b) { return std::fmin(a, b); }
inline float max(float a, float b) { return std::fmax(a, b); }
inline double min(double a, double b) { return std::fmin(a, b); }
inline double max(double a, double b) { return std::fmax(a, b); }

/* Sums of whole numbers do not depend on their order; those of floats do. */
template <typename T> T atomicAdd(T *at, T value) {
    static_assert(std::is_integral<T>::value, "no float atomics: the order of the sum would be chance");
    const T old = *at;
    *at = old + value;
    return old;
}
template <typename T> T atomicMax(T *at, T value) {
    static_assert(std::is_integral<T>::value, "atomics are for whole numbers");
    const T old = *at;
    *at = old > value ? old : value;
    return old;
}
template <typename T> T atomicMin(T *at, T value) {
    static_assert(std::is_integral<T>::value, "atomics are for whole numbers");
    const T old = *at;
    *at = old < value ? old : value;
    return old;
}

/* ---- runtime ---- */

enum cudaError_t {
    cudaSuccess = 0,
    cudaErrorInvalidValue = 1,
    cudaErrorMemoryAllocation = 2,
    cudaErrorInitializationError = 3,
    cudaErrorInvalidConfiguration = 9,
    cudaErrorInvalidMemcpyDirection = 21,
    cudaErrorInsufficientDriver = 35,
    cudaErrorNoDevice = 100,
    cudaErrorInvalidDevice = 101,
    cudaErrorInvalidResourceHandle = 400,
    cudaErrorIllegalAddress = 700,
    cudaErrorStreamCaptureUnsupported = 900,
    cudaErrorStreamCaptureInvalidated = 901,
    cudaErrorStreamCaptureImplicit = 906
};
enum cudaMemcpyKind {
    cudaMemcpyHostToHost = 0,
    cudaMemcpyHostToDevice = 1,
    cudaMemcpyDeviceToHost = 2,
    cudaMemcpyDeviceToDevice = 3
};
enum cudaStreamCaptureMode {
    cudaStreamCaptureModeGlobal = 0,
    cudaStreamCaptureModeThreadLocal = 1,
    cudaStreamCaptureModeRelaxed = 2
};
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize = 8 };
enum { cudaStreamNonBlocking = 1 };

typedef struct CUstream_st *cudaStream_t;
typedef struct CUgraph_st *cudaGraph_t;
typedef struct CUgraphExec_st *cudaGraphExec_t;
struct cudaLaunchAttribute;
struct cudaLaunchConfig_t {
    dim3 gridDim, blockDim;
    size_t dynamicSmemBytes;
    cudaStream_t stream;
    cudaLaunchAttribute *attrs;
    unsigned numAttrs;
};
struct cudaDeviceProp {
    char name[256];
    size_t totalGlobalMem;
    int major, minor, multiProcessorCount;
};

cudaError_t cudaGetDeviceCount(int *n);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp *out, int device);
cudaError_t cudaSetDevice(int device);
cudaError_t cudaDriverGetVersion(int *version);
cudaError_t cudaRuntimeGetVersion(int *version);
cudaError_t cudaGetLastError();
cudaError_t cudaPeekAtLastError();
const char *cudaGetErrorString(cudaError_t code);
const char *cudaGetErrorName(cudaError_t code);

cudaError_t cudaMalloc(void **out, size_t bytes);
cudaError_t cudaFree(void *block);
cudaError_t cudaMemGetInfo(size_t *free_bytes, size_t *total);
cudaError_t cudaMemcpy(void *dst, const void *src, size_t bytes, cudaMemcpyKind kind);
cudaError_t cudaMemcpyAsync(void *dst, const void *src, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream);
cudaError_t cudaMemset(void *dst, int value, size_t bytes);
cudaError_t cudaMemsetAsync(void *dst, int value, size_t bytes, cudaStream_t stream);

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *out, unsigned flags);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode);
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *out);
cudaError_t cudaGraphInstantiate(cudaGraphExec_t *out, cudaGraph_t graph, unsigned long long flags = 0);
cudaError_t cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t stream);
cudaError_t cudaGraphDestroy(cudaGraph_t graph);
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t graph);

namespace emu {
cudaError_t launch(const cudaLaunchConfig_t *config, const void *kernel, size_t parameter_bytes,
                   std::function<void()> body);
cudaError_t set_shared_limit(const void *kernel, int bytes);
} // namespace emu

/* Arguments are converted to the kernel's parameters and copied, now; a graph replays the copies. */
template <typename... P, typename... A>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t *config, void (*kernel)(P...), A &&...args) {
    static_assert((std::is_trivially_copyable<P>::value && ...), "parameters of a kernel are copied as bytes");
    std::tuple<P...> values(std::forward<A>(args)...);
    return emu::launch(config, reinterpret_cast<const void *>(kernel), sizeof values,
                       [kernel, values] { std::apply(kernel, values); });
}

template <typename F> cudaError_t cudaFuncSetAttribute(F *kernel, cudaFuncAttribute, int bytes) {
    return emu::set_shared_limit(reinterpret_cast<const void *>(kernel), bytes);
}

#endif
