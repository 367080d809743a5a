/* Looking at what is there before it is replaced. */
#include "harness/data/output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "kernels/mem.h"

Err output_path(char **out, const char *path) {
    Err err = ERR_OK;
    struct stat info;
    char *real = NULL;
    *out = NULL;
    if (stat(path, &info) != 0) { /* nothing yet, or nothing that can be reached: creating it will tell */
        FAIL_IF(lstat(path, &info) == 0, ERR_CREATE, "cannot create %s: it is a link to nothing", path);
        return mem_strdup(out, path);
    }
    FAIL_IF(!S_ISREG(info.st_mode), ERR_CREATE, "cannot create %s: it is a %s, expected a file", path,
            S_ISDIR(info.st_mode) ? "folder" : "device or pipe");
    real = realpath(path, NULL);
    FAIL_IF(real == NULL, ERR_CREATE, "cannot create %s: %s", path, strerror(errno));
    TRY(mem_strdup(out, real));

done:
    free(real);
    return err;
}

const OutputKind output_png = {"PNG picture", "\x89PNG\r\n\x1a\n", 8};
const OutputKind output_hdf5 = {"HDF5 file", "\x89HDF\r\n\x1a\n", 8};

/* True if nothing is lost by replacing it. What cannot be read is nobody's to replace. */
static bool is_of_kind(const char *path, const OutputKind *kind) {
    char first[16];
    FILE *file = fopen(path, "rb");
    if (file == NULL) return errno == ENOENT || errno == ENOTDIR; /* creating it will tell */
    ASSERT(kind->n_magic <= sizeof first);
    size_t n = fread(first, 1, kind->n_magic, file);
    bool failed = ferror(file) != 0;
    (void)fclose(file);
    return !failed && (n == 0 || (n == kind->n_magic && memcmp(first, kind->magic, n) == 0));
}

Err output_file(char **out, const char *path, const OutputKind *kind) {
    Err err = output_path(out, path);
    if (err != ERR_OK || is_of_kind(*out, kind)) return err;
    mem_free(*out);
    *out = NULL;
    return err_set(ERR_CREATE, "cannot create %s: a file that is no %s stands there; remove it, or name another", path,
                   kind->name);
}
