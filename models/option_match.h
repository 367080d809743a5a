/* Keys against rows: what option.c, option_unknown.c and settings.c share. */
#ifndef MODELS_OPTION_MATCH_H
#define MODELS_OPTION_MATCH_H

#include "models/option.h"

/* The name that a key has where its row has '*': borrowed from the key, not terminated. at = NULL: no '*'. */
typedef struct OptionName {
    const char *at;
    size_t len;
} OptionName;

/* True if pattern, a row's key, stands for key; *name is then what '*' stands for. */
bool option_matches(const char *pattern, const char *key, OptionName *name);

/* The pattern with name for its '*'; false when it is too long. */
bool option_expand(char out[KEY_LEN], const char *pattern, const OptionName *name);

/* One after the other, *at counting from 0, the rows that stand for key; NULL when there are no more. A key has several
 * where modules give it different defaults under different conditions. */
const Option *option_next(const char *key, int *at);

/* ERR_SPEC for a key without a row: says what it may have meant, or what its section holds. */
Err option_unknown(const char *key) MUST_CHECK;

#endif
