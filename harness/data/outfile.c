/* Written beside, renamed into place. */
#include "harness/data/outfile.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "kernels/mem.h"

Err outfile_open(Outfile *out, const char *path, const OutputKind *kind) {
    Err err = ERR_OK;
    *out = (Outfile){.path = path};
    TRY(kind != NULL ? output_file(&out->place, path, kind) : output_path(&out->place, path));
    TRY(mem_printf(&out->temp, "%s.%ld.tmp", out->place, (long)getpid()));
    out->file = fopen(out->temp, "wb");
    FAIL_IF(out->file == NULL, ERR_CREATE, "cannot create %s: %s", path, strerror(errno));
    errno = 0; /* so that it tells of the first write that fails */
done:
    return err;
}

Err outfile_finish(Outfile *out) {
    Err err = ERR_OK;
    const int bad = ferror(out->file), closed = fclose(out->file);
    out->file = NULL;
    FAIL_IF(bad || closed != 0, ERR_IO, "cannot write %s: %s", out->path, strerror(errno != 0 ? errno : EIO));
    FAIL_IF(rename(out->temp, out->place) != 0, ERR_CREATE, "cannot create %s: %s", out->path, strerror(errno));
    mem_free(out->temp);
    out->temp = NULL;
done:
    return err;
}

void outfile_discard(Outfile *out) {
    if (out->file != NULL) (void)fclose(out->file);
    if (out->temp != NULL) (void)unlink(out->temp);
    mem_free(out->temp);
    mem_free(out->place);
    *out = (Outfile){0};
}
