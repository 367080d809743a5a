/* A text file in memory, cut into lines: charsets, word lists and label tables are read this way.
 * Depends on kernels only. */
#ifndef HARNESS_DATA_TEXTFILE_H
#define HARNESS_DATA_TEXTFILE_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/err.h"

typedef struct TextFile {
    char *bytes; /* the file, its line ends replaced by NUL */
    char **line; /* [n_lines], into bytes; line i is number i + 1 */
    int64_t n_lines;
} TextFile;

/* Reads a file that must be UTF-8 without NUL; a byte order mark and CR before LF are dropped, a last line without LF
 * counts. what: "charset", "word list": for messages. ERR_MISSING, ERR_DATA (with the line), ERR_IO, ERR_NOMEM. */
Err textfile_read(TextFile *out, const char *path, const char *what) MUST_CHECK;
void textfile_clear(TextFile *file);

#endif
