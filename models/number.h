/* Numbers as text, the same in every locale: the scalars of YAML 1.2's core schema, sizes, and the shortest decimal
 * text of a double. Depends on libc only. */
#ifndef MODELS_NUMBER_H
#define MODELS_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/* Core-schema scalars: 10, -3, 0o17, 0x1F; for reals also .5, 1., 1e-4. False, with *out = 0, when text is nothing of
 * the kind, does not fit, or (real) is not finite. 1_000 is no number. */
bool number_read_int(const char *text, int64_t *out);
bool number_read_real(const char *text, double *out);

/* 512MiB, 1.5 GiB, 4096: a whole number of bytes, not negative. */
bool number_read_bytes(const char *text, int64_t *out);

enum { NUMBER_LEN = 80 };

/* The shortest decimal text that reads back as the same double, without an exponent between 1e-5 and 1e16:
 * "0.003", "1e-8", "250". -0 is "0". Returns buf. */
char *number_show_real(char buf[NUMBER_LEN], double real);

char *number_show_int(char buf[NUMBER_LEN], int64_t integer);

/* In the largest unit that divides it: "24GiB", "1536MiB", "1000". Returns buf. */
char *number_show_bytes(char buf[NUMBER_LEN], int64_t bytes);

#endif
