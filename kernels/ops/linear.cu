/* linear on CUDA: see linear.c. The bias is laid out in y, to which the products are added. */
#include "kernels/cuda_broadcast.cuh"
#include "kernels/cuda_gemm.cuh"
#include "kernels/infer.h"

enum { X, W, BIAS, X2, W2 };

static Err fwd(const OpCall *call) {
    Err err = ERR_OK;
    const OpSpec *spec = call->spec;
    const bool has_bias = infer_has(spec, BIAS);
    const int64_t rows = shape_rows(&spec->y[0]), n_out = shape_last(&spec->y[0]);
    if (has_bias) TRY(cuda_repeat_row(call, call->y[0], call->x[BIAS], rows, n_out));
    for (int x = X; x <= X2; x += X2 - X) {
        if (!infer_has(spec, x)) continue;
        const Gemm product = gemm_nn(rows, n_out, shape_last(&spec->x[x]), has_bias || x == X2);
        TRY(cuda_gemm(call, &product, call->x[x], call->x[x + 1], call->y[0]));
    }
done:
    return err;
}

/* dx = dy w^T and dw = x^T dy. */
static Err gradients(const OpCall *call, int x) {
    Err err = ERR_OK;
    const OpSpec *spec = call->spec;
    const int w = x + 1;
    const int64_t rows = shape_rows(&spec->y[0]), n_out = shape_last(&spec->y[0]), depth = shape_last(&spec->x[x]);
    const Gemm dx = gemm_nt(rows, depth, n_out, (call->accumulate & OP_X(x)) != 0);
    const Gemm dw = gemm_tn(depth, n_out, rows, (call->accumulate & OP_X(w)) != 0);
    if (call->dx[x] != nullptr) TRY(cuda_gemm(call, &dx, call->dy[0], call->x[w], call->dx[x]));
    if (call->dx[w] != nullptr) TRY(cuda_gemm(call, &dw, call->x[x], call->dy[0], call->dx[w]));
done:
    return err;
}

static Err bwd(const OpCall *call) {
    Err err = ERR_OK;
    const OpSpec *spec = call->spec;
    if (call->dx[BIAS] != nullptr)
        TRY(cuda_column_sums(call, call->dx[BIAS], call->dy[0], shape_rows(&spec->y[0]), shape_last(&spec->y[0]),
                             (call->accumulate & OP_X(BIAS)) != 0, call->scratch));
    TRY(gradients(call, X));
    if (infer_has(spec, X2)) TRY(gradients(call, X2));
done:
    return err;
}

OP_CUDA(linear, fwd, bwd);
