/* A YAML 1.2 file as a tree that knows where everything stands. libyaml splits the text into events; what it would take
 * as YAML 1.1 never matters here, since scalars stay text until a row of options reads them. Refused with a message:
 * duplicate keys, keys that are not scalars, tags other than !!str, merge keys, several documents, nesting beyond
 * DOC_DEPTH_MAX, aliases that stand for more than DOC_EXPANDED_MAX nodes, text that is not UTF-8. */
#ifndef HARNESS_GRID_DOC_H
#define HARNESS_GRID_DOC_H

#include <stdbool.h>
#include <stddef.h>

#include "kernels/err.h"

enum { DOC_DEPTH_MAX = 32, DOC_EXPANDED_MAX = 20000, DOC_BYTES_MAX = 1 << 20 };

typedef enum DocKind { DOC_TEXT, DOC_LIST, DOC_MAP } DocKind;

typedef struct DocPlace {
    int line, column; /* from 1; columns count characters */
    int length;       /* characters on that line, at least 1 */
} DocPlace;

typedef struct DocNode DocNode;
struct DocNode {
    DocKind kind;
    DocPlace place;
    const char *text; /* TEXT: decoded; "" for an empty value */
    bool quoted;      /* TEXT: in quotes or a block, so a text whatever it looks like */
    size_t n;         /* elements of a list, pairs of a map */
    DocNode **items;  /* LIST: [n]; MAP: [2n] key, value, ... An alias repeats the pointer of what it stands for */
    size_t expanded;  /* nodes below and including this one, aliases counted each time */
};

typedef struct Doc Doc;

/* Reads a file, or len bytes that messages call `name`. ERR_SPEC with position, source line and caret; ERR_MISSING when
 * the file cannot be opened. The caller owns *out. */
Err doc_read_file(Doc **out, const char *path) MUST_CHECK;
Err doc_read_text(Doc **out, const char *name, const char *text, size_t len) MUST_CHECK;
void doc_free(Doc *doc);

/* NULL for an empty document. Borrowed. */
const DocNode *doc_root(const Doc *doc);

const char *doc_name(const Doc *doc);
const char *doc_source(const Doc *doc); /* the whole text, byte for byte, terminated */

/* The value of a map's key, or NULL. */
const DocNode *doc_get(const DocNode *map, const char *key);

/* True for a plain empty value, ~ or null. */
bool doc_is_null(const DocNode *node);

/* "a map", "a list", "the text 'x'", "no value": for messages. Returns buf. */
enum { DOC_WORDS_LEN = 96 };
char *doc_words(char buf[DOC_WORDS_LEN], const DocNode *node);

/* *out = node as flow text that settings_set reads: the scalar as it stands in the file (quoted again if it was), or
 * [a, b]. ERR_SPEC, without position, for what is no scalar or list of scalars. The caller owns *out. */
Err doc_flow(char **out, const DocNode *node) MUST_CHECK;

#endif
