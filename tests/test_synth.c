/* Drawn lines: pure functions of their number, boxes on the ink, fonts found or clearly missing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/data/canvas.h"
#include "harness/data/font_find.h"
#include "harness/data/synth.h"
#include "kernels/mem.h"
#include "tests/data_settings.h"

static const char *const dejavu[] = {"DejaVu Sans"};

static const SynthStyle hard = {.size = {14, 22},
                                .spacing = {-0.5, 3},
                                .slope = {-0.03, 0.03},
                                .jitter = {-0.7, 0.7},
                                .blur = {0.3, 1},
                                .blur_share = 0.5,
                                .contrast = 0.15,
                                .gradient = 0.2,
                                .clutter_strokes = 9,
                                .clutter_rings = 4.5,
                                .noise = 0.2};
static const SynthStyle plain = {.size = {18, 24}, .spacing = {0, 2}, .contrast = 0.4};

static Charset *charset;

static SynthSpec spec_of(SynthStyle style) {
    return (SynthSpec){.stream = "train.lines",
                       .seed = 11,
                       .height = 32,
                       .width = 128,
                       .style = style,
                       .text = {.min_chars = 3, .max_chars = 8},
                       .charset = charset,
                       .families = dejavu,
                       .n_families = 1,
                       .n_workers = 2};
}

static Synth *open_synth(const SynthSpec *spec) {
    Synth *synth = NULL;
    if (synth_open(&synth, spec) != ERR_OK) fail_msg("%s", err_message());
    return synth;
}

static Sample new_sample(int32_t height, int32_t width, int32_t max_chars) {
    Sample sample;
    assert_int_equal(sample_init(&sample, height, width, max_chars), ERR_OK);
    return sample;
}

static void assert_same_sample(const Sample *a, const Sample *b) {
    size_t n_pixels = (size_t)a->height * (size_t)a->width;
    assert_int_equal(a->n_chars, b->n_chars);
    assert_memory_equal(a->image, b->image, 3 * n_pixels);
    assert_memory_equal(a->owner, b->owner, n_pixels * sizeof *a->owner);
    assert_memory_equal(a->label, b->label, (size_t)a->n_chars * sizeof *a->label);
    assert_memory_equal(a->box, b->box, (size_t)a->n_chars * 4 * sizeof *a->box);
}

static void test_a_line_depends_on_its_number_only(void **state) {
    (void)state;
    SynthSpec spec = spec_of(hard);
    Synth *first = open_synth(&spec), *second = open_synth(&spec);
    Sample a = new_sample(32, 128, 8), b = new_sample(32, 128, 12);
    for (int64_t i = 0; i < 40; i++) {
        synth_draw(first, 0, i, &a);
        synth_draw(second, 1, (i * 7 + 3) % 40, &b); /* whatever came before */
        synth_draw(second, 1, i, &b);
        assert_same_sample(&a, &b);
    }
    synth_draw(first, 0, (int64_t)1 << 40, &a);
    synth_draw(second, 0, (int64_t)1 << 40, &b);
    assert_same_sample(&a, &b);
    sample_clear(&a);
    sample_clear(&b);
    synth_close(first);
    synth_close(second);
}

static void test_drawing_allocates_nothing(void **state) {
    (void)state;
    SynthSpec spec = spec_of(hard);
    Synth *synth = open_synth(&spec);
    Sample sample = new_sample(32, 128, 8);
    uint64_t n_allocs = mem_stats().n_allocs;
    for (int64_t i = 0; i < 20; i++) synth_draw(synth, 0, i, &sample);
    assert_int_equal(mem_stats().n_allocs, n_allocs);
    sample_clear(&sample);
    synth_close(synth);
}

