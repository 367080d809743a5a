/* What a plan tells: who is alive when, and sums by module and by role that leave no byte out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "harness/record/live.h"
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
    const RecordTensor **live = NULL;
    size_t n = 0, n_large = 0;
    OK(live_tensors(&live, &n, &record->memory, live_peak_node(&record->memory)));
    while (n_large < n && live[n_large]->bytes >= bytes) {
        if (names[n_large] == NULL) fail_msg("%s is alive at the peak", live[n_large]->name);
        assert_string_equal(live[n_large]->name, names[n_large]);
        assert_string_equal(live[n_large]->module, "focus");
        n_large++;
    }
    assert_null(names[n_large]);
    mem_free(live);
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

static void check_node(const RecordMemory *m, size_t node) {
    const RecordTensor **live = NULL;
    size_t n = 0;
    int64_t bytes = 0, by_module = 0, by_role = 0, gaps = m->timeline_by_module[(m->n_modules - 1) * m->n_nodes + node];
    OK(live_tensors(&live, &n, m, (int64_t)node));
    for (size_t i = 0; i < n; i++) {
        bytes += live[i]->bytes;
        if (i > 0) assert_true(live[i - 1]->bytes >= live[i]->bytes);
    }
    assert_int_equal(bytes, m->timeline[node].bytes);
    for (size_t g = 0; g < m->n_modules; g++) {
        int64_t own = 0;
        for (size_t i = 0; i < n; i++) own += strcmp(live[i]->module, m->by_module[g].name) == 0 ? live[i]->bytes : 0;
        if (g + 1 < m->n_modules) assert_int_equal(own, m->timeline_by_module[g * m->n_nodes + node]);
        by_module += m->timeline_by_module[g * m->n_nodes + node];
    }
    for (size_t g = 0; g < m->n_roles; g++) by_role += m->timeline_by_role[g * m->n_nodes + node];
    assert_int_equal(by_module, m->planned_bytes);
    assert_int_equal(by_role, m->planned_bytes);
    assert_int_equal(gaps, m->planned_bytes - bytes);
    mem_free(live);
}

/* Every byte at every node belongs to one tensor, one module and one role, or to the gaps. */
static void test_sums_leave_nothing_out(void **state) {
    (void)state;
    for (int b = 0; b < SMALL_BRANCHES; b++) {
        CellRecord *record = report_of(small_branches[b], &small_sizes);
        const RecordMemory *m = &record->memory;
        size_t peak = (size_t)live_peak_node(m);
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
