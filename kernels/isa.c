/* Asking the CPU, and the choice of the process. */
#include "kernels/isa.h"

#include <string.h>

static const char *const names[ISA_COUNT] = {"plain", "avx2", "avx512"};

static int pinned = -1; /* an Isa; -1 = none */

const char *isa_name(Isa isa) { return names[isa]; }

bool isa_is_here(Isa isa) {
#if defined(__x86_64__) && defined(__GNUC__)
    if (isa == ISA_AVX512) return __builtin_cpu_supports("avx512f");
    if (isa == ISA_AVX2) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
    return isa == ISA_PLAIN;
}

Isa isa_best(void) { return isa_is_here(ISA_AVX512) ? ISA_AVX512 : isa_is_here(ISA_AVX2) ? ISA_AVX2 : ISA_PLAIN; }

Isa isa_in_use(void) { return pinned >= 0 ? (Isa)pinned : isa_best(); }

bool isa_is_pinned(void) { return pinned >= 0; }

Err isa_pin(const char *name) {
    if (name == NULL) {
        pinned = -1;
        return ERR_OK;
    }
    for (int i = 0; i < ISA_COUNT; i++) {
        if (strcmp(name, names[i]) != 0) continue;
        pinned = i;
        return ERR_OK;
    }
    return err_set(ERR_ARG, "unknown instruction set '%.40s', expected avx512, avx2 or plain", name);
}

Err isa_check(void) {
    if (isa_is_here(isa_in_use())) return ERR_OK;
    return err_set(ERR_UNSUPPORTED, "this CPU has no %s, which is pinned (--isa, REFOCUS_ISA): its best is %s",
                   isa_name(isa_in_use()), isa_name(isa_best()));
}
