#include "kernels/device.h"

#include <string.h>

#include "kernels/cuda_scratch.h"
#include "kernels/tile.h"

/* "cuda", or "cuda:" and digits. */
static bool is_cuda(const char *name) {
    if (strncmp(name, "cuda", 4) != 0) return false;
    if (name[4] == '\0') return true;
    const size_t digits = strspn(name + 4 + 1, "0123456789");
    return name[4] == ':' && digits > 0 && name[5 + digits] == '\0';
}

Err device_find(Device *out, const char *name) {
    *out = DEVICE_CPU;
    if (strcmp(name, "cpu") == 0) return ERR_OK;
    if (!is_cuda(name)) return err_set(ERR_DEVICE, "unknown device \"%s\", expected cpu, cuda or cuda:NUMBER", name);
    *out = DEVICE_CUDA;
    return ERR_OK;
}

const char *device_name(Device device) { return device == DEVICE_CPU ? "cpu" : device == DEVICE_CUDA ? "cuda" : "ref"; }

const char *device_class(Device device) { return device == DEVICE_CPU ? tile_class() : device_name(device); }

size_t device_workspace_bytes(Device device) { return device == DEVICE_CUDA ? CUDA_BLAS_BYTES : 0; }
