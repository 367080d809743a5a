/* UTF-8, strictly: no overlong forms, no surrogates, nothing above U+10FFFF. Depends on libc only. */
#ifndef HARNESS_DATA_UTF8_H
#define HARNESS_DATA_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { UTF8_MAX = 4 }; /* bytes of one character */

/* The character at the start of s (len bytes): its bytes, and *code_point; 0 if it is malformed or cut off. */
int utf8_decode(const char *s, size_t len, uint32_t *code_point);

/* Writes a character, without NUL; returns its bytes. */
int utf8_encode(uint32_t code_point, char out[UTF8_MAX]);

/* Characters in s (len bytes), or -1 if it is not UTF-8. */
int64_t utf8_length(const char *s, size_t len);

/* False for controls, line breaks, and marks that reorder what stands around them. */
bool utf8_is_printable(uint32_t code_point);

/* Texts of files on their way to a terminal, which would obey what is not printable. True if nothing is there but
 * printable characters, line feeds and tabs. */
bool utf8_is_tame(const char *text);
/* Copies text to buf with U+FFFD for every character and byte that is none of these, cut where len (> 3) ends. Needs at
 * most 3 strlen + 1 bytes. Returns buf. */
char *utf8_tame(char *buf, size_t len, const char *text);

/* "'a' (U+0061)" into buf; only the number for what cannot be printed. Returns buf. */
enum { UTF8_SHOW = 24 };
char *utf8_show(uint32_t code_point, char buf[UTF8_SHOW]);

/* The same letter in the other case, or code_point itself. Covers Latin-1, Greek, Cyrillic and the full-width
 * letters; independent of the locale. *is_upper tells what the given one is. */
uint32_t utf8_other_case(uint32_t code_point, int *is_upper);

#endif
