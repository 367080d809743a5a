/* A tiny sweep in which the k-th allocation, write, fsync or fork of the parent or of a cell fails: no crash, no leak,
 * no half-written result, and the next run completes with the same bits. A few k of each kind by default, every one in
 * `make test-torture` (TORTURE=all). tests/torture/fail.c does the failing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/data/digest.h"
#include "harness/record/results.h"
#include "tests/data_settings.h"
#include "tests/sanitized.h"

enum { MAX_STATES = 4096, PATHS = PATH_MAX + 64, SOME = IS_SANITIZED ? 2 : 4 };

static char program[PATH_MAX], grid[PATH_MAX], library[PATHS], digest[DIGEST_HEX];
static char results[600], said[700], report[700];

/* ---- a sweep ---- */

/* Runs the grid in a shell, with variables before it; a cell that failed is tried again. The exit code, or -1 where a
 * signal ended it. */
static int sweep(const char *variables) {
    char command[4 * PATH_MAX];
    (void)snprintf(command, sizeof command,
                   "%s '%s' run '%s' --retry failed --threads 1 --results '%s' >'%s.out' 2>>'%s'", variables, program,
                   grid, results, said, said);
    int status = system(command);
    return WIFEXITED(status) && WEXITSTATUS(status) < 128 ? WEXITSTATUS(status) : -1;
}

static int failing_sweep(const char *role, const char *call, long k) {
    char variables[3 * PATH_MAX];
    (void)snprintf(variables, sizeof variables,
                   "REFOCUS_FAIL=%s:%s:%ld REFOCUS_FAIL_REPORT='%s' LD_PRELOAD='%s' "
                   "ASAN_OPTIONS=\"${ASAN_OPTIONS:-}:verify_asan_link_order=0:fast_unwind_on_malloc=0\"",
                   role, call, k, report, library);
    return sweep(variables);
}

/* The only cell of a file, which must be whole; "" where there is no such file, or a cell that is not done. */
static void digest_of(char out[DIGEST_HEX], const char *path) {
    Results *file = NULL;
    out[0] = '\0';
    if (access(path, F_OK) != 0) return;
    if (results_open(&file, path) != ERR_OK) fail_msg("%s", err_message());
    assert_int_equal(results_count(file), 1);
    const CellRecord *cell = results_cell(file, 0);
    if (cell->status != CELL_MISSING && results_check_digest(file, 0) != ERR_OK) fail_msg("%s", err_message());
    if (cell->status == CELL_DONE) (void)snprintf(out, DIGEST_HEX, "%s", cell->digest);
    results_close(file);
}

static void check_files(bool complete) {
    char pattern[700], found[DIGEST_HEX];
    glob_t sealed = {0};
    (void)snprintf(pattern, sizeof pattern, "%s/torture.h5", results);
    digest_of(found, pattern);
    if (found[0] != '\0' || complete) assert_string_equal(found, digest);
    (void)snprintf(pattern, sizeof pattern, "%s/torture/*/cell.h5", results);
    if (glob(pattern, 0, NULL, &sealed) == 0) digest_of(found, sealed.gl_pathv[0]);
    if (found[0] != '\0' || complete) assert_string_equal(found, digest);
    globfree(&sealed);
}

static void remove_results(void) {
    char command[3 * 700];
    (void)snprintf(command, sizeof command, "rm -rf '%s' '%s' '%s'", results, said, report);
    assert_int_equal(system(command), 0);
}

/* What the sweeps since remove_results wrote to stderr. */
static const char *what_it_said(void) {
    static char text[1 << 16];
    FILE *file = fopen(said, "r");
    size_t n = file != NULL ? fread(text, 1, sizeof text - 1, file) : 0;
    text[n] = '\0';
    if (file != NULL) (void)fclose(file);
    return text;
}

/* ---- what a failed sweep leaves ---- */

static char states[MAX_STATES][DIGEST_HEX];
static size_t n_states;

/* True if a state of the disk like this, names and sizes of files, was seen before: from it the next run does what it
 * did then. */
static bool seen_before(void) {
    char command[1500], line[256], hex[DIGEST_HEX];
    Digest sum;
    (void)snprintf(command, sizeof command,
                   "cd '%s' 2>/dev/null && find . ! -name log.txt ! -name lock -printf '%%P %%s %%y\\n' | "
                   "sed 's/[.][0-9]*[.]tmp/.tmp/' | LC_ALL=C sort",
                   results);
    FILE *list = popen(command, "r");
    assert_non_null(list);
    digest_start(&sum);
    while (fgets(line, sizeof line, list) != NULL) digest_bytes(&sum, line, strlen(line));
    (void)pclose(list);
    (void)digest_hex(&sum, hex);
    for (size_t i = 0; i < n_states; i++)
        if (strcmp(states[i], hex) == 0) return true;
    if (n_states < MAX_STATES) memcpy(states[n_states++], hex, sizeof hex);
    return false;
}

/* ---- counts ---- */

typedef struct Counts {
    long alloc, write, fsync, fork, leaked;
} Counts;

