#include "tests/cuda_site.h"

#include <stdio.h>

#include "harness/exit_code.h"
#include "kernels/cuda_open.h"

#pragma weak cuda_backend_open

Err cuda_site_open(const Backend **out) {
    const CudaSettings settings = {.ordinal = 0};
    return (cuda_backend_open != NULL ? cuda_backend_open : cuda_open)(out, &settings);
}

int cuda_site_refused(const char *program, Err err) {
    fprintf(stderr, "%s: %s\n", program, err_message());
    return exit_code(err);
}

int cuda_site_close(const char *program, const Backend *cuda) {
    backend_close(cuda);
    if (emu_stats == NULL || emu_stats().n_live == 0) return 0;
    fprintf(stderr, "%s: device memory or handles were not freed\n", program);
    return 1;
}

void cuda_site_tell(const char *what, double worst) {
    printf("largest deviation: %s, %.2g %% of what is allowed\n", what, 100 * worst);
}
