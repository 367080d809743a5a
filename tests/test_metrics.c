/* Metrics on lines small enough to compute by hand. Positions: 8 cells of 4 px, centres 2, 6, ... 30. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "harness/run/look.h"
#include "harness/run/metric.h"
#include "kernels/mem.h"

enum { L = 8, END = 9 };
static const double centre_x[L] = {2, 6, 10, 14, 18, 22, 26, 30};

/* Three characters side by side, 8 px each. Step 0 looks at 2; step 1 half at 6, half at 18: centre 12, spread 6;
 * step 2 three quarters at 10, one at 26: centre 14, spread sqrt(48); the end symbol's step looks at 30. */
static const int32_t labels[3] = {5, 7, 5};
static const float boxes[3][4] = {{0, 0, 8, 32}, {8, 0, 16, 32}, {16, 0, 24, 32}};
static const float alpha[4][L] = {
    {1, 0, 0, 0, 0, 0, 0, 0},
    {0, 0.5F, 0, 0, 0.5F, 0, 0, 0},
    {0, 0, 0.75F, 0, 0, 0, 0.25F, 0},
    {0, 0, 0, 0, 0, 0, 0, 1},
};
static const int32_t forced[4] = {5, 7, 4, END};

static MetricSample line(void) {
    return (MetricSample){
        .n_chars = 3,
        .labels = labels,
        .boxes = &boxes[0][0],
        .n_positions = L,
        .centre_x = centre_x,
        .cell = 4,
        .forced = forced,
        .end_class = END,
        .look_forced = {&alpha[0][0], L, 4},
    };
}

static void assert_value(const MetricSet *set, const char *name, double expected) {
    int column = metric_column_find(name);
    assert_true(column >= 0);
    double value = metric_set_value(set, column);
    if (!(fabs(value - expected) <= 1e-12 * fmax(1, fabs(expected))))
        fail_msg("%s is %.17g, expected %.17g", name, value, expected);
}

static void assert_not_measured(const MetricSet *set, const char *name) {
    assert_true(isnan(metric_set_value(set, metric_column_find(name))));
}

static int new_set(void **state) { return metric_set_new((MetricSet **)state) == ERR_OK ? 0 : -1; }
static int free_set(void **state) {
    metric_set_free(*state);
    return 0;
}

static void teacher_forced(void **state) {
    MetricSet *set = *state;
    MetricSample sample = line();
    metric_set_add(set, &sample);
    assert_value(set, "step_accuracy", 3.0 / 4);
    assert_value(set, "hit_rate", 2.0 / 3); /* 2 in [0,8), 12 in [8,16), 14 not in [16,24) */
    assert_value(set, "drift_rate", 1.0 / 3);
    assert_value(set, "centre_error_px", (2 + 0 + 6) / 3.0);
    assert_value(set, "centre_error_widths", (0.25 + 0 + 0.75) / 3);
    assert_value(set, "mass_own", (1 + 0 + 0) / 3.0);
    assert_value(set, "mass_left", (0.5 + 0.75) / 2);
    assert_value(set, "mass_right", (0 + 0.5) / 2);
    assert_value(set, "argmax_hit", 1.0 / 3); /* the first of equals: 6, not 18 */
    assert_value(set, "spread_px", (0 + 6 + sqrt(48)) / 3);
    assert_value(set, "monotonicity", 0);
    assert_not_measured(set, "hit_rate_free");
    assert_not_measured(set, "word_accuracy");
    assert_not_measured(set, "right_length_coverage");
}

