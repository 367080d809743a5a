#include "harness/command/device_option.h"

#include "kernels/cuda_open.h"
#include "kernels/device.h"

Err device_option(const char **device, Device *kind, const CommandLine *line) {
    Err err = ERR_OK;
    int ordinal = 0;
    *device = device_kind_option(line);
    TRY(device_parse(kind, &ordinal, *device));
    if (*kind == DEVICE_CUDA) TRY(cuda_check(ordinal));
done:
    return err;
}

const char *device_kind_option(const CommandLine *line) {
    const char *device = command_value(line, "device");
    return device != NULL ? device : "cpu";
}
