/* Lock files: what is written is read back and is the same for the same plans; what is wrong with one is said; and no
 * change of the text, of one byte or of a line, is taken for the lock that it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/data/digest.h"
#include "harness/report/lock.h"
#include "harness/report/lock_diff.h"
#include "kernels/device.h"
#include "kernels/mem.h"
#include "tests/lock_fixture.h"
#include "tests/record_fixture.h"

/* *out is freed by the caller. */
static void text_of(char **out, const Lock *lock) { assert_ok(lock_text(out, lock)); }

/* Of small_make. */
static const char small_text[] = "\n"
                                 "plan cpu-x\n"
                                 "  cell    base@0-2,5\n"
                                 "  cell    rev,lambda=0.5@0-1\n"
                                 "  peak             10000     9.8 KiB  enc.relu'\n"
                                 "  module            9944     9.7 KiB  all\n"
                                 "  module              56        56 B  gaps\n"
                                 "  tensor             300       300 B  dec.t{00..02}.h\n"
                                 "  tensor             640       640 B  dec.t00.h.scratch\n"
                                 "  tensor            9000     8.8 KiB  enc.y\n"
                                 "  smaller              4         4 B  1 tensors\n"
                                 "\n"
                                 "plan cuda\n"
                                 "  cell    base@7\n";

/* ---- writing and reading ---- */

static void test_text(void **state) {
    (void)state;
    Small s;
    small_make(&s);
    char *text = NULL;
    text_of(&text, &s.lock);
    assert_true(strncmp(text, "refocus-lock 1\n#", 16) == 0);
    const char *experiment = strstr(text, "\nexperiment small\n");
    assert_non_null(experiment);
    assert_true(strncmp(experiment + strlen("\nexperiment small\n"), small_text, strlen(small_text)) == 0);
    mem_free(text);
}

static void test_real_plans_add_up(void **state) {
    (void)state;
    Lock lock;
    lock_fixture_plan(&lock, DEVICE_CPU, NULL, 0);
    assert_int_equal(lock.n_plans, 2); /* baseline; pulled and its twin */
    assert_int_equal(lock.plan[1].cells.n, 2);
    for (size_t i = 0; i < lock.n_plans; i++) {
        const LockPlan *plan = &lock.plan[i];
        int64_t modules = 0, tensors = lock_module_bytes(plan, "gaps");
        for (size_t m = 0; m < plan->n_modules; m++) modules += plan->modules[m].bytes;
        for (size_t t = 0; t < plan->n_tensors; t++) tensors += plan->tensors[t].bytes;
        assert_int_equal(modules, plan->peak_bytes);
        assert_int_equal(tensors, plan->peak_bytes);
        assert_int_equal(plan->further.n, 0);
    }
    lock_clear(&lock);
}

static void test_read_back(void **state) {
    (void)state;
    Lock lock, read = {0};
    lock_fixture_plan(&lock, DEVICE_CUDA, NULL, 0);
    char *text = NULL;
    text_of(&text, &lock);
    assert_ok(lock_parse(&read, "tiny.lock", text, strlen(text)));
    assert_string_equal(read.experiment, "tiny");
    assert_int_equal(read.n_plans, lock.n_plans);
    char *again = NULL;
    text_of(&again, &read);
    assert_string_equal(again, text);
    mem_free(again);
    mem_free(text);
    lock_clear(&read);
    lock_clear(&lock);
}

static void test_path(void **state) {
    (void)state;
    static const char *const path[][2] = {{"experiments/a.yaml", "experiments/a.lock"},
                                          {"a.b.yml", "a.b.lock"},
                                          {"some.folder/grid", "some.folder/grid.lock"},
                                          {"./.hidden", "./.hidden.lock"}};
    for (size_t i = 0; i < sizeof path / sizeof path[0]; i++) {
        char *out = NULL;
        assert_ok(lock_path(&out, path[i][0]));
        assert_string_equal(out, path[i][1]);
        mem_free(out);
    }
}

static void test_write_keeps_other_classes(void **state) {
    (void)state;
    char path[FIXTURE_PATH + 20];
    Lock cpu, cuda, read = {0};
    LockWritten written;
    (void)snprintf(path, sizeof path, "%s/tiny.lock", fixture_folder);
    lock_fixture_plan(&cpu, DEVICE_CPU, NULL, 0);
    lock_fixture_plan(&cuda, DEVICE_CUDA, NULL, 0);
    assert_ok(lock_write(&written, path, &cuda, "cuda"));
    assert_true(written.changed && !written.unreadable);
    assert_int_equal(written.n_kept, 0);
    assert_ok(lock_write(&written, path, &cpu, device_class(DEVICE_CPU)));
    assert_int_equal(written.n_written, cpu.n_plans);
    assert_int_equal(written.n_kept, cuda.n_plans);
    assert_ok(lock_read(&read, path, LOCK_FIXTURE_GRID));
    assert_int_equal(read.n_plans, cpu.n_plans + cuda.n_plans);
    assert_int_equal(lock_find(&read, "cuda")->peak_bytes, cuda.plan[0].peak_bytes);
    assert_ok(lock_write(&written, path, &cuda, "cuda"));
    assert_false(written.changed);
    assert_int_equal(fixture_count_files(), 1);
    lock_clear(&read);
    lock_clear(&cpu);
    lock_clear(&cuda);
}

