/* One typed value: YAML flow text -> checked items -> canonical text. Depends on option.h and number only. */
#ifndef MODELS_VALUE_H
#define MODELS_VALUE_H

#include "models/option.h"

typedef struct ValueItem {
    int64_t integer;  /* INT, BYTES; BOOL: 0 or 1 */
    double real;      /* REAL, INT */
    const char *text; /* TEXT, CHOICE; in the value's pool */
} ValueItem;

typedef struct Value {
    size_t n; /* 1 for what is not a list */
    ValueItem *items;
    char *pool;
    char *shown; /* canonical text */
} Value;

/* *out = text read as row says, checked against type, range, choices and row->check. ERR_SPEC without key or position:
 * "expected a number, got 'abc'". The caller owns *out (value_clear). */
Err value_parse(Value *out, const Option *row, const char *text) MUST_CHECK;
void value_clear(Value *value);

/* *out = text as a YAML flow scalar: as it is where that reads back the same, in double quotes otherwise. The caller
 * owns it. */
Err value_quote(char **out, const char *text) MUST_CHECK;

/* The same, in double quotes in any case: a text whatever it looks like. */
Err value_quote_always(char **out, const char *text) MUST_CHECK;

/* What a row accepts, in words: "a number in 0..1", "one of sum, mean", "a list of 2 integers". Returns buf. */
enum { VALUE_EXPECTED_LEN = 384 };
char *value_expected(char buf[VALUE_EXPECTED_LEN], const Option *row);

#endif
