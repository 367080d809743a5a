/* What lstm_step and blstm have in common on CUDA: a cell as in kernels/lstm_cell.h, a thread to a unit, and the
 * gradients of the biases. The bits of a unit are those of the CPU. C++17. */
#ifndef KERNELS_LSTM_CELL_CUH
#define KERNELS_LSTM_CELL_CUH

#include "kernels/cuda_broadcast.cuh"
#include "kernels/cuda_map.cuh"
#include "kernels/vmath.h"

struct LstmUnit {
    float c, h;
};

/* gates, b_x, b_h: of the unit, at distances n. The gates are the products on entry. */
__device__ __forceinline__ LstmUnit lstm_unit_forward(float *gates, float c0, const float *b_x, const float *b_h,
                                                      int64_t n) {
    const float i = vmath_sigmoid(gates[0] + (b_x[0] + b_h[0]));
    const float f = vmath_sigmoid(gates[n] + (b_x[n] + b_h[n]));
    const float g = vmath_tanh(gates[2 * n] + (b_x[2 * n] + b_h[2 * n]));
    const float o = vmath_sigmoid(gates[3 * n] + (b_x[3 * n] + b_h[3 * n]));
    const float c = f * c0 + i * g;
    gates[0] = i;
    gates[n] = f;
    gates[2 * n] = g;
    gates[3 * n] = o;
    return {c, o * vmath_tanh(c)};
}

/* dgates and gates: of the unit, at distances n. Returns dc0. */
__device__ __forceinline__ float lstm_unit_backward(float *dgates, float dh, float dc, const float *gates, float c0,
                                                    float c, int64_t n) {
    const float i = gates[0], f = gates[n], g = gates[2 * n], o = gates[3 * n];
    const float t = vmath_tanh(c), d = dc + dh * o * (1.0f - t * t);
    dgates[0] = d * g * (i * (1.0f - i));
    dgates[n] = d * c0 * (f * (1.0f - f));
    dgates[2 * n] = d * i * (1.0f - g * g);
    dgates[3 * n] = dh * t * (o * (1.0f - o));
    return d * f;
}

struct LstmCopy {
    __device__ float operator()(float x) const { return x; }
};

/* dx[b_x] and dx[b_x + 1] are both the column sums of dz [rows, cols]: added up once, unless they are added to what is
 * there already. sums: cuda_sum_bytes(rows, cols). */
static inline Err lstm_bias_gradients(const OpCall *call, int b_x, const float *dz, int64_t rows, int64_t cols,
                                      void *sums) {
    const bool both = call->dx[b_x] != nullptr && call->dx[b_x + 1] != nullptr;
    const bool once = both && (call->accumulate & (OP_X(b_x) | OP_X(b_x + 1))) == 0;
    Err err = ERR_OK;
    for (int i = b_x; i <= b_x + 1 && err == ERR_OK; i++) {
        if (call->dx[i] == nullptr) continue;
        if (once && i > b_x)
            err = cuda_map(call, LstmCopy{}, cols, false, call->dx[i], call->dx[b_x]);
        else
            err = cuda_column_sums(call, call->dx[i], dz, rows, cols, (call->accumulate & OP_X(i)) != 0, sums);
    }
    return err;
}

#endif
