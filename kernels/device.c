#include "kernels/device.h"

#include <stdio.h>
#include <string.h>

#include "kernels/cuda_scratch.h"
#include "kernels/tile.h"

enum { MAX_ORDINAL = 4095 };

/* "cuda" is 0, "cuda:" and digits their number; -1 for anything else, and for more than there can be. */
static int cuda_ordinal(const char *name) {
    int64_t ordinal = 0;
    if (strncmp(name, "cuda", 4) != 0) return -1;
    if (name[4] == '\0') return 0;
    if (name[4] != ':' || name[5] == '\0') return -1;
    for (const char *digit = name + 5; *digit != '\0'; digit++) {
        if (*digit < '0' || *digit > '9' || ordinal > MAX_ORDINAL) return -1;
        ordinal = 10 * ordinal + (*digit - '0');
    }
    return ordinal <= MAX_ORDINAL ? (int)ordinal : -1;
}

Err device_parse(Device *out, int *ordinal, const char *name) {
    *out = DEVICE_CPU;
    *ordinal = 0;
    if (strcmp(name, "cpu") == 0) return ERR_OK;
    const int number = cuda_ordinal(name);
    if (number < 0) return err_set(ERR_ARG, "unknown device \"%s\", expected cpu, cuda or cuda:NUMBER", name);
    *out = DEVICE_CUDA;
    *ordinal = number;
    return ERR_OK;
}

/* What follows a comma is a number, or "cuda:" and a number. */
Err device_parse_list(Device *out, int *ordinals, int *n, const char *names) {
    const bool many = strchr(names, ',') != NULL;
    *n = 0;
    for (const char *rest = names, *comma = NULL; rest != NULL; rest = comma == NULL ? NULL : comma + 1, ++*n) {
        char name[32];
        comma = strchr(rest, ',');
        const size_t len = comma == NULL ? strlen(rest) : (size_t)(comma - rest);
        const bool bare = *n > 0 && strncmp(rest, "cuda", 4) != 0;
        (void)snprintf(name, sizeof name, "%s%.*s", bare ? "cuda:" : "", len < 20 ? (int)len : 20, rest);
        if (*n == DEVICE_MAX) return err_set(ERR_ARG, "%s: at most %d devices", names, DEVICE_MAX);
        if (device_parse(out, &ordinals[*n], name) != ERR_OK || (many && *out == DEVICE_CPU))
            return err_set(ERR_ARG, "unknown device \"%s\", expected cpu, cuda or cuda:NUMBER[,NUMBER ...]", names);
        for (int i = 0; i < *n; i++)
            if (ordinals[i] == ordinals[*n]) return err_set(ERR_ARG, "%s names cuda:%d twice", names, ordinals[i]);
    }
    return ERR_OK;
}

Err device_find(Device *out, const char *name) {
    int ordinal = 0;
    return device_parse(out, &ordinal, name);
}

const char *device_name(Device device) { return device == DEVICE_CPU ? "cpu" : device == DEVICE_CUDA ? "cuda" : "ref"; }

const char *device_class(Device device) { return device == DEVICE_CPU ? tile_class() : device_name(device); }

size_t device_workspace_bytes(Device device) { return device == DEVICE_CUDA ? CUDA_BLAS_BYTES : 0; }
