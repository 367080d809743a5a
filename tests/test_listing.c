/* Tables of words: columns by display width, blocks on narrow pages, escaping in Markdown and CSV. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/report/listing.h"
#include "kernels/mem.h"

#define OK(call) assert_int_equal(call, ERR_OK)

static void begin(Listing *listing) {
    *listing = (Listing){.n_rows = 0};
    OK(listing_column(listing, LISTING_KEY, "name"));
    OK(listing_column(listing, LISTING_NUMBER, "peak"));
    OK(listing_column(listing, LISTING_WORDS, "note"));
    OK(listing_column(listing, LISTING_NUMBER, "n"));
}

static void add(Listing *listing, const char *name, const char *peak, const char *note, const char *n) {
    OK(listing_row(listing));
    OK(listing_field(listing, "%s", name));
    OK(listing_field(listing, "%s", peak));
    OK(listing_field(listing, "%s", note));
    OK(listing_field(listing, "%s", n));
}

static void fill(Listing *listing) {
    begin(listing);
    add(listing, "a", "1.5 GiB", "漢字", "7");
    add(listing, "long", "12 B", "", "");
}

/* What `write` writes, to be freed by free(). */
static char *text_of(const Listing *listing, int page, size_t *written) {
    char *text = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);
    assert_non_null(to);
    *written = listing_text(to, listing, page);
    (void)fclose(to);
    return text;
}

static char *formatted(const Listing *listing, void (*write)(FILE *, const Listing *)) {
    char *text = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);
    assert_non_null(to);
    write(to, listing);
    (void)fclose(to);
    return text;
}

static void test_aligned(void **state) {
    Listing listing;
    size_t written = 0;
    (void)state;
    fill(&listing);
    char *text = text_of(&listing, 0, &written);
    assert_string_equal(text, "name     peak  note  n\n"
                              "a     1.5 GiB  漢字  7\n"
                              "long     12 B\n");
    assert_int_equal(written, 4);
    free(text);
    listing_clear(&listing);
}

/* The keys come again in each block; a column that is wider than the page stands alone. */
static void test_blocks(void **state) {
    Listing listing;
    size_t written = 0;
    (void)state;
    fill(&listing);
    char *text = text_of(&listing, 16, &written);
    assert_string_equal(text, "name     peak\n"
                              "a     1.5 GiB\n"
                              "long     12 B\n"
                              "\n"
                              "name  note  n\n"
                              "a     漢字  7\n"
                              "long\n");
    assert_int_equal(written, 4);
    free(text);
    text = text_of(&listing, 1, &written);
    assert_non_null(strstr(text, "\n\nname  note\n"));
    assert_int_equal(written, 4);
    free(text);
    listing_clear(&listing);
}

/* Nobody scrolls through a second block of a long table. */
static void test_long(void **state) {
    Listing listing;
    size_t written = 0;
    (void)state;
    begin(&listing);
    for (int i = 0; i < 100; i++) add(&listing, "row", "1 B", "a word", "1");
    char *text = text_of(&listing, 20, &written);
    assert_null(strstr(text, "\n\n"));
    assert_int_equal(written, 3);
    free(text);
    text = text_of(&listing, 80, &written);
    assert_int_equal(written, 4);
    free(text);
    listing_clear(&listing);
}

static void test_markdown(void **state) {
    Listing listing;
    (void)state;
    begin(&listing);
    add(&listing, "a|b", "1", "_x_ <y> a_b", "");
    char *text = formatted(&listing, listing_markdown);
    assert_string_equal(text, "| name | peak | note | n |\n"
                              "| :-- | --: | :-- | --: |\n"
                              "| a\\|b | 1 | \\_x\\_ \\<y\\> a_b |  |\n");
    free(text);
    listing_clear(&listing);
}

static void test_csv(void **state) {
    Listing listing;
    (void)state;
    begin(&listing);
    add(&listing, "a,b", "1", "say \"x\"", "");
    char *text = formatted(&listing, listing_csv);
    assert_string_equal(text, "name,peak,note,n\n\"a,b\",1,\"say \"\"x\"\"\",\n");
    free(text);
    listing_clear(&listing);
}

/* Fields beyond the columns, and columns beyond the most, are left out; nothing is written past the end. */
static void test_too_many(void **state) {
    Listing listing = {.n_rows = 0};
    (void)state;
    for (int i = 0; i < LISTING_MAX_COLUMNS + 3; i++) OK(listing_column(&listing, LISTING_NUMBER, "c"));
    assert_int_equal(listing.n_columns, LISTING_MAX_COLUMNS);
    OK(listing_row(&listing));
    for (int i = 0; i < LISTING_MAX_COLUMNS + 3; i++) OK(listing_field(&listing, "%d", i));
    assert_string_equal(listing.row[0][LISTING_MAX_COLUMNS - 1], "63");
    listing_clear(&listing);
    assert_int_equal(mem_stats().live_blocks, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_aligned), cmocka_unit_test(test_blocks),
                                       cmocka_unit_test(test_long),    cmocka_unit_test(test_markdown),
                                       cmocka_unit_test(test_csv),     cmocka_unit_test(test_too_many)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
