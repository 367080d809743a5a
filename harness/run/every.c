/* A number and its unit. */
#include "harness/run/every.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* At most nine digits, so that nothing overflows. */
static bool parse(Every *out, const char *text) {
    static const struct {
        const char *name;
        int64_t steps;
        double seconds;
    } units[] = {{"", 1, 0}, {"s", 0, 1}, {"min", 0, 60}, {"h", 0, 3600}};
    size_t n = strspn(text, "0123456789");
    int64_t number = 0;
    for (size_t i = 0; i < n && n <= 9; i++) number = 10 * number + (text[i] - '0');
    for (size_t u = 0; number > 0 && u < sizeof units / sizeof units[0]; u++) {
        if (strcmp(text + n, units[u].name) != 0) continue;
        *out = (Every){units[u].steps * number, units[u].seconds * (double)number};
        return true;
    }
    return false;
}

Err every_check(const char *text) {
    Every every;
    if (parse(&every, text)) return ERR_OK;
    return err_set(ERR_SPEC, "expected steps (200) or a time (90s, 5min, 1h), got '%.60s'", text);
}

void every_parse(Every *out, const char *text) {
    bool parsed = parse(out, text);
    ASSERT(parsed);
}
