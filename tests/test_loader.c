/* Batches: pure functions of the step, equal for any number of threads, and right in every element. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/data/loader.h"
#include "harness/data/order.h"
#include "kernels/mem.h"
#include "tests/data_settings.h"

#define LINES                                                                                                          \
    "data.train.lines.source=synthetic\ndata.train.lines.count=50\ndata.train.lines.fonts=[DejaVu Sans]\n"             \
    "train.batch=6\neval.batch=4\nmodel.max_length=10\n"
#define EVAL                                                                                                           \
    "data.valid.lines.source=synthetic\ndata.valid.lines.count=10\ndata.valid.lines.fonts=[DejaVu Sans]\n"             \
    "data.valid.lines.length=[2, 9]\n"
#define BRANCH "focus.kind=kl\n"

static Loader *open_loader(const char *lines, const char *set, uint64_t seed, Par *par) {
    Loader *loader = NULL;
    Settings *settings = data_settings(lines);
    if (loader_open(&loader, settings, set, seed, par) != ERR_OK) fail_msg("%s", err_message());
    settings_free(settings);
    return loader;
}

static LoaderBatch *new_batch(Loader *loader, int64_t step) {
    LoaderBatch *batch = NULL;
    assert_int_equal(loader_batch_new(&batch, loader), ERR_OK);
    loader_fill(loader, step, batch);
    return batch;
}

static void assert_same_batch(const LoaderBatch *a, const LoaderBatch *b) {
    size_t n = (size_t)a->n, cells = n * (size_t)a->n_steps, pixels = n * (size_t)a->height * (size_t)a->width;
    assert_int_equal(a->n_valid, b->n_valid);
    assert_memory_equal(a->image, b->image, pixels * 3 * sizeof(float));
    assert_memory_equal(a->token_in, b->token_in, cells * sizeof(int32_t));
    assert_memory_equal(a->label, b->label, cells * sizeof(int32_t));
    assert_memory_equal(a->box, b->box, cells * 4 * sizeof(float));
    assert_memory_equal(a->labelled, b->labelled, cells * sizeof(float));
    assert_memory_equal(a->mask, b->mask, pixels * sizeof(int32_t));
    assert_memory_equal(a->inv_chars, b->inv_chars, sizeof(float));
    assert_memory_equal(a->inv_boxes, b->inv_boxes, sizeof(float));
    assert_memory_equal(a->index, b->index, n * sizeof(int64_t));
}

static void test_threads_and_order_do_not_matter(void **state) {
    (void)state;
    Par *par = NULL;
    assert_int_equal(par_new(&par, 3), ERR_OK);
    Loader *one = open_loader(LINES BRANCH, "train", 7, NULL), *three = open_loader(LINES BRANCH, "train", 7, par);
    static const int64_t steps[] = {12, 0, 3, 12};
    for (size_t i = 0; i < 4; i++) {
        LoaderBatch *a = new_batch(one, steps[i]), *b = new_batch(three, steps[3 - i]);
        LoaderBatch *c = new_batch(three, steps[i]);
        assert_same_batch(a, c);
        loader_batch_free(a);
        loader_batch_free(b);
        loader_batch_free(c);
    }
    loader_close(one);
    loader_close(three);
    par_free(par);
}

static void test_seeds_differ(void **state) {
    (void)state;
    Loader *a = open_loader(LINES, "train", 1, NULL), *b = open_loader(LINES, "train", 2, NULL);
    LoaderBatch *x = new_batch(a, 0), *y = new_batch(b, 0);
    assert_true(memcmp(x->label, y->label, (size_t)x->n * (size_t)x->n_steps * sizeof *x->label) != 0);
    loader_batch_free(x);
    loader_batch_free(y);
    loader_close(a);
    loader_close(b);
}

static void test_every_epoch_takes_every_sample_once(void **state) {
    (void)state;
    Loader *loader = open_loader(LINES, "train", 5, NULL);
    int64_t first_epoch[50], n = 0;
    int seen[50] = {0};
    for (int64_t step = 0; n < 100; step++) {
        LoaderBatch *batch = new_batch(loader, step);
        assert_int_equal(batch->n_valid, 6);
        for (int i = 0; i < 6 && n < 100; i++, n++) {
            seen[batch->index[i]]++;
            if (n < 50) first_epoch[n] = batch->index[i];
            if (n == 50) assert_true(seen[batch->index[i]] == 2);
        }
        loader_batch_free(batch);
    }
    int same = 0, in_order = 0;
    for (int i = 0; i < 50; i++) {
        assert_int_equal(seen[i], 2);
        in_order += first_epoch[i] == i;
        same += first_epoch[i] == order_permute(rng_stream(5, "order.lines"), 1, 50, i);
    }
    assert_true(in_order < 10 && same < 10);
    loader_close(loader);
}

static void test_permutation_is_one(void **state) {
    (void)state;
    static const int64_t sizes[] = {1, 2, 3, 5, 16, 17, 100, 1000};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        int seen[1000] = {0};
        for (int64_t i = 0; i < sizes[s]; i++) seen[order_permute(rng_stream(3, "x"), 9, sizes[s], i)]++;
        for (int64_t i = 0; i < sizes[s]; i++) assert_int_equal(seen[i], 1);
    }
}

static void test_mix_keeps_shares_and_counts_draws(void **state) {
    (void)state;
    const double weight[3] = {1, 0, 3};
    OrderMix mix;
    int bad = 0;
    int64_t draws[3] = {0};
    assert_int_equal(order_mix_init(&mix, weight, 3, &bad), ERR_OK);
    for (int64_t i = 0; i < 25000; i++) {
        int32_t source = 0;
        int64_t draw = 0;
        order_mix_at(&mix, i, &source, &draw);
        assert_int_equal(draw, draws[source]++);
        assert_true(fabs((double)draws[2] - 0.75 * (double)(i + 1)) <= 1.5);
    }
    assert_int_equal(draws[1], 0);
    order_mix_clear(&mix);
    const double tiny[2] = {1, 1e-6};
    assert_int_equal(order_mix_init(&mix, tiny, 2, &bad), ERR_ARG);
    assert_int_equal(bad, 1);
}

static void test_every_element(void **state) {
    (void)state;
    Loader *loader = open_loader(LINES BRANCH, "train", 7, NULL);
    LoaderBatch *batch = new_batch(loader, 2);
    Sample sample;
    int64_t n_labels = 0, n_boxes = 0;
    assert_int_equal(sample_init(&sample, 32, 128, 8), ERR_OK);
    assert_int_equal(batch->n_steps, 9);
    for (int32_t i = 0; i < batch->n; i++) {
        source_read(loader_source(loader, 0), 0, batch->index[i], &sample);
        for (int32_t t = 0; t < batch->n_steps; t++) {
            int32_t at = t * batch->n + i, n = sample.n_chars;
            assert_int_equal(batch->label[at], t < n ? sample.label[t] : t == n ? 36 : -1);
            assert_int_equal(batch->token_in[at], t > n ? -1 : t == 0 ? 37 : sample.label[t - 1]);
            assert_true(batch->labelled[at] == (t < n ? 1.0f : 0.0f));
            for (int k = 0; k < 4; k++) assert_true(batch->box[4 * at + k] == (t < n ? sample.box[4 * t + k] : 0.0f));
        }
        for (int32_t k = 0; k < 32 * 128; k++) {
            int32_t own = sample.owner[k];
            assert_int_equal(batch->mask[i * 32 * 128 + k], own < 0 ? 36 : sample.label[own]);
        }
        for (int32_t k = 0; k < 32 * 128 * 3; k++) {
            float x = ((float)sample.image[k] / 255.0f - 0.5f) / 0.5f;
            assert_true(batch->image[i * 32 * 128 * 3 + k] == x);
        }
        n_labels += sample.n_chars + 1;
        n_boxes += sample.n_chars;
    }
    assert_true(*batch->inv_chars == 1.0f / (float)n_labels && *batch->inv_boxes == 1.0f / (float)n_boxes);
    char text[64], same[64];
    loader_text(loader, batch->label, 0, text, sizeof text);
    source_read(loader_source(loader, 0), 0, batch->index[0], &sample);
    assert_string_equal(text, charset_decode(loader_charset(loader), sample.label, sample.n_chars, same, sizeof same));
    sample_clear(&sample);
    loader_batch_free(batch);
    loader_close(loader);
}

static void test_evaluation_is_in_order_and_padded(void **state) {
    (void)state;
    Loader *loader = open_loader(LINES EVAL BRANCH "focus.boxes=shuffled\nfocus.labelled=0\n", "valid", 3, NULL);
    assert_int_equal(loader_n_batches(loader), 3);
    assert_int_equal(loader_facts(loader)->n_steps, 9);
    assert_int_equal(loader_facts(loader)->n_steps_eval, 10);
    for (int64_t step = 0; step < 4; step++) {
        LoaderBatch *batch = new_batch(loader, step);
        int32_t expected = step < 2 ? 4 : step == 2 ? 2 : 0;
        assert_int_equal(batch->n_valid, expected);
        assert_int_equal(batch->n_steps, 10);
        for (int32_t i = 0; i < 4; i++) {
            assert_int_equal(batch->index[i], i < expected ? step * 4 + i : -1);
            assert_true((batch->labelled[i] == 1.0f) == (i < expected)); /* true boxes, whatever training gets */
            for (int32_t t = 0; t < 10 && i >= expected; t++) {
                assert_int_equal(batch->label[t * 4 + i], -1);
                assert_int_equal(batch->token_in[t * 4 + i], -1);
            }
        }
        if (expected == 0) assert_true(*batch->inv_chars == 0 && *batch->inv_boxes == 0);
        loader_batch_free(batch);
    }
    /* the cell's seed does not change an evaluation set */
    Loader *other = open_loader(LINES EVAL, "valid", 4, NULL);
    LoaderBatch *a = new_batch(loader, 0), *b = new_batch(other, 0);
    assert_same_batch(a, b);
    loader_batch_free(a);
    loader_batch_free(b);
    loader_close(loader);
    loader_close(other);
}

