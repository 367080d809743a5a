/* A results file of samples for the tests of tables: cells are sealed into folders of their own, then packed. */
#ifndef TESTS_STUDY_H
#define TESTS_STUDY_H

#include "harness/record/results.h"
#include "harness/report/table.h"
#include "tests/sample_record.h"

enum { STUDY_CELLS = 128, STUDY_PATH = 600 };

typedef struct Study {
    char folder[STUDY_PATH], path[STUDY_PATH + 80];
    char name[STUDY_CELLS][120], *place[STUDY_CELLS];
    PackEntry entry[STUDY_CELLS];
    size_t n;
    const char *sources; /* listing of the cells that are added from now on; NULL = they have none */
} Study;

/* For cmocka_unit_test_setup_teardown: *state is a Study without cells. */
int study_setup(void **state);
int study_teardown(void **state);

/* Fails the test, with the message, unless the call gave ERR_OK. */
#define assert_ok(call) study_ok((call), #call)
void study_ok(Err err, const char *call);

/* One cell. axis: one "key=value", or NULL. A spec of status MISSING leaves the folder empty. code: its digest. */
void study_add_with(Study *study, const SampleSpec *spec, const char *const *axis, const char *code);
void study_add(Study *study, SampleSpec spec);

/* Packs what was added into results.h5, or into another file of the folder (study->path), and forgets the cells. */
void study_pack(Study *study, PackGrid grid);
void study_pack_as(Study *study, PackGrid grid, const char *file);

/* Four variants, seven seeds, "drift": one cell diverged, one is still to come, the control does not differ. */
void study_seven(Study *study);
/* What study_seven adds to a seed's accuracy and hit rate. */
extern const double study_noise[7];

/* Of the file at study->path. */
Err study_table(const Study *study, const TableOptions *options, Table **table);
/* The table in a format; the caller frees it. */
char *study_render(const Study *study, const TableOptions *options, const char *format);
char *study_format(const Table *table, const char *format);

/* Fails the test unless text is that of tests/golden/<golden>. REFOCUS_UPDATE_GOLDEN=1 writes the file anew: read the
 * difference before committing it. */
void study_compare_golden(const char *text, const char *golden);

#endif
