/* Every op that has CUDA kernels, with each of its cases, on the emulated device: against the reference, and the same
 * bits in any order of threads and blocks. `test_cuda_ops add` checks the ops named on the command line. Linked without
 * the emulation (make test-gpu) it checks them on cuda:0. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/mem.h"
#include "tests/cuda_site.h"
#include "tests/op_check.h"
#include "tests/sanitized.h"

/* Orders: what is touched is seen in one of each kind. */
enum { MAX_TESTS = 1000, MAX_OPS = 100, NAME_LEN = 96, N_ORDERS_GENERATED = 2 };
enum { N_ORDERS = IS_SANITIZED ? 2 : 20 };

typedef struct Item {
    const Op *op;
    const OpCase *op_case; /* NULL: those made from the first */
    double *worst;         /* the op's */
    char name[NAME_LEN];
} Item;

static double worst[MAX_OPS]; /* -1: not looked at */

static Item items[MAX_TESTS];
static struct CMUnitTest tests[MAX_TESTS];
static int n_tests;
static OpSite site = {.device = DEVICE_CUDA};

static void check_case(void **state) {
    const Item *item = *state;
    const uint64_t live = mem_stats().live_blocks;
    site.n_orders = site.reorder == NULL ? 1 : N_ORDERS;
    site.worst = item->worst;
    Err err = op_check_forward(item->op, item->op_case, &site);
    if (err == ERR_OK) err = op_check_backward(item->op, item->op_case, &site);
    if (err != ERR_OK) fail_msg("%s", err_message());
    assert_int_equal(mem_stats().live_blocks, live);
}

static void check_generated(void **state) {
    const Item *item = *state;
    const Op *op = item->op;
    int n_checked = 0;
    site.n_orders = site.reorder == NULL ? 0 : N_ORDERS_GENERATED;
    site.worst = item->worst;
    if (op_check_generated(op, &op->cases[0], &site, &n_checked) != ERR_OK) fail_msg("%s", err_message());
}

/* Both passes or none. */
static void check_passes(void **state) {
    const Op *op = ((const Item *)*state)->op;
    assert_non_null(site.cuda->kernel(site.cuda, op, false));
    assert_int_equal(site.cuda->kernel(site.cuda, op, true) != NULL, op->differentiable != 0);
}

static void add_test(int i_op, const OpCase *op_case, const char *what, CMUnitTestFunction fn) {
    const Op *op = op_table(&(int){0})[i_op];
    assert_true(n_tests < MAX_TESTS);
    Item *item = &items[n_tests];
    *item = (Item){.op = op, .op_case = op_case, .worst = &worst[i_op]};
    (void)snprintf(item->name, sizeof item->name, "%s%s%s", op->name, what, op_case == NULL ? "" : op_case->name);
    tests[n_tests++] = (struct CMUnitTest){.name = item->name, .test_func = fn, .initial_state = item};
}

static bool is_asked_for(const char *name, int argc, char **argv) {
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], name) == 0) return true;
    return argc < 2;
}

static void list_tests(int argc, char **argv) {
    int n_ops = 0;
    const Op *const *ops = op_table(&n_ops);
    assert_true(n_ops <= MAX_OPS);
    for (int k = 0; k < n_ops; k++) {
        worst[k] = -1;
        if (!is_asked_for(ops[k]->name, argc, argv)) continue;
        if (site.cuda->kernel(site.cuda, ops[k], false) == NULL) {
            printf("no CUDA kernels yet: %s\n", ops[k]->name);
            continue;
        }
        add_test(k, NULL, ": passes", check_passes);
        for (int c = 0; c < ops[k]->n_cases; c++) add_test(k, &ops[k]->cases[c], "/", check_case);
        add_test(k, NULL, ": generated shapes", check_generated);
    }
}

static void tell_deviations(void) {
    int n_ops = 0;
    const Op *const *ops = op_table(&n_ops);
    for (int k = 0; k < n_ops; k++)
        if (!(worst[k] < 0)) cuda_site_tell(ops[k]->name, worst[k]);
}

int main(int argc, char **argv) {
    const Err err = cuda_site_open(&site.cuda);
    if (err != ERR_OK) return cuda_site_refused("test_cuda_ops", err);
    site.reorder = emu_order;
    list_tests(argc, argv);
    if (n_tests == 0) {
        fprintf(stderr, "test_cuda_ops: no op with CUDA kernels has that name\n");
        backend_close(site.cuda);
        return 1;
    }
    const int n_failed = _cmocka_run_group_tests("cuda ops", tests, (size_t)n_tests, NULL, NULL);
    tell_deviations();
    return n_failed + cuda_site_close("test_cuda_ops", site.cuda);
}
