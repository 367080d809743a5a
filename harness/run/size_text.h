/* Sizes, times and numbers as people read them. Depends on libc only. */
#ifndef HARNESS_RUN_SIZE_TEXT_H
#define HARNESS_RUN_SIZE_TEXT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { SIZE_TEXT = 32 };

/* "512 B", "61.9 MiB", "23.4 GiB". Returns out. */
const char *size_text(uint64_t bytes, char out[SIZE_TEXT]);

/* "0.8 s", "42 s", "3m12s", "2h05m", "4d03h". Returns out. */
const char *time_text(double seconds, char out[SIZE_TEXT]);

/* "812", "45,100": a number in full. Returns out. */
const char *grouped_text(uint64_t n, char out[SIZE_TEXT]);

/* "812", "45.1 k", "1.2 M", "3.4 G". Returns out. */
const char *count_text(uint64_t n, char out[SIZE_TEXT]);

#ifdef __cplusplus
}
#endif
#endif
