/* Grids as data: every case of tests/cases/grid/ is a grid file with what must come of it.
 *     === title
 *     the text of grid.yaml
 *     --- file other.yaml        another file beside it
 *     --- override train.lr=0.1  an override; any number of them
 *     --- cells                  names in order; "name = other" where a cell is the same training as an earlier one
 *     --- error                  the whole message
 *     --- show CELL              "key = value" lines: values of that cell; value "-" = has no effect there
 *     --- notes | --- results | --- baseline | --- primary | --- tuning | --- seeds      as the words say */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "harness/grid/doc.h"
#include "harness/grid/grid.h"
#include "kernels/mem.h"
#include "models/text.h"
#include "tests/fixed_options.h"

enum { SECTIONS_MAX = 24, OVERRIDES_MAX = 8, TEXT_MAX = 1 << 16 };

typedef struct Section {
    char kind[16], argument[160];
    char text[8192];
} Section;

typedef struct Case {
    char title[200];
    Section sections[SECTIONS_MAX]; /* the first is the grid */
    int n;
} Case;

static char case_folder[1024];
static int n_cases, n_failed;

static void write_file(const char *path, const char *text) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

static void fail_case(const Case *c, const char *what, const char *expected, const char *got) {
    fprintf(stderr, "case: %s (%s)\n--- expected\n%s\n--- got\n%s\n", c->title, what, expected, got);
    n_failed++;
}

static void expect_text(const Case *c, const Section *section, const char *got) {
    if (strcmp(section->text, got) != 0) fail_case(c, section->kind, section->text, got);
}

/* ---- what a section says of a grid ---- */

static void got_cells(const Grid *grid, Text *text) {
    for (size_t i = 0; i < grid->n_cells; i++) {
        const Cell *cell = &grid->cells[i];
        assert_true(cell->same_as <= i);
        assert_string_equal(cell->id, grid->cells[cell->same_as].id);
        assert_string_equal(cell->folder, grid->cells[cell->same_as].folder);
        assert_int_equal(text_add(text, "%s%s%s\n", cell->name, cell->same_as == i ? "" : " = ",
                                  cell->same_as == i ? "" : grid->cells[cell->same_as].name),
                         ERR_OK);
    }
}

