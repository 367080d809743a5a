/* A checkpoint without its digest, which is put behind it. */
#include <stdlib.h>
#include <string.h>

#include "harness/data/digest.h"
#include "harness/run/checkpoint.h"
#include "harness/run/folder.h"
#include "tests/fuzz/scratch.h"
#include "tests/fuzz/target.h"

enum { NUMBERS = 8 };
static const CheckpointKey key = {"cell", "code", "inputs", "class", "layout"};

static void read_back(void) {
    Checkpoint *checkpoint = NULL;
    CheckpointKey found;
    CheckpointState state;
    float now[NUMBERS], best[NUMBERS];
    Err err = checkpoint_look(scratch_folder(), CHECKPOINT_LAST, &found, &state);
    (void)err;
    err = checkpoint_open(&checkpoint, scratch_folder(), &key, NUMBERS);
    if (err == ERR_OK) err = checkpoint_read(checkpoint, CHECKPOINT_LAST, &state, now, best);
    (void)err;
    checkpoint_close(checkpoint);
}

static void run(const uint8_t *data, size_t n) {
    Digest digest;
    char hex[DIGEST_HEX];
    uint8_t *bytes = malloc(n + sizeof hex);
    if (bytes == NULL) return;
    if (n > 0) memcpy(bytes, data, n);
    digest_start(&digest);
    digest_bytes(&digest, bytes, n);
    memcpy(bytes + n, digest_hex(&digest, hex), sizeof hex);
    (void)scratch_file(FOLDER_CHECKPOINT, bytes, n + sizeof hex);
    read_back();
    free(bytes);
}

static void seed(const char *folder) {
    Checkpoint *checkpoint = NULL;
    const CheckpointState state = {.step = 3, .journal = {100, 7}, .best_step = 2, .best_value = 0.5};
    const float numbers[NUMBERS] = {1, 2, 3};
    Err err = checkpoint_open(&checkpoint, scratch_folder(), &key, NUMBERS);
    if (err == ERR_OK) err = checkpoint_write(checkpoint, &state, numbers, numbers);
    checkpoint_close(checkpoint);
    if (err != ERR_OK) exit(2);
    size_t n = 0;
    uint8_t *bytes = scratch_get(scratch_path(FOLDER_CHECKPOINT), &n);
    scratch_put(folder, "seed.checkpoint", bytes, n > DIGEST_HEX ? n - DIGEST_HEX : 0);
    free(bytes);
}

const FuzzTarget fuzz_checkpoint = {.name = "checkpoint", .run = run, .seed = seed};
