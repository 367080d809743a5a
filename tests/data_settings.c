#include "tests/data_settings.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/refocus-data-XXXXXX";
static bool made;

Settings *data_settings(const char *lines) {
    Settings *settings = NULL;
    char line[1024];
    assert_int_equal(settings_new(&settings), ERR_OK);
    for (const char *at = lines; *at != '\0';) {
        size_t len = strcspn(at, "\n");
        assert_true(len < sizeof line);
        memcpy(line, at, len);
        line[len] = '\0';
        char *equals = strchr(line, '=');
        assert_non_null(equals);
        *equals = '\0';
        if (settings_set(settings, line, equals + 1) != ERR_OK) fail_msg("%s: %s", line, err_message());
        at += len + (at[len] == '\n');
    }
    if (settings_resolve(settings) != ERR_OK) fail_msg("%s", err_message());
    return settings;
}

const char *test_folder(void) {
    if (!made) assert_non_null(mkdtemp(folder));
    made = true;
    return folder;
}

const char *test_path(const char *name) {
    static char paths[8][512];
    static int turn;
    char *path = paths[turn++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", test_folder(), name);
    return path;
}

static void remove_tree(const char *path) {
    DIR *dir = opendir(path);
    for (struct dirent *entry = dir == NULL ? NULL : readdir(dir); entry != NULL; entry = readdir(dir)) {
        char inner[1024];
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        snprintf(inner, sizeof inner, "%.500s/%.400s", path, entry->d_name);
        if (unlink(inner) != 0) remove_tree(inner);
    }
    if (dir != NULL) closedir(dir);
    rmdir(path);
}

void remove_test_folder(void) {
    if (made) remove_tree(folder);
    made = false;
}

const char *write_test_file(const char *name, const void *bytes, size_t len) {
    const char *path = test_path(name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    if (len > 0) assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
    return path;
}

unsigned char *read_test_file(const char *path, size_t *len) {
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    *len = (size_t)ftell(file);
    rewind(file);
    unsigned char *bytes = malloc(*len + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *len, file), *len);
    fclose(file);
    return bytes;
}
