#include "harness/command/write_lock.h"

#include <stdio.h>

#include "harness/report/lock.h"
#include "kernels/device.h"
#include "kernels/mem.h"

Err write_lock(const Grid *grid, const Surveys *surveys) {
    Err err = ERR_OK;
    Lock planned = {0};
    LockWritten written = {0};
    char *path = NULL;
    const char *device = device_class(surveys->device);
    FAIL_IF(grid->overrides[0] != '\0', ERR_ARG, "--write-lock locks %s as it stands: it takes no KEY=VALUE",
            grid->path);
    TRY(lock_path(&path, grid->path));
    TRY(lock_of_surveys(&planned, grid, surveys, device));
    TRY(lock_write(&written, path, &planned, device));
    if (written.unreadable)
        fprintf(stderr, "%s was replaced, with all plans of other classes of device: %s\n", path, err_message());
    fprintf(stderr, "%s: %zu plan%s of %s %s", path, written.n_written, written.n_written == 1 ? "" : "s", device,
            written.changed ? "written" : "as before");
    if (written.n_kept > 0) fprintf(stderr, ", %zu of other classes kept", written.n_kept);
    fputc('\n', stderr);
done:
    mem_free(path);
    lock_clear(&planned);
    return err;
}
