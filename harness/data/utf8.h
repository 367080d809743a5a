/* UTF-8, strictly: no overlong forms, no surrogates, nothing above U+10FFFF. Depends on libc only. */
#ifndef HARNESS_DATA_UTF8_H
#define HARNESS_DATA_UTF8_H

#include <stddef.h>
#include <stdint.h>

enum { UTF8_MAX = 4 }; /* bytes of one character */

/* The character at the start of s (len bytes): its bytes, and *code_point; 0 if it is malformed or cut off. */
int utf8_decode(const char *s, size_t len, uint32_t *code_point);

/* Writes a character, without NUL; returns its bytes. */
int utf8_encode(uint32_t code_point, char out[UTF8_MAX]);

/* Characters in s (len bytes), or -1 if it is not UTF-8. */
int64_t utf8_length(const char *s, size_t len);

/* "'a' (U+0061)" into buf; only the number for what cannot be printed. Returns buf. */
enum { UTF8_SHOW = 24 };
char *utf8_show(uint32_t code_point, char buf[UTF8_SHOW]);

/* The same letter in the other case, or code_point itself. Covers Latin-1, Greek, Cyrillic and the full-width
 * letters; independent of the locale. *is_upper tells what the given one is. */
uint32_t utf8_other_case(uint32_t code_point, int *is_upper);

#endif
