/* Error messages, one per thread. */
#include "kernels/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local char message[ERR_MESSAGE_LEN];

Err err_set(Err code, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    return code;
}

Err err_context(Err code, const char *fmt, ...) {
    char below[ERR_MESSAGE_LEN];
    memcpy(below, message, sizeof below);
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    if (len < 0) len = 0;
    if ((size_t)len < sizeof message) (void)snprintf(message + len, sizeof message - (size_t)len, ": %s", below);
    return code;
}

const char *err_message(void) { return message; }

void err_clear(void) { message[0] = '\0'; }

const char *err_name(Err code) {
    switch (code) {
    case ERR_OK: return "ok";
    case ERR_NOMEM: return "out of memory";
    case ERR_ARG: return "wrong argument";
    case ERR_SHAPE: return "shape mismatch";
    case ERR_SPEC: return "grid error";
    case ERR_DATA: return "bad data";
    case ERR_MISSING: return "missing input";
    case ERR_IO: return "read or write failed";
    case ERR_CREATE: return "cannot create";
    case ERR_DEVICE: return "device not available";
    case ERR_UNSUPPORTED: return "not supported here";
    case ERR_NUMERIC: return "not finite";
    case ERR_INTERRUPTED: return "interrupted";
    case ERR_GATE: return "gate failed";
    case ERR_NOTHING: return "nothing matched";
    case ERR_FAILED: return "cells failed";
    case ERR_DEFERRED: return "not now";
    case ERR_DEVICE_FULL: return "device out of memory";
    }
    return "unknown error";
}

void assert_failed(const char *expr, const char *file, int line) {
    fprintf(stderr, "refocus: internal error: %s:%d: assertion failed: %s\n", file, line, expr);
    abort();
}
