/* Opening and closing in order. */
#include "harness/run/rig.h"

#include <stdio.h>
#include <string.h>

#include "harness/run/size_text.h"
#include "kernels/cuda_driver.h"
#include "kernels/device.h"
#include "kernels/isa.h"
#include "kernels/libmem.h"
#include "kernels/machine.h"
#include "kernels/mem.h"

bool rig_over_budget(const Settings *settings, size_t peak_bytes, char *why, size_t len) {
    char need[SIZE_TEXT], reserved[SIZE_TEXT], have[SIZE_TEXT];
    uint64_t budget = (uint64_t)settings_int(settings, "memory.budget");
    uint64_t reserve = (uint64_t)settings_int(settings, "memory.reserve");
    if (budget == 0 || peak_bytes + reserve <= budget) return false;
    (void)snprintf(why, len, "the plan needs %s, with a reserve of %s, and memory.budget is %s",
                   size_text(peak_bytes, need), size_text(reserve, reserved), size_text(budget, have));
    return true;
}

Err rig_plan(Rig *rig, const RigSpec *spec) {
    Err err = ERR_OK;
    memset(rig, 0, sizeof *rig);
    rig->spec = *spec;
    rig->memory = RIG_MEMORY_UNKNOWN;
    TRY(data_facts(&rig->facts, spec->settings));
    ModelSizes sizes = {.n_chars = rig->facts.n_chars,
                        .n_steps = rig->facts.n_steps,
                        .n_steps_eval = rig->facts.n_steps_eval,
                        .height = rig->facts.height,
                        .width = rig->facts.width};
    TRY(model_build(&rig->model, spec->settings, &sizes, spec->device, spec->parts));
    bool in_place = settings_is(spec->settings, "memory.reuse", "full");
    TRY(model_plan(&rig->plan, rig->model, backend_cpu()->real_bytes, in_place));
done:
    return err;
}

Err rig_check_precision(const Settings *settings, Device device) {
    if (device == DEVICE_CUDA || settings_is(settings, "train.precision", "fp32")) return ERR_OK;
    return err_set(ERR_SPEC, "train.precision: %s is for --device cuda, this is the %s",
                   settings_text(settings, "train.precision"), device_name(device));
}

/* ---- the device ---- */

/* A machine that cannot hold the arena kills some process later; better to say so now. */
static Err check_room(const Rig *rig) {
    char need[SIZE_TEXT], have[SIZE_TEXT];
    MachineMemory memory;
    machine_memory(&memory);
    if (rig->plan.peak_bytes <= memory.available_bytes) return ERR_OK;
    return err_set(ERR_DEFERRED, "the plan needs %s, and %s left by %s", size_text(rig->plan.peak_bytes, need),
                   size_text(memory.available_bytes, have), memory.limited_by);
}

/* The plan, its workspace included, against a device of which nothing has been taken but by the context (0 = there is
 * none yet, or its size is not known): too small for ever, or now. */
static Err check_device_room(const Rig *rig, uint64_t free_bytes, uint64_t context_bytes) {
    char need[SIZE_TEXT], have[SIZE_TEXT], all[SIZE_TEXT], context[SIZE_TEXT];
    const uint64_t total = (uint64_t)rig->memory.total_bytes, peak = rig->plan.peak_bytes;
    if (peak <= free_bytes) return ERR_OK;
    if (peak > total)
        return err_set(ERR_DEVICE_FULL, "the plan needs %s, and cuda:%d has %s", size_text(peak, need),
                       rig->spec.ordinal, size_text(total, all));
    if (peak + context_bytes > total)
        return err_set(ERR_DEVICE_FULL, "the plan needs %s, and of the %s of cuda:%d its context takes %s",
                       size_text(peak, need), size_text(total, all), rig->spec.ordinal,
                       size_text(context_bytes, context));
    return err_set(ERR_DEFERRED, "the plan needs %s, and of the %s of cuda:%d %s are free", size_text(peak, need),
                   size_text(total, all), rig->spec.ordinal, size_text(free_bytes, have));
}

/* What the driver says of the device while nobody holds it for this process. */
static Err look_before(Rig *rig) {
    Err err = ERR_OK;
    int n = 0, version = 0;
    uint64_t free_bytes = 0;
    const size_t at = (size_t)rig->spec.ordinal;
    CudaDevice *devices = NULL;
    TRY(mem_alloc(&devices, at + 1, sizeof *devices));
    TRY(cuda_class(rig->accelerator_class, rig->spec.ordinal));
    TRY(cuda_driver_devices(devices, rig->spec.ordinal + 1, &n, &version));
    rig->memory.total_bytes = (int64_t)devices[at].memory_bytes;
    const bool told = cuda_driver_free_bytes(&devices[at], &free_bytes);
    if (told) rig->memory.free_before_bytes = (int64_t)free_bytes;
    TRY(check_device_room(rig, told ? free_bytes : devices[at].memory_bytes, 0));
done:
    mem_free(devices);
    return err;
}

/* Without NVML the first figures are those beside a context that is there already. A device that has no room for the
 * context is one that others hold. */
