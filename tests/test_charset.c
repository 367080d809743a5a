/* Character sets, strict UTF-8, text files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/data/charset.h"
#include "harness/data/textfile.h"
#include "harness/data/utf8.h"
#include "kernels/mem.h"

static char path[] = "/tmp/refocus-charset-XXXXXX/set.txt";

static void write_file(const char *bytes, size_t len) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    fclose(file);
}

static void expect_error(const char *name, Err code, const char *part) {
    Charset *set = NULL;
    assert_int_equal(charset_open(&set, name), code);
    assert_null(set);
    if (strstr(err_message(), part) == NULL) fail_msg("'%s' does not contain '%s'", err_message(), part);
}

static void test_sizes_and_ends(void **state) {
    (void)state;
    static const struct {
        const char *name;
        int size;
        uint32_t first, last;
        bool folds;
    } sets[] = {{"digits", 10, '0', '9', false},       {"latin36", 36, '0', 'z', true},
                {"latin62", 62, '0', 'z', false},      {"kana", 170, 0x3041, 0x30fc, false},
                {"jis1", 2965, 0x4e9c, 0x8155, false}, {"jis12", 6355, 0x4e9c, 0x7199, false}};
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        Charset *set = NULL;
        assert_int_equal(charset_open(&set, sets[i].name), ERR_OK);
        assert_int_equal(charset_size(set), sets[i].size);
        assert_int_equal(charset_code_point(set, 0), sets[i].first);
        assert_int_equal(charset_code_point(set, sets[i].size - 1), sets[i].last);
        assert_int_equal(charset_folds_case(set), sets[i].folds);
        for (int32_t k = 0; k < sets[i].size; k++) assert_int_equal(charset_find(set, charset_code_point(set, k)), k);
        assert_int_equal(charset_find(set, 0x1f600), -1);
        charset_free(set);
    }
}

static void test_encode_folds_and_counts_foreign(void **state) {
    (void)state;
    Charset *set = NULL;
    int32_t label[4], n = 0;
    uint32_t foreign = 0;
    char text[32];
    assert_int_equal(charset_open(&set, "latin36"), ERR_OK);
    assert_int_equal(charset_encode(set, "Ab9", label, 4, &n, &foreign), 0);
    assert_int_equal(n, 3);
    assert_int_equal(label[0], 10);
    assert_int_equal(label[1], 11);
    assert_int_equal(label[2], 9);
    assert_string_equal(charset_decode(set, label, n, text, sizeof text), "ab9");
    assert_int_equal(charset_encode(set, "a\xc3\xa9-b", label, 4, &n, &foreign), 2);
    assert_int_equal(n, 2);
    assert_int_equal(foreign, 0xe9);
    assert_int_equal(charset_encode(set, "abcdef", label, 4, &n, NULL), 2);
    assert_int_equal(n, 4);
    assert_int_equal(charset_encode(set, "a\xff", label, 4, &n, NULL), -1);
    charset_free(set);

    assert_int_equal(charset_open(&set, "latin62"), ERR_OK);
    assert_int_equal(charset_encode(set, "Aa", label, 4, &n, NULL), 0);
    assert_int_not_equal(label[0], label[1]);
    charset_free(set);
}

static void test_decode_stops_and_never_overruns(void **state) {
    (void)state;
    Charset *set = NULL;
    char buf[8];
    const int32_t label[] = {1, 2, 10, 3}; /* 10 = EOS of digits */
    assert_int_equal(charset_open(&set, "digits"), ERR_OK);
    assert_string_equal(charset_decode(set, label, 4, buf, sizeof buf), "12");
    assert_string_equal(charset_decode(set, label, 4, buf, 2), "1");
    charset_free(set);
    assert_int_equal(charset_open(&set, "kana"), ERR_OK);
    assert_string_equal(charset_decode(set, label, 3, buf, 5), "\xe3\x81\x82"); /* whole characters only */
    charset_free(set);
}

static void test_plan_only(void **state) {
    (void)state;
    Charset *set = NULL;
    char buf[8];
    const int32_t label[] = {2999};
    assert_int_equal(charset_open(&set, "size:3000"), ERR_OK);
    assert_int_equal(charset_size(set), 3000);
    assert_false(charset_has_characters(set));
    assert_int_equal(charset_find(set, 'a'), -1);
    assert_string_equal(charset_decode(set, label, 1, buf, sizeof buf), "\xef\xbf\xbd");
    charset_free(set);
}

static void test_file(void **state) {
    (void)state;
    Charset *set = NULL;
    static const char good[] = "\xef\xbb\xbf"
                               "a\r\n\xe3\x81\x82\n \nb";
    write_file(good, sizeof good - 1);
    assert_int_equal(charset_open(&set, path), ERR_OK);
    assert_int_equal(charset_size(set), 4);
    assert_int_equal(charset_find(set, 0x3042), 1);
    assert_int_equal(charset_find(set, ' '), 2);
    assert_int_equal(charset_find(set, 'B'), 3);
    char digest[65];
    strcpy(digest, charset_digest(set));
    charset_free(set);
    static const char other[] = "a\n\xe3\x81\x82\n \nc\n";
    write_file(other, sizeof other - 1);
    assert_int_equal(charset_open(&set, path), ERR_OK);
    assert_string_not_equal(digest, charset_digest(set));
    charset_free(set);
}

