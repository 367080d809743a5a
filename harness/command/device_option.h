/* --device of commands that compute in their own process. */
#ifndef HARNESS_COMMAND_DEVICE_OPTION_H
#define HARNESS_COMMAND_DEVICE_OPTION_H

#include "harness/command/command.h"
#include "kernels/op.h"

#define COMMAND_OPTION_DEVICE                                                                                          \
    { .name = "device", .arg = "DEVICE", .help = "where to compute: cpu, cuda or cuda:N (cpu)" }

/* *device = the option's text, "cpu" without it; *kind of what. ERR_ARG: it is no name of a device. ERR_DEVICE: it is
 * not there. */
Err device_option(const char **device, Device *kind, const CommandLine *line) MUST_CHECK;

/* For commands that only look: *device = "cpu" or "cuda". */
#define COMMAND_OPTION_DEVICE_KIND                                                                                     \
    { .name = "device", .arg = "DEVICE", .choices = "cpu|cuda", .help = "the cells of that kind of device (cpu)" }

const char *device_kind_option(const CommandLine *line);

#endif
