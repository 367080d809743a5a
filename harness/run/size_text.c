/* Units. */
#include "harness/run/size_text.h"

#include <inttypes.h>
#include <stdio.h>

static const char *scaled(double value, double base, const char *const *units, int n_units, char *out) {
    int u = 0;
    while (value >= base - 0.05 && u + 1 < n_units) {
        value /= base;
        u++;
    }
    (void)snprintf(out, SIZE_TEXT, u == 0 ? "%.0f%s" : "%.1f%s", value, units[u]);
    return out;
}

const char *size_text(uint64_t bytes, char out[SIZE_TEXT]) {
    static const char *const units[] = {" B", " KiB", " MiB", " GiB", " TiB"};
    return scaled((double)bytes, 1024, units, 5, out);
}

const char *count_text(uint64_t n, char out[SIZE_TEXT]) {
    static const char *const units[] = {"", " k", " M", " G", " T"};
    return scaled((double)n, 1000, units, 5, out);
}

const char *grouped_text(uint64_t n, char out[SIZE_TEXT]) {
    char digits[SIZE_TEXT];
    const int len = snprintf(digits, sizeof digits, "%" PRIu64, n);
    int at = 0;
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0) out[at++] = ',';
        out[at++] = digits[i];
    }
    out[at] = '\0';
    return out;
}

const char *time_text(double seconds, char out[SIZE_TEXT]) {
    int64_t s = (int64_t)(seconds + 0.5);
    if (!(seconds >= 0))
        (void)snprintf(out, SIZE_TEXT, "?");
    else if (seconds < 9.95)
        (void)snprintf(out, SIZE_TEXT, "%.1f s", seconds);
    else if (s < 60)
        (void)snprintf(out, SIZE_TEXT, "%lld s", (long long)s);
    else if (s < 3600)
        (void)snprintf(out, SIZE_TEXT, "%lldm%02llds", (long long)s / 60, (long long)s % 60);
    else if (s < 86400)
        (void)snprintf(out, SIZE_TEXT, "%lldh%02lldm", (long long)s / 3600, (long long)s / 60 % 60);
    else
        (void)snprintf(out, SIZE_TEXT, "%lldd%02lldh", (long long)s / 86400, (long long)s / 3600 % 24);
    return out;
}
