/* refocus doctor: what this machine has of what refocus can use, as text or JSON. */
#include <jansson.h>
#include <string.h>

#include "harness/command/command.h"
#include "harness/data/font_find.h"
#include "harness/library.h"
#include "harness/record/provenance.h"
#include "harness/report/jsonio.h"
#include "harness/version.h"
#include "kernels/cuda_driver.h"
#include "kernels/cuda_open.h"
#include "kernels/isa.h"
#include "kernels/machine.h"

enum { MAX_CUDA = 16, WHY_LEN = 256 };

/* The font families that the shipped experiments draw with. */
static const char *const families[] = {
#define X(family) family,
#include "gen/fonts.inc"
#undef X
    NULL /* no empty array, whatever was generated */
};
enum { N_FAMILIES = sizeof families / sizeof families[0] - 1 };

typedef struct Family {
    int n_faces;
    char why[WHY_LEN]; /* there are none; "" otherwise */
} Family;

typedef struct Findings {
    Machine machine;
    char bit_class[BIT_CLASS_LEN];
    Family family[N_FAMILIES + 1];
    int n_missing; /* families */
    CudaDevice cuda[MAX_CUDA];
    int n_cuda, cuda_version;
    char no_cuda_device[WHY_LEN], no_cuda_kernels[WHY_LEN]; /* "" = there are */
} Findings;

static void find_fonts(Findings *f) {
    for (int i = 0; i < N_FAMILIES; i++) {
        FontFiles files = {NULL, 0};
        if (font_find(&files, families[i]) == ERR_OK) {
            f->family[i].n_faces = files.n;
            font_files_clear(&files);
        } else {
            (void)snprintf(f->family[i].why, WHY_LEN, "%s", err_message());
            f->n_missing++;
        }
    }
}

static void find_cuda(Findings *f) {
    if (cuda_driver_devices(f->cuda, MAX_CUDA, &f->n_cuda, &f->cuda_version) != ERR_OK) {
        (void)snprintf(f->no_cuda_device, WHY_LEN, "%s", err_message());
        f->n_cuda = 0;
    }
    if (f->n_cuda > MAX_CUDA) f->n_cuda = MAX_CUDA;
    if (cuda_check_plugin() != ERR_OK) (void)snprintf(f->no_cuda_kernels, WHY_LEN, "%s", err_message());
}

static double gib(uint64_t bytes) { return (double)bytes / (1024.0 * 1024 * 1024); }

/* What is left is what `run` may fill with cells. */
static void print_memory(const MachineMemory *m) {
    printf("  memory        %.1f GiB", gib(m->bytes));
    if (m->limit_bytes < m->bytes) printf(", limited to %.1f GiB", gib(m->limit_bytes));
    if (m->available_bytes == MACHINE_UNBOUNDED)
        printf(", how much is left cannot be read\n");
    else
        printf(", %.1f GiB left by %s\n", gib(m->available_bytes), m->limited_by);
    if (machine_memory_root()[0] != '\0')
        printf("                as %s says (REFOCUS_MEMORY_ROOT)\n", machine_memory_root());
}

static void print_machine(const Findings *f) {
    const Machine *m = &f->machine;
    printf("refocus %s\n  compiler      %s\n  flags         %s\n", version_text(), version_compiler(), version_flags());
    printf("machine\n  cpu           %s\n  instructions  %s\n", m->cpu_model, m->instructions);
    printf("  kernels       %s%s, loops %s; can be pinned here (--isa, REFOCUS_ISA):", isa_name(isa_in_use()),
           !isa_is_pinned()            ? ""
           : isa_is_here(isa_in_use()) ? ", pinned"
                                       : ", pinned, which this CPU has not",
           provenance_loops());
    for (int i = ISA_COUNT - 1; i >= 0; i--)
        if (isa_is_here((Isa)i)) printf(" %s", isa_name((Isa)i));
    printf("\n  bit class     %s\n  cores         %d of %d\n", f->bit_class, m->n_cores, m->n_cores_online);
    print_memory(&m->memory);
    printf("  system        %s, %s\n", m->distribution, m->system);
}

enum { FREE_TEXT = 32 };

/* " (12.3 free)", where NVML tells. */
static const char *free_text(const CudaDevice *device, char text[FREE_TEXT]) {
    uint64_t bytes = 0;
    text[0] = '\0';
    if (cuda_driver_free_bytes(device, &bytes)) (void)snprintf(text, FREE_TEXT, " (%.1f free)", gib(bytes));
    return text;
}

