/* The NVIDIA driver as it is found at run time: which devices there are, or why there are none. Opens libcuda.so.1
 * itself, so that no build needs CUDA. It creates no context: a device stays free for the cell that runs on it. */
#ifndef KERNELS_CUDA_DRIVER_H
#define KERNELS_CUDA_DRIVER_H

#include <stdint.h>

#include "kernels/err.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct CudaDevice {
    char name[128];
    int major, minor; /* compute capability */
    int n_processors;
    uint64_t memory_bytes;
} CudaDevice;

/* Fills at most max devices and *n, the number there are. *version: the CUDA version that the driver serves, as
 * 1000 major + 10 minor. ERR_DEVICE says what is missing: the driver's library, the driver, a device. */
Err cuda_driver_devices(CudaDevice *out, int max, int *n, int *version) MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