static void test_write_replaces_what_is_damaged(void **state) {
    (void)state;
    char path[FIXTURE_PATH + 20], link[FIXTURE_PATH + 20];
    Lock cuda, read = {0};
    LockWritten written;
    (void)snprintf(path, sizeof path, "%s/real.lock", fixture_folder);
    (void)snprintf(link, sizeof link, "%s/link.lock", fixture_folder);
    lock_fixture_plan(&cuda, DEVICE_CUDA, NULL, 0);
    fixture_put(path, "refocus-lock 1\n<<<<<<< ours\n", 28);
    assert_int_equal(symlink("real.lock", link), 0);
    assert_ok(lock_write(&written, link, &cuda, "cuda"));
    assert_true(written.unreadable && written.changed);
    assert_ok(lock_read(&read, path, LOCK_FIXTURE_GRID));
    lock_clear(&read);
    lock_clear(&cuda);
}

/* ---- what is refused ---- */

typedef struct Edit {
    const char *from, *to; /* the first occurrence is replaced */
    const char *says;
} Edit;

static const Edit edits[] = {
    {"refocus-lock 1", "refocus-lock 2", "a.lock:1: the lock has format '2', this refocus reads format 1; "},
    {"refocus-lock 1", "experiment: a", "a.lock:1: expected 'refocus-lock 1', got 'experiment: a'"},
    {"# The planned", "# A planned", "a.lock:2: expected '# The planned memory"},
    {"experiment small", "experimental", "a.lock:6: expected a line 'experiment ...', got 'experimental'"},
    {"base@0-2,5\n  cell    rev,lambda=0.5@0-1", "rev,lambda=0.5@0-1\n  cell    base@0-2,5",
     "a.lock:10: cells are not sorted: 'base' stands after 'rev,lambda=0.5'"},
    {"@0-2,5", "@0-2,1", "a.lock:9: expected ascending seeds"},
    {"@0-2,5", "@0,1-2,5", "a.lock:9: expected '  cell    base@0-2,5': the lock was edited by hand"},
    {"@0-2,5", "@0-3,5", "the digest is not that of the lines above: the lock was edited by hand"},
    {"base@0-2,5", "@0-2,5", "a.lock:9: expected a cell with its seeds"},
    {"  cell    base@0-2,5\n  cell    rev,lambda=0.5@0-1\n", "", "a.lock:9: expected a line 'cell ...'"},
    {"10000 ", "10001 ", "do not add up to the peak's 10001"},
    {"10000 ", "-1000 ", "a.lock:11: expected a number of bytes"},
    {"10000 ", "99999999999999999999 ", "a.lock:11: expected a number of bytes"},
    {"9.8 KiB", "9.9 KiB", "a.lock:11: expected '  peak             10000     9.8 KiB  enc.relu''"},
    {"enc.relu'", "", "a.lock:11: the line has no name"},
    {"  module              56        56 B  gaps\n", "", "do not add up to the peak's 10000"},
    {"  module            9944     9.7 KiB  all\n  module              56        56 B  gaps",
     "  module              56        56 B  gaps\n  module            9944     9.7 KiB  all",
     "a.lock:13: modules are not sorted: 'all' stands after 'gaps'"},
    {"dec.t{00..02}.h", "dec.t{00..06}.h", "a.lock:14: expected steps of equal sizes"},
    {"dec.t{00..02}.h", "enc.z", "a.lock:15: tensors are not sorted: 'dec.t00.h.scratch' stands after 'enc.z'"},
    {"  tensor             640 ", "  tensor             641 ", "do not add up to the peak's 10000 less gaps"},
    {"  tensor             640 ", "  tensor              10 ", "'dec.t00.h.scratch' is too small to be listed"},
    {"plan cpu-x", "plan d", "plans are not sorted: 'base' of cuda stands after 'base' of d"},
    {"base@7", "base@6", "the digest is not that of the lines above"},
    {"\nend ", "<<<<<<< ours\nend ", ": a conflict of a merge stands in the lock; take the lock from version control"},
    {"\nend ", "\n", "expected a line 'plan ...'"},
    {"\nplan cuda", "\n\nplan cuda", "expected 'plan cuda'"},
};

