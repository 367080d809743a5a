/* Asking for devices. */
#include "harness/run/devices.h"

#include <stdio.h>
#include <string.h>

#include "kernels/mem.h"

static Err fill_item(RunDevices *out, int i, const CudaDevice *all, int n_all, int ordinal) {
    Err err = ERR_OK;
    char class[CUDA_CLASS_LEN];
    RunDevice *item = &out->item[i];
    (void)snprintf(item->name, sizeof item->name, "cuda:%d", ordinal);
    TRY(cuda_check(ordinal));
    ASSERT(ordinal < n_all);
    item->info = all[ordinal];
    TRY(cuda_class(class, ordinal));
    if (i == 0) memcpy(out->accelerator_class, class, sizeof class);
    FAIL_IF(strcmp(class, out->accelerator_class) != 0, ERR_DEVICE,
            "%s is %s and %s is %s: cells on them would not share their bits, give devices of one model",
            out->item[0].name, out->item[0].info.name, item->name, item->info.name);
done:
    return err;
}

static Err open_cuda(RunDevices *out, const int *ordinals) {
    Err err = ERR_OK;
    CudaDevice *all = NULL;
    int n_all = 0, version = 0, last = 0;
    for (int i = 0; i < out->n; i++)
        if (ordinals[i] > last) last = ordinals[i];
    TRY(mem_alloc(&all, (size_t)last + 1, sizeof *all));
    TRY(cuda_driver_devices(all, last + 1, &n_all, &version));
    for (int i = 0; i < out->n; i++) TRY(fill_item(out, i, all, n_all, ordinals[i]));
done:
    mem_free(all);
    return err;
}

Err devices_open(RunDevices *out, const char *names) {
    Err err = ERR_OK;
    int ordinals[DEVICE_MAX];
    memset(out, 0, sizeof *out);
    TRY(device_parse_list(&out->kind, ordinals, &out->n, names));
    if (out->kind == DEVICE_CUDA)
        TRY(open_cuda(out, ordinals));
    else
        (void)snprintf(out->item[0].name, sizeof out->item[0].name, "cpu");
done:
    return err;
}

Err devices_check(const RunDevices *devices, const Surveys *surveys) {
    const RunDevice *device = &devices->item[0]; /* all are of one model */
    if (devices->kind != DEVICE_CUDA || device->info.major >= CUDA_TF32_MAJOR) return ERR_OK;
    for (size_t i = 0; i < surveys->n; i++)
        if (settings_is(surveys->item[i].settings, "train.precision", "tf32"))
            return err_set(ERR_DEVICE, "%s, %s, has compute capability %d.%d, train.precision tf32 needs %d.0",
                           device->name, device->info.name, device->info.major, device->info.minor, CUDA_TF32_MAJOR);
    return ERR_OK;
}

const char *devices_class(const RunDevices *devices) {
    return devices->accelerator_class[0] != '\0' ? devices->accelerator_class : NULL;
}

RoomNeed devices_need(const RunDevices *devices, const Survey *survey, uint64_t context_bytes) {
    RoomNeed need = room_need(survey, context_bytes);
    need.copies_bytes = 0; /* the host's */
    need.is_context = true;
    ASSERT(devices->kind == DEVICE_CUDA);
    return need;
}

RoomNeed devices_host_need(const RunDevices *devices, const Survey *survey, uint64_t process_bytes) {
    RoomNeed need = room_need(survey, process_bytes);
    if (devices->kind == DEVICE_CUDA) need.plan_bytes = need.reserve_bytes = 0; /* the device's */
    return need;
}

void devices_look(Room *out, const RunDevices *devices, int i, bool *counted) {
    const RunDevice *item = &devices->item[i];
    uint64_t free_bytes = 0;
    *counted = cuda_driver_free_bytes(&item->info, &free_bytes);
    *out = (Room){.memory = {.bytes = item->info.memory_bytes,
                             .limit_bytes = item->info.memory_bytes,
                             .available_bytes = *counted ? free_bytes : item->info.memory_bytes}};
    (void)snprintf(out->memory.limited_by, sizeof out->memory.limited_by, "%s", item->name);
}

bool devices_never_hold(const RunDevices *devices, const Survey *survey, uint64_t context_bytes) {
    if (devices->kind != DEVICE_CUDA) return false;
    for (int i = 0; i < devices->n; i++)
        if (survey->peak_bytes + context_bytes <= devices->item[i].info.memory_bytes) return false;
    return true;
}
