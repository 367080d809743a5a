/* Provenance as "key: text" lines, and the class of machines that share their bits. */
#include "harness/record/provenance.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "harness/data/digest.h"
#include "harness/library.h"
#include "harness/version.h"
#include "kernels/isa.h"
#include "kernels/mem.h"

enum { LINE = 256 };

char *provenance_cpu(char *buf, size_t len) {
    char line[LINE];
    FILE *file = fopen("/proc/cpuinfo", "r");
    (void)snprintf(buf, len, "unknown");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        const char *colon = strchr(line, ':');
        if (colon == NULL || strncmp(line, "model name", 10) != 0) continue;
        line[strcspn(line, "\n")] = '\0';
        (void)snprintf(buf, len, "%s", colon + 1 + strspn(colon + 1, " "));
        break;
    }
    if (file != NULL) (void)fclose(file);
    return buf;
}

const char *provenance_loops(void) {
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512cd"))
        return "x86-64-v4";
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2"))
        return "x86-64-v3";
    return "x86-64";
#else
    return "default";
#endif
}

void provenance_bit_class(char out[BIT_CLASS_LEN], const char *accelerator_class) {
    Digest digest;
    char text[LINE];
    digest_start(&digest);
    digest_text(&digest, version_number());
    digest_text(&digest, version_build());
    digest_text(&digest, version_compiler());
    digest_text(&digest, version_flags());
    for (int i = 0; i < library_count(); i++) {
        Library library = library_at(i);
        digest_text(&digest, library.name);
        digest_text(&digest, library.version);
    }
    digest_text(&digest, isa_name(isa_in_use()));
    digest_text(&digest, provenance_loops());
    digest_text(&digest, provenance_cpu(text, sizeof text));
    if (accelerator_class != NULL) digest_text(&digest, accelerator_class);
    (void)digest_hex(&digest, out);
}

static Err fill_build(CellRecord *record) {
    Err err = ERR_OK;
    char key[LINE];
    TRY(record_provenance(record, "version", version_number()));
    TRY(record_provenance(record, "commit", version_commit()));
    TRY(record_provenance(record, "build", version_build()));
    TRY(record_provenance(record, "compiler", version_compiler()));
    TRY(record_provenance(record, "flags", version_flags()));
    for (int i = 0; i < library_count(); i++) {
        Library library = library_at(i);
        (void)snprintf(key, sizeof key, "library.%s", library.name);
        TRY(record_provenance(record, key, library.version));
    }
done:
    return err;
}

static Err fill_machine(CellRecord *record, const ProvenanceRun *run) {
    Err err = ERR_OK;
    char text[LINE], bit_class[BIT_CLASS_LEN];
    struct utsname name;
    TRY(record_provenance(record, "cpu", provenance_cpu(text, sizeof text)));
    TRY(record_provenance(record, "isa", isa_name(isa_in_use())));
    TRY(record_provenance(record, "isa.loops", provenance_loops()));
    provenance_bit_class(bit_class, run->accelerator_class);
    TRY(record_provenance(record, "bit_class", bit_class));
    (void)snprintf(text, sizeof text, "%ld", sysconf(_SC_NPROCESSORS_ONLN));
    TRY(record_provenance(record, "cores", text));
    double bytes = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    (void)snprintf(text, sizeof text, "%.1f GiB", bytes / (1 << 30));
    TRY(record_provenance(record, "memory", text));
    if (uname(&name) == 0) {
        TRY(record_provenance(record, "host", name.nodename));
        (void)snprintf(text, sizeof text, "%.60s %.60s %.60s", name.sysname, name.release, name.machine);
        TRY(record_provenance(record, "system", text));
    }
done:
    return err;
}

/* The command line with single spaces between its words. */
static Err fill_command(CellRecord *record, const ProvenanceRun *run) {
    Err err = ERR_OK;
    char *text = NULL;
    size_t len = 1, at = 0;
    for (int i = 0; i < run->argc; i++) len += strlen(run->argv[i]) + 1;
    TRY(mem_alloc(&text, len, 1));
    for (int i = 0; i < run->argc; i++)
        at += (size_t)snprintf(text + at, len - at, "%s%s", i > 0 ? " " : "", run->argv[i]);
    TRY(record_provenance(record, "command", text));
done:
    mem_free(text);
    return err;
}

Err provenance_fill(CellRecord *record, const ProvenanceRun *run) {
    Err err = ERR_OK;
    char text[LINE];
    TRY(fill_build(record));
    TRY(fill_machine(record, run));
    TRY(record_provenance(record, "device", run->device));
    if (run->accelerator != NULL) TRY(record_provenance(record, "accelerator", run->accelerator));
    if (run->accelerator_class != NULL) TRY(record_provenance(record, "accelerator_class", run->accelerator_class));
    if (run->threads > 0) { /* what packs computes nothing */
        (void)snprintf(text, sizeof text, "%d", run->threads);
        TRY(record_provenance(record, "threads", text));
    }
    if (run->argv != NULL) TRY(fill_command(record, run));
done:
    return err;
}
