/* Pictures of attention: colours, the measures of a step, files that appear whole, and pages with long texts, without
 * boxes, with maps of several rows. What the pictures look like must be looked at: with REFOCUS_PICTURES=FOLDER set
 * they are left there. */
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "harness/data/lettering.h"
#include "harness/data/picture.h"
#include "harness/report/attention_sheet.h"
#include "harness/report/colour.h"
#include "harness/report/glance.h"
#include "harness/report/overlay.h"
#include "harness/report/page.h"
#include "kernels/mem.h"
#include "tests/record_fixture.h"

enum { PATH = FIXTURE_PATH + 40, MAX_T = 25, MAX_W = 32, MAX_H = 3, IMAGE_H = 32, IMAGE_W = 128 };

static char path[PATH];

static const char *in_folder(const char *name) {
    const char *kept = getenv("REFOCUS_PICTURES");
    (void)snprintf(path, sizeof path, "%s/%s", kept != NULL ? kept : fixture_folder, name);
    return path;
}

/* ---- colours ---- */

static double linear(double code) { return code <= 0.04045 ? code / 12.92 : pow((code + 0.055) / 1.055, 2.4); }

/* Oklab's lightness, from the definition. */
static double lightness(Colour c) {
    double r = linear(c.r), g = linear(c.g), b = linear(c.b);
    double l = cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
    double m = cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
    double s = cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
    return 0.2104542553 * l + 0.7936177850 * m - 0.0040720468 * s;
}

static void test_heat_is_even(void **state) {
    (void)state;
    for (int i = 0; i <= 100; i++) {
        Colour c = colour_heat(i / 100.0);
        /* equal steps from .97 to .29: a channel that was cut off would break them */
        assert_true(fabs(lightness(c) - (0.97 - 0.0068 * i)) < 1e-4);
        assert_true(c.r >= 0 && c.r <= 1 && c.g >= 0 && c.g <= 1 && c.b >= 0 && c.b <= 1);
    }
    assert_memory_equal(&(Colour[]){colour_heat(-1)}, &(Colour[]){colour_heat(0)}, sizeof(Colour));
    assert_memory_equal(&(Colour[]){colour_heat(2)}, &(Colour[]){colour_heat(1)}, sizeof(Colour));
    assert_memory_equal(&(Colour[]){colour_heat(NAN)}, &(Colour[]){colour_heat(0)}, sizeof(Colour));
}

/* Good and bad differ in lightness as well as in hue. */
static void test_marks_differ_in_grey(void **state) {
    (void)state;
    assert_true(fabs(lightness(colour_good) - lightness(colour_bad)) > 0.1);
    for (int i = 0; i < COLOUR_SERIES; i++)
        for (int k = 0; k < i; k++) {
            Colour a = colour_series(i), b = colour_series(k);
            assert_true(fabs(a.r - b.r) + fabs(a.g - b.g) + fabs(a.b - b.b) > 0.2);
        }
}

/* ---- attention made up ---- */

typedef struct Made {
    RecordAttention attention;
    float map_x[MAX_W], map_y[MAX_H], boxes[MAX_T * 4], maps[MAX_T * MAX_H * MAX_W], centres[MAX_T * 2];
    uint8_t images[IMAGE_H * IMAGE_W * 3];
    const char *text[1], *predicted[1];
    int64_t step[1];
} Made;

