/* What a plan tells: who is alive when, and sums by module and by role that leave no byte out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "harness/run/plan_report.h"
#include "kernels/mem.h"
#include "tests/small_model.h"

#define OK(call) check_ok(call, #call, __LINE__)
static void check_ok(Err err, const char *text, int line) {
    if (err != ERR_OK) fail_msg("line %d: %s: %s", line, text, err_message());
}

static CellRecord *report_of(const char *const *pairs, const ModelSizes *sizes) {
    Settings *settings = small_settings(pairs);
    Model *model = NULL;
    ModelPlan plan;
    CellRecord *record = NULL;
    OK(model_build(&model, settings, sizes, DEVICE_CPU, MODEL_TRAIN_AND_EVAL));
    OK(model_plan(&plan, model, sizeof(float), settings_is(settings, "memory.reuse", "full")));
    OK(record_new(&record));
    OK(plan_report(&plan, record));
    assert_int_equal(record->memory.planned_bytes, plan.peak_bytes);
    model_plan_clear(&plan);
    model_free(model);
    settings_free(settings);
    return record;
}

/* The largest tensors at the peak, in order, by name. */
static void expect_at_peak(const CellRecord *record, int64_t bytes, const char *const *names) {
    const RecordMemory *m = &record->memory;
    size_t n_large = 0;
    while (n_large < m->n_live && m->live[n_large].bytes >= bytes) {
        if (names[n_large] == NULL) fail_msg("%s is alive at the peak", m->live[n_large].name);
        assert_string_equal(m->live[n_large].name, names[n_large]);
        assert_string_equal(m->live[n_large].module, "focus");
        n_large++;
    }
    assert_null(names[n_large]);
}

/* What PyTorch holds at the peak of the plain branch's backward pass, where log-softmax turns one gradient into
 * another, is what an eager plan holds: four tensors of [T,N,P,K]. Taking over the place of the dying gradient saves
 * one. */
static void test_plain_original_at_the_peak(void **state) {
    (void)state;
    static const char *const eager[] = {"focus.kind",   "original", "focus.patch", "[16, 16]",
                                        "memory.reuse", "eager",    NULL},
                             *const full[] = {"focus.kind", "original", "focus.patch", "[16, 16]", NULL};
    static const char *const four[] = {"focus.log_p", "focus.log_p'", "focus.tanh", "focus.tanh'", NULL},
                             *const three[] = {"focus.log_p", "focus.log_p'", "focus.tanh", NULL};
    const ModelSizes sizes = {.n_chars = 500, .n_steps = 4, .height = 32, .width = 16};
    const int64_t bytes = (int64_t)sizeof(float) * 4 * 3 * (16 * 16) * 501; /* [T,N,P,K] with the background */
    CellRecord *as_eager = report_of(eager, &sizes), *as_full = report_of(full, &sizes);
    assert_string_equal(as_eager->memory.peak_node, "focus.log_p'");
    expect_at_peak(as_eager, bytes, four);
    expect_at_peak(as_full, bytes, three);
    assert_true(as_eager->memory.planned_bytes - as_full->memory.planned_bytes > bytes - bytes / 100);
    record_free(as_eager);
    record_free(as_full);
}

/* Of two tensors in one place, alive at one node, the one that was born last holds it. */
static bool is_displaced(const RecordMemory *m, const RecordTensor *t, int64_t node) {
    for (size_t i = 0; i < m->n_tensors; i++) {
        const RecordTensor *other = &m->tensors[i];
        bool apart = other->offset >= t->offset + t->bytes || t->offset >= other->offset + other->bytes;
        bool later = other->first != t->first ? other->first > t->first : other->last > t->last;
        if (other != t && !apart && other->first <= node && node <= other->last && later) return true;
    }
    return false;
}

