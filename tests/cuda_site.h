/* The device on which the tests of CUDA run: the emulated one, where a test is linked with it, else cuda:0 by the
 * refocus-cuda.so beside the program (make test-gpu). */
#ifndef TESTS_CUDA_SITE_H
#define TESTS_CUDA_SITE_H

#include "kernels/backend.h"
#include "tests/emu/emu.h"

/* Of the emulation: NULL without it. */
#pragma weak emu_order
#pragma weak emu_stats

/* The caller closes it. As cuda_open. */
Err cuda_site_open(const Backend **out) MUST_CHECK;

/* For main, which has nothing to run on: says why, and returns the exit code; 69 for want of a device. */
int cuda_site_refused(const char *program, Err err);

/* Closes it. Returns 1, and says so, where the emulation still has what was not freed; else 0. */
int cuda_site_close(const char *program, const Backend *cuda);

/* A line for the report of make test-gpu: how near comparisons came to what they allow, by the largest share of it that
 * was needed (op_compare.h). */
void cuda_site_tell(const char *what, double worst);

#endif
