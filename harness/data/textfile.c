#include "harness/data/textfile.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "harness/data/utf8.h"
#include "kernels/mem.h"

enum { MAX_BYTES = 1 << 30 };

static Err read_all(char **out, size_t *n_bytes, const char *path, const char *what) {
    Err err = ERR_OK;
    char *bytes = NULL;
    struct stat info;
    FILE *file = NULL;
    FAIL_IF(stat(path, &info) != 0, ERR_MISSING, "cannot open the %s %s: %s", what, path, strerror(errno));
    FAIL_IF(!S_ISREG(info.st_mode), ERR_MISSING, "the %s %s is not a file", what, path); /* a pipe would wait */
    file = fopen(path, "rb");
    FAIL_IF(file == NULL || fstat(fileno(file), &info) != 0, ERR_MISSING, "cannot open the %s %s: %s", what, path,
            strerror(errno));
    FAIL_IF(info.st_size > MAX_BYTES, ERR_DATA, "the %s %s has %lld bytes, expected at most 1 GiB", what, path,
            (long long)info.st_size);
    size_t len = (size_t)info.st_size;
    TRY(mem_alloc(&bytes, len + 1, 1));
    *n_bytes = fread(bytes, 1, len, file);
    FAIL_IF(ferror(file), ERR_IO, "cannot read the %s %s: %s", what, path, strerror(errno));
    *out = bytes;
    bytes = NULL;

done:
    if (file != NULL) fclose(file);
    mem_free(bytes);
    return err;
}

static Err cut_lines(TextFile *file, size_t len, const char *path, const char *what) {
    size_t start = len >= 3 && memcmp(file->bytes, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    size_t n = 0;
    for (size_t i = start; i < len; i++) n += file->bytes[i] == '\n' || i == len - 1;
    Err err = mem_alloc(&file->line, n, sizeof *file->line);
    if (err != ERR_OK) return err;
    for (size_t at = start; at < len;) {
        char *line = file->bytes + at;
        char *end = memchr(line, '\n', len - at);
        size_t n_line = end != NULL ? (size_t)(end - line) : len - at;
        at += n_line + 1;
        if (n_line > 0 && line[n_line - 1] == '\r') n_line--;
        line[n_line] = '\0';
        file->line[file->n_lines++] = line;
        if (strlen(line) != n_line || utf8_length(line, n_line) < 0)
            return err_set(ERR_DATA, "%s:%lld: the %s is not UTF-8 text", path, (long long)file->n_lines, what);
    }
    return ERR_OK;
}

Err textfile_read(TextFile *out, const char *path, const char *what) {
    TextFile file = {0};
    size_t len = 0;
    *out = file;
    Err err = read_all(&file.bytes, &len, path, what);
    if (err == ERR_OK) err = cut_lines(&file, len, path, what);
    if (err == ERR_OK)
        *out = file;
    else
        textfile_clear(&file);
    return err;
}

void textfile_clear(TextFile *file) {
    mem_free(file->line);
    mem_free(file->bytes);
    *file = (TextFile){0};
}
