/* A results file: every part of every cell read, its settings, its digest, and what is told of it: table, page, cell.
 * The line with the file's digest is left off: whoever changes a file can do that. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/grid/grid.h"
#include "harness/record/results.h"
#include "harness/report/difference.h"
#include "harness/report/format.h"
#include "harness/report/show.h"
#include "harness/report/webpage.h"
#include "tests/fuzz/scratch.h"
#include "tests/fuzz/target.h"
#include "tests/sample_record.h"

static FILE *nowhere; /* where tables are written to */

static void read_cell(const Results *results, size_t i) {
    CellRecord *record = NULL;
    Settings *settings = NULL;
    Show show = {0};
    Err err = results_read(results, i, PART_ALL, &record);
    const char *text = results_cell(results, i)->settings;
    if (text != NULL) err = grid_read_settings(&settings, "settings", text);
    err = results_check_digest(results, i);
    if (show_read(&show, results, i) == ERR_OK) {
        show_text(nowhere, &show);
        json_decref(show_json(&show));
    }
    (void)err;
    show_clear(&show);
    settings_free(settings);
    record_free(record);
}

static void tell(const Results *results) {
    Table *table = NULL;
    int n = 0;
    const Format *const *formats = format_list(&n);
    const TableOptions options = {.mixed_code = true};
    Err err = show_list(nowhere, results);
    if (table_build(&table, &results, 1, &options) == ERR_OK)
        for (int i = 0; i < n; i++) err = formats[i]->table(nowhere, table);
    table_free(table);
    err = webpage_write(results, scratch_path("page.html"), true);
    (void)err;
}

static void run(const uint8_t *data, size_t n) {
    Results *results = NULL;
    char *bytes = scratch_text(data, n);
    if (nowhere == NULL) nowhere = fopen("/dev/null", "w");
    scratch_mend_hdf5((uint8_t *)bytes, n);
    if (results_open_shown(&results, scratch_file("results.h5", bytes, n)) == ERR_OK) {
        for (size_t i = 0; i < results_count(results); i++) read_cell(results, i);
        tell(results);
    }
    results_close(results);
    free(bytes);
}

/* A sealed cell, and the file of two of them. */
static void seed(const char *folder) {
    CellRecord *record = NULL;
    const SampleSpec spec = {
        .variant = "plain", .seed = 1, .accuracy = 0.5, .hit = 0.5, .ms = 80, .planned_bytes = 1 << 20};
    const char *cell = scratch_path("cell");
    const PackEntry entries[] = {{"plain@1", "plain", 0, NULL, 1, cell}, {"twin@1", "twin", 0, NULL, 1, cell}};
    const PackGrid grid = {.experiment = "small", .baseline = "plain", .n_entries = 2, .entries = entries};
    (void)mkdir(cell, 0777);
    Err err = sample_record(&record, &spec);
    if (err == ERR_OK) err = record_seal(record, cell);
    if (err == ERR_OK) err = record_pack(&grid, scratch_path("packed.h5"));
    record_free(record);
    if (err != ERR_OK) exit(2);
    for (int packed = 0; packed < 2; packed++) {
        size_t n = 0;
        uint8_t *bytes = scratch_get(scratch_path(packed ? "packed.h5" : "cell/cell.h5"), &n);
        scratch_put(folder, packed ? "packed.h5" : "cell.h5", bytes, scratch_unstamped(bytes, n));
        free(bytes);
    }
}

const FuzzTarget fuzz_results = {.name = "results", .run = run, .seed = seed, .library = "HDF5"};
