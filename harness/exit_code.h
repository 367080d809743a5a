/* The program's exit codes: what a script can act on. sysexits.h numbers where they fit. */
#ifndef HARNESS_EXIT_CODE_H
#define HARNESS_EXIT_CODE_H

#include "kernels/err.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum ExitCode {
    EXIT_DONE = 0,         /* all done and all gates pass */
    EXIT_FAILED = 1,       /* some cells failed */
    EXIT_GATE = 2,         /* a gate failed: a plan's budget, check, diff, verify */
    EXIT_NOTHING = 3,      /* nothing matched */
    EXIT_USAGE = 64,       /* a wrong command line */
    EXIT_BAD_DATA = 65,    /* an input was read and is not usable */
    EXIT_MISSING = 66,     /* an input does not exist or cannot be opened */
    EXIT_DEVICE = 69,      /* the device is not available */
    EXIT_MEMORY = 71,      /* the machine or a device is out of memory */
    EXIT_CREATE = 73,      /* an output cannot be created */
    EXIT_IO = 74,          /* reading or writing failed, disk full */
    EXIT_INTERRUPTED = 75, /* interrupted, or deferred: run again to resume */
    EXIT_GRID = 78         /* an error in the grid or in an override */
} ExitCode;

/* The exit code of a command that returned err. */
int exit_code(Err err);

/* One line of the help on exit codes; NULL for a code that the program does not use. */
const char *exit_code_text(int code);

#ifdef __cplusplus
}
#endif
#endif