/* The last line of the report; false if no process of the role came to its exit. */
static bool read_report(Counts *out) {
    char line[256];
    bool any = false;
    FILE *file = fopen(report, "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        any = sscanf(line, "alloc %ld write %ld fsync %ld fork %ld leaked %ld", &out->alloc, &out->write, &out->fsync,
                     &out->fork, &out->leaked) == 5;
    if (file != NULL) (void)fclose(file);
    return any;
}

static Counts count(const char *role) {
    Counts counts = {0};
    remove_results();
    assert_int_equal(failing_sweep(role, "alloc", 0), 0);
    assert_true(read_report(&counts));
    assert_int_equal(counts.leaked, 0);
    digest_of(digest, "");
    char path[700];
    (void)snprintf(path, sizeof path, "%s/torture.h5", results);
    digest_of(digest, path);
    assert_true(digest[0] != '\0');
    remove_results();
    return counts;
}

/* ---- torture ---- */

typedef struct Tally {
    long n, survived, completed;
} Tally;

/* One call fails. Whether the sweep survives it is its own affair: if it says that all is done, then it is. */
static void fail_one(const char *role, const char *call, long k, Tally *tally) {
    Counts counts = {0};
    int code = failing_sweep(role, call, k);
    static const char *const crashes[] = {"internal error", "Sanitizer", "signal 6",
                                          "signal 11",      "signal 7",  "signal 8"};
    for (size_t i = 0; i < sizeof crashes / sizeof crashes[0]; i++)
        if (code < 0 || strstr(what_it_said(), crashes[i]) != NULL)
            fail_msg("%s, %s %ld: crashed, code %d: %s", role, call, k, code, what_it_said());
    if (!read_report(&counts)) fail_msg("%s, %s %ld: no process came to its exit: %s", role, call, k, what_it_said());
    if (counts.leaked != 0) fail_msg("%s, %s %ld: %ld blocks leaked", role, call, k, counts.leaked);
    check_files(code == 0);
    tally->n++;
    tally->survived += code == 0;
    if (code != 0 && !seen_before()) {
        int after = sweep("");
        if (after != 0) fail_msg("%s, %s %ld: the next run ended with %d: %s", role, call, k, after, what_it_said());
        check_files(true);
        tally->completed++;
    }
    remove_results();
}

/* Every call, or SOME of them: the last one, and others at equal distances. */
static void torture(const char *role, const char *call, long n) {
    const char *text = getenv("TORTURE");
    const bool all = n <= SOME || (text != NULL && strcmp(text, "all") == 0);
    Tally tally = {0};
    for (long i = 1; i <= (all ? n : SOME); i++) {
        fail_one(role, call, all ? i : n - n * (i - 1) / SOME, &tally);
        if (tally.n % 500 == 0) print_message("%s: %ld of %ld calls of %s so far\n", role, tally.n, n, call);
    }
    print_message(
        "%s: %ld of %ld calls of %s failed, each once; %ld sweeps survived that; %ld states left behind, from "
        "each of which the next run completed\n",
        role, tally.n, n, call, tally.survived, tally.completed);
}

static void torture_role(const char *role) {
    const Counts n = count(role);
    assert_true(n.fsync > 0 && n.write > 0 && n.alloc > 0 && n.fork > 0); /* a cell forks to open its fonts */
    torture(role, "fork", n.fork);
    torture(role, "fsync", n.fsync);
    torture(role, "write", n.write);
    torture(role, "alloc", n.alloc);
}

static void test_cell(void **state) {
    (void)state;
    torture_role("cell");
}

static void test_parent(void **state) {
    (void)state;
    torture_role("run");
}

static void expect_done(int code) {
    if (code != 0) print_message("%s\n", what_it_said());
    assert_int_equal(code, 0);
    check_files(true);
    remove_results();
}

/* No locks, and a clock of the day that jumps by days: as before. */
static void test_odd_machines(void **state) {
    (void)state;
    char variables[3 * PATH_MAX];
    (void)snprintf(variables, sizeof variables,
                   "REFOCUS_CLOCK_JUMPS=1 LD_PRELOAD='%s' ASAN_OPTIONS=\"${ASAN_OPTIONS:-}:verify_asan_link_order=0\"",
                   library);
    expect_done(sweep(variables));
    expect_done(failing_sweep("cell", "flock", 1));
    expect_done(failing_sweep("run", "flock", 1));
}

static int set_up(void **state) {
    (void)state;
    const char *named = getenv("REFOCUS");
    if (realpath(named != NULL ? named : "refocus", program) == NULL) return -1;
    if (realpath("tests/cases/run/torture.yaml", grid) == NULL) return -1;
    (void)snprintf(library, sizeof library, "%.*s/tests/libfail.so", (int)(strrchr(program, '/') - program), program);
    (void)snprintf(results, sizeof results, "%s", test_path("results"));
    (void)snprintf(said, sizeof said, "%s", test_path("said"));
    (void)snprintf(report, sizeof report, "%s", test_path("report"));
    return access(library, R_OK);
}

static int tear_down(void **state) {
    (void)state;
    remove_test_folder();
    return 0;
}

/* test_torture [PATTERN]: those of the tests whose name is like it. */
int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cell),
        cmocka_unit_test(test_parent),
        cmocka_unit_test(test_odd_machines),
    };
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests_name("torture", tests, set_up, tear_down);
}
