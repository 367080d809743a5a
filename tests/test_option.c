/* Numbers, values, rows and settings, on rows that never change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "kernels/mem.h"
#include "models/number.h"
#include "models/option_match.h"
#include "models/text.h"
#include "models/value.h"
#include "tests/fixed_options.h"

/* ---- numbers ---- */

static void reads_core_schema_integers(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool ok;
        int64_t value;
    } cases[] = {{"0", true, 0},
                 {"+7", true, 7},
                 {"-12", true, -12},
                 {"0o17", true, 15},
                 {"0x1F", true, 31},
                 {"007", true, 7},
                 {"9223372036854775807", true, INT64_MAX},
                 {"-9223372036854775808", true, INT64_MIN},
                 {"9223372036854775808", false, 0},
                 {"0x8000000000000000", false, 0},
                 {"1_000", false, 0},
                 {"", false, 0},
                 {"-", false, 0},
                 {"0x", false, 0},
                 {"-0x1", false, 0},
                 {"0o8", false, 0},
                 {"1.0", false, 0},
                 {"3e3", false, 0},
                 {" 1", false, 0},
                 {"1a", false, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t value = 99;
        if (number_read_int(cases[i].text, &value) != cases[i].ok || value != cases[i].value)
            fail_msg("'%s' read as %lld", cases[i].text, (long long)value);
    }
}

static void reads_core_schema_reals(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool ok;
        double value;
    } cases[] = {{"1e-4", true, 1e-4},      {"1E-4", true, 1e-4},     {".5", true, 0.5},
                 {"5.", true, 5},           {"-1.25e+2", true, -125}, {"3", true, 3},
                 {"0x10", true, 16},        {"0.1", true, 0.1},       {"4.9e-324", true, 4.9e-324},
                 {"1e400", false, 0},       {".inf", false, 0},       {".nan", false, 0},
                 {"inf", false, 0},         {"nan", false, 0},        {"1,5", false, 0},
                 {".", false, 0},           {"e5", false, 0},         {"1e", false, 0},
                 {"1e+", false, 0},         {"1.2.3", false, 0},      {"1_0", false, 0},
                 {"--1", false, 0},         {"", false, 0},           {"1e99999999999", false, 0},
                 {"0e99999999999", true, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        double value = 99;
        if (number_read_real(cases[i].text, &value) != cases[i].ok || value != cases[i].value)
            fail_msg("'%s' read as %g", cases[i].text, value);
    }
}

static void sizes(void **state) {
    (void)state;
    static const struct {
        const char *text, *shown;
    } cases[] = {{"24GiB", "24GiB"},  {"512MiB", "512MiB"}, {"1.5GiB", "1536MiB"}, {"1024", "1KiB"},
                 {"1000", "1000"},    {"0", "0"},           {"2 MiB", "2MiB"},     {"1048577", "1048577"},
                 {"2048GiB", "2TiB"}, {"0.5KiB", "512"},    {"24GB", NULL},        {"24G", NULL},
                 {"-1MiB", NULL},     {"0.3KiB", NULL},     {"1.5", NULL},         {"MiB", NULL},
                 {"GiBMiB", NULL},    {"9999999TiB", NULL}, {"1e30GiB", NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t bytes = -1;
        char shown[NUMBER_LEN];
        bool ok = number_read_bytes(cases[i].text, &bytes);
        if (ok != (cases[i].shown != NULL)) fail_msg("'%s': %s", cases[i].text, ok ? "accepted" : "refused");
        if (ok) assert_string_equal(number_show_bytes(shown, bytes), cases[i].shown);
    }
}

static void shortest_text_of_reals(void **state) {
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {{3e-3, "0.003"},    {1e-4, "0.0001"},
                 {1e-5, "0.00001"},  {1e-6, "1e-6"},
                 {1.5e-8, "1.5e-8"}, {250, "250"},
                 {-0.0, "0"},        {1.0 / 3, "0.3333333333333333"},
                 {0.1, "0.1"},       {1e15, "1000000000000000"},
                 {1e16, "1e16"},     {123456.789, "123456.789"},
                 {-2.5, "-2.5"},     {1.7976931348623157e308, "1.7976931348623157e308"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[NUMBER_LEN];
        assert_string_equal(number_show_real(text, cases[i].value), cases[i].text);
    }
}

static void reals_round_trip(void **state) {
    (void)state;
    uint64_t bits = 88172645463325252u;
    for (int i = 0; i < 20000; i++) {
        bits ^= bits << 13, bits ^= bits >> 7, bits ^= bits << 17;
        double value, again = 0;
        char text[NUMBER_LEN];
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value)) continue;
        assert_true(number_read_real(number_show_real(text, value), &again));
        if (memcmp(&value, &again, sizeof value) != 0) fail_msg("%a became %s", value, text);
    }
}

