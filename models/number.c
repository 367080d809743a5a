/* libc's strtod and printf are exact but put the locale's radix character between the digits, so neither ever sees or
 * shows one here: numbers are handed to strtod as "digits e exponent", and digits are picked out of what printf wrote.
 */
#include "models/number.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIGITS_MAX = 400, EXPONENT_MAX = 100000 };

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static int digit_value(char c) {
    if (is_digit(c)) return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return 99;
}

/* digits of the given base into *out, which is negative or zero: that side of the range is the larger one */
static bool read_digits(const char *text, int base, int64_t *out) {
    int64_t sum = 0;
    if (*text == '\0') return false;
    for (; *text != '\0'; text++) {
        int digit = digit_value(*text);
        if (digit >= base) return false;
        if (__builtin_mul_overflow(sum, (int64_t)base, &sum) || __builtin_sub_overflow(sum, (int64_t)digit, &sum))
            return false;
    }
    *out = sum;
    return true;
}

bool number_read_int(const char *text, int64_t *out) {
    *out = 0;
    bool negative = *text == '-';
    int64_t below = 0;
    bool prefixed = text[0] == '0' && (text[1] == 'o' || text[1] == 'x');
    if (prefixed) {
        if (!read_digits(text + 2, text[1] == 'o' ? 8 : 16, &below)) return false;
    } else if (!read_digits(text + (*text == '-' || *text == '+'), 10, &below)) {
        return false;
    }
    if (!negative && below == INT64_MIN) return false;
    *out = negative ? below : -below;
    return true;
}

/* The exponent after 'e'; false when it is not one. */
static bool read_exponent(const char *text, int *out) {
    bool negative = *text == '-';
    text += *text == '-' || *text == '+';
    if (*text == '\0') return false;
    int sum = 0;
    for (; *text != '\0'; text++) {
        if (!is_digit(*text)) return false;
        if (sum < EXPONENT_MAX) sum = sum * 10 + (*text - '0');
    }
    *out = negative ? -sum : sum;
    return true;
}

bool number_read_real(const char *text, double *out) {
    char digits[DIGITS_MAX + 24];
    int n = 0, n_digits = 0, exponent = 0, scale = 0;
    int64_t integer = 0;
    *out = 0;
    if (text[0] == '0' && (text[1] == 'o' || text[1] == 'x')) {
        if (!number_read_int(text, &integer)) return false;
        *out = (double)integer;
        return true;
    }
    if (*text == '-' || *text == '+') digits[n++] = *text++;
    bool fraction = false;
    for (; is_digit(*text) || (*text == '.' && !fraction); text++) {
        if (*text == '.') {
            fraction = true;
            continue;
        }
        if (n_digits++ == DIGITS_MAX) return false;
        digits[n++] = *text;
        scale -= fraction;
    }
    if (n_digits == 0) return false;
    if (*text == 'e' || *text == 'E') {
        if (!read_exponent(text + 1, &exponent)) return false;
    } else if (*text != '\0') {
        return false;
    }
    (void)snprintf(digits + n, sizeof digits - (size_t)n, "e%d", exponent + scale);
    double real = strtod(digits, NULL);
    if (!isfinite(real)) return false;
    *out = real;
    return true;
}

static const struct {
    const char *name;
    int64_t bytes;
} units[] = {
    {"TiB", INT64_C(1) << 40}, {"GiB", INT64_C(1) << 30}, {"MiB", INT64_C(1) << 20}, {"KiB", INT64_C(1) << 10}};
enum { N_UNITS = sizeof units / sizeof units[0] };

bool number_read_bytes(const char *text, int64_t *out) {
    *out = 0;
    size_t len = strlen(text);
    int64_t unit = 1;
    for (int i = 0; i < N_UNITS; i++) {
        if (len > 3 && strcmp(text + len - 3, units[i].name) == 0) unit = units[i].bytes;
    }
    if (unit != 1) {
        len -= 3;
        if (text[len - 1] == ' ') len--;
    }
    char number[NUMBER_LEN];
    if (len >= sizeof number) return false;
    memcpy(number, text, len);
    number[len] = '\0';
    int64_t integer = 0;
    double real = 0;
    if (number_read_int(number, &integer)) return integer >= 0 && !__builtin_mul_overflow(integer, unit, out);
    if (unit == 1 || !number_read_real(number, &real)) return false;
    real *= (double)unit;
    /* below 2^53 a double tells whole numbers from others */
    if (real < 0 || real > 9007199254740992.0 || real != floor(real)) return false;
    *out = (int64_t)real;
    return true;
}

/* The digits of %.<n-1>e and its decimal exponent. */
static int scientific(char digits[NUMBER_LEN], double real, int n) {
    char text[NUMBER_LEN];
    (void)snprintf(text, sizeof text, "%.*e", n - 1, real);
    int used = 0;
    const char *at = text;
    for (; *at != 'e'; at++)
        if (is_digit(*at)) digits[used++] = *at;
    digits[used] = '\0';
    return (int)strtol(at + 1, NULL, 10);
}

static int shortest(char digits[NUMBER_LEN], double real) {
    for (int n = 1; n < 17; n++) {
        char text[NUMBER_LEN + 16];
        double again = 0;
        int exponent = scientific(digits, real, n);
        (void)snprintf(text, sizeof text, "%se%d", digits, exponent - (n - 1));
        if (number_read_real(text, &again) && again == real) return exponent;
    }
    return scientific(digits, real, 17);
}

char *number_show_real(char buf[NUMBER_LEN], double real) {
    char digits[NUMBER_LEN];
    if (!isfinite(real) || real == 0) {
        (void)snprintf(buf, NUMBER_LEN, "%s", isnan(real) ? ".nan" : real > 0 ? ".inf" : real < 0 ? "-.inf" : "0");
        return buf;
    }
    const char *sign = real < 0 ? "-" : "";
    int exponent = shortest(digits, fabs(real));
    int n = (int)strlen(digits);
    if (exponent < -5 || exponent >= 16)
        (void)snprintf(buf, NUMBER_LEN, "%s%c%s%se%d", sign, digits[0], n > 1 ? "." : "", digits + 1, exponent);
    else if (exponent < 0)
        (void)snprintf(buf, NUMBER_LEN, "%s0.%.*s%s", sign, -exponent - 1, "0000", digits);
    else if (exponent >= n - 1)
        (void)snprintf(buf, NUMBER_LEN, "%s%s%.*s", sign, digits, exponent - (n - 1), "0000000000000000");
    else
        (void)snprintf(buf, NUMBER_LEN, "%s%.*s.%s", sign, exponent + 1, digits, digits + exponent + 1);
    return buf;
}

char *number_show_int(char buf[NUMBER_LEN], int64_t integer) {
    (void)snprintf(buf, NUMBER_LEN, "%" PRId64, integer);
    return buf;
}

char *number_show_bytes(char buf[NUMBER_LEN], int64_t bytes) {
    for (int i = 0; i < N_UNITS; i++) {
        if (bytes == 0 || bytes % units[i].bytes != 0) continue;
        (void)snprintf(buf, NUMBER_LEN, "%" PRId64 "%s", bytes / units[i].bytes, units[i].name);
        return buf;
    }
    return number_show_int(buf, bytes);
}
