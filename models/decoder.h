/* The attention decoder of FAN (PAPER 1.3), unrolled over time:
 *   e_tj = v . tanh(W s_{t-1} + V h_j + b),  alpha_t = softmax(e_t),  g_t = sum_j alpha_tj h_j
 *   s_t = LSTM([embedding(y_{t-1}), g_t], s_{t-1}),  logits_t = Linear([s_t, g_t])
 * Depends on nn, option. */
#ifndef MODELS_DECODER_H
#define MODELS_DECODER_H

#include "models/nn.h"
#include "models/option.h"

typedef enum DecodeMode {
    DECODE_TEACHER, /* y_{t-1} is the true character */
    DECODE_GREEDY   /* y_{t-1} is the most probable character of the step before */
} DecodeMode;

typedef struct Decoded {
    TensorId state;     /* [T,N,Ds] */
    TensorId glimpse;   /* [T,N,D] */
    TensorId alpha;     /* [T,N,L] */
    TensorId logits;    /* [T,N,K+1]; greedy: TENSOR_NONE */
    TensorId predicted; /* [T,N] INT: the most probable class of each step; in training TENSOR_NONE */
} Decoded;

/* features [N,L,D], token_in [T,N] INT (greedy: only row 0, the start symbol, is read), n_classes = K+1 (characters and
 * EOS). Parameters are found under "decoder" whatever the scope, so that both modes share them. predict: make
 * `predicted` in teacher mode too. */
Decoded decoder_build(Graph *g, const Settings *settings, TensorId features, TensorId token_in, int64_t n_classes,
                      DecodeMode mode, bool predict);

#endif