static void test_parts_have_streams_of_their_own(void **state) {
    (void)state;
    SynthSpec quiet_spec = spec_of(hard), loud_spec = spec_of(hard), seed_spec = spec_of(hard),
              name_spec = spec_of(hard);
    quiet_spec.style.noise = 0;
    loud_spec.style.clutter_strokes = 20;
    loud_spec.style.contrast = 0.5;
    seed_spec.seed = 12;
    name_spec.stream = "test.lines";
    Synth *quiet = open_synth(&quiet_spec), *loud = open_synth(&loud_spec), *other_seed = open_synth(&seed_spec),
          *other_name = open_synth(&name_spec);
    Sample a = new_sample(32, 128, 8), b = new_sample(32, 128, 8);
    int n_same_seed = 0, n_same_name = 0;
    for (int64_t i = 0; i < 20; i++) {
        synth_draw(quiet, 0, i, &a);
        synth_draw(loud, 0, i, &b);
        assert_int_equal(a.n_chars, b.n_chars);
        assert_memory_equal(a.label, b.label, (size_t)a.n_chars * sizeof *a.label);
        assert_memory_equal(a.box, b.box, (size_t)a.n_chars * 4 * sizeof *a.box);
        assert_memory_equal(a.owner, b.owner, 32 * 128 * sizeof *a.owner);
        assert_true(memcmp(a.image, b.image, 32 * 128 * 3) != 0);
        synth_draw(other_seed, 0, i, &b);
        n_same_seed += a.n_chars == b.n_chars && memcmp(a.label, b.label, (size_t)a.n_chars * sizeof *a.label) == 0;
        synth_draw(other_name, 0, i, &b);
        n_same_name += a.n_chars == b.n_chars && memcmp(a.label, b.label, (size_t)a.n_chars * sizeof *a.label) == 0;
    }
    assert_int_equal(n_same_seed + n_same_name, 0);
    sample_clear(&a);
    sample_clear(&b);
    synth_close(quiet);
    synth_close(loud);
    synth_close(other_seed);
    synth_close(other_name);
}

static void test_boxes_are_on_the_ink(void **state) {
    (void)state;
    SynthSpec spec = spec_of(plain);
    Synth *synth = open_synth(&spec);
    Sample s = new_sample(32, 128, 8);
    int64_t n_ink = 0, n_inside = 0, n_differs = 0, n_chars = 0, n_faint = 0;
    for (int64_t i = 0; i < 60; i++) {
        synth_draw(synth, 0, i, &s);
        const uint8_t *ground = s.image; /* the corner is always background */
        for (int32_t k = 0; k < s.n_chars; k++) {
            const float *box = s.box + 4 * k;
            int32_t top = s.height, bottom = -1, n_own = 0;
            assert_true(box[0] >= 0 && box[0] < box[2] && box[2] <= 128 && box[1] >= 0 && box[1] < box[3] &&
                        box[3] <= 32);
            if (k > 0) assert_true(box[0] > s.box[4 * (k - 1)]);
            for (int32_t y = 0; y < s.height; y++)
                for (int32_t x = 0; x < s.width; x++) {
                    if (s.owner[y * s.width + x] != k) continue;
                    n_own++;
                    top = y < top ? y : top;
                    bottom = y;
                    n_inside += (float)x + 1 > box[0] && (float)x < box[2];
                    n_differs += memcmp(s.image + 3 * (y * s.width + x), ground, 3) != 0;
                }
            n_chars++;
            n_faint += n_own == 0; /* the thinnest face covers no pixel by half */
            n_ink += n_own;
            if (n_own == 0) continue;
            /* the rows of the ink are the rows of the box, to the pixel */
            assert_true((float)top + 1 > box[1] && (float)bottom < box[3]);
            assert_true((float)top - box[1] < 1.5f && box[3] - (float)bottom < 2.5f);
        }
    }
    assert_true(n_ink > n_chars * 20 && n_faint * 50 < n_chars);
    assert_true(n_inside > n_ink * 97 / 100); /* slanted letters hang over */
    assert_int_equal(n_differs, n_ink);
    sample_clear(&s);
    synth_close(synth);
}

