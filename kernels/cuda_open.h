/* Finding and opening the CUDA backend, which is a shared object of its own: one program runs with and without CUDA.
 * It is looked for beside the program, and where `make install` puts it. Depends on cuda_driver, dlopen. */
#ifndef KERNELS_CUDA_OPEN_H
#define KERNELS_CUDA_OPEN_H

#include "kernels/cuda_plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Is all there that cuda:ordinal needs: the driver, the device, the CUDA part of this build and its libraries? Takes
 * hold of no device. ERR_DEVICE says what is missing. */
Err cuda_check(int ordinal) MUST_CHECK;

/* The CUDA part of this build alone: is it there, does it load, is it of the same sources? */
Err cuda_check_plugin(void) MUST_CHECK;

/* Into out: what of a device and of its libraries decides how bits come about, the same for every device of one model:
 * "NVIDIA H100 80GB HBM3, 9.0; driver for CUDA 13.0, CUDA runtime 13.0, cuBLAS 13.0.2". Takes hold of no device. As
 * cuda_check. */
enum { CUDA_CLASS_LEN = 320 };
Err cuda_class(char out[CUDA_CLASS_LEN], int ordinal) MUST_CHECK;

/* cuda_check, then a backend on the device. The caller closes it. ERR_DEVICE, ERR_DEVICE_FULL. */
Err cuda_open(const Backend **out, const CudaSettings *settings) MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
