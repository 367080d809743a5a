/* Lock files: what is written is read back and is the same for the same plans; what became of a plan is told with its
 * cells, bytes and tensors; and no change of the text, of one byte or of a line, is taken for the lock that it was. */
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
#include "harness/report/steps.h"
#include "kernels/device.h"
#include "kernels/mem.h"
#include "tests/record_fixture.h"

static const char tiny[] = "tests/cases/run/tiny.yaml";

/* ---- locks to work with ---- */

/* The tiny grid's plans for a device. */
static void plan_grid(Lock *out, Device device, const char *const *overrides, size_t n) {
    Grid *grid = NULL;
    Surveys surveys = {0};
    *out = (Lock){0};
    assert_ok(grid_load(&grid, tiny, overrides, n, device_name(device)));
    assert_ok(survey_grid(&surveys, grid, NULL, false));
    assert_ok(lock_of_surveys(out, grid, &surveys, device_class(device)));
    surveys_clear(&surveys);
    grid_free(grid);
}

/* *out is freed by the caller. */
static void text_of(char **out, const Lock *lock) { assert_ok(lock_text(out, lock)); }

/* A lock made by hand: one plan of three tensors and one of another class. It shares nothing with others. */
typedef struct Small {
    Lock lock;
    LockPlan plan[2];
    LockCells cells[3];
    int64_t seeds[3][4];
    RecordBytes modules[2][2], tensors[2][6];
} Small;

static void small_make(Small *s) {
    *s = (Small){.seeds = {{0, 1, 2, 5}, {0, 1}, {7}}};
    s->cells[0] = (LockCells){"base", 4, 4, s->seeds[0]};
    s->cells[1] = (LockCells){"rev,lambda=0.5", 2, 2, s->seeds[1]};
    s->cells[2] = (LockCells){"base", 1, 1, s->seeds[2]};
    RecordBytes tensors[] = {{"dec.t00.h", 100},         {"dec.t01.h", 100}, {"dec.t02.h", 100},
                             {"dec.t00.h.scratch", 640}, {"enc.y", 9000},    {"tiny", 4}};
    for (int i = 0; i < 2; i++) {
        memcpy(s->tensors[i], tensors, sizeof tensors);
        s->modules[i][0] = (RecordBytes){"all", 9944};
        s->modules[i][1] = (RecordBytes){"gaps", 56};
        s->plan[i] = (LockPlan){.peak_bytes = 10000, .peak_node = "enc.relu'", .n_modules = 2, .n_tensors = 6};
        s->plan[i].modules = s->modules[i];
        s->plan[i].tensors = s->tensors[i];
    }
    s->plan[0].device = "cpu-x";
    s->plan[0].cells = (LockCellList){2, 2, s->cells};
    s->plan[1].device = "cuda";
    s->plan[1].cells = (LockCellList){1, 1, &s->cells[2]};
    s->lock = (Lock){.experiment = "small", .n_plans = 2, .room = 2, .plan = s->plan};
}

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

/* ---- steps ---- */

static void test_steps(void **state) {
    (void)state;
    Pool pool = {0};
    const char *name = NULL;
    assert_true(steps_follow("dec.t07.h'", "dec.t08.h'"));
    assert_true(steps_follow("enc.9.out", "enc.10.out"));
    assert_true(steps_follow("t9", "t10"));
    assert_false(steps_follow("dec.t07.h", "dec.t09.h"));
    assert_false(steps_follow("dec.t07.h", "dec.t08.c"));
    assert_false(steps_follow("dec.t07h", "dec.t08h"));
    assert_false(steps_follow("enc.conv1", "enc.conv2"));
    assert_true(steps_compare("dec.t09.h", "dec.t10.h") < 0);
    assert_true(steps_compare("dec.t99.h", "dec.t100.h") < 0);
    assert_true(steps_compare("dec.t10.a", "dec.t09.b") < 0);
    assert_true(steps_compare("a", "b") < 0);
    assert_int_equal(steps_compare("dec.t10.a", "dec.t10.a"), 0);
    assert_int_not_equal(steps_compare("dec.t1.a", "dec.t01.a"), 0);
    assert_ok(steps_fold(&pool, &name, "dec.t98.h'", 4));
    assert_string_equal(name, "dec.t{98..101}.h'");
    assert_int_equal(steps_count(name), 4);
    assert_ok(steps_unfold(&pool, &name, "dec.t{98..101}.h'", 3));
    assert_string_equal(name, "dec.t101.h'");
    assert_ok(steps_unfold(&pool, &name, "dec.t{08..10}", 1));
    assert_string_equal(name, "dec.t09");
    assert_ok(steps_fold(&pool, &name, "dec.t03.h", 1));
    assert_string_equal(name, "dec.t03.h");
    assert_int_equal(steps_count("plain"), 1);
    static const char *const wrong[] = {"{",      "t{1..}",        "t{1..0}",    "t{..2}",
                                        "t{1,2}", "t{0..9999999}", "t{0..5000}", "t{1.2}"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) assert_int_equal(steps_count(wrong[i]), 0);
    pool_clear(&pool);
}