static void print_text(const Findings *f) {
    char text[FREE_TEXT];
    print_machine(f);
    puts("libraries");
    for (int i = 0; i < library_count(); i++) {
        Library library = library_at(i);
        printf("  %-13s %-16s %s\n", library.name, library.version, library.use);
    }
    puts("fonts of the shipped experiments");
    for (int i = 0; i < N_FAMILIES; i++) {
        if (f->family[i].why[0] != '\0')
            printf("  %-13s missing: %s\n", families[i], f->family[i].why);
        else
            printf("  %-13s %d faces\n", families[i], f->family[i].n_faces);
    }
    printf("devices\n  cpu           %d cores\n", f->machine.n_cores);
    for (int i = 0; i < f->n_cuda; i++)
        printf("  cuda:%d        %s, %.1f GiB%s, compute capability %d.%d, %d multiprocessors, driver for CUDA %d.%d\n",
               i, f->cuda[i].name, gib(f->cuda[i].memory_bytes), free_text(&f->cuda[i], text), f->cuda[i].major,
               f->cuda[i].minor, f->cuda[i].n_processors, f->cuda_version / 1000, f->cuda_version % 1000 / 10);
    if (f->n_cuda == 0) printf("  cuda          none: %s\n", f->no_cuda_device);
    if (f->no_cuda_kernels[0] != '\0')
        printf("  cuda kernels  none: %s\n", f->no_cuda_kernels);
    else
        puts("  cuda kernels  " CUDA_PLUGIN ", for compute capability 7.5 and newer");
}

static json_t *json_libraries(void) {
    json_t *all = json_object();
    for (int i = 0; i < library_count(); i++) {
        Library library = library_at(i);
        (void)json_object_set_new(all, library.name, json_string(library.version));
    }
    return all;
}

static json_t *json_fonts(const Findings *f) {
    json_t *all = json_object();
    for (int i = 0; i < N_FAMILIES; i++)
        (void)json_object_set_new(all, families[i], json_integer(f->family[i].n_faces));
    return all;
}

static json_t *json_isas(void) {
    json_t *all = json_array();
    for (int i = ISA_COUNT - 1; i >= 0; i--)
        if (isa_is_here((Isa)i)) (void)json_array_append_new(all, json_string(isa_name((Isa)i)));
    return all;
}

static json_t *json_devices(const Findings *f) {
    json_t *all = json_array();
    (void)json_array_append_new(
        all, json_pack("{ss ss si}", "device", "cpu", "name", f->machine.cpu_model, "cores", f->machine.n_cores));
    for (int i = 0; i < f->n_cuda; i++) {
        char id[32], capability[32];
        const CudaDevice *d = &f->cuda[i];
        uint64_t bytes = 0;
        const bool told = cuda_driver_free_bytes(d, &bytes);
        (void)snprintf(id, sizeof id, "cuda:%d", i);
        (void)snprintf(capability, sizeof capability, "%d.%d", d->major, d->minor);
        (void)json_array_append_new(all,
                                    json_pack("{ss ss sI so ss si}", "device", id, "name", d->name, "memory_bytes",
                                              (json_int_t)d->memory_bytes, "memory_free_bytes",
                                              told ? json_integer((json_int_t)bytes) : json_null(),
                                              "compute_capability", capability, "multiprocessors", d->n_processors));
    }
    return all;
}

static json_t *json_available(const MachineMemory *m) {
    return m->available_bytes == MACHINE_UNBOUNDED ? json_null() : json_integer((json_int_t)m->available_bytes);
}

static Err print_json(const Findings *f) {
    const Machine *m = &f->machine;
    json_t *root = json_pack(
        "{s{ss ss ss ss ss} s{ss ss ss sb ss so ss si si sI sI so ss ss ss ss} so so so ss ss}", "refocus", "version",
        version_number(), "commit", version_commit(), "build", version_build(), "compiler", version_compiler(), "flags",
        version_flags(), "machine", "cpu", m->cpu_model, "instructions", m->instructions, "kernels",
        isa_name(isa_in_use()), "pinned", isa_is_pinned(), "loops", provenance_loops(), "can_be_pinned", json_isas(),
        "bit_class", f->bit_class, "cores", m->n_cores, "cores_online", m->n_cores_online, "memory_bytes",
        (json_int_t)m->memory.bytes, "memory_limit_bytes", (json_int_t)m->memory.limit_bytes, "memory_available_bytes",
        json_available(&m->memory), "memory_limited_by", m->memory.limited_by, "host", m->host, "system", m->system,
        "distribution", m->distribution, "libraries", json_libraries(), "fonts", json_fonts(f), "devices",
        json_devices(f), "no_cuda_device", f->no_cuda_device, "no_cuda_kernels", f->no_cuda_kernels);
    return jsonio_put(stdout, root);
}

static Err run(const CommandLine *line) {
    Findings findings = {.n_missing = 0};
    machine_get(&findings.machine);
    provenance_bit_class(findings.bit_class, NULL);
    find_fonts(&findings);
    find_cuda(&findings);
    Err err = ERR_OK;
    if (command_has(line, "json"))
        err = print_json(&findings);
    else
        print_text(&findings);
    if (err == ERR_OK && findings.n_missing > 0)
        err = err_set(ERR_MISSING, "%d of %d font families of the shipped experiments are missing", findings.n_missing,
                      (int)N_FAMILIES);
    return err;
}

static const CommandOption options[] = {COMMAND_OPTION_JSON, COMMAND_OPTION_END};

const Command cmd_doctor = {.name = "doctor",
                            .summary = "show the machine, libraries, fonts and devices that refocus can use",
                            .usage = "",
                            .about =
                                "Exits with 66 if a font family that the shipped experiments draw with is missing.",
                            .example = "refocus doctor\nrefocus doctor --json | jq .devices",
                            .options = options,
                            .run = run};
