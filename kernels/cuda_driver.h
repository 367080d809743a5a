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
    int clock_khz, memory_clock_khz, memory_bus_bits; /* at their highest; 0 = not known */
    char bus[32];                                     /* where it sits, "00000000:3B:00.0"; "" = not known */
} CudaDevice;

/* Fills at most max devices and *n, the number there are. *version: the CUDA version that the driver serves, as
 * 1000 major + 10 minor. ERR_DEVICE says what is missing: the driver's library, the driver, a device. */
Err cuda_driver_devices(CudaDevice *out, int max, int *n, int *version) MUST_CHECK;

/* Bytes of a device's memory that nobody holds now, as NVML tells, which comes with the driver. False if it cannot
 * tell.
 */
bool cuda_driver_free_bytes(const CudaDevice *device, uint64_t *free_bytes);

#ifdef __cplusplus
}
#endif
#endif
