#include "tests/fuzz/scratch.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/sample_record.h"

static char folder[PATH_MAX];

static void remove_scratch(void) { folder_remove(folder); }

const char *scratch_folder(void) {
    if (folder[0] == '\0') {
        folder_make(folder, sizeof folder);
        (void)atexit(remove_scratch);
    }
    return folder;
}

const char *scratch_path(const char *name) {
    static char paths[8][PATH_MAX + 64];
    static size_t turn;
    char *path = paths[turn++ % 8];
    (void)snprintf(path, sizeof paths[0], "%s/%.60s", scratch_folder(), name);
    return path;
}

static void write_file(const char *path, const void *bytes, size_t n) {
    FILE *file = fopen(path, "wb");
    if (file == NULL || (n > 0 && fwrite(bytes, 1, n, file) != n) || fclose(file) != 0) {
        perror(path);
        exit(2);
    }
}

const char *scratch_file(const char *name, const void *bytes, size_t n) {
    const char *path = scratch_path(name);
    write_file(path, bytes, n);
    return path;
}

void scratch_put(const char *to, const char *name, const void *bytes, size_t n) {
    char path[PATH_MAX + 64];
    (void)snprintf(path, sizeof path, "%s/%.60s", to, name);
    write_file(path, bytes, n);
}

uint8_t *scratch_get(const char *path, size_t *n) {
    struct stat info;
    FILE *file = fopen(path, "rb");
    uint8_t *bytes = NULL;
    if (file != NULL && fstat(fileno(file), &info) == 0) bytes = malloc((size_t)info.st_size + 1);
    if (bytes == NULL) {
        perror(path);
        exit(2);
    }
    *n = fread(bytes, 1, (size_t)info.st_size, file);
    (void)fclose(file);
    return bytes;
}

size_t scratch_unstamped(const uint8_t *bytes, size_t n) {
    static const char stamp[] = "\nrefocus sha256 ";
    enum { WORDS = sizeof stamp - 1, LINE = WORDS + 65 };
    return n >= LINE && memcmp(bytes + n - LINE, stamp, WORDS) == 0 ? n - LINE : n;
}

char *scratch_text(const uint8_t *data, size_t n) {
    char *text = malloc(n + 1);
    if (text == NULL) exit(2);
    if (n > 0) memcpy(text, data, n);
    text[n] = '\0';
    return text;
}

/* ---- sums ---- */

uint64_t scratch_fnv(const uint8_t *bytes, size_t n) {
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < n; i++) h = (h ^ bytes[i]) * 0x100000001b3u;
    return h;
}

static uint32_t get32(const uint8_t *at) {
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static void put32(uint8_t *at, uint32_t value) {
    for (int i = 0; i < 4; i++) at[i] = (uint8_t)(value >> (8 * i));
}

static uint32_t crc32_of(const uint8_t *bytes, size_t n) {
    uint32_t crc = 0xffffffffu;
    for (size_t i = 0; i < n; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (0xedb88320u & (0u - (crc & 1u)));
    }
    return ~crc;
}

void scratch_mend_png(uint8_t *bytes, size_t n) {
    for (size_t at = 8; n >= 12 && at <= n - 12;) {
        size_t len = (size_t)bytes[at] << 24 | (size_t)bytes[at + 1] << 16 | (size_t)bytes[at + 2] << 8 | bytes[at + 3];
        if (len > n - at - 12) return;
        uint32_t crc = crc32_of(bytes + at + 4, len + 4);
        for (int i = 0; i < 4; i++) bytes[at + 8 + len + (size_t)i] = (uint8_t)(crc >> (24 - 8 * i));
        at += len + 12;
    }
}

static uint32_t rotate(uint32_t x, int k) { return x << k | x >> (32 - k); }

/* Bob Jenkins' lookup3 (hashlittle, 2006) from the initial value 0, which HDF5 puts behind its newer structures. */
static uint32_t lookup3(const uint8_t *bytes, size_t n) {
    uint32_t v[3];
    v[0] = v[1] = v[2] = 0xdeadbeefu + (uint32_t)n;
    uint8_t block[12];
    for (; n > 12; n -= 12, bytes += 12) {
        static const int turns[6] = {4, 6, 8, 16, 19, 4};
        for (int i = 0; i < 3; i++) v[i] += get32(bytes + 4 * i);
        for (int i = 0; i < 6; i++) {
            uint32_t *a = &v[i % 3], *b = &v[(i + 1) % 3], *c = &v[(i + 2) % 3];
            *a = (*a - *c) ^ rotate(*c, turns[i]);
            *c += *b;
        }
    }
    if (n == 0) return v[2];
    memset(block, 0, sizeof block);
    memcpy(block, bytes, n);
    for (int i = 0; i < 3; i++) v[i] += get32(block + 4 * i);
    static const int turns[7] = {14, 11, 25, 16, 4, 14, 24};
    for (int i = 0; i < 7; i++) {
        uint32_t *to = &v[(i + 2) % 3], from = v[(i + 1) % 3];
        *to = (*to ^ from) - rotate(from, turns[i]);
    }
    return v[2];
}

/* Length of the object header at `at` without its checksum, or 0: version 2, first chunk. */
static size_t header_length(const uint8_t *at, size_t n) {
    if (n < 16 || at[4] != 2) return 0;
    size_t head = 6u + ((at[5] & 0x20) != 0 ? 16u : 0u) + ((at[5] & 0x10) != 0 ? 4u : 0u),
           width = (size_t)1 << (at[5] & 3);
    if (head + width > n) return 0;
    uint64_t chunk = 0;
    for (size_t i = 0; i < width; i++) chunk |= (uint64_t)at[head + i] << (8 * i);
    return chunk < n && head + width + chunk + 4 <= n ? head + width + (size_t)chunk : 0;
}

void scratch_mend_hdf5(uint8_t *bytes, size_t n) {
    for (size_t i = 0; i + 8 <= n; i++) {
        size_t len = 0;
        if (bytes[i] == 'O' && memcmp(bytes + i, "OHDR", 4) == 0) len = header_length(bytes + i, n - i);
        if (len > 0) put32(bytes + i + len, lookup3(bytes + i, len));
    }
}
