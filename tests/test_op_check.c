/* Does op_check notice? A correct op passes, and each of its spoilt twins fails with the message that names its fault.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/infer.h"
#include "kernels/mem.h"
#include "tests/op_check.h"

typedef enum Fault {
    NONE,
    FWD_ONE_PERCENT,
    FWD_LAST_ELEMENT,
    FWD_PAST_END,
    FWD_BEFORE_START,
    FWD_INPUT,
    FWD_STATE,
    FWD_SAVED,
    FWD_ALLOCATES,
    FWD_THREADS,
    FWD_ADDRESS,
    FWD_SHARDS,
    FWD_IN_PLACE,
    FWD_SCRATCH_GARBAGE,
    FWD_SCRATCH_END,
    BWD_ONE_PERCENT,
    BWD_ALWAYS_WRITES,
    BWD_ALWAYS_ADDS,
    BWD_UNDECLARED,
    BWD_OVERWRITES_DY,
    BWD_OVERWRITES_SAVED,
    BWD_ONLY_TOGETHER,
    BWD_IN_PLACE,
    REF_BWD_WRONG,
    REF_BWD_ACCUMULATE,
    INFER_ANY_SHAPE,
    INFER_ANY_TYPE,
    INFER_WRONG_CODE,
    PREPARE_LEAKS,
    PREPARE_HIDES
} Fault;

static Fault fault;
static void *leaked; /* by PREPARE_LEAKS, freed by the test */

/* ---- the op: y = a b, saved copy of a; da = dy b, db = dy saved; state += 1 ---- */

enum { A, B, STATE };

static Err infer(OpSpec *spec) {
    Err err = ERR_OK;
    if (fault == INFER_WRONG_CODE && !shape_equal(&spec->x[A], &spec->x[B]))
        return err_set(ERR_ARG, "not alike at all");
    if (fault != INFER_ANY_TYPE) TRY(infer_type(spec, A, "a", DT_REAL));
    if (fault != INFER_ANY_SHAPE) TRY(infer_shape(spec, B, "b", DT_REAL, spec->x[A]));
    TRY(infer_type(spec, B, "b", DT_REAL));
    TRY(infer_shape(spec, STATE, "state", DT_REAL, SHAPE0()));
    infer_output(spec, DT_REAL, spec->x[A]);
    infer_output(spec, DT_REAL, spec->x[A]);
done:
    return err;
}

static size_t scratch_bytes(const OpSpec *spec, Device device, bool backward, uint32_t wanted, int shards) {
    (void)spec;
    (void)device;
    (void)backward;
    (void)wanted;
    return (size_t)shards * sizeof(float);
}

static Err prepare(void **state, const OpSpec *spec, bool backward, uint32_t wanted, uint32_t accumulate, int shards) {
    Err err = ERR_OK;
    void *first = NULL, *second = NULL;
    (void)spec;
    (void)backward;
    (void)wanted;
    (void)accumulate;
    (void)shards;
    TRY(mem_alloc(&first, 3, sizeof(int)));
    TRY(mem_alloc(&second, 5, sizeof(int)));
    *state = first;
    first = NULL;
done:
    mem_free(second);
    if (fault == PREPARE_LEAKS)
        leaked = first;
    else
        mem_free(first);
    return fault == PREPARE_HIDES && err != ERR_OK ? err_set(ERR_ARG, "something else") : err;
}

static void release(void *state) { mem_free(state); }

/* Under the sanitizer the write itself would end the program; here op_check has to find it. */
__attribute__((no_sanitize("address"))) static void poke(float *at) { *at = 1.0f; }

static void spoil_fwd(const OpCall *call, float *y, int64_t n) {
    if (fault == FWD_ONE_PERCENT) y[n / 2] *= 1.01f;
    if (fault == FWD_PAST_END) poke(y + n);
    if (fault == FWD_BEFORE_START) poke(y - 1);
    if (fault == FWD_INPUT) ((float *)call->x[B])[0] += 1.0f;
    if (fault == FWD_STATE) *(float *)call->x[STATE] += 1.0f;
    if (fault == FWD_SAVED) ((float *)call->y[1])[n - 1] = 0.0f;
    if (fault == FWD_THREADS && par_n_threads(call->par) > 1) y[0] *= 1.000001f;
    if (fault == FWD_ADDRESS && (uintptr_t)y % 64 != 0) y[0] *= 1.000001f;
    if (fault == FWD_SHARDS && call->shards == 3) y[n - 1] = 0.0f;
    if (fault == FWD_SCRATCH_GARBAGE) y[0] += ((const float *)call->scratch)[0];
    if (fault == FWD_SCRATCH_END) poke((float *)call->scratch + call->shards);
    void *block = NULL;
    if (fault == FWD_ALLOCATES && mem_alloc(&block, 1, 1) == ERR_OK) mem_free(block);
}

