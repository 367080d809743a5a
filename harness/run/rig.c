/* Opening and closing in order. */
#include "harness/run/rig.h"

#include <stdio.h>
#include <string.h>

#include "harness/run/size_text.h"
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

/* A machine that cannot hold the arena kills some process later; better to say so now. */
static Err check_room(const Rig *rig) {
    char need[SIZE_TEXT], have[SIZE_TEXT];
    MachineMemory memory;
    machine_memory(&memory);
    if (rig->plan.peak_bytes <= memory.available_bytes) return ERR_OK;
    return err_set(ERR_DEFERRED, "the plan needs %s, and %s left by %s", size_text(rig->plan.peak_bytes, need),
                   size_text(memory.available_bytes, have), memory.limited_by);
}

static Err open_set(Loader **out, const Rig *rig, const char *set) {
    if (!data_has_set(rig->spec.settings, set)) return ERR_OK;
    return loader_open(out, rig->spec.settings, set, rig->spec.seed, rig->par);
}

Err rig_start(Rig *rig) {
    Err err = ERR_OK;
    const RigSpec *spec = &rig->spec;
    ASSERT(spec->device == DEVICE_CPU);
    TRY(isa_check());
    TRY(check_room(rig));
    if (spec->n_threads > 1) TRY(par_new(&rig->par, spec->n_threads));
    if (spec->parts == MODEL_TRAIN_AND_EVAL)
        TRY(loader_open(&rig->train, spec->settings, "train", spec->seed, rig->par));
    if (spec->all_sets) {
        TRY(open_set(&rig->valid, rig, "valid"));
        TRY(open_set(&rig->test, rig, "test"));
    }
    TRY(arena_new(&rig->arena, backend_cpu(), &rig->model->params, rig->plan.transient_bytes));
    TRY(arena_initialise(rig->arena, spec->seed));
    libmem_mark();
    if (rig->plan.train != NULL) TRY(exec_new(&rig->step, rig->plan.train, rig->arena, spec->mode, rig->par));
    TRY(exec_new(&rig->eval, rig->plan.eval, rig->arena, spec->mode, rig->par));
    rig->library_bytes = libmem_read().live_bytes;
done:
    (void)libmem_stop();
    return err;
}

void rig_close(Rig *rig) {
    exec_free(rig->eval);
    exec_free(rig->step);
    arena_free(rig->arena);
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