/* ---- values ---- */

static void reject(const char *key, const char *text, const char *message) {
    Settings *settings = NULL;
    assert_int_equal(settings_new(&settings), ERR_OK);
    assert_int_equal(settings_set(settings, key, text), ERR_SPEC);
    assert_string_equal(err_message(), message);
    settings_free(settings);
}

static void accept(const char *key, const char *text, const char *shown) {
    Settings *settings = NULL;
    assert_int_equal(settings_new(&settings), ERR_OK);
    if (settings_set(settings, key, text) != ERR_OK) fail_msg("%s", err_message());
    assert_string_equal(settings_show(settings, key), shown);
    /* what is shown reads back as itself */
    assert_int_equal(settings_set(settings, key, settings_show(settings, key)), ERR_OK);
    assert_string_equal(settings_show(settings, key), shown);
    settings_free(settings);
}

static void canonical_texts(void **state) {
    (void)state;
    accept("train.lr", "3e-3", "0.003");
    accept("train.lr", " 1 ", "1");
    accept("train.steps", "0o10", "8");
    accept("data.image", "[ 0x20,128 ]", "[32, 128]");
    accept("data.train.a.fonts", "[DejaVu, \"Noto Sans, CJK\", 'it''s']", "[DejaVu, \"Noto Sans, CJK\", it's]");
    accept("data.train.a.fonts", "[\"a\\\\b\\n\\u00e9\"]", "[\"a\\\\b\\n\xc3\xa9\"]");
    accept("record.attention", "False", "false");
    accept("memory.budget", "\"24576 MiB\"", "24GiB");
    accept("focus.boxes", "true", "true");
    accept("train.init", "\"\"", "\"\"");
    accept("train.init", "runs/a.h5#x", "runs/a.h5#x");
    accept("train.init", "no", "no");
    accept("train.init", "'null'", "\"null\"");
    accept("train.init", "\"- x\"", "\"- x\"");
}

static void wrong_values(void **state) {
    (void)state;
    reject("train.lr", "fast", "train.lr: expected a number in 0..100, got 'fast'");
    reject("train.lr", "-1", "train.lr: expected a number in 0..100, got '-1'");
    reject("train.lr", "\"1e-4\"", "train.lr: expected a number in 0..100, got the quoted text \"1e-4\"");
    reject("train.lr", "", "train.lr: expected a number in 0..100, got no value");
    reject("train.lr", "~", "train.lr: expected a number in 0..100, got no value");
    reject("train.lr", "[1]", "train.lr: expected a number in 0..100, got a list");
    reject("train.batch", "3e1", "train.batch: expected an integer in 1..65536, got '3e1'");
    reject("train.batch", "1_000", "train.batch: expected an integer in 1..65536, got '1_000'");
    reject("train.steps", "0", "train.steps: expected an integer of at least 1, got '0'");
    reject("record.attention", "no", "record.attention: expected true or false, got 'no'");
    reject("memory.budget", "24GB", "memory.budget: expected a size such as 512MiB of at least 1, got '24GB'");
    reject("focus.kind", "orignal",
           "focus.kind: expected one of none, original, kl, got 'orignal'; did you mean original?");
    reject("focus.boxes", "jiter", "focus.boxes: expected true, shuffled or jitter:N, got 'jiter'");
    reject("data.image", "32", "data.image: expected a list of 2 integers in 8..4096 in brackets, got a single value");
    reject("data.image", "[32]", "data.image: expected a list of 2 integers in 8..4096, got 1 of them");
    reject("data.image", "[32, 4]", "data.image: expected a list of 2 integers in 8..4096, got '4'");
    reject("data.image", "[32, 4", "data.image: expected ',' or ']' in the list");
    reject("data.image", "[32, [4]]", "data.image: a list holds plain values only, got '[' inside");
    reject("data.image", "[32, 40] x", "data.image: unexpected text after the value: 'x'");
    reject("data.image", "[32,, 40]", "data.image: expected a list of 2 integers in 8..4096, got 3 of them");
    reject("train.init", "\"abc", "train.init: expected a closing \"");
}

static void unknown_keys(void **state) {
    (void)state;
    reject("train.lrr", "1", "unknown key 'train.lrr'; did you mean 'train.lr'?");
    reject("trian.batch", "1", "unknown key 'trian.batch'; did you mean 'train.batch'?");
    reject("data.train.lines.lenght", "1",
           "unknown key 'data.train.lines.lenght'; did you mean 'data.train.lines.length'?");
    reject("blstm", "1", "unknown key 'blstm'; did you mean 'model.blstm'?");
    reject("model.colour", "1", "unknown key 'model.colour'; 'model' holds blstm, encoder");
    reject("train", "1",
           "'train' is a section and has no value itself; it holds batch, clip, init, lr, momentum, optimizer, steps");
    reject("data.train.lines", "1",
           "'data.train.lines' is a section and has no value itself; it holds file, fonts, length, share, source");
    reject("zebra", "1", "unknown key 'zebra'; the sections are data, eval, focus, memory, model, record, train");
    reject("train.l r", "1", "key 'train.l r' has a ' '; expected letters, digits, '.', '_' and '-'");
    reject("data.train..source", "1", "key 'data.train..source' has an empty segment");
    reject("data.train", "1", "'data.train' is a section and has no value itself; it holds <name>");
}