static void got_show(const Grid *grid, const Section *section, Text *text) {
    const Cell *cell = grid_cell(grid, section->argument);
    if (cell == NULL) {
        assert_int_equal(text_add(text, "no such cell\n"), ERR_OK);
        return;
    }
    char lines[8192], *rest = NULL;
    (void)snprintf(lines, sizeof lines, "%s", section->text);
    for (char *line = strtok_r(lines, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        char key[160];
        assert_int_equal(sscanf(line, "%159s =", key), 1);
        bool applies = settings_has(cell->settings, key) && settings_applies(cell->settings, key);
        assert_int_equal(text_add(text, "%s = %s\n", key, applies ? settings_show(cell->settings, key) : "-"), ERR_OK);
    }
}

static void got_other(const Grid *grid, const Section *section, Text *text) {
    const GridPrimary *primary = &grid->primary;
    if (strcmp(section->kind, "results") == 0) {
        assert_int_equal(text_add(text, "%s\n", grid->results), ERR_OK);
    } else if (strcmp(section->kind, "baseline") == 0) {
        assert_int_equal(text_add(text, "%s\n", grid->baseline == NULL ? "none" : grid->baseline), ERR_OK);
    } else if (strcmp(section->kind, "primary") == 0) {
        assert_int_equal(text_add(text, "%s %s %s %s %g\n", primary->variant == NULL ? "none" : primary->variant,
                                  primary->metric == NULL ? "none" : primary->metric, primary->set, primary->at,
                                  primary->margin),
                         ERR_OK);
    } else if (strcmp(section->kind, "tuning") == 0) {
        for (size_t i = 0; grid->tuning.file != NULL && i < grid->n_variants; i++)
            assert_int_equal(
                text_add(text, "%s %s %zu\n", grid->tuning.file, grid->variants[i], grid->tuning.n_trials[i]), ERR_OK);
    } else if (strcmp(section->kind, "seeds") == 0) {
        for (size_t i = 0; i < grid->n_seeds; i++) assert_int_equal(text_add(text, "%" PRId64 "\n", grid->seeds[i]), 0);
    } else if (strcmp(section->kind, "notes") == 0) {
        for (size_t i = 0; i < grid->n_notes; i++) assert_int_equal(text_add(text, "%s\n", grid->notes[i]), ERR_OK);
    } else {
        fail_msg("unknown section '%s'", section->kind);
    }
}

static void check_section(const Case *c, const Section *section, const Grid *grid, const char *message) {
    Text text = {0};
    bool error = strcmp(section->kind, "error") == 0;
    if (strcmp(section->kind, "file") == 0 || strcmp(section->kind, "override") == 0) return;
    if (error || grid == NULL) {
        assert_int_equal(text_add(&text, "%s\n", grid != NULL ? "no error" : message), ERR_OK);
    } else if (strcmp(section->kind, "cells") == 0) {
        got_cells(grid, &text);
    } else if (strcmp(section->kind, "show") == 0) {
        got_show(grid, section, &text);
    } else {
        got_other(grid, section, &text);
    }
    expect_text(c, section, text.data == NULL ? "" : text.data);
    text_clear(&text);
}

static void run_case(const Case *c) {
    const char *overrides[OVERRIDES_MAX];
    size_t n_overrides = 0;
    int n_checks = 0;
    uint64_t live = mem_stats().live_blocks;
    write_file("grid.yaml", c->sections[0].text);
    for (int i = 1; i < c->n; i++) {
        const Section *section = &c->sections[i];
        if (strcmp(section->kind, "file") == 0)
            write_file(section->argument, section->text);
        else if (strcmp(section->kind, "override") == 0 && n_overrides < OVERRIDES_MAX)
            overrides[n_overrides++] = section->argument;
        else
            n_checks++;
    }
    assert_true(n_checks > 0);
    Grid *grid = NULL;
    Err err = grid_load(&grid, "grid.yaml", overrides, n_overrides, "cpu");
    assert_true((err == ERR_OK) == (grid != NULL));
    if (err != ERR_OK) assert_int_equal(err, ERR_SPEC);
    char message[8192];
    (void)snprintf(message, sizeof message, "%s", err_message());
    for (int i = 1; i < c->n; i++) check_section(c, &c->sections[i], grid, message);
    grid_free(grid);
    for (int i = 1; i < c->n; i++)
        if (strcmp(c->sections[i].kind, "file") == 0) (void)unlink(c->sections[i].argument);
    assert_int_equal(mem_stats().live_blocks, live);
    n_cases++;
}

/* ---- the case files ---- */

/* Reads one case from *at; false at the end. */
static bool read_case(char **at, Case *c) {
    char *line, *next;
    Section *section = NULL;
    c->n = 0;
    for (line = *at; *line != '\0'; line = next) {
        next = strchr(line, '\n');
        next = next == NULL ? line + strlen(line) : next + 1;
        size_t len = (size_t)(next - line);
        if (strncmp(line, "=== ", 4) == 0) {
            if (section != NULL) break;
            (void)snprintf(c->title, sizeof c->title, "%.*s", (int)len - 5, line + 4);
            section = &c->sections[c->n++];
            *section = (Section){.kind = "grid"};
        } else if (strncmp(line, "--- ", 4) == 0) {
            assert_true(section != NULL && c->n < SECTIONS_MAX);
            section = &c->sections[c->n++];
            *section = (Section){0};
            (void)sscanf(line + 4, "%15s %159[^\n]", section->kind, section->argument);
        } else if (section != NULL) {
            size_t used = strlen(section->text);
            assert_true(used + len < sizeof section->text);
            memcpy(section->text + used, line, len);
            section->text[used + len] = '\0';
        }
    }
    *at = line;
    return section != NULL;
}

/* An empty line before the next title belongs to no section. */
static void trim(Case *c) {
    for (int i = 0; i < c->n; i++) {
        char *text = c->sections[i].text;
        size_t len = strlen(text);
        while (i > 0 && len > 1 && text[len - 1] == '\n' && text[len - 2] == '\n') text[--len] = '\0';
    }
}

static void run_file(const char *name) {
    static char text[TEXT_MAX];
    static Case c;
    char path[1400];
    (void)snprintf(path, sizeof path, "%s/%s", case_folder, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t len = fread(text, 1, sizeof text - 1, file);
    (void)fclose(file);
    assert_true(len > 0 && len < sizeof text - 1);
    text[len] = '\0';
    for (char *at = text; read_case(&at, &c);) {
        trim(&c);
        run_case(&c);
    }
}

static int is_case_file(const struct dirent *entry) { return strstr(entry->d_name, ".test") != NULL; }

static void cases(void **state) {
    (void)state;
    struct dirent **files = NULL;
    int n = scandir(case_folder, &files, is_case_file, alphasort);
    assert_true(n > 0);
    for (int i = 0; i < n; i++) {
        run_file(files[i]->d_name);
        free(files[i]);
    }
    free(files);
    assert_true(n_cases > 50);
    assert_int_equal(n_failed, 0);
}

/* ---- what is not a matter of one file ---- */

static void patterns(void **state) {
    (void)state;
    assert_true(grid_match("*", ""));
    assert_true(grid_match("a*c", "abbbc"));
    assert_true(grid_match("a*b*c", "aXbYbZc"));
    assert_true(grid_match("*@3", "original,focus.lambda=0.1@3"));
    assert_true(grid_match("b,data.image=[32,128]@0", "b,data.image=[32,128]@0"));
    assert_true(grid_match("?@0", "a@0"));
    assert_false(grid_match("a", "ab"));
    assert_false(grid_match("ab", "a"));
    assert_false(grid_match("", "a"));
    assert_false(grid_match("a*b", "ac"));
    assert_false(grid_match("?", ""));
}

static const char *const small_grid = "experiment: x\n"
                                      "base: {train: {steps: 10}}\n"
                                      "variants:\n"
                                      "  baseline: {}\n"
                                      "  other: {focus.kind: kl, grid: {focus.lambda: [0.1, 0.2]}}\n"
                                      "exclude: [{variant: other, focus.lambda: 0.2, seed: 1}]\n"
                                      "include: [{variant: other, focus.lambda: 0.3, train.lr: 1}]\n"
                                      "seeds: 2\n";

static Err load_and_free(const char *const *overrides, size_t n, const char *device, char id[GRID_ID_LEN]) {
    Grid *grid = NULL;
    Err err = grid_load(&grid, "grid.yaml", overrides, n, device);
    if (err == ERR_OK) memcpy(id, grid->cells[0].id, GRID_ID_LEN);
    grid_free(grid);
    return err;
}

static void every_failed_allocation_is_survived(void **state) {
    (void)state;
    char id[GRID_ID_LEN];
    const char *const overrides[] = {"train.clip=2", "seeds=[1, 2]"};
    write_file("grid.yaml", small_grid);
    uint64_t live = mem_stats().live_blocks;
    Err err = ERR_NOMEM;
    for (uint64_t k = 1; err != ERR_OK; k++) {
        mem_fail_at(k);
        err = load_and_free(overrides, 2, "cpu", id);
        mem_fail_at(0);
        assert_int_equal(mem_stats().live_blocks, live);
        assert_true(err == ERR_OK || err == ERR_NOMEM);
        assert_true(k < 20000);
    }
}

/* The identity is what results are found by: it must stay what it is. */
static void identities(void **state) {
    (void)state;
    char a[GRID_ID_LEN], b[GRID_ID_LEN], c[GRID_ID_LEN], d[GRID_ID_LEN];
    const char *const lr[] = {"train.lr=0.01"}, *const observing[] = {"eval.every=7", "memory.budget=1GiB"};
    write_file("grid.yaml", small_grid);
    assert_int_equal(load_and_free(NULL, 0, "cpu", a), ERR_OK);
    assert_int_equal(load_and_free(NULL, 0, "cuda", b), ERR_OK);
    assert_int_equal(load_and_free(lr, 1, "cpu", c), ERR_OK);
    assert_int_equal(load_and_free(observing, 2, "cpu", d), ERR_OK);
    /* printf 'refocus cell 1\ntrain.steps=10\nseed=0\ndevice=cpu\n' | sha256sum */
    assert_string_equal(a, "9bf2abc95c016aacda861643338615335bf84dd95bd5ea80825412243d5ba784");
    assert_string_equal(a, d);
    assert_string_not_equal(a, b);
    assert_string_not_equal(a, c);
}

static void folders(void **state) {
    (void)state;
    Grid *grid = NULL;
    write_file("grid.yaml",
               "experiment: x\n"
               "base: {train: {steps: 1, init: \"a b/../c:d\\u00e9\"}}\n"
               "grid:\n"
               "  data.image: [[32, 128], [8, 16]]\n"
               "  train.init: ['a/../b', \"\", cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
               "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc]\n");
    if (grid_load(&grid, "grid.yaml", NULL, 0, "cpu") != ERR_OK) fail_msg("%s", err_message());
    assert_int_equal(grid->n_cells, 6);
    for (size_t i = 0; i < grid->n_cells; i++) {
        const char *folder = grid->cells[i].folder;
        assert_null(strpbrk(folder, "/ []:*?\"'\\"));
        assert_true(strlen(folder) <= 129);
        assert_memory_equal(folder + strlen(folder) - 8, grid->cells[i].id, 8);
    }
    assert_string_equal(grid->cells[0].name, "base,data.image=[32,128],train.init=a/../b@0");
    assert_memory_equal(grid->cells[0].folder, "base,data.image=_32,128_,train.init=a_.._b@0-", 45);
    grid_free(grid);
}

static void settings_come_back(void **state) {
    (void)state;
    Grid *grid = NULL;
    Settings *again = NULL;
    char *dump = NULL, *second = NULL, id[GRID_ID_LEN];
    write_file("grid.yaml", small_grid);
    assert_int_equal(grid_load(&grid, "grid.yaml", NULL, 0, "cpu"), ERR_OK);
    for (size_t i = 0; i < grid->n_cells; i++) {
        const Cell *cell = &grid->cells[i];
        assert_int_equal(settings_dump(cell->settings, &dump), ERR_OK);
        if (grid_read_settings(&again, "cell", dump) != ERR_OK) fail_msg("%s", err_message());
        assert_int_equal(settings_dump(again, &second), ERR_OK);
        assert_string_equal(dump, second);
        assert_int_equal(grid_cell_id(id, again, cell->seed, "cpu"), ERR_OK);
        assert_string_equal(id, cell->id);
        mem_free(dump);
        mem_free(second);
        settings_free(again);
    }
    grid_free(grid);
    assert_int_equal(grid_read_settings(&again, "cell", "train: {stpes: 1}"), ERR_SPEC);
    assert_null(again);
}

static void missing_files(void **state) {
    (void)state;
    Grid *grid = NULL;
    assert_int_equal(grid_load(&grid, "nothing.yaml", NULL, 0, "cpu"), ERR_MISSING);
    assert_string_equal(err_message(), "cannot open 'nothing.yaml': No such file or directory");
    assert_int_equal(grid_load(&grid, ".", NULL, 0, "cpu"), ERR_MISSING);
    assert_null(grid);
}

/* An error that comes up later is told at the place which gave the cell the setting that it names. */
static void late_errors_have_a_place(void **state) {
    (void)state;
    static const struct {
        const char *cell, *message, *told;
    } cases_of[] = {
        {"a@0", "train.lr is 0.5, too much",
         "grid.yaml:3:20: a@0: train.lr is 0.5, too much\n    3 | base: {train: {lr: 0.5}}\n      |                    "
         "^~~"},
        {"b@0", "data.x.h5: train.lr is odd", "grid.yaml:6:17: b@0: data.x.h5: train.lr is odd\n"},
        {"a@0", "train.steps is odd (and train.lr)",
         "override 'train.steps=7': a@0: train.steps is odd (and train.lr)"},
        {"c,train.clip=2@0", "train.clip is odd", "grid.yaml:7:26: c,train.clip=2@0: train.clip is odd\n"},
        {"a@0", "train.batch is odd", "other.yaml:1:23: a@0: train.batch is odd\n"},
        {"a@0", "train.optimizer is a default", "a@0: train.optimizer is a default"},
        {"a@0", "nothing is named.", "a@0: nothing is named."},
    };
    static const char *const overrides[] = {"train.steps=7"};
    Grid *grid = NULL;
    write_file("other.yaml", "base: {train: {batch: 5}}\nbaseline: a\n");
    write_file("grid.yaml", "experiment: e\nextends: other.yaml\nbase: {train: {lr: 0.5}}\nvariants:\n  a: {}\n"
                            "  b: {train.lr: 0.25}\n  c: {grid: {train.clip: [2, 3]}}\n");
    if (grid_load(&grid, "grid.yaml", overrides, 1, "cpu") != ERR_OK) fail_msg("%s", err_message());
    for (size_t i = 0; i < sizeof cases_of / sizeof *cases_of; i++) {
        const Cell *cell = grid_cell(grid, cases_of[i].cell);
        assert_non_null(cell);
        assert_int_equal(grid_blame(err_set(ERR_DATA, "%s", cases_of[i].message), grid, cell), ERR_DATA);
        if (strncmp(err_message(), cases_of[i].told, strlen(cases_of[i].told)) != 0)
            fail_msg("got '%s', expected '%s'", err_message(), cases_of[i].told);
    }
    grid_free(grid);
}

/* Nonsense must be refused or read, never crash: bytes of a good grid are changed at random. */
static void survives_damage(void **state) {
    (void)state;
    static const char bytes[] = "{}[]:,-&*!|>'\"%@`#? \n\tabz019.\x80\xff\x01";
    uint64_t random = 88172645463325252u;
    char text[1024];
    for (int i = 0; i < 3000; i++) {
        Grid *grid = NULL;
        size_t len = strlen(small_grid);
        memcpy(text, small_grid, len + 1);
        for (int k = 0; k < 1 + i % 4; k++) {
            random ^= random << 13, random ^= random >> 7, random ^= random << 17;
            text[random % len] = bytes[(random >> 32) % (sizeof bytes - 1)];
        }
        write_file("grid.yaml", text);
        Err err = grid_load(&grid, "grid.yaml", NULL, 0, "cpu");
        assert_true(err == ERR_OK || err == ERR_SPEC);
        if (err == ERR_SPEC) assert_memory_equal(err_message(), "grid.yaml:", 10);
        grid_free(grid);
    }
}

int main(void) {
    char folder[] = "/tmp/refocus-test-grid-XXXXXX", root[512];
    if (getcwd(root, sizeof root) == NULL || mkdtemp(folder) == NULL || chdir(folder) != 0) return 1;
    (void)snprintf(case_folder, sizeof case_folder, "%s/tests/cases/grid", root);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cases),           cmocka_unit_test(patterns),
        cmocka_unit_test(identities),      cmocka_unit_test(every_failed_allocation_is_survived),
        cmocka_unit_test(folders),         cmocka_unit_test(settings_come_back),
        cmocka_unit_test(missing_files),   cmocka_unit_test(late_errors_have_a_place),
        cmocka_unit_test(survives_damage),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)unlink("grid.yaml");
    (void)unlink("other.yaml");
    if (chdir(root) != 0 || rmdir(folder) != 0) return 1;
    return failed;
}
