/* Every op of the registry, with each of its cases. `test_ops lstm_step` checks the ops named on the command line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/mem.h"
#include "tests/op_check.h"
#include "tests/sanitized.h"

enum { MAX_TESTS = 2000, NAME_LEN = 96 };

typedef struct Item {
    const Op *op;
    const OpCase *op_case; /* NULL: the descriptor itself */
    char name[NAME_LEN];
} Item;

static Item items[MAX_TESTS];
static struct CMUnitTest tests[MAX_TESTS];
static int n_tests;
static OpSite site = {.device = DEVICE_CPU};

static void check_case(void **state) {
    const Item *item = *state;
    uint64_t live = mem_stats().live_blocks;
    Err err = op_check(item->op, item->op_case, &site);
    if (err != ERR_OK) fail_msg("%s", err_message());
    assert_int_equal(mem_stats().live_blocks, live);
}

static void check_generated(void **state) {
    const Op *op = ((const Item *)*state)->op;
    int n_checked = 0;
    if (op_check_generated(op, &op->cases[0], &site, &n_checked) != ERR_OK) fail_msg("%s", err_message());
}

/* Bits that belong to inputs or outputs which the op does not have are mistakes. */
static void check_descriptor(void **state) {
    const Op *op = ((const Item *)*state)->op;
    assert_ptr_equal(op_find(op->name), op);
    assert_true(op->n_cases > 0);
    assert_true(op->n_x_min >= 0 && op->n_x_min <= op->n_x_max && op->n_x_max <= OP_MAX_X);
    assert_true(op->n_out >= 1 && op->n_out <= OP_MAX_Y);
    assert_non_null(op->fwd);
    assert_non_null(op->ref_fwd);
    assert_true((op->bwd != NULL) == (op->differentiable != 0));
    assert_true((op->ref_bwd != NULL) == (op->differentiable != 0));
    uint32_t inputs = OP_X(op->n_x_max) - 1u;
    assert_int_equal((op->differentiable | op->mutates | op->alias_fwd | op->alias_bwd) & ~inputs, 0);
    assert_int_equal(op->alias_bwd & ~op->differentiable, 0);
    for (int i = 0; i < OP_MAX_X; i++) {
        if ((op->differentiable & OP_X(i)) == 0) assert_int_equal(op->bwd_needs[i], 0);
        assert_int_equal(op->bwd_needs[i] & 0xffffu & ~inputs, 0);
    }
}

/* ---- a one per cent error in the backward pass must be caught ---- */

static struct {
    const Op *op;
    int i; /* the dx that is spoilt */
} planted;

static Err planted_bwd(const OpCall *call) {
    Err err = planted.op->bwd(call);
    float *dx = call->dx[planted.i];
    int64_t n = shape_count(&call->spec->x[planted.i]);
    for (int64_t k = 0; dx != NULL && k < n; k++) dx[k] *= 1.01f;
    return err;
}

static void check_planted(void **state) {
    const Op *op = ((const Item *)*state)->op;
    Op spoilt = *op;
    uint32_t caught = 0;
    spoilt.bwd = planted_bwd;
    planted.op = op;
    for (int c = 0; c < op->n_cases; c++) {
        uint32_t live = 0;
        assert_int_equal(op_check_live_dx(&live, op, &op->cases[c]), ERR_OK);
        for (planted.i = 0; planted.i < op->n_x_max; planted.i++) {
            if ((live & OP_X(planted.i)) == 0) continue;
            if (op_check_backward(&spoilt, &op->cases[c], NULL) == ERR_OK)
                fail_msg("%s/%s: dx[%d] times 1.01 was not noticed", op->name, op->cases[c].name, planted.i);
            caught |= OP_X(planted.i);
        }
    }
    if (caught != op->differentiable)
        fail_msg("%s: only dx %#x of %#x have a gradient in any case", op->name, caught, op->differentiable);
}

static void add_test(const Op *op, const OpCase *op_case, const char *what, CMUnitTestFunction fn) {
    assert_true(n_tests < MAX_TESTS);
    Item *item = &items[n_tests];
    *item = (Item){.op = op, .op_case = op_case};
    (void)snprintf(item->name, sizeof item->name, "%s%s%s", op->name, what, op_case == NULL ? "" : op_case->name);
    tests[n_tests++] = (struct CMUnitTest){.name = item->name, .test_func = fn, .initial_state = item};
}

static bool is_asked_for(const char *name, int argc, char **argv) {
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], name) == 0) return true;
    return argc < 2;
}

int main(int argc, char **argv) {
    int n_ops = 0;
    const Op *const *ops = op_table(&n_ops);
    for (int k = 0; k < n_ops; k++) {
        if (!is_asked_for(ops[k]->name, argc, argv)) continue;
        add_test(ops[k], NULL, ": descriptor", check_descriptor);
        for (int c = 0; c < ops[k]->n_cases; c++) add_test(ops[k], &ops[k]->cases[c], "/", check_case);
        add_test(ops[k], NULL, ": generated shapes", check_generated);
        /* of figures, which are the same in every build */
        if (ops[k]->differentiable != 0 && !IS_SANITIZED) add_test(ops[k], NULL, ": 1 % error planted", check_planted);
    }
    if (n_tests == 0) {
        fprintf(stderr, "test_ops: no op has that name\n");
        return 1;
    }
    if (par_new(&site.par, 2) != ERR_OK) {
        fprintf(stderr, "test_ops: %s\n", err_message());
        return 1;
    }
    int n_failed = _cmocka_run_group_tests("ops", tests, (size_t)n_tests, NULL, NULL);
    par_free(site.par);
    return n_failed;
}
