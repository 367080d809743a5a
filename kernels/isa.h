/* The instruction set of the CPU's matrix tiles: what of a CPU decides the bits of its results (whether a product is
 * fused with its addition) and the scratch of a plan. It is the best that the CPU has unless one is pinned for the
 * whole process, so that another CPU's bits can be had here. Loops over single elements (simd.h) give the same bits
 * with any instructions and are not pinned. */
#ifndef KERNELS_ISA_H
#define KERNELS_ISA_H

#include <stdbool.h>

#include "kernels/err.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum Isa { ISA_PLAIN, ISA_AVX2, ISA_AVX512, ISA_COUNT } Isa; /* avx2 stands for AVX2 with FMA */

/* "plain", "avx2", "avx512" */
const char *isa_name(Isa isa);

/* What an option that pins one takes, as CommandOption.choices. */
#define ISA_CHOICES "avx512|avx2|plain"

/* True if this CPU has it. Every CPU has ISA_PLAIN. */
bool isa_is_here(Isa isa);

/* The best that this CPU has. */
Isa isa_best(void);

/* What the tiles use: the pinned one, or the best. */
Isa isa_in_use(void);

/* Pins one by its name, NULL for the best: before any tile is asked for, from one thread. One that this CPU has not can
 * be planned for and not be run. ERR_ARG says what was expected. */
Err isa_pin(const char *name) MUST_CHECK;
bool isa_is_pinned(void);

/* ERR_UNSUPPORTED if what is in use cannot run here. */
Err isa_check(void) MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
