/* Settings for tests of the data: "key=value" lines over the program's own rows, resolved. */
#ifndef TESTS_DATA_SETTINGS_H
#define TESTS_DATA_SETTINGS_H

#include "models/option.h"

/* lines: "data.train.lines.count=8\n..."; a failing line fails the test. The caller frees. */
Settings *data_settings(const char *lines);

/* A folder of its own for the test's files, and a path in it; borrowed. remove_test_folder takes both away. */
const char *test_folder(void);
const char *test_path(const char *name);
void remove_test_folder(void);

/* Writes bytes to test_path(name) and returns that path. */
const char *write_test_file(const char *name, const void *bytes, size_t len);
/* A whole file; the caller frees with free(). */
unsigned char *read_test_file(const char *path, size_t *len);

#endif