static void test_long_lines_shrink_to_fit(void **state) {
    (void)state;
    static const int32_t sizes[][3] = {{32, 128, 25}, {8, 8, 4}, {16, 300, 30}, {64, 64, 3}};
    for (size_t c = 0; c < sizeof sizes / sizeof *sizes; c++) {
        SynthSpec spec = spec_of(hard);
        spec.height = sizes[c][0];
        spec.width = sizes[c][1];
        spec.text = (SynthText){.min_chars = sizes[c][2], .max_chars = sizes[c][2]};
        spec.style.size = (Range){40, 60};
        spec.style.spacing = (Range){0, 10};
        Synth *synth = open_synth(&spec);
        Sample s = new_sample(spec.height, spec.width, sizes[c][2]);
        for (int64_t i = 0; i < 20; i++) {
            synth_draw(synth, 0, i, &s);
            for (int32_t k = 0; k < s.n_chars; k++) {
                const float *box = s.box + 4 * k;
                assert_true(box[2] > box[0] && box[3] > box[1]);
                assert_true(box[0] >= 0 && box[2] <= (float)s.width && box[1] >= 0 && box[3] <= (float)s.height);
            }
        }
        sample_clear(&s);
        synth_close(synth);
    }
}

static void test_colour_tells_the_class(void **state) {
    (void)state;
    static const int expected[4][3] = {{255, 0, 0}, {128, 255, 0}, {0, 255, 255}, {128, 0, 255}};
    Charset *four = NULL;
    assert_int_equal(charset_open(&four, write_test_file("four.txt", "a\nb\nm\nx\n", 8)), ERR_OK);
    SynthSpec spec = spec_of(plain);
    spec.charset = four;
    spec.style.colour_is_class = true;
    spec.style.size = (Range){24, 28};
    Synth *synth = open_synth(&spec);
    Sample s = new_sample(32, 128, 8);
    int n_exact[4] = {0};
    for (int64_t i = 0; i < 20; i++) {
        synth_draw(synth, 0, i, &s);
        for (int32_t k = 0; k < 32 * 128; k++) {
            const uint8_t *p = s.image + 3 * k;
            if (s.owner[k] == OWNER_NONE) continue;
            int32_t class = s.label[s.owner[k]];
            n_exact[class] += p[0] == expected[class][0] && p[1] == expected[class][1] && p[2] == expected[class][2];
        }
        assert_true(s.image[0] < 60 && s.image[1] < 60 && s.image[2] < 60);
    }
    for (int k = 0; k < 4; k++) assert_true(n_exact[k] > 100);
    sample_clear(&s);
    synth_close(synth);
    charset_free(four);
}

static void test_texts(void **state) {
    (void)state;
    SynthSpec spec = spec_of(plain);
    Synth *synth = open_synth(&spec);
    Sample s = new_sample(32, 128, 8);
    int by_length[9] = {0}, by_class[36] = {0};
    for (int64_t i = 0; i < 600; i++) {
        synth_draw(synth, 0, i, &s);
        assert_in_range(s.n_chars, 3, 8);
        by_length[s.n_chars]++;
        for (int32_t k = 0; k < s.n_chars; k++) by_class[s.label[k]]++;
    }
    for (int n = 3; n <= 8; n++) assert_in_range(by_length[n], 60, 140); /* 100 +- 4.4 standard deviations */
    for (int k = 0; k < 36; k++) assert_in_range(by_class[k], 50, 135);  /* 92 +- 4.5 */
    synth_close(synth);

    static const int32_t word[] = {1, 2, 3, 35};
    static const int64_t word_at[] = {0, 3, 4};
    spec.text = (SynthText){.max_chars = 3, .n_words = 2, .word = word, .word_at = word_at};
    synth = open_synth(&spec);
    int n_long = 0;
    for (int64_t i = 0; i < 50; i++) {
        synth_draw(synth, 0, i, &s);
        assert_true(s.n_chars == 3 ? memcmp(s.label, word, 12) == 0 : s.n_chars == 1 && s.label[0] == 35);
        n_long += s.n_chars == 3;
    }
    assert_in_range(n_long, 10, 40);
    sample_clear(&s);
    synth_close(synth);
}

