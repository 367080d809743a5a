/* Finding the step in a name. */
#include "harness/report/steps.h"

#include <stdlib.h>
#include <string.h>

enum { DIGITS_MAX = 6 };

/* Digits of the first step within a name; n = 0: the name has none. */
typedef struct Step {
    size_t at, n;
    long number;
} Step;

static size_t count_digits(const char *text) { return strspn(text, "0123456789"); }

static Step find_step(const char *name) {
    for (const char *segment = name; segment != NULL; segment = strchr(segment, '.')) {
        segment += *segment == '.';
        const char *digits = segment + (*segment == 't');
        size_t n = count_digits(digits);
        char end = digits[n];
        if (n > 0 && n <= DIGITS_MAX && (end == '.' || end == '\'' || end == '\0'))
            return (Step){(size_t)(digits - name), n, strtol(digits, NULL, 10)};
    }
    return (Step){0, 0, 0};
}

int steps_compare(const char *a, const char *b) {
    Step s = find_step(a), t = find_step(b);
    for (size_t i = 0, k = 0;; i++, k++) { /* the names without their steps */
        if (s.n > 0 && i == s.at) i += s.n;
        if (t.n > 0 && k == t.at) k += t.n;
        if (a[i] != b[k]) return (unsigned char)a[i] < (unsigned char)b[k] ? -1 : 1;
        if (a[i] == '\0') break;
    }
    if (s.number != t.number) return s.number < t.number ? -1 : 1;
    return strcmp(a, b);
}

bool steps_follow(const char *a, const char *b) {
    Step s = find_step(a), t = find_step(b);
    return s.n > 0 && t.n >= s.n && s.at == t.at && t.number == s.number + 1 && strncmp(a, b, s.at) == 0 &&
           strcmp(a + s.at + s.n, b + t.at + t.n) == 0;
}

Err steps_fold(Pool *pool, const char **out, const char *first, size_t n) {
    Step s = find_step(first);
    if (n == 1) return pool_text(pool, out, first);
    return pool_printf(pool, out, "%.*s{%0*ld..%0*ld}%s", (int)s.at, first, (int)s.n, s.number, (int)s.n,
                       s.number + (long)n - 1, first + s.at + s.n);
}

/* The parts of a folded name: head{first..last}tail. False if it is none. */
typedef struct Folded {
    size_t head;
    long first, last;
    int n_digits;
    const char *tail;
} Folded;

static bool parse(Folded *out, const char *text) {
    const char *brace = strchr(text, '{');
    if (brace == NULL) return false;
    const char *first = brace + 1, *dots = first + count_digits(first);
    if (dots == first || dots - first > DIGITS_MAX || strncmp(dots, "..", 2) != 0) return false;
    const char *last = dots + 2, *end = last + count_digits(last);
    if (end == last || end - last > DIGITS_MAX || *end != '}') return false;
    *out =
        (Folded){(size_t)(brace - text), strtol(first, NULL, 10), strtol(last, NULL, 10), (int)(dots - first), end + 1};
    return true;
}

size_t steps_count(const char *folded) {
    Folded f;
    if (strchr(folded, '{') == NULL) return 1;
    bool ok = parse(&f, folded) && f.last > f.first && f.last - f.first < STEPS_MAX;
    return ok ? (size_t)(f.last - f.first) + 1 : 0;
}

Err steps_unfold(Pool *pool, const char **out, const char *folded, size_t i) {
    Folded f;
    if (!parse(&f, folded)) return pool_text(pool, out, folded);
    return pool_printf(pool, out, "%.*s%0*ld%s", (int)f.head, folded, f.n_digits, f.first + (long)i, f.tail);
}
