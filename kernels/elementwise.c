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

Err elementwise_call(const OpCall *call, ElementwiseFn fn) {
    elementwise_run(call, shape_count(&call->spec->x[0]), fn);
    return ERR_OK;
}

Err elementwise_ref_values(const OpCall *call, double (*value)(double x, const void *attr)) {
    const double *x = call->x[0];
    double *y = call->y[0];
    for (int64_t k = 0; k < shape_count(&call->spec->x[0]); k++) y[k] = value(x[k], call->spec->attr);
    return ERR_OK;
}

Err elementwise_ref_gradients(const OpCall *call, const void *kept,
                              double (*gradient)(double dy, double kept, const void *attr)) {
    const double *dy = call->dy[0], *v = kept;
    double *dx = call->dx[0];
    for (int64_t k = 0; k < shape_count(&call->spec->x[0]); k++) {
        double g = gradient(dy[k], v[k], call->spec->attr);
        dx[k] = (call->accumulate & OP_X(0)) ? dx[k] + g : g;
    }
    return ERR_OK;
}
