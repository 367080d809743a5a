/* Locks that tests of lock files work with. */
#ifndef TESTS_LOCK_FIXTURE_H
#define TESTS_LOCK_FIXTURE_H

#include "harness/report/lock.h"
#include "kernels/op.h"

/* A small grid; planning it needs no fonts. */
#define LOCK_FIXTURE_GRID "tests/cases/run/tiny.yaml"

/* *out = the small grid's plans for a device, under overrides; lock_clear. */
void lock_fixture_plan(Lock *out, Device device, const char *const *overrides, size_t n);

/* A lock made by hand: one plan of three tensors and one of another class. It shares nothing with others. */
typedef struct Small {
    Lock lock;
    LockPlan plan[2];
    LockCells cells[3];
    int64_t seeds[3][4];
    RecordBytes modules[2][2], tensors[2][6];
} Small;

void small_make(Small *small);

#endif
