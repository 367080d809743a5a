/* Err -> exit code, and what each code means. */
#include "harness/exit_code.h"

#include <stddef.h>

int exit_code(Err err) {
    switch (err) {
    case ERR_OK: return EXIT_DONE;
    case ERR_FAILED:
    case ERR_NUMERIC: return EXIT_FAILED;
    case ERR_GATE: return EXIT_GATE;
    case ERR_NOTHING: return EXIT_NOTHING;
    case ERR_ARG: return EXIT_USAGE;
    case ERR_DATA: return EXIT_BAD_DATA;
    case ERR_MISSING: return EXIT_MISSING;
    case ERR_DEVICE:
    case ERR_UNSUPPORTED: return EXIT_DEVICE;
    case ERR_NOMEM:
    case ERR_DEVICE_FULL: return EXIT_MEMORY;
    case ERR_CREATE: return EXIT_CREATE;
    case ERR_IO: return EXIT_IO;
    case ERR_INTERRUPTED:
    case ERR_DEFERRED: return EXIT_INTERRUPTED;
    case ERR_SHAPE:
    case ERR_SPEC: return EXIT_GRID;
    }
    return EXIT_FAILED;
}

const char *exit_code_text(int code) {
    switch ((ExitCode)code) {
    case EXIT_DONE: return "all done and all gates pass";
    case EXIT_FAILED: return "some cells failed";
    case EXIT_GATE:
        return "a gate failed: a cell over the budget of plan, a difference that check, diff or verify found";
    case EXIT_NOTHING: return "nothing matched";
    case EXIT_USAGE: return "wrong command line";
    case EXIT_BAD_DATA: return "an input is not usable";
    case EXIT_MISSING: return "an input is missing";
    case EXIT_DEVICE: return "device not available";
    case EXIT_MEMORY: return "out of memory";
    case EXIT_CREATE: return "cannot create an output";
    case EXIT_IO: return "reading or writing failed, disk full";
    case EXIT_INTERRUPTED: return "interrupted, or deferred for want of memory: run again to resume";
    case EXIT_GRID: return "error in the grid or in an override";
    }
    return NULL;
}
