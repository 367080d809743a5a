#include "kernels/elementwise.h"

#include "kernels/infer.h"

Err elementwise_infer(OpSpec *spec) {
    Err err = infer_type(spec, 0, "x", DT_REAL);
    if (err == ERR_OK) infer_output(spec, DT_REAL, spec->x[0]);
    return err;
}

typedef struct Work {
    const OpCall *call;
    int64_t n;
    ElementwiseFn fn;
} Work;

static void run_range(void *arg, int i_task) {
    const Work *work = arg;
    int64_t first = 0, last = 0;
    par_range(work->n, work->call->shards, i_task, &first, &last);
    if (first < last) work->fn(work->call, first, last);
}

void elementwise_run(const OpCall *call, int64_t n, ElementwiseFn fn) {
    Work work = {call, n, fn};
    par_run(call->par, call->shards, run_range, &work);
}