static Err fwd(const OpCall *call) {
    const float *a = call->x[A], *b = call->x[B];
    float *y = call->y[0], *saved = call->y[1];
    const int64_t n = shape_count(&call->spec->x[A]), written = fault == FWD_LAST_ELEMENT ? n - 1 : n;
    if (fault == FWD_IN_PLACE) y[n - 1] = 0.0f;
    for (int64_t k = 0; k < written; k++) {
        saved[k] = a[k];
        y[k] = a[k] * b[k];
    }
    *(float *)call->x[STATE] += 1.0f;
    spoil_fwd(call, y, n);
    return ERR_OK;
}

static Err bwd(const OpCall *call) {
    const float *dy = call->dy[0], *b = call->x[B], *saved = fault == BWD_UNDECLARED ? call->x[A] : call->y[1];
    float *da = call->dx[A], *db = call->dx[B];
    const int64_t n = shape_count(&call->spec->x[A]);
    bool add_a = (call->accumulate & OP_X(A)) != 0, add_b = (call->accumulate & OP_X(B)) != 0;
    if (fault == BWD_ALWAYS_WRITES) add_a = add_b = false;
    if (fault == BWD_ALWAYS_ADDS) add_a = true;
    if (fault == BWD_IN_PLACE && da != NULL && !add_a) da[n - 1] = 0.0f;
    for (int64_t k = 0; k < n; k++) {
        const float g = dy[k];
        if (db != NULL && (fault != BWD_ONLY_TOGETHER || da != NULL)) db[k] = g * saved[k] + (add_b ? db[k] : 0.0f);
        if (da != NULL) da[k] = g * b[k] * (fault == BWD_ONE_PERCENT ? 1.01f : 1.0f) + (add_a ? da[k] : 0.0f);
    }
    if (fault == BWD_OVERWRITES_DY && db != NULL) ((float *)call->dy[0])[0] = 0.0f;
    if (fault == BWD_OVERWRITES_SAVED && db != NULL) ((float *)call->y[1])[0] = 0.0f;
    return ERR_OK;
}

static Err ref_fwd(const OpCall *call) {
    const double *a = call->x[A], *b = call->x[B];
    for (int64_t k = 0; k < shape_count(&call->spec->x[A]); k++) {
        ((double *)call->y[1])[k] = a[k];
        ((double *)call->y[0])[k] = a[k] * b[k];
    }
    *(double *)call->x[STATE] += 1.0;
    return ERR_OK;
}

static Err ref_bwd(const OpCall *call) {
    const double *dy = call->dy[0], *b = call->x[B], *saved = call->y[1];
    double *da = call->dx[A], *db = call->dx[B];
    bool add = fault != REF_BWD_ACCUMULATE;
    for (int64_t k = 0; k < shape_count(&call->spec->x[A]); k++) {
        const double g = dy[k] * (fault == REF_BWD_WRONG ? 1.00001 : 1.0);
        if (db != NULL) db[k] = g * saved[k] + (add && (call->accumulate & OP_X(B)) ? db[k] : 0.0);
        if (da != NULL) da[k] = g * b[k] + (add && (call->accumulate & OP_X(A)) ? da[k] : 0.0);
    }
    return ERR_OK;
}

static const OpCase op_case = {.name = "case", .n_x = 3, .x = {{.shape = {2, {3, 7}}}, {.shape = {2, {3, 7}}}, {{0}}}};

static const Op correct = {
    .name = "twin",
    .n_x_min = 3,
    .n_x_max = 3,
    .n_out = 1,
    .differentiable = OP_X(A) | OP_X(B),
    .bwd_needs = {OP_X(B), OP_Y(1)},
    .mutates = OP_X(STATE),
    .alias_fwd = OP_X(A) | OP_X(B),
    .alias_bwd = OP_X(A) | OP_X(B),
    .infer = infer,
    .scratch_bytes = scratch_bytes,
    .prepare = prepare,
    .release = release,
    .fwd = fwd,
    .bwd = bwd,
    .ref_fwd = ref_fwd,
    .ref_bwd = ref_bwd,
    .cases = &op_case,
    .n_cases = 1,
};