/* Any three names are in one order, whichever two are compared. */
static void test_steps_have_one_order(void **state) {
    (void)state;
    static const char *const name[] = {"d.t1.x", "d.t2.a", "d.t",  "d.t.x", "d",     "d.t10.x", "d.t01.x", "d.1",
                                       "d.x",    "e.t1",   "d.t1", "d.t1'", "d.t2'", "d.1.x",   "d.12"};
    const size_t n = sizeof name / sizeof name[0];
    for (size_t a = 0; a < n; a++)
        for (size_t b = 0; b < n; b++) {
            assert_int_equal(steps_compare(name[a], name[b]) < 0, steps_compare(name[b], name[a]) > 0);
            for (size_t c = 0; c < n; c++)
                if (steps_compare(name[a], name[b]) < 0 && steps_compare(name[b], name[c]) < 0)
                    assert_true(steps_compare(name[a], name[c]) < 0);
        }
}

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
    plan_grid(&lock, DEVICE_CPU, NULL, 0);
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
    plan_grid(&lock, DEVICE_CUDA, NULL, 0);
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
    plan_grid(&cpu, DEVICE_CPU, NULL, 0);
    plan_grid(&cuda, DEVICE_CUDA, NULL, 0);
    assert_ok(lock_write(&written, path, &cuda, "cuda"));
    assert_true(written.changed && !written.unreadable);
    assert_int_equal(written.n_kept, 0);
    assert_ok(lock_write(&written, path, &cpu, device_class(DEVICE_CPU)));
    assert_int_equal(written.n_written, cpu.n_plans);
    assert_int_equal(written.n_kept, cuda.n_plans);
    assert_ok(lock_read(&read, path, tiny));
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
    plan_grid(&cuda, DEVICE_CUDA, NULL, 0);
    fixture_put(path, "refocus-lock 1\n<<<<<<< ours\n", 28);
    assert_int_equal(symlink("real.lock", link), 0);
    assert_ok(lock_write(&written, link, &cuda, "cuda"));
    assert_true(written.unreadable && written.changed);
    assert_ok(lock_read(&read, path, tiny));
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

/* ---- differences ---- */

static void compare(LockDiff *out, const Lock *locked, const Lock *planned, const char *device, const char *tolerance) {
    Tolerance t;
    *out = (LockDiff){0};
    assert_ok(tolerance_parse(&t, "tolerance", tolerance, true));
    assert_ok(lock_diff(out, locked, planned, device, &t));
}

/* Adds bytes to a tensor, its module and the peak. */
static void grow(Small *s, size_t i_tensor, int64_t bytes) {
    s->tensors[0][i_tensor].bytes += bytes;
    s->modules[0][0].bytes += bytes;
    s->plan[0].peak_bytes += bytes;
}

static void assert_part(const LockPart *part, const char *name, int64_t before, int64_t after) {
    assert_string_equal(part->name, name);
    assert_int_equal(part->before, before);
    assert_int_equal(part->after, after);
}

