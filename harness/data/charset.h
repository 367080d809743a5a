/* Character sets: which code point is which class, and the symbols that the decoder needs besides.
 * Classes 0..K-1 are characters; K is the end of a text (EOS) as a label and a token, and the background in a class
 * mask; K+1 is the start symbol, a token only. So logits have K+1 classes and an embedding has K+2 rows.
 * A set without upper case (or without lower case) folds case: 'A' is then read as 'a'. Depends on kernels only. */
#ifndef HARNESS_DATA_CHARSET_H
#define HARNESS_DATA_CHARSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/err.h"

typedef struct Charset Charset;

/* name: digits (10), latin36 (0-9a-z), latin62 (0-9A-Za-z), kana (170: JIS X 0208 rows 4 and 5, and the long mark),
 * jis1 (2,965 kanji of rows 16-47), jis12 (6,355 kanji), size:K (K classes without characters: for plans only), or the
 * path of a UTF-8 file with one character a line ('/' or '.' in it). ERR_SPEC for an unknown name, ERR_MISSING for a
 * file that is not there, ERR_DATA for a bad or repeated character, with its line. The caller frees. */
Err charset_open(Charset **out, const char *name) MUST_CHECK;
void charset_free(Charset *charset);

/* The name as it was given; the number K of characters. */
const char *charset_name(const Charset *charset);
int32_t charset_size(const Charset *charset);

static inline int32_t charset_eos(int32_t n_chars) { return n_chars; }
static inline int32_t charset_background(int32_t n_chars) { return n_chars; }
static inline int32_t charset_start(int32_t n_chars) { return n_chars + 1; }
static inline int32_t charset_n_logits(int32_t n_chars) { return n_chars + 1; }
static inline int32_t charset_n_tokens(int32_t n_chars) { return n_chars + 2; }

/* False for size:K, whose characters cannot be drawn or read. */
bool charset_has_characters(const Charset *charset);

/* True if a letter of the other case is read as the one that the set has. */
bool charset_folds_case(const Charset *charset);

/* The code point of class i, 0 <= i < K. */
uint32_t charset_code_point(const Charset *charset, int32_t i);

/* The class of a code point, case folded, or -1. */
int32_t charset_find(const Charset *charset, uint32_t code_point);

/* Classes of a UTF-8 text: at most max of them into label, their number into *n. Returns the number of characters that
 * were not taken: outside the set (the first of them into *foreign unless NULL), or after max. -1 if not UTF-8. */
int64_t charset_encode(const Charset *charset, const char *text, int32_t *label, int32_t max, int32_t *n,
                       uint32_t *foreign);

/* Writes n labels as UTF-8, ended by NUL, into buf of len bytes (4 n + 1 is always enough); stops at EOS or -1.
 * A class of size:K shows as U+FFFD. Returns buf. */
char *charset_decode(const Charset *charset, const int32_t *label, int32_t n, char *buf, size_t len);

/* SHA-256 of the list of code points, in hex: two sets with one digest give the same classes. */
const char *charset_digest(const Charset *charset);

/* The `check` of the option data.charset: the form of the name only, opens nothing. */
Err charset_check(const char *name) MUST_CHECK;

#endif
