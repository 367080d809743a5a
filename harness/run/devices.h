/* The devices that `run` gives to cells, and whether one of them can hold one more cell now: what the cell's plan takes
 * there, with what a context takes beside it, against what is free. The parent asks the driver and NVML and never takes
 * hold of a device. Depends on room, kernels/cuda_driver. */
#ifndef HARNESS_RUN_DEVICES_H
#define HARNESS_RUN_DEVICES_H

#include "harness/run/room.h"
#include "kernels/cuda_driver.h"
#include "kernels/cuda_open.h"
#include "kernels/device.h"

/* What a context of CUDA with cuBLAS is taken to need until one was measured. */
#define DEVICES_CONTEXT_ASSUMED ((uint64_t)768 << 20)

typedef struct RunDevice {
    char name[16]; /* "cpu", "cuda:1" */
    CudaDevice info;
} RunDevice;

typedef struct RunDevices {
    Device kind;
    RunDevice item[DEVICE_MAX];
    int n;                                  /* 1 for the CPU */
    char accelerator_class[CUDA_CLASS_LEN]; /* of all of them, cuda_class; "" for the CPU */
} RunDevices;

/* By a list of names as --device has it: "cpu", "cuda", "cuda:0,1". ERR_ARG: no such names. ERR_DEVICE says what is
 * missing, or that two of them are of different models, whose bits would differ. */
Err devices_open(RunDevices *out, const char *names) MUST_CHECK;

/* Every one of the surveyed cells asks for an arithmetic that these devices have. ERR_DEVICE names what they lack. */
Err devices_check(const RunDevices *devices, const Surveys *surveys) MUST_CHECK;

/* NULL for the CPU. */
const char *devices_class(const RunDevices *devices);

/* What a cell takes on the device, and on the host beside it. context_bytes: what a context takes. On the CPU there is
 * nothing but the host. */
RoomNeed devices_need(const RunDevices *devices, const Survey *survey, uint64_t context_bytes);
RoomNeed devices_host_need(const RunDevices *devices, const Survey *survey, uint64_t process_bytes);

/* What is free on device i. *counted: it counts what running cells took of it; where nobody tells (no NVML) all of its
 * memory is said to be free, and each of them must be promised all it needs. */
void devices_look(Room *out, const RunDevices *devices, int i, bool *counted);

/* The plan, with a context of this size (0 = not known), is larger than any of the devices: such a cell ends over
 * budget, whenever it begins. */
bool devices_never_hold(const RunDevices *devices, const Survey *survey, uint64_t context_bytes);

#endif