static void test_same(void **state) {
    (void)state;
    Small a, b;
    LockDiff diff;
    small_make(&a);
    small_make(&b);
    compare(&diff, &a.lock, &b.lock, "cpu-x", NULL);
    assert_int_equal(diff.n, 0);
    assert_int_equal(diff.n_same, 6);
    assert_int_equal(lock_diff_failures(&diff), 0);
    lock_diff_clear(&diff);
}

static void test_growth(void **state) {
    (void)state;
    Small a, b;
    LockDiff diff;
    small_make(&a);
    small_make(&b);
    grow(&b, 4, 1000);
    for (size_t step = 0; step < 3; step++) grow(&b, step, 50);
    compare(&diff, &a.lock, &b.lock, "cpu-x", "10%");
    assert_int_equal(diff.n, 1);
    assert_int_equal(diff.change[0].kind, LOCK_GREW);
    assert_false(diff.change[0].tolerated);
    assert_int_equal(lock_diff_failures(&diff), 6);
    assert_int_equal(diff.change[0].n_tensors, 2);
    assert_part(&diff.change[0].tensors[0], "enc.y", 9000, 10000);
    assert_part(&diff.change[0].tensors[1], "dec.t{00..02}.h", 300, 450);
    assert_int_equal(diff.change[0].n_modules, 1);
    assert_int_equal(diff.change[0].smaller, 0);
    lock_diff_clear(&diff);
    compare(&diff, &a.lock, &b.lock, "cpu-x", "11.5%");
    assert_true(diff.change[0].tolerated);
    assert_int_equal(lock_diff_failures(&diff), 0);
    assert_int_equal(diff.n_tolerated, 6);
    lock_diff_clear(&diff);
    compare(&diff, &a.lock, &b.lock, "cpu-x", "1149");
    assert_int_equal(lock_diff_failures(&diff), 6);
    lock_diff_clear(&diff);
    compare(&diff, &b.lock, &a.lock, "cpu-x", NULL);
    assert_int_equal(diff.change[0].kind, LOCK_SHRANK);
    assert_int_equal(lock_diff_failures(&diff), 6);
    lock_diff_clear(&diff);
    compare(&diff, &b.lock, &a.lock, "cuda", NULL);
    assert_int_equal(diff.n, 0);
    lock_diff_clear(&diff);
}

/* The same peak, otherwise made up. */
static void test_change_without_growth(void **state) {
    (void)state;
    Small a, b;
    LockDiff diff;
    small_make(&a);
    small_make(&b);
    grow(&b, 4, 60);
    grow(&b, 3, -60);
    compare(&diff, &a.lock, &b.lock, "cpu-x", NULL);
    assert_int_equal(diff.change[0].kind, LOCK_CHANGED);
    assert_int_equal(lock_diff_failures(&diff), 6);
    lock_diff_clear(&diff);
    compare(&diff, &a.lock, &b.lock, "cpu-x", "0");
    assert_int_equal(lock_diff_failures(&diff), 0);
    lock_diff_clear(&diff);
    small_make(&b);
    b.plan[0].peak_node = "enc.tanh'";
    compare(&diff, &a.lock, &b.lock, "cpu-x", NULL);
    assert_int_equal(diff.change[0].kind, LOCK_CHANGED);
    lock_diff_clear(&diff);
}

/* Against a lock that was read, and so lacks the smaller tensors. */
static void test_tensors_come_and_go(void **state) {
    (void)state;
    Small a, b;
    Lock read = {0};
    LockDiff diff;
    small_make(&a);
    small_make(&b);
    char *text = NULL;
    text_of(&text, &a.lock);
    assert_ok(lock_parse(&read, "a.lock", text, strlen(text)));
    b.tensors[0][3].name = "enc.kept";
    b.tensors[0][4].name = "enc.x";
    b.tensors[0][5] = (RecordBytes){"tiny", 9};
    b.modules[0][0].bytes += 5;
    b.plan[0].peak_bytes += 5;
    compare(&diff, &read, &b.lock, "cpu-x", NULL);
    const LockChange *change = &diff.change[0];
    assert_int_equal(change->n_tensors, 4);
    assert_part(&change->tensors[0], "enc.x", 0, 9000);
    assert_part(&change->tensors[1], "enc.y", 9000, 0);
    assert_part(&change->tensors[2], "dec.t00.h.scratch", 640, 0);
    assert_part(&change->tensors[3], "enc.kept", 0, 640);
    assert_int_equal(change->smaller, 5);
    lock_diff_clear(&diff);
    lock_clear(&read);
    mem_free(text);
}