/* ---- tests ---- */

typedef struct Planted {
    Fault fault;
    const char *message; /* a part of what op_check must say */
} Planted;

static const Planted planted[] = {
    {FWD_ONE_PERCENT, "y[0] element 10"},
    {FWD_LAST_ELEMENT, "y[0] element 20"},
    {FWD_PAST_END, "beside y[0]"},
    {FWD_BEFORE_START, "beside y[0]"},
    {FWD_INPUT, "overwrote x[1]"},
    {FWD_STATE, "updated x[2]"},
    {FWD_SAVED, "y[1] element 20"},
    {FWD_ALLOCATES, "allocated memory"},
    {FWD_THREADS, "2 threads"},
    {FWD_ADDRESS, "offset 4"},
    {FWD_SHARDS, "3 shards"},
    {FWD_IN_PLACE, "in place 0"},
    {FWD_SCRATCH_GARBAGE, "y[0] element 0"},
    {FWD_SCRATCH_END, "beside scratch"},
    {BWD_ONE_PERCENT, "dx[0] element 0"},
    {BWD_ALWAYS_WRITES, "accumulated dx[0]"},
    {BWD_ALWAYS_ADDS, "dx[0] element 0"},
    {BWD_UNDECLARED, "dx[1] element 0"},
    {BWD_OVERWRITES_DY, "overwrote dy[0]"},
    {BWD_OVERWRITES_SAVED, "overwrote y[1]"},
    {BWD_ONLY_TOGETHER, "wanted 0x2"},
    {BWD_IN_PLACE, "in place 0"},
    {REF_BWD_WRONG, "differences"},
    {REF_BWD_ACCUMULATE, "accumulated dx[0]"},
#if !defined(__SANITIZE_ADDRESS__) /* there the read beyond b ends the program */
    {INFER_ANY_SHAPE, "of x[0]"},
#endif
    {INFER_ANY_TYPE, "the other element type of x[0] was accepted"},
    {INFER_WRONG_CODE, "gave wrong argument"},
    {PREPARE_LEAKS, "prepare leaks when allocation 2 fails"},
    {PREPARE_HIDES, "does not report ERR_NOMEM"},
};

static Par *two_threads;

static int start(void **state) {
    (void)state;
    return par_new(&two_threads, 2) == ERR_OK ? 0 : 1;
}

static int stop(void **state) {
    (void)state;
    par_free(two_threads);
    return 0;
}

static void correct_op_passes(void **state) {
    (void)state;
    fault = NONE;
    if (op_check(&correct, &op_case, &(OpSite){.device = DEVICE_CPU, .par = two_threads}) != ERR_OK)
        fail_msg("%s", err_message());
}

static void each_fault_is_named(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof planted / sizeof planted[0]; i++) {
        fault = planted[i].fault;
        uint64_t live = mem_stats().live_blocks;
        if (op_check(&correct, &op_case, &(OpSite){.device = DEVICE_CPU, .par = two_threads}) == ERR_OK)
            fail_msg("fault %d was not noticed", fault);
        if (strstr(err_message(), planted[i].message) == NULL)
            fail_msg("fault %d: \"%s\" does not say \"%s\"", fault, err_message(), planted[i].message);
        mem_free(leaked);
        leaked = NULL;
        assert_int_equal(mem_stats().live_blocks, live);
    }
}

static void every_dx_is_live(void **state) {
    (void)state;
    uint32_t live = 0;
    fault = NONE;
    assert_int_equal(op_check_live_dx(&live, &correct, &op_case), ERR_OK);
    assert_int_equal(live, OP_X(A) | OP_X(B));
}

static void no_differences_is_obeyed(void **state) {
    (void)state;
    OpCase kinked = op_case;
    fault = REF_BWD_WRONG;
    assert_int_equal(op_check_differences(&correct, &op_case), ERR_NUMERIC);
    kinked.no_differences = true;
    assert_int_equal(op_check_differences(&correct, &kinked), ERR_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(correct_op_passes),
        cmocka_unit_test(each_fault_is_named),
        cmocka_unit_test(every_dx_is_live),
        cmocka_unit_test(no_differences_is_obeyed),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