static void test_train_and_valid_never_share_lines(void **state) {
    (void)state;
    Loader *train = open_loader(LINES EVAL "data.train.lines.seed=5\ndata.valid.lines.seed=5\n", "train", 0, NULL);
    Loader *valid = open_loader(LINES EVAL "data.valid.lines.seed=5\n", "valid", 0, NULL);
    Sample a, b;
    assert_int_equal(sample_init(&a, 32, 128, 9), ERR_OK);
    assert_int_equal(sample_init(&b, 32, 128, 9), ERR_OK);
    source_read(loader_source(train, 0), 0, 0, &a);
    source_read(loader_source(valid, 0), 0, 0, &b);
    assert_true(memcmp(a.image, b.image, 32 * 128 * 3) != 0);
    sample_clear(&a);
    sample_clear(&b);
    loader_close(train);
    loader_close(valid);
}

/* Boxes of the sample in row i, as a multiset: sorted x0. */
static int by_value(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void test_shuffled_boxes(void **state) {
    (void)state;
    Loader *plain = open_loader(LINES BRANCH, "train", 7, NULL);
    Loader *shuffled = open_loader(LINES BRANCH "focus.boxes=shuffled\n", "train", 7, NULL);
    LoaderBatch *a = new_batch(plain, 1), *b = new_batch(shuffled, 1);
    int n_moved = 0;
    assert_memory_equal(a->image, b->image, (size_t)a->n * 32 * 128 * 3 * sizeof(float));
    assert_memory_equal(a->label, b->label, (size_t)(a->n * a->n_steps) * sizeof(int32_t));
    for (int32_t i = 0; i < a->n; i++) {
        float x[2][16];
        int32_t n = 0;
        for (; a->labelled[n * a->n + i] > 0; n++) {
            x[0][n] = a->box[4 * (n * a->n + i)];
            x[1][n] = b->box[4 * (n * a->n + i)];
            n_moved += x[0][n] != x[1][n];
        }
        qsort(x[0], (size_t)n, sizeof(float), by_value);
        qsort(x[1], (size_t)n, sizeof(float), by_value);
        assert_memory_equal(x[0], x[1], (size_t)n * sizeof(float));
        /* the mask follows: the pixels in the middle of the box of character t are labelled t's class */
        for (int32_t t = 0; t < n; t++) {
            const float *box = b->box + 4 * (t * a->n + i);
            int32_t label = b->label[t * a->n + i], n_own = 0, n_ink = 0;
            for (int32_t y = (int32_t)box[1]; y < (int32_t)box[3]; y++)
                for (int32_t col = (int32_t)box[0] + 1; col < (int32_t)box[2]; col++) {
                    int32_t class = b->mask[(i * 32 + y) * 128 + col];
                    n_ink += class != 36;
                    n_own += class == label;
                }
            assert_true(n_own * 10 >= n_ink * 7);
        }
    }
    assert_true(n_moved > 10);
    loader_batch_free(a);
    loader_batch_free(b);
    loader_close(plain);
    loader_close(shuffled);
}

static void test_jittered_boxes(void **state) {
    (void)state;
    Loader *plain = open_loader(LINES BRANCH, "train", 7, NULL);
    Loader *moved = open_loader(LINES BRANCH "focus.boxes=jitter:3\n", "train", 7, NULL);
    LoaderBatch *a = new_batch(plain, 1), *b = new_batch(moved, 1);
    double furthest = 0;
    for (int32_t k = 0; k < a->n * a->n_steps; k++)
        furthest = fmax(furthest, fabs((double)a->box[4 * k] - (double)b->box[4 * k]));
    assert_true(furthest > 1.5 && furthest <= 3.0001);
    assert_true(memcmp(a->mask, b->mask, (size_t)a->n * 32 * 128 * sizeof(int32_t)) != 0);
    loader_batch_free(a);
    loader_batch_free(b);
    loader_close(plain);
    loader_close(moved);
}

static void test_labelled_share_is_nested(void **state) {
    (void)state;
    static const char *const shares[] = {"focus.labelled=0\n", "focus.labelled=0.3\n", "focus.labelled=0.6\n",
                                         "focus.labelled=1\n"};
    int n_labelled[4] = {0}, total = 0;
    float previous[600] = {0};
    for (int s = 0; s < 4; s++) {
        char lines[1024];
        snprintf(lines, sizeof lines, "%s%s%s", LINES, BRANCH, shares[s]);
        Loader *loader = open_loader(lines, "train", 7, NULL);
        total = 0;
        for (int64_t step = 0; step < 100; step++) {
            LoaderBatch *batch = new_batch(loader, step);
            for (int i = 0; i < 6; i++, total++) {
                float now = batch->labelled[i];
                assert_true(now >= previous[total]);
                previous[total] = now;
                n_labelled[s] += now > 0;
                if (now > 0) continue;
                assert_int_equal(batch->mask[i * 32 * 128], -1);
                assert_true(batch->box[4 * i + 2] == 0);
            }
            loader_batch_free(batch);
        }
        loader_close(loader);
    }
    assert_int_equal(n_labelled[0], 0);
    assert_int_equal(n_labelled[3], total);
    assert_in_range(n_labelled[1], total / 10, total / 2);
    assert_in_range(n_labelled[2], total * 4 / 10, total * 8 / 10);
}

static void test_null_arrays_are_passed_over(void **state) {
    (void)state;
    Loader *loader = open_loader(LINES, "train", 7, NULL);
    int32_t label[9 * 6];
    LoaderBatch partial = {.label = label}, *whole = new_batch(loader, 4);
    uint64_t n_allocs = mem_stats().n_allocs;
    loader_fill(loader, 4, &partial);
    assert_int_equal(mem_stats().n_allocs, n_allocs);
    assert_memory_equal(label, whole->label, sizeof label);
    loader_batch_free(whole);
    loader_close(loader);
}

static void test_facts_open_no_font(void **state) {
    (void)state;
    DataFacts facts;
    Settings *settings = data_settings("data.charset=size:3000\ndata.train.a.source=synthetic\nmodel.max_length=25\n"
                                       "data.train.a.fonts=[No Such Font]\ndata.train.a.length=[1, 24]\n");
    assert_int_equal(data_facts(&facts, settings), ERR_OK);
    assert_int_equal(facts.n_chars, 3000);
    assert_int_equal(facts.n_steps, 25);
    assert_int_equal(facts.n_steps_eval, 25);
    assert_true(data_has_set(settings, "train") && !data_has_set(settings, "test"));
    Loader *loader = NULL;
    assert_int_equal(loader_open(&loader, settings, "train", 0, NULL), ERR_SPEC);
    assert_non_null(strstr(err_message(), "size:3000"));
    assert_int_equal(loader_open(&loader, settings, "test", 0, NULL), ERR_SPEC);
    assert_string_equal(err_message(), "data.test has no source");
    settings_free(settings);
}

static void expect_open_error(const char *lines, Err code, const char *part) {
    Loader *loader = NULL;
    Settings *settings = data_settings(lines);
    assert_int_equal(loader_open(&loader, settings, "train", 0, NULL), code);
    assert_null(loader);
    if (strstr(err_message(), part) == NULL) fail_msg("'%s' does not contain '%s'", err_message(), part);
    settings_free(settings);
}

static void test_errors(void **state) {
    (void)state;
    char lines[1024];
    expect_open_error(LINES "data.train.lines.fonts=[No Such Font]\n", ERR_MISSING,
                      "no font of the family 'No Such Font' is installed");
    expect_open_error(LINES "data.train.lines.length=[3, 11]\n", ERR_SPEC,
                      "data.train.lines.length is [3, 11], but model.max_length is 10");
    expect_open_error(LINES "data.train.lines.length=[5, 4]\n", ERR_SPEC, "expected the smaller number first");
    expect_open_error(LINES "data.train.lines.size=[20, 10]\n", ERR_SPEC, "expected the smaller number first");
    expect_open_error(LINES "data.train.lines.share=0\n", ERR_SPEC, "nothing to train on");
    expect_open_error(LINES "data.train.a.source=dataset\ndata.train.a.file=/nonexistent.h5\n", ERR_MISSING,
                      "dataset /nonexistent.h5: cannot open it");
    write_test_file("words.txt", "a-b\nwaytoolongword\n\n", 20);
    snprintf(lines, sizeof lines, "%sdata.train.lines.text=words\ndata.train.lines.words=%s\n", LINES,
             test_path("words.txt"));
    expect_open_error(lines, ERR_DATA,
                      "1 with characters outside data.charset latin36, such as '-' (U+002D); 1 longer than "
                      "model.max_length 10 (up to 14 characters); 1 empty");
}

static void test_words(void **state) {
    (void)state;
    char lines[1024], text[64];
    const char *reasons = NULL;
    write_test_file("words.txt", "Alpha\nbeta\nga-mma\n", 18);
    snprintf(lines, sizeof lines, "%sdata.train.lines.text=words\ndata.train.lines.words=%s\n", LINES,
             test_path("words.txt"));
    expect_open_error(lines, ERR_DATA, "1 of 3 lines of the word list ");
    expect_open_error(lines, ERR_DATA, "that take them, or data.train.lines.unusable: skip");
    strcat(lines, "data.train.lines.unusable=skip\n");
    Loader *loader = open_loader(lines, "train", 1, NULL);
    LoaderBatch *batch = new_batch(loader, 0);
    assert_int_equal(batch->n_steps, 6);
    int n_alpha = 0, n_beta = 0, n_inputs = 0;
    for (int32_t i = 0; i < batch->n; i++) {
        loader_text(loader, batch->label, i, text, sizeof text);
        n_alpha += strcmp(text, "alpha") == 0;
        n_beta += strcmp(text, "beta") == 0;
    }
    assert_int_equal(n_alpha + n_beta, 6);
    assert_int_equal(source_n_rejected(loader_source(loader, 0), &reasons), 1);
    char *left_out = NULL;
    assert_int_equal(loader_left_out(&left_out, loader, "train"), ERR_OK);
    assert_string_equal(left_out, "data.train.lines: left out 1 of 3: 1 with characters outside data.charset latin36, "
                                  "such as '-' (U+002D)\n");
    mem_free(left_out);
    const DataInput *inputs = source_inputs(loader_source(loader, 0), &n_inputs);
    assert_string_equal(inputs[0].kind, "words");
    assert_int_equal(strlen(inputs[0].sha256), 64);
    assert_true(n_inputs > 1);
    assert_string_equal(inputs[1].kind, "font");
    loader_batch_free(batch);
    loader_close(loader);
}

static void test_failing_allocations(void **state) {
    (void)state;
    Settings *settings = data_settings(LINES EVAL BRANCH "data.charset=digits\n");
    uint64_t live = mem_stats().live_blocks;
    Err err = ERR_NOMEM;
    uint64_t k = 1;
    for (; err != ERR_OK && k < 10000; k++) {
        Loader *loader = NULL;
        mem_fail_at(k);
        err = loader_open(&loader, settings, "train", 0, NULL);
        mem_fail_at(0);
        assert_true(err == ERR_OK || (err == ERR_NOMEM && loader == NULL));
        loader_close(loader);
        assert_int_equal(mem_stats().live_blocks, live);
        k += k > 60 ? 37 : 0; /* glyphs are many and all alike */
    }
    assert_int_equal(err, ERR_OK);
    settings_free(settings);
}

static int tear_down(void **state) {
    (void)state;
    remove_test_folder();
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads_and_order_do_not_matter),
        cmocka_unit_test(test_seeds_differ),
        cmocka_unit_test(test_every_epoch_takes_every_sample_once),
        cmocka_unit_test(test_permutation_is_one),
        cmocka_unit_test(test_mix_keeps_shares_and_counts_draws),
        cmocka_unit_test(test_every_element),
        cmocka_unit_test(test_evaluation_is_in_order_and_padded),
        cmocka_unit_test(test_train_and_valid_never_share_lines),
        cmocka_unit_test(test_shuffled_boxes),
        cmocka_unit_test(test_jittered_boxes),
        cmocka_unit_test(test_labelled_share_is_nested),
        cmocka_unit_test(test_null_arrays_are_passed_over),
        cmocka_unit_test(test_facts_open_no_font),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, tear_down);
}
