/* What the process runs on: CPU, cores it may use, memory there and memory used. Linux; reads /proc and /sys and never
 * fails: what cannot be read is 0 or "unknown". Respects the affinity mask and the limits of cgroups (v1 and v2). */
#ifndef KERNELS_MACHINE_H
#define KERNELS_MACHINE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { MACHINE_TEXT = 128, MACHINE_SOURCE = 160 };

#define MACHINE_UNBOUNDED UINT64_MAX

/* Memory of the machine, and how much of it processes here may still take. */
typedef struct MachineMemory {
    uint64_t bytes;                  /* of the machine */
    uint64_t limit_bytes;            /* the least limit that holds for this process: bytes or a cgroup's */
    uint64_t available_bytes;        /* that can be had now without swapping: MemAvailable, or what the tightest cgroup
                                      * leaves over its usage (file caches not counted); MACHINE_UNBOUNDED = unknown */
    char limited_by[MACHINE_SOURCE]; /* what allows no more: "MemAvailable", "memory.max of /sys/fs/cgroup/job" */
} MachineMemory;

typedef struct Machine {
    char cpu_model[MACHINE_TEXT];    /* "AMD EPYC 9R14" */
    char instructions[MACHINE_TEXT]; /* what arithmetic could use: "avx2 fma avx512f avx512bw avx512_bf16" */
    char system[MACHINE_TEXT];       /* kernel: "Linux 6.1.0 x86_64" */
    char distribution[MACHINE_TEXT]; /* "Debian GNU/Linux 12 (bookworm)" */
    char host[MACHINE_TEXT];
    int n_cores_online; /* of the machine */
    int n_cores;        /* that this process may use at once, at least 1 */
    MachineMemory memory;
} Machine;

void machine_get(Machine *out);

/* The same with root in front of /proc, /sys and /etc: for tests. */
void machine_get_at(Machine *out, const char *root);

/* n_cores and memory alone. */
int machine_n_cores(void);
void machine_memory(MachineMemory *out);
void machine_memory_at(MachineMemory *out, const char *root);

/* Processes that the system has killed since it started because memory ran out; -1 = it does not say. */
int64_t machine_oom_kills(void);

/* In front of /proc/meminfo, /proc/vmstat, /proc/self/cgroup and /sys/fs/cgroup where memory is read for machine_get,
 * machine_memory and machine_oom_kills: "", or what the environment's REFOCUS_MEMORY_ROOT names. So a test of the
 * program makes up a small machine; nothing else heeds it. */
const char *machine_memory_root(void);

/* Memory of a process (0 = this one) that is resident now, and the most since it was started or machine_reset_peak.
 * Pages shared with others count. Zeros when there is no such process. */
typedef struct MachineResident {
    uint64_t now_bytes, peak_bytes;
} MachineResident;
MachineResident machine_resident(int64_t pid);

/* Starts the peak anew from what is resident now. 0 = done; -1 where the system does not allow it. */
int machine_reset_peak(void);

#ifdef __cplusplus
}
#endif
#endif