/* text with the first `from` replaced; the caller frees. */
static char *edited(const char *text, const char *from, const char *to) {
    const char *at = strstr(text, from);
    assert_non_null(at);
    char *out = NULL;
    assert_ok(mem_printf(&out, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from)));
    return out;
}

static void test_what_is_wrong_is_said(void **state) {
    (void)state;
    Small s;
    small_make(&s);
    char *text = NULL;
    text_of(&text, &s.lock);
    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
        Lock lock = {0};
        char *other = edited(text, edits[i].from, edits[i].to);
        assert_says(lock_parse(&lock, "a.lock", other, strlen(other)), ERR_DATA, edits[i].says);
        assert_non_null(strstr(err_message(), "`refocus plan a.yaml --write-lock`"));
        lock_clear(&lock);
        mem_free(other);
    }
    mem_free(text);
}

/* The digest fits: plans of one class that share a cell are told by themselves. */
static void test_a_cell_has_one_plan(void **state) {
    (void)state;
    Small s;
    Lock lock = {0};
    char *text = NULL;
    small_make(&s);
    s.plan[1].device = "cpu-x";
    s.seeds[2][0] = 5;
    text_of(&text, &s.lock);
    assert_says(lock_parse(&lock, "a.lock", text, strlen(text)), ERR_DATA, "a.lock:19: 'base' has two plans of cpu-x");
    lock_clear(&lock);
    mem_free(text);
}

static void test_no_lock(void **state) {
    (void)state;
    char path[FIXTURE_PATH + 20];
    Lock lock = {0};
    (void)snprintf(path, sizeof path, "%s/none.lock", fixture_folder);
    assert_says(lock_read(&lock, path, "none.yaml"), ERR_MISSING, "none.lock: `refocus plan none.yaml --write-lock`");
    fixture_put(path, "", 0);
    assert_says(lock_read(&lock, path, "none.yaml"), ERR_DATA, "none.lock:1: the lock is empty");
    lock_clear(&lock);
}

/* ---- mutations ---- */

/* Replaces the last line by the digest of the others, as somebody would who knows how. text: of n bytes and a NUL. */
static void reseal(char **out, const char *text, size_t n) {
    Digest digest;
    char hex[DIGEST_HEX];
    size_t end = n > 0 ? n - 1 : 0;
    while (end > 0 && text[end - 1] != '\n') end--;
    digest_start(&digest);
    digest_bytes(&digest, text, end);
    assert_ok(mem_printf(out, "%.*send %s\n", (int)end, text, digest_hex(&digest, hex)));
}

/* Cells that two locks of both classes do not agree on; another experiment counts too. */
static size_t count_differences(const Lock *a, const Lock *b) {
    static const char *const device[] = {"cpu-x", "cuda"};
    const Tolerance none = {0};
    size_t n = strcmp(a->experiment, b->experiment) != 0;
    for (size_t i = 0; i < 2; i++) {
        LockDiff diff = {0};
        assert_ok(lock_diff(&diff, a, b, device[i], &none));
        n += lock_diff_failures(&diff);
        lock_diff_clear(&diff);
    }
    return n;
}

static size_t n_sealed_and_read; /* mutants that were locks again, of other plans */

/* What was made of a lock's text must be refused; with the digest made to fit, it must be refused or be seen as other
 * plans. */
static void check_mutant(const Lock *planned, const char *text, const char *mutant, size_t n) {
    Lock lock = {0};
    char *sealed = NULL;
    if (n == strlen(text) && memcmp(text, mutant, n) == 0) return;
    Err err = lock_parse(&lock, "a.lock", mutant, n);
    if (err != ERR_DATA) fail_msg("a changed lock is read: %d %s\n%s", (int)err, err_message(), mutant);
    lock_clear(&lock);
    if (memchr(mutant, '\0', n) != NULL) return;
    reseal(&sealed, mutant, n);
    if (strcmp(sealed, text) != 0 && lock_parse(&lock, "a.lock", sealed, strlen(sealed)) == ERR_OK) {
        n_sealed_and_read++;
        if (count_differences(&lock, planned) == 0) fail_msg("a changed lock passes:\n%s", sealed);
    }
    lock_clear(&lock);
    mem_free(sealed);
}

static void test_every_byte(void **state) {
    (void)state;
    static const char other[] = "\n\0 09a-,.'{}@#\xff";
    Small s;
    small_make(&s);
    char *text = NULL;
    text_of(&text, &s.lock);
    const size_t n = strlen(text);
    for (size_t i = 0; i < n; i++) {
        const char was = text[i];
        char *mutant = NULL;
        assert_ok(mem_strdup(&mutant, text));
        for (int bit = 0; bit < 8; bit++) {
            mutant[i] = (char)(was ^ (1 << bit));
            check_mutant(&s.lock, text, mutant, n);
        }
        for (size_t k = 0; k < sizeof other - 1; k++) {
            mutant[i] = other[k];
            check_mutant(&s.lock, text, mutant, n);
        }
        memmove(mutant + i, text + i + 1, n - i); /* dropped */
        check_mutant(&s.lock, text, mutant, n - 1);
        mutant[i] = '\0'; /* cut short */
        check_mutant(&s.lock, text, mutant, i);
        mem_free(mutant);
    }
    assert_true(n_sealed_and_read > 100);
    mem_free(text);
}

