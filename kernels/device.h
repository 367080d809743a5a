/* Devices by name, and what of a device decides the memory of a plan. A plan needs no device: only its name.
 * Depends on op.h. */
#ifndef KERNELS_DEVICE_H
#define KERNELS_DEVICE_H

#include "kernels/op.h"

#ifdef __cplusplus
extern "C" {
#endif

/* "cpu", "cuda" or "cuda:1" (the number says nothing about memory). ERR_ARG says what was expected. */
Err device_find(Device *out, const char *name) MUST_CHECK;

/* The same, and the number of the device: 0 for "cpu" and "cuda", 1 for "cuda:1". */
Err device_parse(Device *out, int *ordinal, const char *name) MUST_CHECK;

/* As many devices as `run` works on: "cpu", "cuda:1", "cuda:0,1,3". Their numbers into ordinals, which has room for
 * DEVICE_MAX; *n >= 1. ERR_ARG: an unknown name, a number twice, too many. */
enum { DEVICE_MAX = 16 };
Err device_parse_list(Device *out, int *ordinals, int *n, const char *names) MUST_CHECK;

/* The kind of device, part of a cell's identity: "cpu", "cuda" or "ref". */
const char *device_name(Device device);

/* What scratch depends on: "cuda", or for a CPU the instruction set in use (isa.h): "cpu-avx512", "cpu-avx2",
 * "cpu-plain". Plans of one class are equal on every machine. */
const char *device_class(Device device);

/* Bytes that a device's libraries are given once, beside all tensors: cuBLAS's workspace on CUDA, else 0. */
size_t device_workspace_bytes(Device device);

#ifdef __cplusplus
}
#endif
#endif
