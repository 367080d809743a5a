/* YAML texts as trees, and how problems in them are shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "harness/grid/doc.h"
#include "harness/grid/message.h"
#include "kernels/mem.h"
#include "models/text.h"

static Doc *read(const char *text) {
    Doc *doc = NULL;
    if (doc_read_text(&doc, "f.yaml", text, strlen(text)) != ERR_OK) fail_msg("%s: %s", text, err_message());
    return doc;
}

static void refuse_bytes(const char *text, size_t len, const char *message) {
    Doc *doc = NULL;
    uint64_t live = mem_stats().live_blocks;
    assert_int_equal(doc_read_text(&doc, "f.yaml", text, len), ERR_SPEC);
    assert_null(doc);
    assert_string_equal(err_message(), message);
    assert_int_equal(mem_stats().live_blocks, live);
}

static void refuse(const char *text, const char *message) { refuse_bytes(text, strlen(text), message); }

static const DocNode *value(const Doc *doc, const char *key) {
    const DocNode *node = doc_get(doc_root(doc), key);
    if (node == NULL) fail_msg("no key %s", key);
    return node;
}

static void expect_flow(const Doc *doc, const char *key, const char *expected) {
    char *flow = NULL;
    assert_int_equal(doc_flow(&flow, value(doc, key)), ERR_OK);
    assert_string_equal(flow, expected);
    mem_free(flow);
}

static void scalars_stay_text(void **state) {
    (void)state;
    Doc *doc = read("a: 1e-4\nb: no\nc: 0o10\nd: 1_000\ne: \"1\"\nf: 'it''s'\ng: !!str 5\nh: |\n  two\n  lines\n"
                    "i: [a, \"b\", [1, 2]]\nj: [1, 'x, y']\nk:\nl: ~\nm: ''\n");
    expect_flow(doc, "a", "1e-4");
    expect_flow(doc, "b", "no");
    expect_flow(doc, "c", "0o10");
    expect_flow(doc, "d", "1_000");
    expect_flow(doc, "e", "\"1\"");
    expect_flow(doc, "f", "\"it's\"");
    expect_flow(doc, "g", "\"5\"");
    expect_flow(doc, "h", "\"two\\nlines\\n\"");
    expect_flow(doc, "j", "[1, \"x, y\"]");
    assert_true(doc_is_null(value(doc, "k")));
    assert_true(doc_is_null(value(doc, "l")));
    assert_false(doc_is_null(value(doc, "m")));
    char *flow = NULL;
    assert_int_equal(doc_flow(&flow, value(doc, "i")), ERR_SPEC);
    assert_string_equal(err_message(), "a list holds plain values only, got a list inside");
    assert_int_equal(doc_flow(&flow, doc_root(doc)), ERR_SPEC);
    assert_null(doc_get(doc_root(doc), "z"));
    doc_free(doc);
}

static void places_count_characters(void **state) {
    (void)state;
    Doc *doc = read("é: {ключ: 値}\nb:\n  - one\n  - {c: \"two words\"}\n");
    const DocNode *inner = value(doc, "é");
    assert_int_equal(inner->items[0]->place.line, 1);
    assert_int_equal(inner->items[0]->place.column, 5);
    assert_int_equal(inner->items[0]->place.length, 4);
    assert_int_equal(inner->items[1]->place.column, 11);
    const DocNode *list = value(doc, "b");
    assert_int_equal(list->n, 2);
    assert_int_equal(list->items[1]->items[1]->place.line, 4);
    assert_int_equal(list->items[1]->items[1]->place.column, 9);
    assert_int_equal(list->items[1]->items[1]->place.length, 11);
    doc_free(doc);
}

static void byte_order_mark_and_windows_lines(void **state) {
    (void)state;
    Doc *doc = read("\xEF\xBB\xBF"
                    "a: 1\r\nb: two\r\n");
    expect_flow(doc, "a", "1");
    expect_flow(doc, "b", "two");
    assert_int_equal(value(doc, "b")->place.line, 2);
    assert_int_equal(value(doc, "b")->place.column, 4);
    doc_free(doc);
    refuse("\xEF\xBB\xBF"
           "a: 1\r\na: 2\r\n",
           "f.yaml:2:1: key 'a' is given twice, first at line 1\n    2 | a: 2\n      | ^");
}

static void aliases(void **state) {
    (void)state;
    Doc *doc = read("a: &x {k: 1}\nb: *x\nc: &x [2]\nd: *x\n");
    assert_ptr_equal(value(doc, "a"), value(doc, "b"));
    assert_ptr_equal(value(doc, "c"), value(doc, "d")); /* the later anchor of one name */
    doc_free(doc);
    refuse("a: *x\n", "f.yaml:1:4: alias '*x' has no anchor '&x' before it\n    1 | a: *x\n      |    ^~");
    refuse("a: &x [*x]\n", "f.yaml:1:8: alias '*x' stands inside what it names\n    1 | a: &x [*x]\n      |        ^~");
    refuse("a: &x {b: &y [1, *x]}\n",
           "f.yaml:1:18: alias '*x' stands inside what it names\n    1 | a: &x {b: &y [1, *x]}\n"
           "      |                  ^~");
}