/* The same look, made by a decoder that stops after one character: two steps, so character 2 is never looked at. */
static void free_running_that_stops_early(void **state) {
    MetricSet *set = *state;
    MetricSample sample = line();
    static const int32_t predicted[1] = {5};
    sample.predicted = predicted;
    sample.n_predicted = 1;
    sample.look_free = (MetricLook){&alpha[0][0], L, 2};
    metric_set_add(set, &sample);
    assert_value(set, "word_accuracy", 0);
    assert_value(set, "char_accuracy", 1.0 / 3);
    assert_value(set, "right_length", 0);
    assert_value(set, "right_length_coverage", 0);
    assert_not_measured(set, "hit_rate_right_length");
    assert_value(set, "hit_rate_free", 2.0 / 3);
    assert_value(set, "drift_rate_free", 1.0 / 3);
    assert_value(set, "centre_error_px_free", (2 + 0) / 2.0);
    assert_value(set, "mass_own_free", 1.0 / 3);
    assert_value(set, "mass_left_free", 0.5 / 2); /* of characters 1 and 2 */
    assert_value(set, "spread_px_free", (0 + 6) / 2.0);
    assert_value(set, "hit_rate", 2.0 / 3); /* untouched by the other run */
}

static void free_running_of_the_right_length(void **state) {
    MetricSet *set = *state;
    MetricSample sample = line();
    static const int32_t right[3] = {5, 7, 5}, longer[4] = {5, 7, 5, 5};
    sample.look_free = (MetricLook){&alpha[0][0], L, 4};
    sample.predicted = right;
    sample.n_predicted = 3;
    metric_set_add(set, &sample);
    sample.predicted = longer;
    sample.n_predicted = 4;
    metric_set_add(set, &sample);
    assert_value(set, "word_accuracy", 0.5);
    assert_value(set, "char_accuracy", 1 - 1.0 / 6);
    assert_value(set, "right_length", 0.5);
    assert_value(set, "right_length_coverage", 0.5);
    assert_value(set, "hit_rate_right_length", 2.0 / 3);
}

static void char_accuracy_counts_edits(void **state) {
    MetricSet *set = *state;
    static const struct {
        int n_predicted;
        int32_t predicted[8];
        int edits;
    } cases[] = {
        {3, {5, 7, 5}, 0},
        {0, {0}, 3},
        {3, {7, 5, 7}, 2}, /* one deleted, one inserted */
        {4, {5, 6, 7, 5}, 1},
        {2, {5, 5}, 1},
        {3, {5, 5, 7}, 2},                /* a swap is two */
        {8, {1, 1, 1, 1, 1, 1, 1, 1}, 8}, /* more edits than characters */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        MetricSample sample = line();
        sample.predicted = cases[i].predicted;
        sample.n_predicted = cases[i].n_predicted;
        metric_set_clear(set);
        metric_set_add(set, &sample);
        assert_value(set, "char_accuracy", 1 - cases[i].edits / 3.0);
    }
}

static void mass_counts_parts_of_cells(void **state) {
    (void)state;
    static const float row[L] = {0.25F, 0.25F, 0.5F, 0, 0, 0, 0, 0};
    MetricSample sample = line();
    MetricLook look = {row, L, 1};
    /* [2,9) covers half of cell [0,4), all of [4,8), a quarter of [8,12). */
    assert_true(fabs(look_mass(&sample, &look, 0, (Span){2, 9}) - (0.125 + 0.25 + 0.125)) < 1e-15);
    assert_true(fabs(look_mass(&sample, &look, 0, (Span){0, 32}) - 1) < 1e-15);
    assert_true(look_mass(&sample, &look, 0, (Span){12, 32}) == 0);
}

static void a_box_is_half_open(void **state) {
    (void)state;
    Span box = {8, 16};
    assert_true(span_holds(box, 8));
    assert_false(span_holds(box, 16));
}

static void characters_without_a_box_do_not_count(void **state) {
    MetricSet *set = *state;
    MetricSample sample = line();
    float some[3][4];
    memcpy(some, boxes, sizeof some);
    memset(some[1], 0, sizeof some[1]);
    sample.boxes = &some[0][0];
    metric_set_add(set, &sample);
    assert_value(set, "hit_rate", 1.0 / 2);
    assert_not_measured(set, "mass_left"); /* no two neighbours have boxes */
    assert_value(set, "spread_px", (0 + 6 + sqrt(48)) / 3);
    metric_set_clear(set);
    sample.boxes = NULL;
    metric_set_add(set, &sample);
    assert_not_measured(set, "hit_rate");
    assert_not_measured(set, "centre_error_px");
    assert_value(set, "step_accuracy", 3.0 / 4);
}

