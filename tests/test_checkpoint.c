/* Checkpoints: two are kept, each is read back only as it was written and by those that it belongs to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/run/checkpoint.h"
#include "harness/run/every.h"
#include "harness/run/folder.h"
#include "kernels/mem.h"
#include "tests/data_settings.h"

enum { N = 100 };

static const CheckpointKey key = {"cell", "code", "inputs", "class", "layout"};
static float now[N], best[N];

static Checkpoint *open_with(const CheckpointKey *of, int64_t n) {
    Checkpoint *c = NULL;
    assert_int_equal(checkpoint_open(&c, test_folder(), of, n), ERR_OK);
    return c;
}

static void write_step(Checkpoint *c, int64_t step) {
    CheckpointState state = {.step = step};
    for (int i = 0; i < N; i++) {
        now[i] = (float)(step * 1000 + i);
        best[i] = -now[i];
    }
    assert_int_equal(checkpoint_write(c, &state, now, best), ERR_OK);
}

static Err read_step(int64_t *step, Checkpoint *c, CheckpointAge age) {
    CheckpointState state = {.step = -1};
    float a[N], b[N];
    Err err = checkpoint_read(c, age, &state, a, b);
    *step = state.step;
    for (int i = 0; err == ERR_OK && i < N; i++) assert_true(a[i] == (float)(state.step * 1000 + i) && b[i] == -a[i]);
    return err;
}

static void assert_read(Checkpoint *c, CheckpointAge age, int64_t step) {
    int64_t found;
    CheckpointKey k;
    CheckpointState state;
    assert_int_equal(read_step(&found, c, age), ERR_OK);
    assert_int_equal(found, step);
    assert_int_equal(checkpoint_look(test_folder(), age, &k, &state), ERR_OK);
    assert_int_equal(state.step, step);
    assert_string_equal(k.bit_class, "class");
}

static void assert_refused(Checkpoint *c, CheckpointAge age, Err err, const char *words) {
    int64_t step;
    assert_int_equal(read_step(&step, c, age), err);
    if (strstr(err_message(), words) == NULL) fail_msg("'%s' has no '%s'", err_message(), words);
}

static void test_two_are_kept(void **state) {
    (void)state;
    Checkpoint *c = open_with(&key, N);
    assert_refused(c, CHECKPOINT_LAST, ERR_MISSING, "cannot open the checkpoint");
    write_step(c, 4);
    assert_read(c, CHECKPOINT_LAST, 4);
    assert_refused(c, CHECKPOINT_BEFORE, ERR_MISSING, "cannot open the checkpoint");
    write_step(c, 8);
    write_step(c, 12);
    assert_read(c, CHECKPOINT_LAST, 12);
    assert_read(c, CHECKPOINT_BEFORE, 8);
    assert_int_equal(checkpoint_fall_back(c), ERR_OK);
    assert_read(c, CHECKPOINT_LAST, 8);
    assert_refused(c, CHECKPOINT_BEFORE, ERR_MISSING, "cannot open");
    write_step(c, 16);
    assert_read(c, CHECKPOINT_BEFORE, 8);
    assert_int_equal(checkpoint_drop(test_folder()), ERR_OK);
    assert_false(folder_has(test_folder(), FOLDER_CHECKPOINT) || folder_has(test_folder(), FOLDER_CHECKPOINT_BEFORE));
    checkpoint_close(c);
}

/* Another cell, code, data, machine or model: each is refused by name. */
static void test_others_are_refused(void **state) {
    (void)state;
    const struct {
        CheckpointKey key;
        const char *words;
    } others[] = {{{"CELL", "code", "inputs", "class", "layout"}, "belongs to another cell"},
                  {{"cell", "CODE", "inputs", "class", "layout"}, "the code changed"},
                  {{"cell", "code", "INPUTS", "class", "layout"}, "the training data changed"},
                  {{"cell", "code", "inputs", "CLASS", "layout"}, "another kind of CPU, or with another build"},
                  {{"cell", "code", "inputs", "class", "LAYOUT"}, "other parameters"}};
    Checkpoint *c = open_with(&key, N);
    write_step(c, 4);
    checkpoint_close(c);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        c = open_with(&others[i].key, N);
        assert_refused(c, CHECKPOINT_LAST, ERR_DATA, others[i].words);
        checkpoint_close(c);
    }
    c = open_with(&key, N - 1);
    assert_refused(c, CHECKPOINT_LAST, ERR_DATA, "100 numbers, expected 99");
    checkpoint_close(c);
}

/* Every byte counts, and every length. */
static void test_damage_is_found(void **state) {
    (void)state;
    Checkpoint *c = open_with(&key, N);
    CheckpointKey k;
    CheckpointState s;
    char *path = NULL;
    size_t n = 0;
    int64_t step;
    write_step(c, 4);
    assert_int_equal(folder_path(&path, test_folder(), FOLDER_CHECKPOINT), ERR_OK);
    unsigned char *bytes = read_test_file(path, &n);
    for (size_t i = 0; i < n; i++) {
        bytes[i] ^= 0x41;
        (void)write_test_file(FOLDER_CHECKPOINT, bytes, n);
        bytes[i] ^= 0x41;
        assert_int_equal(read_step(&step, c, CHECKPOINT_LAST), ERR_DATA);
        assert_int_equal(checkpoint_look(test_folder(), CHECKPOINT_LAST, &k, &s), ERR_DATA);
    }
    for (size_t len = 0; len < n; len += 7) {
        (void)write_test_file(FOLDER_CHECKPOINT, bytes, len);
        assert_refused(c, CHECKPOINT_LAST, ERR_DATA, "cut short");
        assert_int_equal(checkpoint_look(test_folder(), CHECKPOINT_LAST, &k, &s), ERR_DATA);
    }
    (void)write_test_file(FOLDER_CHECKPOINT, bytes, n);
    assert_read(c, CHECKPOINT_LAST, 4);
    free(bytes);
    mem_free(path);
    checkpoint_close(c);
}