/* ---- settings ---- */

static Settings *settings_of(const char *const *pairs) {
    Settings *settings = NULL;
    assert_int_equal(settings_new(&settings), ERR_OK);
    for (; *pairs != NULL; pairs += 2)
        if (settings_set(settings, pairs[0], pairs[1]) != ERR_OK) fail_msg("%s", err_message());
    return settings;
}

static void defaults_follow_conditions(void **state) {
    (void)state;
    const char *const pairs[] = {"train.steps",
                                 "10",
                                 "focus.kind",
                                 "kl",
                                 "data.train.b.source",
                                 "synthetic",
                                 "data.train.a.source",
                                 "dataset",
                                 "data.train.a.file",
                                 "x.h5",
                                 NULL};
    Settings *s = settings_of(pairs);
    assert_int_equal(settings_resolve(s), ERR_OK);
    assert_string_equal(settings_show(s, "focus.lambda"), "0.5");
    assert_true(settings_real(s, "focus.sigma") == 0.25);
    assert_false(settings_has(s, "focus.patch"));
    assert_false(settings_has(s, "train.momentum"));
    assert_true(settings_has(s, "data.train.b.fonts"));
    assert_false(settings_has(s, "data.train.a.fonts"));
    assert_true(settings_real(s, "data.train.a.share") == 1.0);
    assert_int_equal(settings_int_at(s, "data.train.b.length", 1), 8);
    assert_int_equal(settings_len(s, "data.train.b.length"), 2);
    assert_string_equal(settings_text_at(s, "data.train.b.fonts", 0), "DejaVu");
    assert_true(settings_is(s, "focus.target", "gaussian"));
    assert_true(settings_bool(s, "record.attention"));
    assert_int_equal(settings_int(s, "memory.budget"), INT64_C(24) << 30);
    assert_true(settings_applies(s, "focus.sigma"));
    assert_true(settings_applies(s, "focus.boxes"));
    assert_false(settings_applies(s, "focus.patch"));
    char **names = NULL;
    size_t n = 0;
    assert_int_equal(settings_names(s, "data.train.*", &names, &n), ERR_OK);
    assert_int_equal(n, 2);
    assert_string_equal(names[0], "a");
    assert_string_equal(names[1], "b");
    mem_free(names);
    settings_free(s);
}

static void a_key_takes_the_row_in_force(void **state) {
    (void)state;
    const char *const original[] = {"train.steps", "1", "focus.kind", "original", NULL};
    Settings *s = settings_of(original);
    assert_int_equal(settings_resolve(s), ERR_OK);
    assert_string_equal(settings_show(s, "focus.lambda"), "0.01");
    settings_free(s);
}

/* A condition on a key that itself has no effect does not hold. */
static void conditions_are_transitive(void **state) {
    (void)state;
    const char *const pairs[] = {"train.steps", "1", "focus.target", "gaussian", "focus.sigma", "1", NULL};
    Settings *s = settings_of(pairs);
    assert_int_equal(settings_resolve(s), ERR_OK);
    assert_false(settings_applies(s, "focus.target"));
    assert_false(settings_applies(s, "focus.boxes"));
    assert_false(settings_applies(s, "focus.sigma"));
    settings_free(s);
}

static void missing_keys(void **state) {
    (void)state;
    const char *const nothing[] = {NULL};
    Settings *s = settings_of(nothing);
    assert_int_equal(settings_resolve(s), ERR_SPEC);
    assert_string_equal(err_message(), "'train.steps' is missing (updates): expected an integer of at least 1");
    assert_int_equal(settings_set(s, "train.steps", "1"), ERR_OK);
    assert_int_equal(settings_set(s, "data.train.a.share", "1"), ERR_OK);
    assert_int_equal(settings_resolve(s), ERR_SPEC);
    assert_string_equal(err_message(), "'data.train.a.source' is missing (where samples come from): expected one of "
                                       "synthetic, dataset");
    settings_free(s);
}

static char *identity_of(const char *const *pairs) {
    Settings *s = settings_of(pairs);
    char *text = NULL;
    if (settings_resolve(s) != ERR_OK) fail_msg("%s", err_message());
    assert_int_equal(settings_identity(s, &text), ERR_OK);
    settings_free(s);
    return text;
}