static void backward_moves(void **state) {
    MetricSet *set = *state;
    float rows[4][L] = {{0}};
    rows[0][3] = rows[1][1] = rows[2][1] = rows[3][0] = 1; /* 14, 6, 6, then the end symbol's step */
    MetricSample sample = line();
    sample.look_forced.alpha = &rows[0][0];
    metric_set_add(set, &sample);
    assert_value(set, "monotonicity", 1.0 / 2);
}

/* Rows that lie apart, as [T,B,L] has them, give what dense rows give. */
static void strides(void **state) {
    MetricSet *set = *state;
    float apart[4][3 * L];
    memset(apart, 0x7f, sizeof apart);
    for (int t = 0; t < 4; t++) memcpy(apart[t], alpha[t], sizeof alpha[t]);
    MetricSample sample = line();
    sample.look_forced.alpha = &apart[0][0];
    sample.look_forced.stride = sizeof apart[0] / sizeof apart[0][0];
    metric_set_add(set, &sample);
    assert_value(set, "centre_error_px", 8.0 / 3);
    assert_value(set, "mass_left", 1.25 / 2);
}

static void chance_is_uniform_attention(void **state) {
    MetricSet *set = *state;
    MetricSample sample = line();
    assert_int_equal(metric_set_add_uniform(set, &sample), ERR_OK);
    assert_value(set, "hit_rate", 1.0 / 3); /* the centre, 16, is in [16,24) */
    assert_value(set, "hit_rate_free", 1.0 / 3);
    assert_value(set, "hit_rate_right_length", 1.0 / 3);
    assert_value(set, "centre_error_px", (12 + 4 + 4) / 3.0);
    assert_value(set, "mass_own", 8.0 / 32);
    assert_value(set, "mass_right_free", 8.0 / 32);
    assert_value(set, "spread_px", sqrt((196 + 100 + 36 + 4) / 4.0));
    assert_value(set, "monotonicity", 0);
    assert_not_measured(set, "word_accuracy");
    assert_not_measured(set, "step_accuracy");
}

static void columns_are_complete_and_distinct(void **state) {
    (void)state;
    static const char *const expected[] = {
        "word_accuracy", "char_accuracy",   "step_accuracy",       "hit_rate",     "drift_rate",
        "mass_own",      "centre_error_px", "centre_error_widths", "mass_left",    "mass_right",
        "argmax_hit",    "spread_px",       "monotonicity",        "right_length", "right_length_coverage",
    };
    int n = metric_n_columns();
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) assert_true(metric_column_find(expected[i]) >= 0);
    for (int i = 0; i < n; i++) {
        MetricColumn c = metric_column(i);
        assert_non_null(c.name);
        assert_non_null(c.long_name);
        assert_true(strcmp(c.unit, "1") == 0 || strcmp(c.unit, "px") == 0);
        assert_int_equal(metric_column_find(c.name), i);
        size_t len = strlen(c.name);
        bool ends_free = len > 5 && strcmp(c.name + len - 5, "_free") == 0;
        assert_true(!ends_free || (c.is_free && c.is_attention));
    }
    assert_int_equal(metric_column_find("hit"), -1);
}

int main(void) {
#define ON_SET(test) cmocka_unit_test_setup_teardown(test, new_set, free_set)
    const struct CMUnitTest tests[] = {
        ON_SET(teacher_forced),
        ON_SET(free_running_that_stops_early),
        ON_SET(free_running_of_the_right_length),
        ON_SET(char_accuracy_counts_edits),
        cmocka_unit_test(mass_counts_parts_of_cells),
        cmocka_unit_test(a_box_is_half_open),
        ON_SET(characters_without_a_box_do_not_count),
        ON_SET(backward_moves),
        ON_SET(strides),
        ON_SET(chance_is_uniform_attention),
        cmocka_unit_test(columns_are_complete_and_distinct),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
