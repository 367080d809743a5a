/* What every row of the program itself must satisfy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "models/option_match.h"
#include "models/value.h"

static const Option *const *rows;
static int n_rows;

static void keys_are_well_formed(void **state) {
    (void)state;
    for (int i = 0; i < n_rows; i++) {
        const char *key = rows[i]->key, *star = strchr(key, '*');
        if (strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789_.*") != strlen(key)) fail_msg("%s: letters", key);
        if (strstr(key, "..") != NULL || strlen(key) > 80) fail_msg("%s: segments or length", key);
        if (star != NULL && (strchr(star + 1, '*') != NULL || star == key || star[-1] != '.'))
            fail_msg("%s: one '*' that is a whole segment", key);
        if (rows[i]->help == NULL || rows[i]->help[0] == '\0') fail_msg("%s has no help", key);
    }
}

/* A key is a value or a section, never both; rows of one key have one type and different conditions. */
static void keys_do_not_clash(void **state) {
    (void)state;
    for (int i = 0; i < n_rows; i++) {
        for (int k = 0; k < n_rows; k++) {
            const Option *a = rows[i], *b = rows[k];
            size_t len = strlen(a->key);
            if (i == k) continue;
            if (strncmp(a->key, b->key, len) == 0 && b->key[len] == '.') fail_msg("%s is also a section", a->key);
            if (strcmp(a->key, b->key) != 0) continue;
            if (a->type != b->type) fail_msg("%s has two types", a->key);
            if (a->observes != b->observes) fail_msg("%s both observes and decides", a->key);
            if (a->when == NULL || b->when == NULL || strcmp(a->when, b->when) == 0)
                fail_msg("%s has two rows under one condition", a->key);
        }
    }
}

static void defaults_are_valid(void **state) {
    (void)state;
    for (int i = 0; i < n_rows; i++) {
        const Option *row = rows[i];
        Value value;
        if (row->def == NULL) continue;
        if (value_parse(&value, row, row->def) != ERR_OK) fail_msg("default of %s: %s", row->key, err_message());
        value_clear(&value);
    }
}

static void types_and_limits_agree(void **state) {
    (void)state;
    for (int i = 0; i < n_rows; i++) {
        const Option *row = rows[i];
        bool list = row->type == OPT_INTS || row->type == OPT_REALS || row->type == OPT_TEXTS;
        if (row->min > row->max) fail_msg("%s: range", row->key);
        if (row->n_min > row->n_max || (!list && row->n_max != 0)) fail_msg("%s: length of a list", row->key);
        if (row->type == OPT_CHOICE && row->choices == NULL) fail_msg("%s has no choices", row->key);
    }
}

/* One "key=value|value" or "key!=value|value": the key is a row's, and every value is one that the row accepts. */
static void check_condition(const Option *row, const char *condition) {
    char key[KEY_LEN], values[KEY_LEN];
    if (sscanf(condition, "%255[^=]=%255s", key, values) != 2) fail_msg("%s: condition '%s'", row->key, condition);
    size_t len = strlen(key);
    if (len > 0 && key[len - 1] == '!') key[len - 1] = '\0';
    const Option *asked = NULL;
    for (int i = 0; i < n_rows; i++)
        if (strcmp(rows[i]->key, key) == 0) asked = rows[i];
    if (asked == NULL) fail_msg("%s depends on '%s', which no row has", row->key, key);
    if (strchr(key, '*') != NULL && strchr(row->key, '*') == NULL) fail_msg("%s: '*' in its condition only", row->key);
    char *rest = NULL;
    for (char *word = strtok_r(values, "|", &rest); word != NULL; word = strtok_r(NULL, "|", &rest)) {
        Value value;
        if (value_parse(&value, asked, word) != ERR_OK) fail_msg("%s when %s: %s", row->key, key, err_message());
        value_clear(&value);
    }
}

static void conditions_are_valid(void **state) {
    (void)state;
    for (int i = 0; i < n_rows; i++) {
        char when[1024];
        if (rows[i]->when == NULL) continue;
        (void)snprintf(when, sizeof when, "%s", rows[i]->when);
        char *rest = NULL;
        for (char *one = strtok_r(when, "&", &rest); one != NULL; one = strtok_r(NULL, "&", &rest))
            check_condition(rows[i], one);
    }
}

int main(void) {
    rows = option_table(&n_rows);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_well_formed), cmocka_unit_test(keys_do_not_clash),
        cmocka_unit_test(defaults_are_valid),   cmocka_unit_test(types_and_limits_agree),
        cmocka_unit_test(conditions_are_valid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
