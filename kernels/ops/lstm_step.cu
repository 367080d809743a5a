/* lstm_step on CUDA: see lstm_step.c. The products of the three inputs are added up in the gates, then a thread takes a
 * unit of a sample through the cell. */
#include "kernels/carve.h"
#include "kernels/cuda_gemm.cuh"
#include "kernels/lstm_cell.cuh"

enum { X1, X2, H0, C0, W, B_X, B_H };
enum { H1, C1, GATES };
enum { N_PARTS = 3 }; /* x1, x2, h */

/* h1 may lie on c0, of which a thread reads its own unit alone. */
__global__ void lstm_step_forward(int64_t n_units, int64_t n, float *gates, float *c1, float *h1, const float *c0,
                                  const float *b_x, const float *b_h) {
    const int64_t k = cuda_thread();
    if (k >= n_units) return;
    const int64_t row = cuda_divide(k, n), unit = k - row * n;
    const LstmUnit now = lstm_unit_forward(gates + row * 4 * n + unit, c0[k], b_x + unit, b_h + unit, n);
    c1[k] = now.c;
    h1[k] = now.h;
}

/* dc0 NULL: not wanted; dh, dc NULL: zeros. dc0 may lie on dh. */
__global__ void lstm_step_backward(int64_t n_units, int64_t n, bool add, float *dz, float *dc0, const float *dh,
                                   const float *dc, const float *gates, const float *c0, const float *c1) {
    const int64_t k = cuda_thread();
    if (k >= n_units) return;
    const int64_t row = cuda_divide(k, n), unit = k - row * n, at = row * 4 * n + unit;
    const float in_h = dh == nullptr ? 0.0f : dh[k], in_c = dc == nullptr ? 0.0f : dc[k];
    const float v = lstm_unit_backward(dz + at, in_h, in_c, gates + at, c0[k], c1[k], n);
    if (dc0 != nullptr) dc0[k] = add ? dc0[k] + v : v;
}

static Err fwd(const OpCall *call) {
    Err err = ERR_OK;
    const Shape *x = call->spec->x;
    const int64_t batch = x[H0].dim[0], n = x[H0].dim[1];
    const float *w = static_cast<const float *>(call->x[W]);
    for (int i = 0; i < N_PARTS; w += x[i++].dim[1] * 4 * n) {
        const Gemm product = gemm_nn(batch, 4 * n, x[i].dim[1], i > 0);
        TRY(cuda_gemm(call, &product, call->x[i], w, call->y[GATES]));
    }
    TRY(cuda_run(call, lstm_step_forward, cuda_blocks(batch * n, CUDA_BLOCK), batch * n, n,
                 static_cast<float *>(call->y[GATES]), static_cast<float *>(call->y[C1]),
                 static_cast<float *>(call->y[H1]), static_cast<const float *>(call->x[C0]),
                 static_cast<const float *>(call->x[B_X]), static_cast<const float *>(call->x[B_H])));
done:
    return err;
}

/* What is made of dz: dx = dz w' and dw = x' dz for each part, and the biases. */
static Err products_backward(const OpCall *call, const float *dz, void *sums) {
    Err err = ERR_OK;
    const Shape *x = call->spec->x;
    const int64_t batch = x[H0].dim[0], width = 4 * x[H0].dim[1];
    int64_t first = 0; /* of the part's rows of w */
    for (int i = 0; i < N_PARTS; first += x[i++].dim[1]) {
        const Gemm dx = gemm_nt(batch, x[i].dim[1], width, (call->accumulate & OP_X(i)) != 0);
        const Gemm dw = gemm_tn(x[i].dim[1], width, batch, (call->accumulate & OP_X(W)) != 0);
        if (call->dx[i] != nullptr)
            TRY(cuda_gemm(call, &dx, dz, static_cast<const float *>(call->x[W]) + first * width, call->dx[i]));
        if (call->dx[W] != nullptr)
            TRY(cuda_gemm(call, &dw, call->x[i], dz, static_cast<float *>(call->dx[W]) + first * width));
    }
    TRY(lstm_bias_gradients(call, B_X, dz, batch, width, sums));
done:
    return err;
}

static Err bwd(const OpCall *call) {
    const int64_t batch = call->spec->x[H0].dim[0], n = call->spec->x[H0].dim[1];
    Carve c = {static_cast<char *>(call->scratch), 0}; /* as cuda_bytes of lstm_step.c */
    float *dz = static_cast<float *>(carve(&c, batch * 4 * n, sizeof(float)));
    void *sums = carve(&c, 0, 1);
    const Err err = cuda_run(call, lstm_step_backward, cuda_blocks(batch * n, CUDA_BLOCK), batch * n, n,
                             (call->accumulate & OP_X(C0)) != 0, dz, static_cast<float *>(call->dx[C0]),
                             static_cast<const float *>(call->dy[H1]), static_cast<const float *>(call->dy[C1]),
                             static_cast<const float *>(call->y[GATES]), static_cast<const float *>(call->x[C0]),
                             static_cast<const float *>(call->y[C1]));
    return err != ERR_OK ? err : products_backward(call, dz, sums);
}

OP_CUDA(lstm_step, fwd, bwd);
