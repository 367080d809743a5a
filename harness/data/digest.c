#include "harness/data/digest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

void digest_start(Digest *digest) { sha256_init(&digest->state); }

void digest_bytes(Digest *digest, const void *bytes, size_t len) { sha256_update(&digest->state, len, bytes); }

void digest_number(Digest *digest, int64_t value) {
    uint8_t bytes[8];
    for (int i = 0; i < 8; i++) bytes[i] = (uint8_t)((uint64_t)value >> (8 * i));
    digest_bytes(digest, bytes, sizeof bytes);
}

void digest_text(Digest *digest, const char *text) {
    size_t len = strlen(text);
    digest_number(digest, (int64_t)len);
    digest_bytes(digest, text, len);
}

char *digest_hex(Digest *digest, char out[DIGEST_HEX]) {
    uint8_t sum[SHA256_DIGEST_SIZE];
    sha256_digest(&digest->state, sizeof sum, sum);
    for (size_t i = 0; i < sizeof sum; i++) snprintf(out + 2 * i, 3, "%02x", sum[i]);
    return out;
}

Err digest_file(const char *path, char out[DIGEST_HEX]) {
    Err err = ERR_OK;
    out[0] = '\0';
    FILE *file = fopen(path, "rb");
    FAIL_IF(file == NULL, ERR_MISSING, "cannot open %s: %s", path, strerror(errno));
    Digest digest;
    digest_start(&digest);
    char block[1 << 15];
    size_t n = 0;
    while ((n = fread(block, 1, sizeof block, file)) > 0) digest_bytes(&digest, block, n);
    FAIL_IF(ferror(file), ERR_IO, "cannot read %s: %s", path, strerror(errno));
    digest_hex(&digest, out);

done:
    if (file != NULL) fclose(file);
    return err;
}
