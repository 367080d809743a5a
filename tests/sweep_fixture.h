/* Sweeps of a tiny grid through the real program, for tests: started, killed, finished, and compared by the digests of
 * what their cells hold. REFOCUS names the program; without it ./refocus is taken. */
#ifndef TESTS_SWEEP_FIXTURE_H
#define TESTS_SWEEP_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { SWEEP_MAX_CELLS = 16, SWEEP_DIGEST = 65, SWEEP_STEPS = 12, SWEEP_CHECKPOINT_EVERY = 4, SWEEP_TRAINED = 4 };

/* Finds the program and tests/cases/run/tiny.yaml. 0, or -1 where one is missing: for a group's setup. */
int sweep_set_up(void **state);

/* Starts `refocus run tiny.yaml --results DIR` in a process group of its own, with a variable NAME=VALUE (NULL = none).
 * What it says goes into DIR.err; to stderr where SWEEP_SHOW is set. */
pid_t sweep_start(const char *results, const char *jobs, const char *threads, const char *variable);

/* Waits. The exit code, or the signal that killed it, negated. */
int sweep_finish(pid_t pid);

/* True if it has ended: *code as above. */
bool sweep_ended(pid_t pid, int *code);

void sweep_wait_ms(long ms);

typedef struct SweepDigests {
    size_t n;
    char name[SWEEP_MAX_CELLS][128], digest[SWEEP_MAX_CELLS][SWEEP_DIGEST];
} SweepDigests;

/* Of all cells of results/tiny.h5, each of which is done and has the contents that its digest says. */
SweepDigests sweep_digests(const char *results);
void sweep_assert_same(const SweepDigests *a, const SweepDigests *b);

/* Process of a cell of results that holds its lock now; 0 = there is none. *killed: the cell was killed before and has
 * no newer checkpoint since, as far as its folder says. */
pid_t sweep_cell_process(const char *results, size_t i, bool *killed);

/* What the logs of the cells of results tell: steps that were run in vain, and how often a cell was begun. */
typedef struct SweepLog {
    int64_t steps_again;
    size_t n_begun;
} SweepLog;
SweepLog sweep_log(const char *results);

/* Files in the folders of results' cells that a finished cell does not need. */
size_t sweep_leftovers(const char *results);

void sweep_remove(const char *results);

#endif
