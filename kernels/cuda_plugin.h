/* The interface between the program and refocus-cuda.so, which nvcc builds from the .cu files of kernels and of its
 * ops. The plugin uses functions that the program exports (err_set, mem_alloc, ...): both must come from the same
 * headers.
 */
#ifndef KERNELS_CUDA_PLUGIN_H
#define KERNELS_CUDA_PLUGIN_H

#include "kernels/backend.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct CudaSettings {
    int ordinal; /* of the device: cuda:0 is 0 */
    bool tf32;   /* products may round their factors to TF32: compute capability 8.0 and newer */
} CudaSettings;

enum { CUDA_TF32_MAJOR = 8 }; /* the first compute capability with TF32: 8.0 */

/* *out = a backend on that device, with a stream and cuBLAS's workspace. The caller closes it (Backend.close).
 * ERR_DEVICE, ERR_DEVICE_FULL, ERR_NOMEM. */
Err cuda_backend_open(const Backend **out, const CudaSettings *settings) MUST_CHECK;
typedef Err (*CudaBackendOpen)(const Backend **out, const CudaSettings *settings);

/* A digest of the headers of kernels, as it was when this was compiled. */
const char *cuda_backend_headers(void);
typedef const char *(*CudaBackendHeaders)(void);

/* Versions of the libraries that compute, "driver for CUDA 13.0, CUDA runtime 13.0, cuBLAS 13.0.2", in storage of its
 * own. Takes hold of no device. */
const char *cuda_backend_libraries(void);
typedef const char *(*CudaBackendLibraries)(void);

#define CUDA_PLUGIN "refocus-cuda.so"
#define CUDA_PLUGIN_OPEN "cuda_backend_open"
#define CUDA_PLUGIN_LIBRARIES "cuda_backend_libraries"
#define CUDA_PLUGIN_HEADERS "cuda_backend_headers"

#ifdef __cplusplus
}
#endif
#endif