static void identity_drops_what_does_not_matter(void **state) {
    (void)state;
    const char *const plain[] = {"train.steps", "10", NULL};
    const char *const same[] = {
        "train.steps",        "10", "train.lr",      "0.003", "eval.every", "7", "focus.lambda", "0.3",
        "data.valid.x.count", "5",  "memory.budget", "1GiB",  NULL};
    const char *const other[] = {"train.steps", "10", "focus.kind", "kl", "data.train.a.source", "synthetic", NULL};
    char *a = identity_of(plain), *b = identity_of(same), *c = identity_of(other);
    assert_string_equal(a, "train.steps=10\n");
    assert_string_equal(a, b);
    assert_string_equal(c, "data.train.a.source=synthetic\nfocus.kind=kl\ntrain.steps=10\n");
    mem_free(a);
    mem_free(b);
    mem_free(c);
}

static void dump_is_nested(void **state) {
    (void)state;
    const char *const pairs[] = {"train.steps",
                                 "10",
                                 "data.train.a.source",
                                 "synthetic",
                                 "data.train.b.source",
                                 "dataset",
                                 "data.charset",
                                 "digits",
                                 "train.init",
                                 "\"a: b\"",
                                 NULL};
    Settings *s = settings_of(pairs), *copy = NULL;
    assert_int_equal(settings_copy(&copy, s), ERR_OK);
    settings_free(s);
    char *text = NULL;
    assert_int_equal(settings_dump(copy, &text), ERR_OK);
    assert_string_equal(text, "data:\n"
                              "  charset: digits\n"
                              "  train:\n"
                              "    a:\n"
                              "      source: synthetic\n"
                              "    b:\n"
                              "      source: dataset\n"
                              "train:\n"
                              "  init: \"a: b\"\n"
                              "  steps: 10\n");
    mem_free(text);
    settings_free(copy);
}

static Err whole_life(void) {
    Err err = ERR_OK;
    Settings *s = NULL, *copy = NULL;
    char *text = NULL;
    char **names = NULL;
    size_t n = 0;
    TRY(settings_new(&s));
    TRY(settings_set(s, "train.steps", "10"));
    TRY(settings_set(s, "data.train.a.source", "synthetic"));
    TRY(settings_set(s, "data.train.a.fonts", "[a, \"b, c\"]"));
    TRY(settings_resolve(s));
    TRY(settings_copy(&copy, s));
    TRY(settings_names(copy, "data.train", &names, &n));
    TRY(settings_identity(copy, &text));
    mem_free(text);
    text = NULL;
    TRY(settings_dump(copy, &text));
done:
    mem_free(names);
    mem_free(text);
    settings_free(s);
    settings_free(copy);
    return err;
}

static void every_failed_allocation_is_survived(void **state) {
    (void)state;
    uint64_t live = mem_stats().live_blocks;
    Err err = ERR_NOMEM;
    for (uint64_t k = 1; err != ERR_OK; k++) {
        mem_fail_at(k);
        err = whole_life();
        assert_int_equal(mem_stats().live_blocks, live);
        assert_true(err == ERR_OK || err == ERR_NOMEM);
        assert_true(k < 2000);
    }
    mem_fail_at(0);
}

static void fixed_rows_are_sorted(void **state) {
    (void)state;
    int n = 0;
    const Option *const *table = option_table(&n);
    assert_int_equal(n, 29);
    for (int i = 1; i < n; i++) assert_true(strcmp(table[i - 1]->key, table[i]->key) <= 0);
    assert_null(option_find("data.train.a.b.source"));
    assert_string_equal(option_find("data.train.a.source")->key, "data.train.*.source");
}

int main(void) {
    /* A locale with a decimal comma must change nothing; where it is not installed the test runs in C. */
    if (setlocale(LC_ALL, "de_DE.UTF-8") == NULL) (void)setlocale(LC_ALL, "C");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_core_schema_integers),
        cmocka_unit_test(reads_core_schema_reals),
        cmocka_unit_test(sizes),
        cmocka_unit_test(shortest_text_of_reals),
        cmocka_unit_test(reals_round_trip),
        cmocka_unit_test(canonical_texts),
        cmocka_unit_test(wrong_values),
        cmocka_unit_test(unknown_keys),
        cmocka_unit_test(defaults_follow_conditions),
        cmocka_unit_test(a_key_takes_the_row_in_force),
        cmocka_unit_test(conditions_are_transitive),
        cmocka_unit_test(missing_keys),
        cmocka_unit_test(identity_drops_what_does_not_matter),
        cmocka_unit_test(dump_is_nested),
        cmocka_unit_test(every_failed_allocation_is_survived),
        cmocka_unit_test(fixed_rows_are_sorted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