static void check_node(const RecordMemory *m, size_t node) {
    int64_t alive = 0, by_module = 0, by_role = 0, gaps = m->timeline_by_module[(m->n_modules - 1) * m->n_nodes + node];
    int64_t own[64] = {0};
    for (size_t i = 0; i < m->n_tensors; i++) {
        const RecordTensor *t = &m->tensors[i];
        if (t->first > (int64_t)node || t->last < (int64_t)node || is_displaced(m, t, (int64_t)node)) continue;
        alive += t->bytes;
        for (size_t g = 0; g < m->n_modules; g++)
            if (strcmp(t->module, m->by_module[g].name) == 0) own[g] += t->bytes;
    }
    assert_int_equal(alive, m->timeline[node].bytes);
    for (size_t g = 0; g + 1 < m->n_modules; g++)
        assert_int_equal(own[g], m->timeline_by_module[g * m->n_nodes + node]);
    for (size_t g = 0; g < m->n_modules; g++) by_module += m->timeline_by_module[g * m->n_nodes + node];
    for (size_t g = 0; g < m->n_roles; g++) by_role += m->timeline_by_role[g * m->n_nodes + node];
    assert_int_equal(by_module, m->planned_bytes);
    assert_int_equal(by_role, m->planned_bytes);
    assert_int_equal(gaps, m->planned_bytes - alive);
}

/* What is listed as alive at the peak is all of it. */
static void check_live(const RecordMemory *m) {
    int64_t bytes = 0;
    for (size_t i = 0; i < m->n_live; i++) {
        bytes += m->live[i].bytes;
        if (i > 0) assert_true(m->live[i - 1].bytes >= m->live[i].bytes);
    }
    assert_int_equal(bytes + m->by_module[m->n_modules - 1].bytes, m->planned_bytes);
}

/* The node with the most live bytes, the first such. */
static size_t peak_of(const RecordMemory *m) {
    size_t peak = 0;
    for (size_t i = 1; i < m->n_nodes; i++)
        if (m->timeline[i].bytes > m->timeline[peak].bytes) peak = i;
    return peak;
}

/* Every byte at every node belongs to one tensor, one module and one role, or to the gaps. */
static void test_sums_leave_nothing_out(void **state) {
    (void)state;
    for (int b = 0; b < SMALL_BRANCHES; b++) {
        CellRecord *record = report_of(small_branches[b], &small_sizes);
        const RecordMemory *m = &record->memory;
        size_t peak = peak_of(m);
        check_live(m);
        assert_string_equal(m->peak_node, m->timeline[peak].name);
        assert_string_equal(m->by_module[m->n_modules - 1].name, "gaps");
        assert_string_equal(m->by_role[m->n_roles - 1].name, "gaps");
        for (size_t node = 0; node < m->n_nodes; node++) check_node(m, node);
        for (size_t g = 0; g < m->n_modules; g++)
            assert_int_equal(m->by_module[g].bytes, m->timeline_by_module[g * m->n_nodes + peak]);
        for (size_t g = 0; g < m->n_roles; g++)
            assert_int_equal(m->by_role[g].bytes, m->timeline_by_role[g * m->n_nodes + peak]);
        for (size_t g = 0; g + 2 < m->n_modules; g++) assert_true(m->by_module[g].bytes >= m->by_module[g + 1].bytes);
        record_free(record);
    }
}

static void test_failing_allocations(void **state) {
    (void)state;
    Settings *settings = small_settings(small_branches[0]);
    Model *model = NULL;
    ModelPlan plan;
    OK(model_build(&model, settings, &small_sizes, DEVICE_CPU, MODEL_TRAIN_AND_EVAL));
    OK(model_plan(&plan, model, sizeof(float), true));
    for (uint64_t k = 1;; k += k < 64 ? 1 : 37) {
        CellRecord *record = NULL;
        OK(record_new(&record));
        uint64_t live = mem_stats().live_blocks - record->n_keep;
        mem_fail_at(k);
        Err err = plan_report(&plan, record);
        mem_fail_at(0);
        assert_true(err == ERR_OK || err == ERR_NOMEM);
        record_free(record);
        assert_true(mem_stats().live_blocks < live);
        if (err == ERR_OK) break;
    }
    model_plan_clear(&plan);
    model_free(model);
    settings_free(settings);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_original_at_the_peak),
        cmocka_unit_test(test_sums_leave_nothing_out),
        cmocka_unit_test(test_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
