/* The driver API through dlopen: a few calls whose types are written down here. */
#include "kernels/cuda_driver.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

/* cuda.h: CUresult, CUdevice and CUdevice_attribute are ints. */
enum { CUDA_OK = 0, CUDA_NO_DEVICE = 100 };
enum {
    ATTRIBUTE_CLOCK = 13,
    ATTRIBUTE_PROCESSORS = 16,
    ATTRIBUTE_MEMORY_CLOCK = 36,
    ATTRIBUTE_MEMORY_BUS = 37,
    ATTRIBUTE_MAJOR = 75,
    ATTRIBUTE_MINOR = 76
};

typedef struct Driver {
    int (*init)(unsigned flags);
    int (*version)(int *out);
    int (*count)(int *out);
    int (*get)(int *out, int ordinal);
    int (*name)(char *out, int len, int device);
    int (*memory)(size_t *out, int device);
    int (*attribute)(int *out, int attribute, int device);
    int (*error)(int code, const char **text);
    int (*bus)(char *out, int len, int device); /* NULL: such a driver does not tell */
} Driver;

/* A data pointer and a function pointer have one size wherever dlsym exists. */
static bool load(void *library, const char *symbol, void *function) {
    void *found = dlsym(library, symbol);
    memcpy(function, &found, sizeof found);
    return found != NULL;
}

static bool load_all(void *library, Driver *driver) {
    (void)load(library, "cuDeviceGetPCIBusId", &driver->bus);
    return load(library, "cuInit", &driver->init) && load(library, "cuDriverGetVersion", &driver->version) &&
           load(library, "cuDeviceGetCount", &driver->count) && load(library, "cuDeviceGet", &driver->get) &&
           load(library, "cuDeviceGetName", &driver->name) && load(library, "cuDeviceTotalMem_v2", &driver->memory) &&
           load(library, "cuDeviceGetAttribute", &driver->attribute) &&
           load(library, "cuGetErrorString", &driver->error);
}

static Err driver_error(const Driver *driver, const char *call, int code) {
    const char *text = NULL;
    if (driver->error(code, &text) != CUDA_OK || text == NULL) text = "unknown error";
    return err_set(ERR_DEVICE, "the NVIDIA driver refuses %s: %s (%d)", call, text, code);
}

static Err get_attributes(const Driver *driver, CudaDevice *out, int device) {
    const struct {
        int *out, attribute;
        bool optional;
    } wanted[] = {{&out->major, ATTRIBUTE_MAJOR, false},
                  {&out->minor, ATTRIBUTE_MINOR, false},
                  {&out->n_processors, ATTRIBUTE_PROCESSORS, false},
                  {&out->clock_khz, ATTRIBUTE_CLOCK, true},
                  {&out->memory_clock_khz, ATTRIBUTE_MEMORY_CLOCK, true},
                  {&out->memory_bus_bits, ATTRIBUTE_MEMORY_BUS, true}};
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        const int code = driver->attribute(wanted[i].out, wanted[i].attribute, device);
        if (code != CUDA_OK && !wanted[i].optional) return driver_error(driver, "cuDeviceGetAttribute", code);
        if (code != CUDA_OK) *wanted[i].out = 0;
    }
    return ERR_OK;
}

static Err get_device(const Driver *driver, CudaDevice *out, int ordinal) {
    int device = 0, code = 0;
    size_t bytes = 0;
    *out = (CudaDevice){.major = 0};
    if ((code = driver->get(&device, ordinal)) != CUDA_OK) return driver_error(driver, "cuDeviceGet", code);
    if ((code = driver->name(out->name, (int)sizeof out->name, device)) != CUDA_OK)
        return driver_error(driver, "cuDeviceGetName", code);
    if ((code = driver->memory(&bytes, device)) != CUDA_OK) return driver_error(driver, "cuDeviceTotalMem", code);
    out->memory_bytes = bytes;
    if (driver->bus == NULL || driver->bus(out->bus, (int)sizeof out->bus, device) != CUDA_OK) out->bus[0] = '\0';
    return get_attributes(driver, out, device);
}

static Err list_devices(const Driver *driver, CudaDevice *out, int max, int *n, int *version) {
    int code = driver->init(0);
    if (code == CUDA_NO_DEVICE) return err_set(ERR_DEVICE, "the NVIDIA driver finds no device");
    if (code != CUDA_OK) return driver_error(driver, "cuInit", code);
    if ((code = driver->version(version)) != CUDA_OK) return driver_error(driver, "cuDriverGetVersion", code);
    if ((code = driver->count(n)) != CUDA_OK) return driver_error(driver, "cuDeviceGetCount", code);
    if (*n == 0) return err_set(ERR_DEVICE, "the NVIDIA driver finds no device");
    Err err = ERR_OK;
    for (int i = 0; i < *n && i < max; i++) TRY(get_device(driver, &out[i], i));
done:
    return err;
}

Err cuda_driver_devices(CudaDevice *out, int max, int *n, int *version) {
    Driver driver;
    *n = *version = 0;
    void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) return err_set(ERR_DEVICE, "no NVIDIA driver: there is no libcuda.so.1");
    /* Not closed again: the driver starts threads that would run on without their code. */
    if (!load_all(library, &driver)) return err_set(ERR_DEVICE, "libcuda.so.1 is not a complete NVIDIA driver");
    return list_devices(&driver, out, max, n, version);
}

/* ---- NVML ---- */

/* nvml.h: nvmlMemory_t; nvmlReturn_t is an int, 0 = success; nvmlDevice_t is a pointer. */
typedef struct NvmlMemory {
    unsigned long long total, free, used;
} NvmlMemory;

typedef struct Nvml {
    int (*init)(void);
    int (*shutdown)(void);
    int (*find)(const char *bus, void **device);
    int (*memory)(void *device, NvmlMemory *out);
} Nvml;

bool cuda_driver_free_bytes(const CudaDevice *device, uint64_t *free_bytes) {
    Nvml nvml;
    NvmlMemory memory = {0};
    void *at = NULL;
    *free_bytes = 0;
    void *library = device->bus[0] == '\0' ? NULL : dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) return false; /* never closed again, as the driver */
    if (!load(library, "nvmlInit_v2", &nvml.init) || !load(library, "nvmlShutdown", &nvml.shutdown) ||
        !load(library, "nvmlDeviceGetHandleByPciBusId_v2", &nvml.find) ||
        !load(library, "nvmlDeviceGetMemoryInfo", &nvml.memory) || nvml.init() != 0)
        return false;
    const bool told = nvml.find(device->bus, &at) == 0 && nvml.memory(at, &memory) == 0;
    (void)nvml.shutdown();
    *free_bytes = memory.free;
    return told;
}