/* "A billion laughs": nine lists of nine aliases each. */
static void alias_bomb(void **state) {
    (void)state;
    Text text = {0};
    Doc *doc = NULL;
    assert_int_equal(text_add(&text, "a0: &a0 [x,x,x,x,x,x,x,x,x]\n"), ERR_OK);
    for (int i = 1; i < 9; i++) {
        assert_int_equal(text_add(&text, "a%d: &a%d [", i, i), ERR_OK);
        for (int k = 0; k < 9; k++) assert_int_equal(text_add(&text, "%s*a%d", k == 0 ? "" : ",", i - 1), ERR_OK);
        assert_int_equal(text_add(&text, "]\n"), ERR_OK);
    }
    assert_int_equal(doc_read_text(&doc, "f.yaml", text.data, text.len), ERR_SPEC);
    assert_non_null(strstr(err_message(), "this stands for more than 20000 values"));
    text_clear(&text);
}

static void limits(void **state) {
    (void)state;
    char deep[200];
    Doc *doc = NULL;
    memset(deep, '[', 100);
    memset(deep + 100, ']', 100);
    assert_int_equal(doc_read_text(&doc, "f.yaml", deep, 200), ERR_SPEC);
    assert_memory_equal(err_message(), "f.yaml:1:33: nested deeper than 32 levels\n", 42);
    assert_int_equal(doc_read_text(&doc, "f.yaml", deep + 68, 64), ERR_OK);
    doc_free(doc);
    char *large = NULL;
    assert_int_equal(mem_alloc(&large, DOC_BYTES_MAX + 2, 1), ERR_OK);
    memset(large, ' ', DOC_BYTES_MAX + 1);
    refuse_bytes(large, DOC_BYTES_MAX + 1, "f.yaml: 1048577 bytes are too many, expected at most 1048576");
    mem_free(large);
}

static void what_is_not_for_us(void **state) {
    (void)state;
    refuse("a: 1\n---\nb: 2\n", "f.yaml:2:1: a second document begins here; expected one\n    2 | ---\n      | ^~~");
    refuse("a: {b: 1, c: 2, b: 3}\n",
           "f.yaml:1:17: key 'b' is given twice, first at line 1\n    1 | a: {b: 1, c: 2, b: 3}\n"
           "      |                 ^");
    refuse("a: {\"b\": 1, b: 3}\n",
           "f.yaml:1:13: key 'b' is given twice, first at line 1\n    1 | a: {\"b\": 1, b: 3}\n      |             ^");
    refuse("a: &x {b: 1}\nc:\n  <<: *x\n",
           "f.yaml:3:3: merge keys ('<<') are not part of YAML 1.2: use 'extends', or an alias for a whole value\n"
           "    3 |   <<: *x\n      |   ^~");
    refuse("[1, 2]: 3\n", "f.yaml:1:1: expected a name as a key, got a list\n    1 | [1, 2]: 3\n      | ^");
    refuse("a: !!int \"3\"\n",
           "f.yaml:1:4: tag 'tag:yaml.org,2002:int' is not supported: a value's type follows from its key\n"
           "    1 | a: !!int \"3\"\n      |    ^~~~~~~~~");
    refuse("%YAML 1.1\n---\na: 1\n", "f.yaml:1:1: this says YAML 1.1; expected 1.2\n    1 | %YAML 1.1\n      | ^");
}