/* ---- the canvas ---- */

static void test_noise_and_blur(void **state) {
    (void)state;
    Canvas *canvas = NULL;
    uint8_t image[64 * 64 * 3];
    double sum = 0, sum_sq = 0, n = sizeof image;
    Paint grey = {{0.5f, 0.5f, 0.5f}, {0}, {0}}, white = {{1, 1, 1}, {0}, {0}};
    assert_int_equal(canvas_new(&canvas, 64, 64, 10), ERR_OK);
    canvas_fill(canvas, &grey);
    canvas_take(canvas, 0.1, rng_stream(1, "x"), 1, image);
    for (size_t i = 0; i < sizeof image; i++) {
        sum += image[i];
        sum_sq += (double)image[i] * image[i];
    }
    assert_true(fabs(sum / n - 127.5) < 1);
    assert_true(fabs(sqrt(sum_sq / n - sum / n * sum / n) - 25.5) < 0.5);

    /* a bar keeps its mass under blur, and loses its height */
    Paint black = {{0}, {0}, {0}};
    canvas_fill(canvas, &black);
    canvas_stroke(canvas, (double[]){20, 32}, (double[]){44, 32}, 4, &white, 1);
    canvas_take(canvas, 0, rng_stream(1, "x"), 1, image);
    double before = 0, after = 0;
    assert_int_equal(image[(32 * 64 + 32) * 3], 255);
    for (size_t i = 0; i < sizeof image; i++) before += image[i];
    assert_true(fabs(before / 3 / 255 - 24 * 4) < 0.5);
    canvas_blur(canvas, 2);
    canvas_take(canvas, 0, rng_stream(1, "x"), 1, image);
    for (size_t i = 0; i < sizeof image; i++) after += image[i];
    assert_true(fabs(after / before - 1) < 0.02);
    assert_in_range(image[(32 * 64 + 32) * 3], 150, 185); /* 255 erf(2 / (2 sqrt 2)) = 174 */

    canvas_fill(canvas, &black);
    canvas_ring(canvas, (double[]){32, 32}, 10, 2, &white, 0.5);
    canvas_take(canvas, 0, rng_stream(1, "x"), 1, image);
    assert_int_equal(image[(32 * 64 + 32) * 3], 0);
    assert_int_equal(image[(32 * 64 + 41) * 3], 128);
    for (size_t i = 0, ring = 0; i < sizeof image; i++) {
        ring += image[i];
        if (i == sizeof image - 1) assert_true(fabs((double)ring / 3 / 127.5 - 2 * 3.14159 * 10 * 2) < 4);
    }
    canvas_free(canvas);
}

static void test_blur_of_tiny_pictures(void **state) {
    (void)state;
    uint8_t image[2 * 3 * 3];
    Canvas *canvas = NULL;
    Paint grey = {{0.5f, 0.5f, 0.5f}, {0}, {0}};
    assert_int_equal(canvas_new(&canvas, 2, 3, 10), ERR_OK);
    canvas_fill(canvas, &grey);
    canvas_blur(canvas, 8);
    canvas_take(canvas, 0, rng_stream(1, "x"), 1, image);
    for (size_t i = 0; i < sizeof image; i++) assert_int_equal(image[i], 128);
    canvas_free(canvas);
}

/* ---- settings ---- */

