/* Values that may not exist are null. */
#include "harness/report/jsonio.h"

#include <errno.h>
#include <math.h>

#include "harness/terminal.h"

json_t *jsonio_number(double value) { return isfinite(value) ? json_real(value) : json_null(); }

json_t *jsonio_count(int64_t value) { return value >= 0 ? json_integer(value) : json_null(); }

json_t *jsonio_text(const char *text) { return text != NULL ? json_string(text) : json_null(); }

json_t *jsonio_ints(const int64_t *value, size_t n) {
    json_t *array = json_array();
    for (size_t i = 0; i < n; i++) jsonio_append(&array, json_integer(value[i]));
    return array;
}

json_t *jsonio_numbers(const double *value, size_t n) {
    json_t *array = json_array();
    for (size_t i = 0; i < n; i++) jsonio_append(&array, jsonio_number(value[i]));
    return array;
}

json_t *jsonio_floats(const float *value, size_t n) {
    json_t *array = json_array();
    for (size_t i = 0; i < n; i++) jsonio_append(&array, jsonio_number((double)value[i]));
    return array;
}

/* jansson takes the value's reference on failure too, and accepts NULL. */
void jsonio_set(json_t **object, const char *key, json_t *value) {
    if (json_object_set_new(*object, key, value) == 0) return;
    json_decref(*object);
    *object = NULL;
}

void jsonio_append(json_t **array, json_t *value) {
    if (json_array_append_new(*array, value) == 0) return;
    json_decref(*array);
    *array = NULL;
}

Err jsonio_put(FILE *to, json_t *root) {
    if (root == NULL) return err_set(ERR_NOMEM, "out of memory while a document was written as JSON");
    errno = 0;
    const bool bad = json_dumpf(root, to, JSON_INDENT(2)) != 0 || fputc('\n', to) == EOF;
    json_decref(root);
    if (bad && !ferror(to)) return err_set(ERR_IO, "cannot write JSON");
    return terminal_flush(to, "JSON");
}
