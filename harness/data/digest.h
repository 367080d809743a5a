/* SHA-256 through nettle, as hex text. Depends on kernels only. */
#ifndef HARNESS_DATA_DIGEST_H
#define HARNESS_DATA_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include <nettle/sha2.h>

#include "kernels/err.h"

enum { DIGEST_HEX = 65 }; /* 64 digits and NUL */

typedef struct Digest {
    struct sha256_ctx state;
} Digest;

void digest_start(Digest *digest);
void digest_bytes(Digest *digest, const void *bytes, size_t len);
/* The number as eight bytes, least significant first, so that lists of different lengths cannot look alike. */
void digest_number(Digest *digest, int64_t value);
/* The length, then the bytes. */
void digest_text(Digest *digest, const char *text);
char *digest_hex(Digest *digest, char out[DIGEST_HEX]);

/* Of a whole file. ERR_MISSING if it cannot be opened, ERR_IO. */
Err digest_file(const char *path, char out[DIGEST_HEX]) MUST_CHECK;

#endif
