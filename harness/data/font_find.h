/* Which font files a family name stands for on this machine. Depends on kernels; fontconfig. */
#ifndef HARNESS_DATA_FONT_FIND_H
#define HARNESS_DATA_FONT_FIND_H

#include <stdbool.h>
#include <stdint.h>

#include "kernels/err.h"

typedef struct FontFile {
    char *name; /* family and style */
    char *path;
    int index; /* of the face in the file */
    int version;
    bool truetype;
} FontFile;

typedef struct FontFiles {
    FontFile *file; /* sorted by name, each name once */
    int n;
} FontFiles;

/* All faces of the families that are `family` or begin with it and a space or hyphen; or the file, if it has a '/'.
 * ERR_MISSING with the package to install. */
Err font_find(FontFiles *out, const char *family) MUST_CHECK;
void font_files_clear(FontFiles *files);

/* For a message: ", such as FAMILY" of an installed font that has the character, or of one that could be installed and
 * its package; "" if nothing is known. */
enum { FONT_HINT_LEN = 160 };
void font_hint(char out[FONT_HINT_LEN], uint32_t code_point);

#endif