static void what_is_not_yaml(void **state) {
    (void)state;
    refuse("a: [1, 2\nb: 3\n",
           "f.yaml:2:2: did not find expected ',' or ']' while parsing a flow sequence that begins at line 1\n"
           "    2 | b: 3\n      |  ^");
    refuse("a: {b: 1\n",
           "f.yaml:2:1: did not find expected ',' or '}' while parsing a flow mapping that begins at line 1\n"
           "    2 | \n      | ^");
    refuse("a: \"open\n",
           "f.yaml:2:1: found unexpected end of stream while scanning a quoted scalar that begins at line 1\n"
           "    2 | \n      | ^");
    refuse("a:\n\tb: 1\n",
           "f.yaml:2:1: found character that cannot start any token while scanning for the next token that begins at "
           "line 2\n    2 |  b: 1\n      | ^");
    refuse("a: b: c\n", "f.yaml:1:5: mapping values are not allowed in this context\n    1 | a: b: c\n      |     ^");
}

static void what_is_not_utf8(void **state) {
    (void)state;
    refuse("a: 1\nb: \xff\n", "f.yaml:2:4: expected UTF-8 text, got byte 0xff");
    refuse("a: \xc0\xaf\n", "f.yaml:1:4: expected UTF-8 text, got byte 0xc0");
    refuse("a: \xed\xa0\x80\n", "f.yaml:1:4: expected UTF-8 text, got byte 0xed");
    refuse("a: \xe3\x81", "f.yaml:1:4: expected UTF-8 text, got byte 0xe3");
    refuse("é: \x01\n", "f.yaml:1:4: expected UTF-8 text, got byte 0x01");
    refuse_bytes("a: \0\n", 5, "f.yaml:1:4: expected UTF-8 text, got byte 0x00");
    refuse_bytes("\xff\xfe"
                 "a\0",
                 4, "f.yaml: expected UTF-8 text, got UTF-16");
    refuse("a: \"x\\0y\"\n", "f.yaml:1:4: a text with a zero byte in it\n    1 | a: \"x\\0y\"\n      |    ^~~~~~");
}

static void an_empty_text(void **state) {
    (void)state;
    Doc *doc = read("");
    assert_null(doc_root(doc));
    doc_free(doc);
    doc = read("# only a comment\n");
    assert_null(doc_root(doc));
    doc_free(doc);
}

/* ---- problems ---- */

static void carets_under_wide_characters(void **state) {
    (void)state;
    Problems problems = {0};
    Doc *doc = read("質問: {ひら: 1, x: 2}\n");
    const DocNode *map = value(doc, "質問");
    assert_int_equal(problem_add(&problems, doc, map->items[2], "here"), ERR_OK);
    assert_int_equal(problem_add(&problems, doc, map->items[0], "and %d", 2), ERR_OK);
    assert_int_equal(problems_report(&problems), ERR_SPEC);
    assert_string_equal(err_message(), "f.yaml:1:6: and 2\n"
                                       "    1 | 質問: {ひら: 1, x: 2}\n"
                                       "      |        ^~~~\n"
                                       "f.yaml:1:13: here\n"
                                       "    1 | 質問: {ひら: 1, x: 2}\n"
                                       "      |                 ^");
    problems_clear(&problems);
    doc_free(doc);
}

