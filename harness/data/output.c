/* Looking at what is there before it is replaced. */
#include "harness/data/output.h"

#include <errno.h>
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