static void test_difficulty_sets_defaults(void **state) {
    (void)state;
    SynthStyle style;
    Settings *settings = data_settings("data.train.a.source=synthetic\ndata.train.b.source=synthetic\n"
                                       "data.train.b.difficulty=hard\ndata.train.b.noise=0.05\n"
                                       "data.test.c.source=synthetic\ndata.test.c.difficulty=plain\n");
    assert_int_equal(synth_style_read(&style, settings, "data.train.a"), ERR_OK);
    assert_true(style.size.lo == 16 && style.size.hi == 24 && style.noise == 0.08 && style.clutter_strokes == 3);
    assert_true(style.contrast == 0.3 && style.clutter_rings == 1.5 && !style.colour_is_class);
    assert_int_equal(synth_style_read(&style, settings, "data.train.b"), ERR_OK);
    assert_true(style.size.lo == 14 && style.size.hi == 22 && style.noise == 0.05 && style.clutter_strokes == 9);
    assert_int_equal(synth_style_read(&style, settings, "data.test.c"), ERR_OK);
    assert_true(style.clutter_strokes == 0 && style.blur_share == 0);
    settings_free(settings);
}

static void test_evaluation_sources_only_observe(void **state) {
    (void)state;
    char *a = NULL, *b = NULL, *c = NULL;
    Settings *one = data_settings("data.train.a.source=synthetic\ndata.test.c.source=synthetic\n");
    Settings *two = data_settings("data.train.a.source=synthetic\ndata.test.c.source=synthetic\n"
                                  "data.test.c.length=[2, 3]\ndata.eval_seed=7\n");
    Settings *three = data_settings("data.train.a.source=synthetic\ndata.train.a.noise=0.01\n");
    assert_int_equal(settings_identity(one, &a), ERR_OK);
    assert_int_equal(settings_identity(two, &b), ERR_OK);
    assert_int_equal(settings_identity(three, &c), ERR_OK);
    assert_string_equal(a, b);
    assert_string_not_equal(a, c);
    mem_free(a);
    mem_free(b);
    mem_free(c);
    settings_free(one);
    settings_free(two);
    settings_free(three);
}

/* ---- fonts ---- */

static void expect_font_error(const char *family, Err code, const char *part) {
    FontSet *fonts = NULL;
    assert_int_equal(fonts_open(&fonts, &family, 1, charset), code);
    assert_null(fonts);
    if (strstr(err_message(), part) == NULL) fail_msg("'%s' does not contain '%s'", err_message(), part);
}

static void test_fonts_are_found_in_order(void **state) {
    (void)state;
    static const char *const families[] = {"Liberation", "dejavu", "DejaVu Sans Mono"};
    FontSet *fonts = NULL, *again = NULL;
    assert_int_equal(fonts_open(&fonts, families, 3, charset), ERR_OK);
    assert_int_equal(fonts_open(&again, families + 1, 1, charset), ERR_OK);
    assert_true(fonts->n_faces >= 12 + 6 && again->n_faces >= 6);
    for (int i = 1; i < fonts->n_faces; i++) /* by name, and each once */
        assert_true(strcmp(fonts->face[i - 1].name, fonts->face[i].name) < 0);
    for (int i = 0; i < again->n_faces; i++) assert_string_equal(fonts->face[i].name, again->face[i].name);
    for (int i = 0; i < fonts->n_faces; i++) {
        assert_int_equal(strlen(fonts->face[i].sha256), 64);
        assert_true(fonts->face[i].glyph[10].n_points > 0 && fonts->face[i].glyph[10].advance > 0);
    }
    fonts_close(fonts);
    fonts_close(again);
}

static void test_a_font_file_by_its_path(void **state) {
    (void)state;
    FontFiles files;
    FontSet *fonts = NULL;
    assert_int_equal(font_find(&files, "DejaVu Sans Mono"), ERR_OK);
    const char *path = files.file[0].path;
    assert_int_equal(fonts_open(&fonts, &path, 1, charset), ERR_OK);
    assert_int_equal(fonts->n_faces, 1);
    fonts_close(fonts);
    font_files_clear(&files);
}

