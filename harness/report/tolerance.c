#include "harness/report/tolerance.h"

#include <math.h>
#include <string.h>

#include "models/number.h"

static bool read_percent(Tolerance *out, const char *text) {
    char digits[NUMBER_LEN];
    size_t len = strlen(text);
    if (len < 2 || len > sizeof digits || text[len - 1] != '%') return false;
    memcpy(digits, text, len - 1);
    digits[len - 1] = '\0';
    if (!number_read_real(digits, &out->share) || out->share < 0) return false;
    out->share /= 100;
    return true;
}

Err tolerance_parse(Tolerance *out, const char *option, const char *text, bool sizes) {
    *out = (Tolerance){.text = text};
    if (text == NULL || read_percent(out, text)) return ERR_OK;
    if (sizes && number_read_bytes(text, &out->bytes)) return ERR_OK;
    return err_set(ERR_ARG, "--%s %s: expected a percentage such as 2%%%s", option, text,
                   sizes ? ", or a size such as 16MiB" : "");
}

bool tolerance_allows(const Tolerance *tolerance, double before, double growth) {
    return growth <= fmax((double)tolerance->bytes, tolerance->share * fabs(before));
}
