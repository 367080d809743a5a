/* Checkpoint file: head, parameters, best parameters, SHA-256 of all of it. */
#include "harness/run/checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/data/digest.h"
#include "harness/run/folder.h"
#include "kernels/fault.h"
#include "kernels/mem.h"

static const char magic[16] = "refocus state 2";

typedef struct FileHead {
    char magic[sizeof magic];
    CheckpointKey key;
    CheckpointState state;
    int64_t n;
} FileHead;

struct Checkpoint {
    int folder; /* for openat and renameat */
    CheckpointKey key;
    int64_t n;
};

#define TEMPORARY FOLDER_CHECKPOINT ".tmp"

static const char *const names[CHECKPOINT_AGES] = {FOLDER_CHECKPOINT, FOLDER_CHECKPOINT_BEFORE};

void checkpoint_close(Checkpoint *c) {
    if (c == NULL) return;
    if (c->folder >= 0) (void)close(c->folder);
    mem_free(c);
}

Err checkpoint_open(Checkpoint **out, const char *folder, const CheckpointKey *key, int64_t n) {
    Err err = ERR_OK;
    Checkpoint *c = NULL;
    *out = NULL;
    TRY(mem_alloc(&c, 1, sizeof *c));
    c->key = *key;
    c->n = n;
    c->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    FAIL_IF(c->folder < 0, ERR_CREATE, "cannot open the folder %s: %s", folder, strerror(errno));
    *out = c;
    c = NULL;
done:
    checkpoint_close(c);
    return err;
}

/* ---- writing ---- */

static Err write_part(int fd, Digest *digest, const void *bytes, size_t n) {
    const char *at = bytes;
    if (digest != NULL) digest_bytes(digest, bytes, n);
    while (n > 0) {
        ssize_t done = write(fd, at, n);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) return err_set(ERR_IO, "cannot write the checkpoint: %s", strerror(errno));
        at += done;
        n -= (size_t)done;
    }
    return ERR_OK;
}

/* A second name, so that the first is never without a file. Where links cannot be made there is none before the last.
 */
static void keep_before(const Checkpoint *c) {
    (void)unlinkat(c->folder, FOLDER_CHECKPOINT_BEFORE, 0);
    fault_point("checkpoint");
    (void)linkat(c->folder, FOLDER_CHECKPOINT, c->folder, FOLDER_CHECKPOINT_BEFORE, 0);
}