/* ---- the journal that it saw ---- */

static JournalEnd write_journal(float loss, int64_t n_steps) {
    Journal *journal = NULL;
    const HistoryShape shape = {.n_columns = 0};
    assert_int_equal(journal_create(&journal, test_folder(), "cell", &shape), ERR_OK);
    for (int64_t i = 1; i <= n_steps; i++) {
        const HistoryStep step = {.step = i, .value = {[CURVE_LOSS] = loss}};
        assert_int_equal(journal_step(journal, &step), ERR_OK);
    }
    const JournalEnd end = journal_end(journal);
    journal_close(journal);
    return end;
}

/* Resumed where it had ended, cut there, and gone on with; a journal as long and of the same steps is another one. */
static void test_journal_is_bound(void **state) {
    (void)state;
    Journal *journal = NULL;
    History *history = NULL;
    const JournalEnd other = write_journal(2, 3), end = write_journal(1, 3), longer = write_journal(1, 5);
    assert_true(other.bytes == end.bytes && other.sum != end.sum);
    assert_int_equal(journal_check(test_folder(), "cell", &end), ERR_OK);
    assert_int_equal(journal_check(test_folder(), "cell", &other), ERR_DATA);
    assert_non_null(strstr(err_message(), "the journal is not the one that the checkpoint saw"));
    assert_int_equal(journal_resume(&journal, &history, test_folder(), "cell", &other), ERR_DATA);
    assert_true(journal == NULL && history == NULL);
    assert_int_equal(journal_resume(&journal, &history, test_folder(), "cell", &end), ERR_OK);
    assert_int_equal(history_last_step(history), 3);
    for (int64_t i = 4; i <= 5; i++) {
        const HistoryStep step = {.step = i, .value = {[CURVE_LOSS] = 1}};
        assert_int_equal(journal_step(journal, &step), ERR_OK);
    }
    const JournalEnd again = journal_end(journal);
    assert_true(again.bytes == longer.bytes && again.sum == longer.sum);
    assert_int_equal(journal_check(test_folder(), "cell", &longer), ERR_OK);
    journal_close(journal);
    history_free(history);
}

/* ---- how often ---- */

static void test_every(void **state) {
    (void)state;
    static const char *const wrong[] = {"", "0", "-3", "3.5", "s", "90 s", "90sec", "0s", "1e3", "12345678901", "5m"};
    Every every;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        if (every_check(wrong[i]) != ERR_SPEC) fail_msg("'%s' passes", wrong[i]);
    every_parse(&every, "200");
    assert_true(every.steps == 200 && every.seconds == 0);
    every_parse(&every, "90s");
    assert_true(every.steps == 0 && every.seconds == 90);
    every_parse(&every, "5min");
    assert_true(every.seconds == 300);
    every_parse(&every, "2h");
    assert_true(every.seconds == 7200);
}

/* ---- owners ---- */

/* A lock whose owner is said to be of another boot, written so many seconds ago. */
static void put_owner(const char *boot, int age) {
    char text[200], command[700];
    int n = snprintf(text, sizeof text, "71\nelsewhere\n2026-01-31 12:00:00 UTC\n%s\n123\n", boot);
    const char *path = write_test_file(FOLDER_LOCK, text, (size_t)n);
    (void)snprintf(command, sizeof command, "touch -d '%d seconds ago' '%s'", age, path);
    assert_int_equal(system(command), 0);
}

static void test_owners_elsewhere(void **state) {
    (void)state;
    FolderOwner owner;
    char words[FOLDER_OWNER_TEXT];
    int lock = -1;
    put_owner("other-boot", 20);
    assert_true(folder_is_locked(test_folder(), &owner));
    assert_non_null(strstr(folder_owner_text(&owner, words), "process 71 on elsewhere is at it since 2026-01-31"));
    assert_int_equal(folder_lock(&lock, test_folder(), &owner), ERR_OK);
    assert_int_equal(lock, -1);
    put_owner("other-boot", FOLDER_DEAD_SECONDS + 20);
    assert_false(folder_is_locked(test_folder(), &owner));
    assert_true(owner.pid == 0 && owner.host[0] == '\0'); /* not who it was */
    folder_beat(test_folder());                           /* it was only slow */
    assert_true(folder_is_locked(test_folder(), NULL));
    put_owner("other-boot", -86400); /* a clock that went back: nobody has touched it since */
    assert_int_equal(folder_lock(&lock, test_folder(), &owner), ERR_OK);
    assert_true(lock >= 0);
    assert_true(folder_is_locked(test_folder(), &owner));
    assert_int_equal(owner.pid, getpid());
    folder_unlock(lock);
    assert_false(folder_is_locked(test_folder(), NULL));
}

static int empty(void **state) {
    (void)state;
    if (checkpoint_drop(test_folder()) != ERR_OK || folder_drop(test_folder(), FOLDER_JOURNAL) != ERR_OK) return -1;
    return folder_drop(test_folder(), FOLDER_LOCK) == ERR_OK ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    remove_test_folder();
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_two_are_kept, empty),
        cmocka_unit_test_teardown(test_others_are_refused, empty),
        cmocka_unit_test_teardown(test_damage_is_found, empty),
        cmocka_unit_test_teardown(test_journal_is_bound, empty),
        cmocka_unit_test(test_every),
        cmocka_unit_test_teardown(test_owners_elsewhere, empty),
    };
    return cmocka_run_group_tests_name("checkpoint", tests, NULL, tear_down);
}