static void long_lines_are_cut(void **state) {
    (void)state;
    Problems problems = {0};
    char line[400];
    (void)snprintf(line, sizeof line, "a: {%0*d: 1, wrong: 2, %0*d: 3}\n", 150, 1, 150, 2);
    Doc *doc = read(line);
    assert_int_equal(problem_add(&problems, doc, value(doc, "a")->items[2], "here"), ERR_OK);
    assert_int_equal(problems_report(&problems), ERR_SPEC);
    assert_memory_equal(err_message(), "f.yaml:1:160: here\n", 19);
    assert_non_null(strstr(err_message(), "wrong: 2"));
    assert_non_null(strstr(err_message(), "^~~~~"));
    /* the caret stands under the word, and the line is no wider than a terminal */
    const char *shown = strchr(err_message(), '\n') + 1, *caret = strchr(shown, '\n') + 1;
    assert_true(caret - shown < 120);
    assert_int_equal(strstr(shown, "wrong") - shown, strchr(caret, '^') - caret);
    problems_clear(&problems);
    doc_free(doc);
}

static void many_problems_fit(void **state) {
    (void)state;
    Problems problems = {0};
    Doc *doc = read("a: 1\nb: 2\n");
    for (int i = 0; i < 200; i++)
        assert_int_equal(problem_add(&problems, doc, value(doc, "b"), "number %03d of too many", i), ERR_OK);
    assert_int_equal(problem_add(&problems, doc, value(doc, "a"), "first"), ERR_OK);
    assert_int_equal(problem_add(&problems, doc, value(doc, "a"), "first"), ERR_OK); /* said once */
    assert_int_equal(problem_add(&problems, NULL, NULL, "on the command line"), ERR_OK);
    assert_int_equal(problems_report(&problems), ERR_SPEC);
    const char *message = err_message();
    assert_memory_equal(message, "f.yaml:1:4: first\n    1 | a: 1\n      |    ^\nf.yaml:2:4: number 000", 60);
    const char *more = strstr(message, "\nand ");
    assert_non_null(more);
    int n_more = 0, n_shown = 0;
    assert_int_equal(sscanf(more, "\nand %d more", &n_more), 1);
    for (const char *at = message; (at = strstr(at, "number ")) != NULL; at++) n_shown++;
    assert_int_equal(n_shown + n_more, 201);
    problems_clear(&problems);
    doc_free(doc);
}

static void other_errors_pass(void **state) {
    (void)state;
    Problems problems = {0};
    assert_int_equal(problem_catch(&problems, NULL, NULL, ERR_OK), ERR_OK);
    assert_int_equal(problem_catch(&problems, NULL, NULL, ERR_NOMEM), ERR_NOMEM);
    assert_int_equal(problems_report(&problems), ERR_OK);
    assert_int_equal(problem_catch(&problems, NULL, NULL, err_set(ERR_SPEC, "wrong")), ERR_OK);
    assert_int_equal(problems_report(&problems), ERR_SPEC);
    assert_string_equal(err_message(), "wrong");
    problems_clear(&problems);
}

static void every_failed_allocation_is_survived(void **state) {
    (void)state;
    const char *text = "a: &x {b: [1, 2], c: \"d\"}\ne: *x\n";
    uint64_t live = mem_stats().live_blocks;
    Err err = ERR_NOMEM;
    for (uint64_t k = 1; err != ERR_OK; k++) {
        Doc *doc = NULL;
        mem_fail_at(k);
        err = doc_read_text(&doc, "f.yaml", text, strlen(text));
        mem_fail_at(0);
        assert_true(err == ERR_OK || err == ERR_NOMEM);
        doc_free(doc);
        assert_int_equal(mem_stats().live_blocks, live);
        assert_true(k < 100);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalars_stay_text),
        cmocka_unit_test(places_count_characters),
        cmocka_unit_test(byte_order_mark_and_windows_lines),
        cmocka_unit_test(aliases),
        cmocka_unit_test(alias_bomb),
        cmocka_unit_test(limits),
        cmocka_unit_test(what_is_not_for_us),
        cmocka_unit_test(what_is_not_yaml),
        cmocka_unit_test(what_is_not_utf8),
        cmocka_unit_test(an_empty_text),
        cmocka_unit_test(carets_under_wide_characters),
        cmocka_unit_test(long_lines_are_cut),
        cmocka_unit_test(many_problems_fit),
        cmocka_unit_test(other_errors_pass),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