static void test_font_errors(void **state) {
    (void)state;
    expect_font_error("No Such Font", ERR_MISSING, "no font of the family 'No Such Font' is installed");
    expect_font_error("Takao Nonexistent", ERR_MISSING, "apt-get install fonts-takao");
    expect_font_error("Deja", ERR_MISSING, "no font of the family 'Deja'"); /* words, not parts of them */
    expect_font_error("/nonexistent/font.ttf", ERR_MISSING, "cannot open the font /nonexistent/font.ttf");
    expect_font_error(write_test_file("bad.ttf", "not a font at all", 17), ERR_DATA, "is not a font that FreeType");
    expect_font_error(write_test_file("empty.ttf", "", 0), ERR_DATA, "has 0 bytes");
    expect_font_error("/tmp", ERR_DATA, "/tmp");

    Charset *kana = NULL;
    FontSet *fonts = NULL;
    assert_int_equal(charset_open(&kana, "kana"), ERR_OK);
    assert_int_equal(fonts_open(&fonts, dejavu, 1, kana), ERR_DATA);
    assert_non_null(strstr(err_message(), "font 'DejaVu Sans' cannot draw"));
    assert_non_null(strstr(err_message(), "(U+3041) of the charset kana: name a font that has it, such as "));
    charset_free(kana);
}

static void test_damaged_fonts_do_no_harm(void **state) {
    (void)state;
    FontFiles files;
    size_t len = 0;
    assert_int_equal(font_find(&files, "DejaVu Sans Mono"), ERR_OK);
    unsigned char *bytes = read_test_file(files.file[0].path, &len);
    RngStream stream = rng_stream(1, "damage");
    for (uint64_t round = 0; round < 30; round++) {
        Rng rng = rng_at(stream, round, 0);
        unsigned char kept[64];
        size_t at[64];
        for (int k = 0; k < 64; k++) {
            at[k] = rng_below(&rng, (uint32_t)(k < 8 ? 400 : len));
            kept[k] = bytes[at[k]];
            bytes[at[k]] = (unsigned char)rng_u32(&rng);
        }
        const char *path = write_test_file("damaged.ttf", bytes, round % 3 == 0 ? len / (2 + round) : len);
        FontSet *fonts = NULL;
        Err err = fonts_open(&fonts, &path, 1, charset);
        assert_true(err == ERR_OK || err == ERR_DATA);
        if (err == ERR_OK) {
            SynthSpec spec = spec_of(plain);
            Sample s = new_sample(32, 128, 8);
            spec.families = &path;
            Synth *synth = open_synth(&spec);
            for (int64_t i = 0; i < 10; i++) synth_draw(synth, 0, i, &s);
            synth_close(synth);
            sample_clear(&s);
        }
        fonts_close(fonts);
        for (int k = 63; k >= 0; k--) bytes[at[k]] = kept[k];
    }
    free(bytes);
    font_files_clear(&files);
}

static int set_up(void **state) {
    (void)state;
    return charset_open(&charset, "latin36") != ERR_OK;
}

static int tear_down(void **state) {
    (void)state;
    charset_free(charset);
    remove_test_folder();
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_line_depends_on_its_number_only),
        cmocka_unit_test(test_drawing_allocates_nothing),
        cmocka_unit_test(test_parts_have_streams_of_their_own),
        cmocka_unit_test(test_boxes_are_on_the_ink),
        cmocka_unit_test(test_long_lines_shrink_to_fit),
        cmocka_unit_test(test_colour_tells_the_class),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_noise_and_blur),
        cmocka_unit_test(test_blur_of_tiny_pictures),
        cmocka_unit_test(test_difficulty_sets_defaults),
        cmocka_unit_test(test_evaluation_sources_only_observe),
        cmocka_unit_test(test_fonts_are_found_in_order),
        cmocka_unit_test(test_a_font_file_by_its_path),
        cmocka_unit_test(test_font_errors),
        cmocka_unit_test(test_damaged_fonts_do_no_harm),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
