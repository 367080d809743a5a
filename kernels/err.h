/* Error codes, the thread's message, and the one way to leave a function that failed.
 * Depends on libc only. A function that can fail returns Err and is MUST_CHECK; results go through an `out`
 * parameter, first. Messages: lower case, one line, got and expected values, no full stop. */
#ifndef KERNELS_ERR_H
#define KERNELS_ERR_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a caller can act on. exit_code() in harness/exit_code.h maps them to the program's exit codes. */
typedef enum Err {
    ERR_OK = 0,
    ERR_NOMEM = -1,        /* an allocation failed */
    ERR_ARG = -2,          /* a wrong command line or argument of a call        (64) */
    ERR_SHAPE = -3,        /* shapes that do not fit together; a spec error when it comes from a grid (78) */
    ERR_SPEC = -4,         /* the user's grid file or an override               (78) */
    ERR_DATA = -5,         /* a file was read and its contents are not usable   (65) */
    ERR_MISSING = -6,      /* an input does not exist or cannot be opened       (66) */
    ERR_IO = -7,           /* reading or writing failed                         (74) */
    ERR_CREATE = -8,       /* an output cannot be created                       (73) */
    ERR_DEVICE = -9,       /* a device or its library is not available          (69) */
    ERR_UNSUPPORTED = -10, /* this backend has no kernel for it                 (69) */
    ERR_NUMERIC = -11,     /* a loss or gradient is not finite                  (1)  */
    ERR_INTERRUPTED = -12, /* a signal asked us to stop                         (75) */
    ERR_GATE = -13,        /* a gate failed: budget, check, verify              (2)  */
    ERR_NOTHING = -14,     /* nothing matched                                   (3)  */
    ERR_FAILED = -15,      /* some cells failed; the others are done            (1)  */
    ERR_DEFERRED = -16,    /* not now: this machine cannot hold it as it is     (75) */
    ERR_DEVICE_FULL = -17  /* the memory of a device does not suffice           (71) */
} Err;

#if defined(__GNUC__)
#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, first) __attribute__((format(printf, fmt, first)))
#define NO_RETURN __attribute__((noreturn))
#else
#define MUST_CHECK
#define NO_RETURN
#define PRINTF_LIKE(fmt, first)
#endif

/* Bytes of the longest message and its NUL: a grid file's problems are reported together. */
enum { ERR_MESSAGE_LEN = 4096 };

/* Records code and message for this thread and returns code, so that `return err_set(...)` reads well.
 * Called once, where the error is detected. */
Err err_set(Err code, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Puts "prefix: " before the message of this thread. Only three places do it: a position or setting of a grid
 * file, a cell, a graph node. Returns code unchanged. */
Err err_context(Err code, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* The message of the last error of this thread; "" if there was none. Valid until the next err_ call. */
const char *err_message(void);

/* A short name for a code, such as "out of memory". Never NULL. */
const char *err_name(Err code);

/* Forgets the thread's message. */
void err_clear(void);

/* Evaluates a call; on failure stores its code in `err` and jumps to `done`. The function has
 * `Err err = ERR_OK;` at its head and one exit `done:` that frees unconditionally and returns err. */
#define TRY(call)                                                                                                      \
    do {                                                                                                               \
        err = (call);                                                                                                  \
        if (err != ERR_OK) goto done;                                                                                  \
    } while (0)

/* TRY for a condition: FAIL_IF(n < 0, ERR_ARG, "count %d is negative", n). */
#define FAIL_IF(cond, code, ...)                                                                                       \
    do {                                                                                                               \
        if (cond) {                                                                                                    \
            err = err_set((code), __VA_ARGS__);                                                                        \
            goto done;                                                                                                 \
        }                                                                                                              \
    } while (0)

/* A mistake of ours, never of the input, memory or device. Always compiled in. */
void assert_failed(const char *expr, const char *file, int line) NO_RETURN;
#define ASSERT(expr) ((expr) ? (void)0 : assert_failed(#expr, __FILE__, __LINE__))

#ifdef __cplusplus
}
#endif
#endif