typedef struct Line {
    const char *at;
    size_t len;
} Line;

static size_t cut(const char *text, Line *lines, size_t room) {
    size_t n = 0;
    for (const char *at = text; *at != '\0'; at += lines[n++].len) {
        assert_true(n < room);
        lines[n] = (Line){at, strcspn(at, "\n") + 1};
    }
    return n;
}

static void check_lines(const Lock *planned, const char *text, const Line *lines, size_t n) {
    char *mutant = NULL;
    size_t len = 0;
    assert_ok(mem_alloc(&mutant, 2 * strlen(text) + 2, 1));
    for (size_t i = 0; i < n; i++) {
        memcpy(mutant + len, lines[i].at, lines[i].len);
        len += lines[i].len;
    }
    check_mutant(planned, text, mutant, len);
    mem_free(mutant);
}

/* Every line dropped, doubled, swapped with every other; every two dropped. */
static void test_every_line(void **state) {
    (void)state;
    Small s;
    Line lines[64], mutant[65];
    small_make(&s);
    char *text = NULL;
    text_of(&text, &s.lock);
    const size_t n = cut(text, lines, 64);
    for (size_t i = 0; i < n; i++) {
        memcpy(mutant, lines, i * sizeof *lines);
        memcpy(mutant + i, lines + i + 1, (n - i - 1) * sizeof *lines);
        check_lines(&s.lock, text, mutant, n - 1);
        for (size_t k = i; k + 1 < n - 1; k++) {
            memmove(mutant + k, lines + k + 2, (n - k - 2) * sizeof *lines);
            check_lines(&s.lock, text, mutant, n - 2);
            memcpy(mutant + i, lines + i + 1, (n - i - 1) * sizeof *lines);
        }
        memcpy(mutant, lines, (i + 1) * sizeof *lines);
        memcpy(mutant + i + 1, lines + i, (n - i) * sizeof *lines);
        check_lines(&s.lock, text, mutant, n + 1);
        for (size_t k = i + 1; k < n; k++) {
            memcpy(mutant, lines, n * sizeof *lines);
            mutant[i] = lines[k];
            mutant[k] = lines[i];
            check_lines(&s.lock, text, mutant, n);
        }
    }
    mem_free(text);
}

/* ---- memory ---- */

static Err write_and_compare(const Grid *grid, const Surveys *surveys) {
    Err err = ERR_OK;
    Lock planned = {0}, read = {0};
    LockDiff diff = {0};
    char *text = NULL;
    const Tolerance none = {0};
    TRY(lock_of_surveys(&planned, grid, surveys, "cpu-x"));
    TRY(lock_text(&text, &planned));
    TRY(lock_parse(&read, "a.lock", text, strlen(text)));
    TRY(lock_diff(&diff, &read, &planned, "cpu-x", &none));
done:
    lock_diff_clear(&diff);
    lock_clear(&read);
    lock_clear(&planned);
    mem_free(text);
    return err;
}

static void test_out_of_memory(void **state) {
    (void)state;
    Grid *grid = NULL;
    Surveys surveys = {0};
    assert_ok(grid_load(&grid, LOCK_FIXTURE_GRID, NULL, 0, "cpu"));
    assert_ok(survey_grid(&surveys, grid, NULL, false));
    const uint64_t live = mem_stats().live_blocks;
    Err err = ERR_NOMEM;
    for (uint64_t k = 1; err == ERR_NOMEM; k++) {
        assert_true(k < 100000);
        mem_fail_at(k);
        err = write_and_compare(grid, &surveys);
        mem_fail_at(0);
        assert_int_equal(mem_stats().live_blocks, live);
    }
    assert_ok(err);
    surveys_clear(&surveys);
    grid_free(grid);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_real_plans_add_up),
        cmocka_unit_test(test_read_back),
        cmocka_unit_test(test_path),
        cmocka_unit_test_setup_teardown(test_write_keeps_other_classes, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_write_replaces_what_is_damaged, fixture_setup, fixture_teardown),
        cmocka_unit_test(test_what_is_wrong_is_said),
        cmocka_unit_test(test_a_cell_has_one_plan),
        cmocka_unit_test_setup_teardown(test_no_lock, fixture_setup, fixture_teardown),
        cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_every_line),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