/* n characters side by side; attention falls off around each box's middle, moved by `off` pixels. */
static void make(Made *m, const char *text, const char *predicted, int n, int map_h, double off) {
    memset(m, 0, sizeof *m);
    m->attention = (RecordAttention){.n = 1,
                                     .n_samples = 1,
                                     .n_t = MAX_T,
                                     .map_h = map_h,
                                     .map_w = MAX_W,
                                     .image_h = IMAGE_H,
                                     .image_w = IMAGE_W,
                                     .map_y = m->map_y,
                                     .map_x = m->map_x,
                                     .images = m->images,
                                     .boxes = m->boxes,
                                     .text = m->text,
                                     .step = m->step,
                                     .maps = m->maps,
                                     .centres = m->centres,
                                     .predicted = m->predicted};
    m->text[0] = text;
    m->predicted[0] = predicted;
    m->step[0] = 800;
    for (int j = 0; j < MAX_W; j++) m->map_x[j] = (float)(4 * j) + 2;
    for (int i = 0; i < map_h; i++) m->map_y[i] = (float)((i + 0.5) * IMAGE_H / map_h);
    for (int i = 0; i < IMAGE_H * IMAGE_W * 3; i++) m->images[i] = (uint8_t)(150 + i * 7919 % 40);
    double width = (double)IMAGE_W / n;
    for (int t = 0; t < n; t++) {
        double middle = (t + 0.5) * width, sum = 0;
        const float box[4] = {(float)(t * width), 6, (float)((t + 1) * width), 26};
        memcpy(m->boxes + 4 * t, box, sizeof box);
        float *map = m->maps + t * map_h * MAX_W;
        for (int k = 0; k < map_h * MAX_W; k++) {
            double dx = (m->map_x[k % MAX_W] - middle - off) / 4, dy = (k / MAX_W) - 1.0;
            map[k] = (float)exp(-dx * dx - (map_h > 1 ? dy * dy : 0));
            sum += (double)map[k];
        }
        for (int k = 0; k < map_h * MAX_W; k++) map[k] /= (float)sum;
        m->centres[2 * t] = (float)(middle + off);
        m->centres[2 * t + 1] = 16;
    }
}

static void draw(const Made *m, const char *label, const char *name) {
    const OverlayRow row = {label, &m->attention, 0};
    const OverlayGroup group = {"sample 0", 0, 1, &row};
    const Overlay overlay = {.title = "made up", .about = "not a result", .n_groups = 1, .group = &group};
    assert_ok(overlay_write(&overlay, in_folder(name)));
}

static void test_glance(void **state) {
    (void)state;
    Made m;
    make(&m, "caé", "cox", 3, 1, 2.5);
    assert_int_equal(glance_count(&m.attention, 0), 3);
    Glance g = glance_at(&m.attention, 0, 0, 2);
    assert_string_equal(g.truth, "é");
    assert_string_equal(g.read, "x");
    assert_false(g.right);
    assert_true(g.has_box && g.has_centre && g.hit);
    assert_true(fabs(g.error_px - 2.5) < 1e-5);
    assert_true(glance_at(&m.attention, 0, 0, 0).right);
    m.centres[0] = m.boxes[2]; /* the edge of a box is the next one's */
    m.centres[2] = NAN;
    assert_false(glance_at(&m.attention, 0, 0, 0).hit);
    assert_true(isnan(glance_at(&m.attention, 0, 0, 1).error_px));
    GlanceSum sum = glance_sum(&m.attention, 0, 0);
    assert_int_equal(sum.n_boxes, 2);
    assert_int_equal(sum.n_hits, 1);
    assert_true(fabs(sum.error_px - (128.0 / 6 + 2.5) / 2) < 1e-4);
    m.predicted[0] = "";
    assert_string_equal(glance_at(&m.attention, 0, 0, 1).read, "");
}

/* ---- pages ---- */

/* Pixels of exactly that colour in the upper `part` of a PNG, and its size. */
static int count_colour(const char *file, Colour c, double part, int32_t *width, int32_t *height) {
    Picture picture;
    int n = 0;
    assert_ok(picture_read(&picture, file));
    const uint8_t rgb[3] = {(uint8_t)lrint(255 * c.r), (uint8_t)lrint(255 * c.g), (uint8_t)lrint(255 * c.b)};
    for (int32_t i = 0; i < (int32_t)(part * picture.height) * picture.width; i++)
        n += memcmp(picture.pixels + 3 * i, rgb, 3) == 0;
    if (width != NULL) *width = picture.width;
    if (height != NULL) *height = picture.height;
    picture_clear(&picture);
    return n;
}

static void test_hits_and_misses_show(void **state) {
    (void)state;
    Made m;
    make(&m, "abc", "abc", 3, 1, 0);
    draw(&m, "revised", "hit.png");
    assert_true(count_colour(path, colour_good, 0.8, NULL, NULL) > 50);
    assert_int_equal(count_colour(path, colour_bad, 0.8, NULL, NULL), 0);
    make(&m, "abc", "abc", 3, 1, 30);
    draw(&m, "shuffled", "miss.png");
    assert_true(count_colour(path, colour_bad, 0.8, NULL, NULL) > 50);
    assert_int_equal(count_colour(path, colour_good, 0.8, NULL, NULL), 0);
}

