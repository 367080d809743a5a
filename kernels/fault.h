/* Points in the program at which a test has the process killed, as by `kill -9`. In the environment
 *     REFOCUS_KILL_AT=POINT:N      kills the process at its N-th passing of POINT
 *     REFOCUS_KILL_AT=POINT:N:all  kills its process group: a sweep with all its cells
 * Points: journal (an append), checkpoint (its replacement), evaluation, seal, pack; each is passed several times,
 * between any two steps that change the disk. Read here only; without the variable a point costs one load. */
#ifndef KERNELS_FAULT_H
#define KERNELS_FAULT_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

void fault_point(const char *name);

/* What has struck once does not strike again: neither this process nor those that it starts from now on. */
void fault_disarm(void);

#ifdef __cplusplus
}
#endif
#endif