Err checkpoint_write(Checkpoint *c, const CheckpointState *state, const float *now, const float *best) {
    Err err = ERR_OK;
    FileHead head;
    Digest digest;
    char hex[DIGEST_HEX];
    size_t bytes = (size_t)c->n * sizeof(float);
    memset(&head, 0, sizeof head);
    memcpy(head.magic, magic, sizeof magic);
    head.key = c->key;
    head.state = *state;
    head.n = c->n;
    digest_start(&digest);
    int fd = openat(c->folder, TEMPORARY, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    FAIL_IF(fd < 0, ERR_CREATE, "cannot create the checkpoint: %s", strerror(errno));
    TRY(write_part(fd, &digest, &head, sizeof head));
    fault_point("checkpoint");
    TRY(write_part(fd, &digest, now, bytes));
    TRY(write_part(fd, &digest, best, bytes));
    (void)digest_hex(&digest, hex);
    TRY(write_part(fd, NULL, hex, sizeof hex));
    FAIL_IF(fsync(fd) != 0, ERR_IO, "cannot write the checkpoint: %s", strerror(errno));
    fault_point("checkpoint");
    keep_before(c);
    fault_point("checkpoint");
    FAIL_IF(renameat(c->folder, TEMPORARY, c->folder, FOLDER_CHECKPOINT) != 0, ERR_CREATE,
            "cannot create the checkpoint: %s", strerror(errno));
    FAIL_IF(fsync(c->folder) != 0, ERR_IO, "cannot write the checkpoint: %s", strerror(errno));
    fault_point("checkpoint");
done:
    if (fd >= 0) (void)close(fd);
    if (err != ERR_OK && fd >= 0) (void)unlinkat(c->folder, TEMPORARY, 0);
    return err;
}

/* ---- reading ---- */

static Err read_part(int fd, Digest *digest, void *bytes, size_t n) {
    char *at = bytes;
    size_t left = n;
    while (left > 0) {
        ssize_t got = read(fd, at, left);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return err_set(ERR_IO, "cannot read the checkpoint: %s", strerror(errno));
        if (got == 0) return err_set(ERR_DATA, "the checkpoint is cut short");
        at += got;
        left -= (size_t)got;
    }
    if (digest != NULL) digest_bytes(digest, bytes, n);
    return ERR_OK;
}

static Err read_head(int folder, CheckpointAge age, int *fd, Digest *digest, FileHead *head) {
    Err err = ERR_OK;
    digest_start(digest);
    *fd = openat(folder, names[age], O_RDONLY | O_CLOEXEC);
    if (*fd < 0)
        return err_set(errno == ENOENT ? ERR_MISSING : ERR_IO, "cannot open the checkpoint: %s", strerror(errno));
    TRY(read_part(*fd, digest, head, sizeof *head));
    FAIL_IF(memcmp(head->magic, magic, sizeof magic) != 0, ERR_DATA, "the checkpoint is not one of this version");
done:
    return err;
}

/* What follows the parameters, against what was read. */
static Err read_digest(int fd, Digest *digest) {
    Err err = ERR_OK;
    char hex[DIGEST_HEX], stored[DIGEST_HEX];
    TRY(read_part(fd, NULL, stored, sizeof stored));
    (void)digest_hex(digest, hex);
    FAIL_IF(memcmp(hex, stored, sizeof hex) != 0, ERR_DATA, "the checkpoint is damaged: its digest does not fit");
done:
    return err;
}

static Err check_key(const CheckpointKey *have, const CheckpointKey *want) {
    if (strncmp(have->id, want->id, CHECKPOINT_TEXT) != 0)
        return err_set(ERR_DATA, "the checkpoint belongs to another cell");
    if (strncmp(have->code, want->code, CHECKPOINT_TEXT) != 0)
        return err_set(ERR_DATA, "the code changed since the checkpoint");
    if (strncmp(have->inputs, want->inputs, CHECKPOINT_TEXT) != 0)
        return err_set(ERR_DATA, "the training data changed since the checkpoint");
    if (strncmp(have->bit_class, want->bit_class, CHECKPOINT_TEXT) != 0)
        return err_set(ERR_DATA, "the checkpoint was made on another kind of CPU, or with another build or library");
    if (strncmp(have->layout, want->layout, CHECKPOINT_TEXT) != 0)
        return err_set(ERR_DATA, "the checkpoint has other parameters");
    return ERR_OK;
}

Err checkpoint_read(const Checkpoint *c, CheckpointAge age, CheckpointState *state, float *now, float *best) {
    Err err = ERR_OK;
    FileHead head;
    Digest digest;
    size_t bytes = (size_t)c->n * sizeof(float);
    int fd = -1;
    TRY(read_head(c->folder, age, &fd, &digest, &head));
    TRY(check_key(&head.key, &c->key));
    FAIL_IF(head.n != c->n, ERR_DATA, "the checkpoint has %" PRId64 " numbers, expected %" PRId64, head.n, c->n);
    TRY(read_part(fd, &digest, now, bytes));
    TRY(read_part(fd, &digest, best, bytes));
    TRY(read_digest(fd, &digest));
    *state = head.state;
done:
    if (fd >= 0) (void)close(fd);
    return err;
}

Err checkpoint_fall_back(const Checkpoint *c) {
    if (renameat(c->folder, FOLDER_CHECKPOINT_BEFORE, c->folder, FOLDER_CHECKPOINT) == 0) return ERR_OK;
    return err_set(ERR_IO, "cannot rename the checkpoint: %s", strerror(errno));
}

/* Reads n numbers for their digest alone. A head that is damaged may ask for any number of them: the file ends first.
 */
static Err skip_numbers(int fd, Digest *digest, int64_t n) {
    enum { BLOCK = 1 << 16 };
    Err err = ERR_OK;
    float *block = NULL;
    FAIL_IF(n < 0 || n > INT64_MAX / 2, ERR_DATA, "the checkpoint's head makes no sense");
    TRY(mem_alloc(&block, BLOCK, sizeof *block));
    for (int64_t left = 2 * n; left > 0; left -= BLOCK)
        TRY(read_part(fd, digest, block, (size_t)(left < BLOCK ? left : BLOCK) * sizeof *block));
done:
    mem_free(block);
    return err;
}

Err checkpoint_look(const char *folder, CheckpointAge age, CheckpointKey *key, CheckpointState *state) {
    Err err = ERR_OK;
    FileHead head;
    Digest digest;
    int fd = -1, dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    FAIL_IF(dir < 0, ERR_MISSING, "cannot open the folder %s: %s", folder, strerror(errno));
    TRY(read_head(dir, age, &fd, &digest, &head));
    TRY(skip_numbers(fd, &digest, head.n));
    TRY(read_digest(fd, &digest));
    *key = head.key;
    *state = head.state;
    key->id[CHECKPOINT_TEXT - 1] = key->code[CHECKPOINT_TEXT - 1] = key->inputs[CHECKPOINT_TEXT - 1] =
        key->bit_class[CHECKPOINT_TEXT - 1] = '\0';
    key->layout[CHECKPOINT_TEXT - 1] = '\0';
done:
    if (fd >= 0) (void)close(fd);
    if (dir >= 0) (void)close(dir);
    return err;
}

Err checkpoint_drop(const char *folder) {
    Err err = ERR_OK;
    for (int age = 0; age < CHECKPOINT_AGES; age++) TRY(folder_drop(folder, names[age]));
done:
    return err;
}
