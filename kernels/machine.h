/* What the process runs on: CPU, cores it may use, memory there and memory used. Linux; reads /proc and /sys and never
 * fails: what cannot be read is 0 or "unknown". Respects the affinity mask and the limits of cgroups (v1 and v2). */
#ifndef KERNELS_MACHINE_H
#define KERNELS_MACHINE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { MACHINE_TEXT = 128 };

typedef struct Machine {
    char cpu_model[MACHINE_TEXT];    /* "AMD EPYC 9R14" */
    char instructions[MACHINE_TEXT]; /* what arithmetic could use: "avx2 fma avx512f avx512bw avx512_bf16" */
    char system[MACHINE_TEXT];       /* kernel: "Linux 6.1.0 x86_64" */
    char distribution[MACHINE_TEXT]; /* "Debian GNU/Linux 12 (bookworm)" */
    char host[MACHINE_TEXT];
    int n_cores_online;              /* of the machine */
    int n_cores;                     /* that this process may use at once, at least 1 */
    uint64_t memory_bytes;           /* of the machine */
    uint64_t memory_limit_bytes;     /* the least limit that holds for this process: memory_bytes or a cgroup's */
    uint64_t memory_available_bytes; /* that can be had now without swapping, within the limit */
} Machine;

void machine_get(Machine *out);

/* The same with root in front of /proc, /sys and /etc: for tests. */
void machine_get_at(Machine *out, const char *root);

/* n_cores and memory_available_bytes alone. */
int machine_n_cores(void);
uint64_t machine_available_bytes(void);

/* Memory of this process that is resident now, and the most since it was started or machine_reset_peak. Pages shared
 * with others count. */
uint64_t machine_resident_bytes(void);
uint64_t machine_peak_resident_bytes(void);

/* Starts the peak anew from what is resident now. 0 = done; -1 where the system does not allow it. */
int machine_reset_peak(void);

#ifdef __cplusplus
}
#endif
#endif