static void test_long_text(void **state) {
    (void)state;
    Made m;
    int32_t short_h = 0, long_h = 0, short_w = 0, long_w = 0;
    make(&m, "abc", "abd", 3, 1, 0);
    draw(&m, "", "short.png");
    (void)count_colour(path, colour_ink, 1, &short_w, &short_h);
    make(&m, "incomprehensibilitiesabcd", "incomprehensibilitie", 25, 1, 0);
    draw(&m, "a variant with quite a long name, focus.lambda=0.5", "long.png");
    (void)count_colour(path, colour_ink, 1, &long_w, &long_h);
    assert_true(2 * long_h > 5 * short_h && long_h < 5 * short_h); /* five lines of five frames */
    assert_true(long_w > short_w && long_w < 1900);
}

static void test_unusual_maps(void **state) {
    (void)state;
    Made m;
    make(&m, "abcd", "", 4, 3, 3);
    draw(&m, "three rows", "rows.png");
    make(&m, "ab\xe3\x81\x82", "ab\xe3\x81\x84", 3, 1, 0);
    memset(m.boxes, 0, sizeof m.boxes);
    m.centres[0] = NAN;
    draw(&m, "no boxes", "boxless.png");
    assert_int_equal(count_colour(path, colour_shade, 1, NULL, NULL), 0);
    make(&m, "", "x", 1, 1, 0); /* a line without characters */
    draw(&m, "empty", "empty.png");
}

/* The same drawing gives the same bytes; an SVG in a process of its own (tests/cli/show.sh). */
static void test_kinds_and_bytes(void **state) {
    (void)state;
    static const char *const names[] = {"a.png", "a.svg", "a.pdf"}, *const heads[] = {"\x89PNG", "<?xml", "%PDF"};
    Made m;
    make(&m, "abc", "abd", 3, 1, 0);
    for (int i = 0; i < 3; i++) {
        size_t n = 0, again = 0;
        draw(&m, "revised", names[i]);
        char *bytes = fixture_bytes(path, &n);
        draw(&m, "revised", names[i]);
        char *second = fixture_bytes(path, &again);
        assert_memory_equal(bytes, heads[i], 4);
        assert_int_equal(n, again);
        if (i != 1) assert_memory_equal(bytes, second, n);
        free(bytes);
        free(second);
    }
}

static void test_pages_that_cannot_be(void **state) {
    (void)state;
    Page *page = NULL;
    assert_says(page_check_name("a.jpg"), ERR_ARG, "expected a name ending in .png, .svg or .pdf");
    assert_says(page_check_name("folder.png/a"), ERR_ARG, "folder.png/a");
    assert_says(page_check_name("a.pgn"), ERR_ARG, "did you mean .png?");
    assert_says(page_open(&page, "/nowhere/a.png", 10, 10), ERR_CREATE, "cannot create /nowhere/a.png");
    assert_says(page_open(&page, in_folder("big.png"), 10, 1e5), ERR_ARG, "choose fewer samples");
    assert_int_equal(mkdir(in_folder("folder.png"), 0777), 0);
    assert_says(page_open(&page, path, 10, 10), ERR_CREATE, "it is a folder");
    assert_ok(page_open(&page, in_folder("gone.png"), 10, 10));
    page_discard(page);
    assert_int_equal(fixture_count_files(), getenv("REFOCUS_PICTURES") != NULL ? 0 : 1); /* the folder */
}

/* A disk that takes 4 KiB: the error, the file that was there before, and nothing beside it. */
static void test_full_disk(void **state) {
    (void)state;
    static const char *const names[] = {"full.png", "full.svg", "full.pdf"};
    Made m;
    struct rlimit before;
    make(&m, "abc", "abd", 3, 1, 0);
    const OverlayRow row = {"", &m.attention, 0};
    const OverlayGroup group = {"", 0, 1, &row};
    const Overlay overlay = {.title = "", .about = "", .n_groups = 1, .group = &group};
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, SIG_IGN);
    for (int i = 0; i < 3; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", fixture_folder, names[i]);
        fixture_put(path, "before", 6);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &(struct rlimit){4096, before.rlim_max}), 0);
        Err err = overlay_write(&overlay, path);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        assert_says(err, ERR_IO, "cannot write");
        size_t n = 0;
        char *bytes = fixture_bytes(path, &n);
        assert_int_equal(n, 6);
        free(bytes);
    }
    assert_int_equal(fixture_count_files(), 3);
}

