/* The table of rows: gathered, sorted, searched. A key may have several rows (each branch its own default of
 * focus.lambda) as long as their types agree and their conditions exclude each other. */
#include "models/option.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/option_match.h"
#include "models/option_rows.h"

enum { ROWS_MAX = 1024, PREFIXES_MAX = 32 };

/* Rows sorted by key. */
typedef struct Sorted {
    const Option *rows[ROWS_MAX];
    int n;
} Sorted;

/* What stands before the '*' of a row. */
typedef struct Prefix {
    const char *text;
    size_t len;
} Prefix;

static Sorted all;
/* The same, for finding: those without '*', those with one, and the different texts before a '*'. */
static Sorted exact, starred;
static Prefix prefixes[PREFIXES_MAX];
static int n_prefixes;
static pthread_once_t gathered = PTHREAD_ONCE_INIT;

static int by_key(const void *a, const void *b) {
    const Option *const *left = a, *const *right = b;
    int order = strcmp((*left)->key, (*right)->key);
    if (order != 0) return order;
    const char *left_when = (*left)->when, *right_when = (*right)->when;
    return strcmp(left_when == NULL ? "" : left_when, right_when == NULL ? "" : right_when);
}

static void add(Sorted *sorted, const Option *row) {
    ASSERT(sorted->n < ROWS_MAX);
    sorted->rows[sorted->n++] = row;
}

static void add_prefix(const char *key) {
    size_t len = strcspn(key, "*");
    for (int i = 0; i < n_prefixes; i++)
        if (prefixes[i].len == len && strncmp(prefixes[i].text, key, len) == 0) return;
    ASSERT(n_prefixes < PREFIXES_MAX);
    prefixes[n_prefixes++] = (Prefix){key, len};
}

static void gather(void) {
    for (const Option *const *source = option_sources; *source != NULL; source++)
        for (const Option *row = *source; row->key != NULL; row++) add(&all, row);
    qsort(all.rows, (size_t)all.n, sizeof all.rows[0], by_key);
    for (int i = 0; i < all.n; i++) {
        bool star = strchr(all.rows[i]->key, '*') != NULL;
        add(star ? &starred : &exact, all.rows[i]);
        if (star) add_prefix(all.rows[i]->key);
    }
}

const Option *const *option_table(int *n) {
    (void)pthread_once(&gathered, gather);
    *n = all.n;
    return all.rows;
}

bool option_matches(const char *pattern, const char *key, OptionName *name) {
    size_t before = 0;
    *name = (OptionName){0};
    while (pattern[before] != '\0' && pattern[before] != '*' && pattern[before] == key[before]) before++;
    if (pattern[before] != '*') return pattern[before] == '\0' && key[before] == '\0';
    size_t len = strcspn(key + before, ".");
    if (len == 0 || strcmp(key + before + len, pattern + before + 1) != 0) return false;
    *name = (OptionName){key + before, len};
    return true;
}

bool option_expand(char out[KEY_LEN], const char *pattern, const OptionName *name) {
    size_t before = strcspn(pattern, "*"), after = strlen(pattern + before), len = 0;
    if (after > 0) { /* there is a '*' */
        len = name->at == NULL ? 0 : name->len;
        after--;
    }
    if (before + len + after >= KEY_LEN) return false;
    memcpy(out, pattern, before);
    if (len > 0) memcpy(out + before, name->at, len);
    memcpy(out + before + len, pattern + strlen(pattern) - after, after + 1);
    return true;
}

/* Row number *skip of those with that key; if there are not so many, *skip is less by as many as there are. */
static const Option *nth(const Sorted *sorted, const char *key, int *skip) {
    int low = 0, high = sorted->n;
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (strcmp(sorted->rows[middle]->key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < sorted->n && strcmp(sorted->rows[low]->key, key) == 0; low++)
        if ((*skip)-- == 0) return sorted->rows[low];
    return NULL;
}

const Option *option_next(const char *key, int *at) {
    (void)pthread_once(&gathered, gather);
    int skip = (*at)++; /* rows that earlier calls returned */
    const Option *row = nth(&exact, key, &skip);
    for (int i = 0; i < n_prefixes && row == NULL; i++) {
        char pattern[KEY_LEN];
        const Prefix *prefix = &prefixes[i];
        if (strncmp(key, prefix->text, prefix->len) != 0) continue;
        size_t name = strcspn(key + prefix->len, ".");
        if (name == 0) continue;
        size_t after = strlen(key + prefix->len + name);
        if (prefix->len + 1 + after >= KEY_LEN) continue;
        memcpy(pattern, key, prefix->len);
        pattern[prefix->len] = '*';
        memcpy(pattern + prefix->len + 1, key + prefix->len + name, after + 1);
        row = nth(&starred, pattern, &skip);
    }
    return row;
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
