/* The plugin through dlopen. It is never closed again: CUDA's libraries start threads and leave handlers behind. */
#include "kernels/cuda_open.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gen/kernel_headers.inc"
#include "kernels/cuda_driver.h"
#include "kernels/mem.h"

/* From the program's folder: in the build, and installed. */
static const char *const places[] = {CUDA_PLUGIN, "../lib/refocus/" CUDA_PLUGIN};

typedef struct Plugin {
    CudaBackendOpen open;
    CudaBackendHeaders headers;
    CudaBackendLibraries libraries;
} Plugin;

/* The first of the places where the file is; false if it is nowhere. */
static bool find_file(char *path, size_t len) {
    char program[PATH_MAX];
    const ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    if (n <= 0) return false;
    program[n] = '\0';
    char *slash = strrchr(program, '/');
    if (slash == NULL) return false;
    slash[1] = '\0';
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        if (snprintf(path, len, "%s%s", program, places[i]) < (int)len && access(path, R_OK) == 0) return true;
    return false;
}

/* A data pointer and a function pointer have one size wherever dlsym exists. */
static bool load(void *library, const char *symbol, void *function) {
    void *found = dlsym(library, symbol);
    memcpy(function, &found, sizeof found);
    return found != NULL;
}

static Err open_plugin(Plugin *plugin) {
    char path[PATH_MAX + sizeof "../lib/refocus/" CUDA_PLUGIN];
    if (!find_file(path, sizeof path))
        return err_set(ERR_DEVICE,
                       "this build has no CUDA part: there is no %s beside the program (make CUDA=1 needs "
                       "nvcc, of the CUDA Toolkit)",
                       CUDA_PLUGIN);
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) return err_set(ERR_DEVICE, "%s cannot be loaded: %s", CUDA_PLUGIN, dlerror());
    if (!load(library, CUDA_PLUGIN_OPEN, &plugin->open) || !load(library, CUDA_PLUGIN_HEADERS, &plugin->headers) ||
        strcmp(plugin->headers(), KERNEL_HEADERS) != 0 || !load(library, CUDA_PLUGIN_LIBRARIES, &plugin->libraries))
        return err_set(ERR_DEVICE, "%s is not of the same sources as this program: run make again", path);
    return ERR_OK;
}

/* devices [ordinal + 1], or NULL where it need only be there. */
static Err check_device(CudaDevice *devices, int ordinal) {
    int n = 0, version = 0;
    CudaDevice none;
    Err err = cuda_driver_devices(devices != NULL ? devices : &none, devices != NULL ? ordinal + 1 : 0, &n, &version);
    if (err != ERR_OK) return err;
    if (ordinal >= n)
        return err_set(ERR_DEVICE, "there is no cuda:%d, this machine has %d CUDA device%s (refocus doctor lists them)",
                       ordinal, n, n == 1 ? "" : "s");
    return ERR_OK;
}

Err cuda_check_plugin(void) {
    Plugin plugin;
    return open_plugin(&plugin);
}

Err cuda_check(int ordinal) {
    const Err err = check_device(NULL, ordinal);
    return err == ERR_OK ? cuda_check_plugin() : err;
}

Err cuda_class(char out[CUDA_CLASS_LEN], int ordinal) {
    Err err = ERR_OK;
    Plugin plugin;
    CudaDevice *devices = NULL;
    TRY(mem_alloc(&devices, (size_t)ordinal + 1, sizeof *devices));
    TRY(check_device(devices, ordinal));
    TRY(open_plugin(&plugin));
    const CudaDevice *device = &devices[ordinal];
    (void)snprintf(out, CUDA_CLASS_LEN, "%s, %d.%d; %s", device->name, device->major, device->minor,
                   plugin.libraries());
done:
    mem_free(devices);
    return err;
}

Err cuda_open(const Backend **out, const CudaSettings *settings) {
    Plugin plugin;
    *out = NULL;
    Err err = check_device(NULL, settings->ordinal);
    if (err == ERR_OK) err = open_plugin(&plugin);
    return err == ERR_OK ? plugin.open(out, settings) : err;
}