/* ---- letters ---- */

static void test_letters(void **state) {
    (void)state;
    Lettering *l = NULL;
    const char *const families[] = {"no such family", "FreeSerif"};
    assert_ok(lettering_open(&l, families, 2));
    double one = lettering_width(l, LETTER_MONO, 10, "i"), m = lettering_width(l, LETTER_MONO, 10, "m");
    assert_true(one == m);
    double plain = lettering_width(l, LETTER_PLAIN, 10, "ab");
    assert_true(fabs(lettering_width(l, LETTER_PLAIN, 20, "ab") - 2 * plain) < 1e-9);
    assert_true(lettering_width(l, LETTER_BOLD, 10, "abc") > lettering_width(l, LETTER_PLAIN, 10, "abc"));
    /* Bengali ka: of FreeSerif, not of DejaVu; malformed text is no crash */
    double lacking = lettering_width(l, LETTER_PLAIN, 10, "\xe0\xa6\x95");
    assert_true(lacking > 0 && lacking != lettering_width(l, LETTER_PLAIN, 10, "\xf4\x80\x80\x80"));
    assert_true(lettering_width(l, LETTER_PLAIN, 10, "\xff\xfe") >= 0);
    lettering_close(l);
}

/* ---- a results file ---- */

static void test_sheet_of_a_file(void **state) {
    (void)state;
    Results *results = NULL;
    fixture_seal(&fixture_plain);
    assert_ok(results_open(&results, fixture_sealed));
    AttentionOptions o = {0};
    assert_ok(attention_sheet_write(results, &o, in_folder("all.png")));
    o = (AttentionOptions){.cell = "revised*", .compare = true, .samples = "1,0-1", .step = "all"};
    assert_ok(attention_sheet_write(results, &o, in_folder("compare.pdf")));
    o = (AttentionOptions){.samples = "2"};
    assert_says(attention_sheet_write(results, &o, path), ERR_ARG, "maps of 2 samples, 0 to 1");
    static const char *const malformed[] = {"", "a", "1-0", "0,", "-1", "0 1", "99999999999999999999"};
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++) {
        o.samples = malformed[i];
        assert_says(attention_sheet_write(results, &o, path), ERR_ARG, "expected numbers such as 3 or 0,4-6");
    }
    o = (AttentionOptions){.step = "30"};
    assert_says(attention_sheet_write(results, &o, path), ERR_NOTHING, "has no maps at step 30; it has some at 20, 40");
    o.step = "lats";
    assert_says(attention_sheet_write(results, &o, path), ERR_ARG, "expected last, all or a step");
    o = (AttentionOptions){.cell = "revisd@3"};
    assert_says(attention_sheet_write(results, &o, path), ERR_NOTHING, "did you mean revised@3?");
    results_close(results);
}

static void test_cells_without_maps(void **state) {
    (void)state;
    Results *results = NULL;
    SampleSpec spec = fixture_plain;
    spec.status = CELL_OVER_BUDGET;
    fixture_seal(&spec);
    assert_ok(results_open(&results, fixture_sealed));
    AttentionOptions o = {0};
    assert_says(attention_sheet_write(results, &o, in_folder("x.png")), ERR_NOTHING,
                "revised@3 has no attention maps: over budget: plan of 30 GiB");
    results_close(results);
}

int main(void) {
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heat_is_even), cmocka_unit_test(test_marks_differ_in_grey),
        cmocka_unit_test(test_glance),       IN_FOLDER(test_hits_and_misses_show),
        IN_FOLDER(test_long_text),           IN_FOLDER(test_unusual_maps),
        IN_FOLDER(test_kinds_and_bytes),     IN_FOLDER(test_pages_that_cannot_be),
        IN_FOLDER(test_full_disk),           cmocka_unit_test(test_letters),
        IN_FOLDER(test_sheet_of_a_file),     IN_FOLDER(test_cells_without_maps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
