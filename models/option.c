/* The table of rows: gathered, sorted, searched. A key may have several rows (each branch its own default of
 * focus.lambda) as long as their types agree and their conditions exclude each other. */
#include "models/option.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/option_match.h"
#include "models/option_rows.h"

enum { ROWS_MAX = 1024 };

static const Option *rows[ROWS_MAX];
static int n_rows;
static pthread_once_t gathered = PTHREAD_ONCE_INIT;

static int by_key(const void *a, const void *b) {
    const Option *const *left = a, *const *right = b;
    int order = strcmp((*left)->key, (*right)->key);
    if (order != 0) return order;
    const char *left_when = (*left)->when, *right_when = (*right)->when;
    return strcmp(left_when == NULL ? "" : left_when, right_when == NULL ? "" : right_when);
}

static void gather(void) {
    for (const Option *const *source = option_sources; *source != NULL; source++) {
        for (const Option *row = *source; row->key != NULL; row++) {
            ASSERT(n_rows < ROWS_MAX);
            rows[n_rows++] = row;
        }
    }
    qsort(rows, (size_t)n_rows, sizeof rows[0], by_key);
}

const Option *const *option_table(int *n) {
    (void)pthread_once(&gathered, gather);
    *n = n_rows;
    return rows;
}

bool option_matches(const char *pattern, const char *key, OptionName *name) {
    const char *star = strchr(pattern, '*');
    name->at = NULL;
    name->len = 0;
    if (star == NULL) return strcmp(pattern, key) == 0;
    size_t before = (size_t)(star - pattern);
    if (strncmp(pattern, key, before) != 0) return false;
    size_t len = strcspn(key + before, ".");
    if (len == 0 || strcmp(key + before + len, star + 1) != 0) return false;
    name->at = key + before;
    name->len = len;
    return true;
}

bool option_expand(char out[KEY_LEN], const char *pattern, const OptionName *name) {
    const char *star = strchr(pattern, '*');
    int len = star == NULL ? snprintf(out, KEY_LEN, "%s", pattern)
                           : snprintf(out, KEY_LEN, "%.*s%.*s%s", (int)(star - pattern), pattern, (int)name->len,
                                      name->at == NULL ? "" : name->at, star + 1);
    return len >= 0 && len < KEY_LEN;
}

const Option *option_next(const char *key, int *at) {
    int n = 0;
    const Option *const *table = option_table(&n);
    OptionName name;
    while (*at < n) {
        const Option *row = table[(*at)++];
        if (option_matches(row->key, key, &name)) return row;
    }
    return NULL;
}

const Option *option_find(const char *key) {
    int at = 0;
    return option_next(key, &at);
}

char *key_at(char buf[KEY_LEN], const char *prefix, const char *name) {
    int len = snprintf(buf, KEY_LEN, "%s.%s", prefix, name);
    ASSERT(len >= 0 && len < KEY_LEN);
    return buf;
}
