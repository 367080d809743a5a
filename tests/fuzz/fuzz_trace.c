/* A trace, every tensor of it read. The line with the file's digest is left off: whoever changes a file can do that. */
#include <stdlib.h>

#include "harness/record/trace_file.h"
#include "kernels/mem.h"
#include "tests/fuzz/scratch.h"
#include "tests/fuzz/target.h"

static void read_tensors(const Trace *trace) {
    for (size_t i = 0; i < trace_count(trace); i++) {
        double *values = NULL;
        const TraceTensor *tensor = trace_tensor(trace, i);
        Err err = mem_alloc(&values, trace_elements(tensor), sizeof *values);
        if (err == ERR_OK) err = trace_read(trace, tensor, values);
        (void)err;
        mem_free(values);
    }
}

static void run(const uint8_t *data, size_t n) {
    Trace *trace = NULL;
    char *bytes = scratch_text(data, n);
    scratch_mend_hdf5((uint8_t *)bytes, n);
    if (trace_open(&trace, scratch_file("trace.h5", bytes, n)) == ERR_OK) read_tensors(trace);
    trace_close(trace);
    free(bytes);
}

static void seed(const char *folder) {
    TraceWriter *writer = NULL;
    const char *path = scratch_path("seed.h5");
    const TraceHead head = {
        .experiment = "small", .cell = "base@0", .variant = "base", .settings = "a: 1\n", .step = 1};
    const float values[6] = {1, 2, 3, 4, 5, 6};
    const TraceTensor tensor = {.name = "encoder.y",
                                .role = "activation",
                                .module = "encoder",
                                .dims = "N,C",
                                .rank = 2,
                                .dim = {2, 3},
                                .last = 1};
    Err err = trace_create(&writer, path, &head);
    if (err == ERR_OK) err = trace_put(writer, &tensor, values);
    if (err == ERR_OK) err = trace_finish(writer);
    trace_writer_free(writer);
    if (err != ERR_OK) exit(2);
    size_t n = 0;
    uint8_t *bytes = scratch_get(path, &n);
    scratch_put(folder, "seed.h5", bytes, scratch_unstamped(bytes, n));
    free(bytes);
}

const FuzzTarget fuzz_trace = {.name = "trace", .run = run, .seed = seed, .library = "HDF5"};