static void test_cells_come_and_go(void **state) {
    (void)state;
    Small a, b;
    LockDiff diff;
    small_make(&a);
    small_make(&b);
    b.cells[1].name = "rev,lambda=1";
    b.cells[0].n_seeds = 3;
    compare(&diff, &a.lock, &b.lock, "cpu-x", NULL);
    assert_int_equal(diff.n, 2);
    assert_int_equal(diff.n_same, 3);
    assert_int_equal(diff.change[0].kind, LOCK_NEW);
    assert_string_equal(diff.change[0].cells.item[0].name, "rev,lambda=1");
    assert_int_equal(diff.change[1].kind, LOCK_GONE);
    assert_int_equal(diff.n_cells[LOCK_GONE], 3); /* base@5, and both seeds of rev,lambda=0.5 */
    assert_int_equal(lock_diff_failures(&diff), 5);
    lock_diff_clear(&diff);
}

/* What grows by a real override is accounted for to the byte: tensors, smaller ones and gaps are the peak's growth. */
static void test_real_growth_adds_up(void **state) {
    (void)state;
    Lock before, after;
    LockDiff diff;
    plan_grid(&before, DEVICE_CPU, NULL, 0);
    plan_grid(&after, DEVICE_CPU, (const char *[]){"train.batch=6"}, 1);
    compare(&diff, &before, &after, device_class(DEVICE_CPU), NULL);
    assert_true(diff.n > 0);
    for (size_t i = 0; i < diff.n; i++) {
        const LockChange *c = &diff.change[i];
        int64_t modules = 0, tensors = c->smaller;
        tensors += lock_module_bytes(c->after, "gaps") - lock_module_bytes(c->before, "gaps");
        for (size_t k = 0; k < c->n_modules; k++) modules += c->modules[k].after - c->modules[k].before;
        for (size_t k = 0; k < c->n_tensors; k++) tensors += c->tensors[k].after - c->tensors[k].before;
        assert_int_equal(modules, c->after->peak_bytes - c->before->peak_bytes);
        assert_int_equal(tensors, c->after->peak_bytes - c->before->peak_bytes);
    }
    lock_diff_clear(&diff);
    lock_clear(&after);
    lock_clear(&before);
}

static void test_tolerance(void **state) {
    (void)state;
    Tolerance t;
    static const char *const wrong[] = {"", "%", "x%", "-1%", "5 apples", "-3", "1e999%"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_says(tolerance_parse(&t, "tolerance", wrong[i], true), ERR_ARG, "a size such as 16MiB");
    assert_says(tolerance_parse(&t, "metric-tolerance", "16MiB", false), ERR_ARG, "such as 2%");
    assert_ok(tolerance_parse(&t, "tolerance", "0.5%", true));
    assert_true(tolerance_allows(&t, 1000, 5));
    assert_false(tolerance_allows(&t, 1000, 5.01));
    assert_true(tolerance_allows(&t, -1000, 5));
    assert_ok(tolerance_parse(&t, "tolerance", "1KiB", true));
    assert_true(tolerance_allows(&t, 0, 1024));
    assert_false(tolerance_allows(&t, 1e9, 1025));
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
    assert_ok(grid_load(&grid, tiny, NULL, 0, "cpu"));
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
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_steps_have_one_order),
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
        cmocka_unit_test(test_same),
        cmocka_unit_test(test_growth),
        cmocka_unit_test(test_change_without_growth),
        cmocka_unit_test(test_tensors_come_and_go),
        cmocka_unit_test(test_cells_come_and_go),
        cmocka_unit_test(test_real_growth_adds_up),
        cmocka_unit_test(test_tolerance),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
