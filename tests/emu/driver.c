/* A made-up NVIDIA driver, libcuda.so.1 and libnvidia-ml.so.1 in one, for the program's tests with the emulated device:
 * EMU_DEVICES (1) devices of EMU_MEMORY (1 GiB) bytes. EMU_MODELS=2: the second is of another model. EMU_FREE=FILE:
 * NVML says that as many bytes are free as the file says; without it NVML is not to be had. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct NvmlMemory {
    unsigned long long total, free, used;
} NvmlMemory;

static unsigned long long number(const char *name, unsigned long long otherwise) {
    const char *text = getenv(name);
    return text == NULL ? otherwise : strtoull(text, NULL, 10);
}

int cuInit(unsigned flags) { return flags == 0 ? 0 : 1; }
int cuDriverGetVersion(int *out) { return *out = 13000, 0; }
int cuDeviceGetCount(int *out) { return *out = (int)number("EMU_DEVICES", 1), 0; }
int cuDeviceGet(int *out, int ordinal) { return *out = ordinal, 0; }
int cuDeviceGetName(char *out, int len, int device) {
    const int other = number("EMU_MODELS", 1) > 1 && device > 0;
    return snprintf(out, (size_t)len, "%s", other ? "another device" : "emulated device") < 0;
}
int cuDeviceTotalMem_v2(size_t *out, int device) { return *out = (size_t)number("EMU_MEMORY", 1ULL << 30), device < 0; }
int cuDeviceGetAttribute(int *out, int attribute, int device) {
    const int capability = (int)number("EMU_CAPABILITY", 75);
    *out = attribute == 75 ? capability / 10 : attribute == 76 ? capability % 10 : 2;
    return device < 0;
}
int cuGetErrorString(int code, const char **out) { return *out = NULL, code == 0; }
int cuDeviceGetPCIBusId(char *out, int len, int device) { return snprintf(out, (size_t)len, "0:%d.0", device) < 0; }

int nvmlInit_v2(void) { return getenv("EMU_FREE") == NULL; }
int nvmlShutdown(void) { return 0; }
int nvmlDeviceGetHandleByPciBusId_v2(const char *bus, void **device) { return *device = (void *)bus, bus == NULL; }
int nvmlDeviceGetMemoryInfo(void *device, NvmlMemory *out) {
    FILE *file = device == NULL ? NULL : fopen(getenv("EMU_FREE"), "r");
    *out = (NvmlMemory){.total = number("EMU_MEMORY", 1ULL << 30)};
    if (file == NULL) return 1;
    const int n = fscanf(file, "%llu", &out->free);
    fclose(file);
    return n != 1;
}
