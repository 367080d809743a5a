/* What the tests of result files share: a scratch folder with a cell sealed in it. */
#ifndef TESTS_RECORD_FIXTURE_H
#define TESTS_RECORD_FIXTURE_H

#include <stddef.h>

#include "harness/record/record.h"
#include "tests/sample_record.h"

enum { FIXTURE_PATH = 600 };

/* The scratch folder of the running test, and where its sealed cell lies. */
extern char fixture_folder[FIXTURE_PATH], fixture_sealed[FIXTURE_PATH + 20];

/* A finished cell with every part. */
extern const SampleSpec fixture_plain;

/* For cmocka_unit_test_setup_teardown. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

/* Fails the test, with the message, unless the call gave ERR_OK. */
#define assert_ok(call) fixture_ok((call), #call)
void fixture_ok(Err err, const char *call);

/* Fails the test unless got is code and the message contains the words. */
void assert_says(Err got, Err code, const char *words);

/* Seals a sample into the folder; reads cell i of a file with all parts and a checked digest (record_free). */
void fixture_seal(const SampleSpec *spec);
CellRecord *fixture_read(const char *path, size_t i);

size_t fixture_count_files(void);

/* A file's bytes (free), and a file made of bytes. */
char *fixture_bytes(const char *path, size_t *n);
void fixture_put(const char *path, const char *bytes, size_t n);

/* Packs a missing cell, the plain one and a second name of it into out; *kept is what was sealed (record_free). */
void fixture_pack(char *out, size_t len, CellRecord **kept);

#endif
