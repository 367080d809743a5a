/* Where a result comes from: code, build, libraries, machine. Depends on version, library. */
#ifndef HARNESS_RECORD_PROVENANCE_H
#define HARNESS_RECORD_PROVENANCE_H

#include "harness/record/record.h"

/* What only the caller knows. */
typedef struct ProvenanceRun {
    const char *device;            /* the kind: "cpu" or "cuda" */
    const char *accelerator;       /* which of them computed, "cuda:1"; NULL where it is the CPU, as the next */
    const char *accelerator_class; /* its model and libraries: cuda_class */
    int threads;                   /* 0: left out */
    int argc;                      /* the command line; argv may be NULL */
    char *const *argv;
} ProvenanceRun;

enum { BIT_CLASS_LEN = 65 }; /* 64 hexadecimal digits and a NUL */

/* SHA-256 over what decides the bits of arithmetic besides code and settings: build, compiler, flags, versions of all
 * libraries, instruction set (isa.h), CPU model, and for cells on an accelerator its class (cuda_class; NULL = the CPU
 * alone). Within one class the same cell gives the same bits. */
void provenance_bit_class(char out[BIT_CLASS_LEN], const char *accelerator_class);

/* Model of the CPU. Returns buf. */
char *provenance_cpu(char *buf, size_t len);

/* The level for which loops over single elements were compiled (kernels/simd.h), the highest that the CPU has:
 * "x86-64-v4". */
const char *provenance_loops(void);

/* Appends everything to record->provenance: version, commit, build, compiler, flags, library.<name>, cpu, isa,
 * isa.loops, bit_class, cores, memory, host, system, and from run: device, accelerator, accelerator_class, threads,
 * command. No time. */
Err provenance_fill(CellRecord *record, const ProvenanceRun *run) MUST_CHECK;

#endif