static Err open_cuda(Rig *rig) {
    Err err = ERR_OK;
    size_t free_bytes = 0, total = 0;
    uint64_t context_bytes = 0;
    const bool tf32 = settings_is(rig->spec.settings, "train.precision", "tf32");
    TRY(look_before(rig));
    err = backend_open(&rig->backend, &(BackendSpec){DEVICE_CUDA, rig->spec.ordinal, tf32});
    if (err == ERR_DEVICE_FULL) return ERR_DEFERRED;
    TRY(err);
    TRY(rig->backend->memory(rig->backend, &free_bytes, &total));
    free_bytes += rig->plan.workspace_bytes; /* which is taken */
    const int64_t before = rig->memory.free_before_bytes, after = (int64_t)free_bytes;
    if (before < 0) rig->memory.free_before_bytes = after;
    if (before > after) context_bytes = (uint64_t)(before - after);
    rig->memory.total_bytes = (int64_t)total;
    TRY(check_device_room(rig, free_bytes, context_bytes));
done:
    return err;
}

Err rig_look(Rig *rig) {
    Err err = ERR_OK;
    size_t free_bytes = 0, total = 0;
    RigMemory *m = &rig->memory;
    if (rig->backend == NULL || rig->backend->memory == NULL) return ERR_OK;
    TRY(rig->backend->memory(rig->backend, &free_bytes, &total));
    m->free_after_bytes = (int64_t)free_bytes;
    m->context_bytes = m->free_before_bytes - m->free_after_bytes - (int64_t)rig->plan.peak_bytes;
    if (m->context_bytes < 0) m->context_bytes = 0; /* others gave memory back meanwhile */
done:
    return err;
}

Err rig_used_bytes(size_t *out, const Rig *rig) {
    const Err err = arena_used_bytes(out, rig->arena);
    *out += rig->plan.workspace_bytes;
    return err;
}

const char *rig_accelerator_class(const Rig *rig) {
    return rig->accelerator_class[0] != '\0' ? rig->accelerator_class : NULL;
}

static Err open_device(Rig *rig) {
    Err err = ERR_OK;
    if (rig->spec.device == DEVICE_CUDA) return open_cuda(rig);
    TRY(check_room(rig));
    TRY(backend_open(&rig->backend, &(BackendSpec){.device = rig->spec.device}));
done:
    return err;
}

/* ---- starting ---- */

static Err open_set(Loader **out, const Rig *rig, const char *set) {
    if (!data_has_set(rig->spec.settings, set)) return ERR_OK;
    return loader_open(out, rig->spec.settings, set, rig->spec.seed, rig->par);
}

Err rig_start(Rig *rig) {
    Err err = ERR_OK;
    const RigSpec *spec = &rig->spec;
    TRY(isa_check());
    TRY(open_device(rig));
    if (spec->n_threads > 1) TRY(par_new(&rig->par, spec->n_threads));
    if (spec->parts == MODEL_TRAIN_AND_EVAL)
        TRY(loader_open(&rig->train, spec->settings, "train", spec->seed, rig->par));
    if (spec->all_sets) {
        TRY(open_set(&rig->valid, rig, "valid"));
        TRY(open_set(&rig->test, rig, "test"));
    }
    TRY(arena_new(&rig->arena, rig->backend, &rig->model->params, rig->plan.transient_bytes));
    TRY(arena_initialise(rig->arena, spec->seed));
    libmem_mark();
    if (rig->plan.train != NULL) TRY(exec_new(&rig->step, rig->plan.train, rig->arena, spec->mode, rig->par));
    TRY(exec_new(&rig->eval, rig->plan.eval, rig->arena, spec->mode, rig->par));
    rig->library_bytes = libmem_read().live_bytes;
done:
    (void)libmem_stop();
    return err;
}

void rig_release(Rig *rig) {
    exec_free(rig->eval);
    exec_free(rig->step);
    arena_free(rig->arena);
    backend_close(rig->backend);
    rig->eval = rig->step = NULL;
    rig->arena = NULL;
    rig->backend = NULL;
}

void rig_close(Rig *rig) {
    rig_release(rig);
    loader_close(rig->test);
    loader_close(rig->valid);
    loader_close(rig->train);
    model_plan_clear(&rig->plan);
    model_free(rig->model);
    par_free(rig->par);
    memset(rig, 0, sizeof *rig);
}

/* ---- options ---- */

const Option memory_options[] = {
    {.key = "memory.budget",
     .type = OPT_BYTES,
     .def = "0",
     .min = 0,
     .max = OPTION_ANY,
     .observes = true,
     .help = "a cell whose planned peak is over it is not trained; 0 = no limit"},
    {.key = "memory.reserve",
     .type = OPT_BYTES,
     .def = "0",
     .min = 0,
     .max = OPTION_ANY,
     .observes = true,
     .help = "kept free for libraries and the driver, of the budget and of the machine's memory"},
    {.key = "memory.reuse",
     .type = OPT_CHOICE,
     .def = "full",
     .choices = "full|eager",
     .observes = true,
     .help = "full: results may take over the storage of what dies; eager: none does, as in an eager framework"},
    OPTION_END};