static void test_bad_files(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        const char *part;
    } bad[] = {{"a\nb\na\n", 6, ":3: 'a' (U+0061) is already in line 1"},
               {"a\n\nb\n", 5, ":2: the line is empty"},
               {"a\nbc\n", 5, ":2: more than one character"},
               {"a\n\xc0\x80\n", 5, ":2: the charset is not UTF-8"},
               {"a\nb\0c\n", 6, ":2: the charset is not UTF-8"},
               {"a\n\t\n", 4, ":2: U+0009 cannot be"},
               {"", 0, "is empty"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        write_file(bad[i].bytes, bad[i].len);
        expect_error(path, ERR_DATA, bad[i].part);
    }
    expect_error("/nonexistent/set.txt", ERR_MISSING, "cannot open the charset /nonexistent/set.txt");
    expect_error("/tmp/", ERR_MISSING, "is not a file");
    expect_error("latin", ERR_SPEC, "unknown charset 'latin', expected digits, latin36");
    expect_error("size:0", ERR_SPEC, "unknown charset");
    expect_error("size:1e9", ERR_SPEC, "unknown charset");
}

static void test_utf8_is_strict(void **state) {
    (void)state;
    static const char *const bad[] = {"\x80",     "\xc1\xbf", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                                      "\xe3\x81", "\xff"};
    uint32_t c = 0;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_int_equal(utf8_decode(bad[i], strlen(bad[i]), &c), 0);
    for (uint32_t k = 1; k <= 0x10ffff; k += 7) {
        if (k >= 0xd800 && k <= 0xdfff) continue;
        char bytes[UTF8_MAX];
        int n = utf8_encode(k, bytes);
        assert_int_equal(utf8_decode(bytes, (size_t)n, &c), n);
        assert_int_equal(c, k);
        assert_int_equal(utf8_decode(bytes, (size_t)n - 1, &c), 0);
    }
}

static void test_utf8_is_tame(void **state) {
    (void)state;
    static const struct {
        const char *text, *tame;
    } cases[] = {{"", ""},
                 {"two\n\tlines, \xc3\xa9 \xf0\x9f\x99\x82", NULL},
                 {"\x1b[2J", "\xef\xbf\xbd[2J"},
                 {"a\rb\x7f", "a\xef\xbf\xbd"
                              "b\xef\xbf\xbd"},
                 {"\xc2\x9b 31m", "\xef\xbf\xbd 31m"},     /* a control of one byte in Latin-1 */
                 {"\xe2\x80\xaeltr", "\xef\xbf\xbdltr"},   /* reorders */
                 {"\x9b\xff", "\xef\xbf\xbd\xef\xbf\xbd"}, /* no UTF-8 */
                 {"cut \xe3\x81", "cut \xef\xbf\xbd\xef\xbf\xbd"}};
    char buf[64];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *text = cases[i].text, *tame = cases[i].tame != NULL ? cases[i].tame : text;
        assert_string_equal(utf8_tame(buf, sizeof buf, text), tame);
        assert_int_equal(utf8_is_tame(text), strcmp(text, tame) == 0);
        assert_true(utf8_is_tame(buf));
    }
    assert_string_equal(utf8_tame(buf, 5, "ab\x1b"), "ab"); /* never cut within a character */
}

static void test_failing_allocations(void **state) {
    (void)state;
    Err err = ERR_NOMEM;
    uint64_t live = mem_stats().live_blocks;
    static const char two[] = "a\nb\n";
    write_file(two, sizeof two - 1);
    for (uint64_t k = 1; err != ERR_OK && k < 100; k++) {
        Charset *set = NULL;
        mem_fail_at(k);
        err = charset_open(&set, path);
        mem_fail_at(0);
        assert_true(err == ERR_OK || (err == ERR_NOMEM && set == NULL));
        charset_free(set);
        assert_int_equal(mem_stats().live_blocks, live);
    }
    assert_int_equal(err, ERR_OK);
}

static int set_up(void **state) {
    (void)state;
    char *slash = strrchr(path, '/');
    *slash = '\0';
    char *made = mkdtemp(path);
    *slash = '/';
    return made == NULL;
}

static int tear_down(void **state) {
    (void)state;
    unlink(path);
    *strrchr(path, '/') = '\0';
    return rmdir(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes_and_ends),
        cmocka_unit_test(test_encode_folds_and_counts_foreign),
        cmocka_unit_test(test_decode_stops_and_never_overruns),
        cmocka_unit_test(test_plan_only),
        cmocka_unit_test(test_file),
        cmocka_unit_test(test_bad_files),
        cmocka_unit_test(test_utf8_is_strict),
        cmocka_unit_test(test_utf8_is_tame),
        cmocka_unit_test(test_failing_allocations),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
