/* Cells of a results file trained again, from the file and its inputs alone, and compared with what it says. Nothing is
 * written but a folder for temporary files, which is removed. Depends on scheduler, trainer_verify, record/results. */
#ifndef HARNESS_RUN_VERIFY_H
#define HARNESS_RUN_VERIFY_H

#include "harness/grid/grid.h"
#include "harness/record/results.h"
#include "harness/run/scheduler.h"
#include "harness/run/trainer_verify.h"

typedef struct VerifySpec {
    const char *path;            /* of the results file */
    const char *const *patterns; /* [n_patterns] of cells' names; none = all */
    size_t n_patterns;
    int64_t n_steps;    /* at most so many of each cell; 0 = all */
    const char *device; /* where to compute, as --device of run has it */
    int n_jobs, n_threads;
} VerifySpec;

typedef enum VerifyOutcome {
    VERIFY_NONE, /* nothing was recorded, or nothing has been compared: `why` says which */
    VERIFY_SAME,
    VERIFY_DIFFERS
} VerifyOutcome;

/* A provenance line, or the code, that is another one here. */
typedef struct VerifyOther {
    const char *key;
    const char *here, *recorded; /* "nothing" where a side has none */
} VerifyOther;

typedef struct VerifyCell {
    const CellRecord *cell; /* labels and facts; borrowed from the results, as the text of `other` is from `record` */
    CellRecord *record;     /* its provenance */
    size_t as;              /* the cell that was trained for it: its own number, or a smaller one */
    bool has_result;        /* there is something to compare */
    bool is_damaged;        /* its content is not what its digest says */
    bool same_class;        /* build, libraries, instruction set, CPU are those recorded: the same bits are promised */
    bool same_code;         /* the sources that decide its numbers are */
    char *sources;          /* those that changed, where the file lists them; NULL = not known */
    VerifyOther *other;     /* [n_other] what is not */
    size_t n_other;
    VerifyOutcome outcome;
    Verdict verdict; /* of SAME and DIFFERS */
    char why[256];   /* NONE */
} VerifyCell;

/* Starts as {0}. */
typedef struct Verification {
    const VerifySpec *spec;
    Results *results;
    VerifyCell *cell; /* [n], those that were selected */
    size_t n;
    SchedulerCount count;
    CellRecord *here; /* what the provenance of a cell trained here is */
    Grid grid;        /* the cells of `cell` as a grid, for the scheduler */
    Cell *grid_cells;
    char (*folder)[32];
    RunDevices devices;
    Surveys surveys;
    bool *selected;
    Agenda agenda;
} Verification;

/* Reads the file, finds the inputs and plans the cells. ERR_MISSING or ERR_DATA names a file that is not there, or is
 * not the one that the cell was trained on; ERR_NOTHING if no cell matches, or none has a result; ERR_ARG for a cell of
 * another kind of device; ERR_DEVICE for a device that is not there, or lacks a cell's arithmetic. The caller clears
 * *out whatever comes; spec is borrowed until then. */
Err verify_open(Verification *out, const VerifySpec *spec) MUST_CHECK;

/* Trains and compares. ERR_GATE if a cell differs; else as scheduler_run: ERR_FAILED if one could not be trained,
 * ERR_INTERRUPTED, ERR_DEFERRED. The outcomes are there in any case. */
Err verify_run(Verification *verification) MUST_CHECK;

void verify_clear(Verification *verification); /* accepts zeros */

#endif
