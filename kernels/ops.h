/* Attribute structs of the ops, and what each op computes: the catalogue. Shapes in brackets; x -> y (saved).
 * "tasks" always means par_run tasks. An absent optional input is marked '?'. */
#ifndef KERNELS_OPS_H
#define KERNELS_OPS_H

#include <stdbool.h>
#include <stdint.h>

#include "kernels/view.h"

/* ---- layers ---- */

/* conv2d: x [N,H,W,C], w [KH,KW,C,O], bias? [O] -> y [N,Ho,Wo,O].  Ho = (H + pad_top + pad_bottom - KH) / stride_h + 1.
 * Tasks are images (kernels/conv.h); dw is summed for each shard, then over shards in order. */
typedef struct Conv2dAttr {
    int32_t kernel_h, kernel_w, channels_out, stride_h, stride_w, pad_top, pad_bottom, pad_left, pad_right;
} Conv2dAttr;

/* batch_norm: x [...,C], gamma [C], beta [C], running_mean [C], running_var [C] -> y [...,C] (mean [C], inv_std [C]).
 * Training: statistics of the whole batch (biased variance to normalise), summed in shard order; running = (1-momentum)
 * running + momentum * batch (unbiased variance) is updated in place. Evaluation: running statistics, nothing mutated.
 * relu: y = max(0, .) fused; the backward pass finds its sign from x. Ioffe & Szegedy 2015. */
typedef struct BatchNormAttr {
    double epsilon, momentum;
    int32_t training, relu;
} BatchNormAttr;

/* max_pool: x [N,H,W,C] -> y [N,Ho,Wo,C] (index [N,Ho,Wo,C] INT: position inside the window, first of equals).
 * Padding never wins. */
typedef struct PoolAttr {
    int32_t kernel_h, kernel_w, stride_h, stride_w, pad_top, pad_bottom, pad_left, pad_right;
} PoolAttr;

/* relu: x -> y.   tanh: x -> y.   exp: x -> y.   log: x -> y = ln(x + LogAttr.epsilon).   (no attr but log)
 * log_softmax: x [...,V] -> y, over the last dimension.   stop_gradient: x -> y = x, no gradient.
 * scale: x -> y = a x + b. */
typedef struct LogAttr {
    double epsilon;
} LogAttr;
typedef struct ScaleAttr {
    double a, b;
} ScaleAttr;

/* linear: x [...,D], w [D,O], bias? [O], x2? [...,D2], w2? [D2,O] -> y [...,O] = x w + x2 w2 + bias. */

/* add, mul: a, b -> y with broadcasting: shapes are aligned at the last dimension, equal or 1; the gradient of a
 * broadcast operand is summed over the broadcast dimensions. */

/* sum: x -> y, over `axis`; the axis stays with size 1 if keep. axis = -1 sums everything to a scalar. */
typedef struct SumAttr {
    int32_t axis, keep;
} SumAttr;

/* nll: logp [...,K], label [...] INT, weight? [...] -> y [...] = -weight logp[label]; 0 where label < 0. */

/* fill: no input -> y of attr.shape, every element = value; no gradient. */
typedef struct FillAttr {
    double value;
    Shape shape;
} FillAttr;

/* ---- sequence ---- */

/* embedding: token [...] INT, table [V,E] -> y [...,E]. The gradient of the table is summed in order of rows.
 * A token < 0 gives zeros and no gradient. */

/* lstm_step: x1 [B,D1], x2 [B,D2], h [B,H], c [B,H], w [D1+D2+H,4H], b_x [4H], b_h [4H]
 *   -> h' [B,H], c' [B,H] (gates [B,4H] after their nonlinearities, in the order i, f, g, o). Hochreiter & Schmidhuber
 * 1997 with forget gate; two biases, as PyTorch has them, so that parameter counts agree. */

/* blstm: x [B,T,D], then per direction (forward, backward) w_x [D,4H], w_h [H,4H], b_x [4H], b_h [4H]
 *   -> y [B,T,2H] = forward state, backward state (gates [2,B,T,4H], cells [2,B,T,H]). Initial states are zero. */

/* attention: s [B,Ds], keys [B,L,A], values [B,L,Dh], w [Ds,A], v [A] -> glimpse [B,Dh], alpha [B,L] (q [B,A] = s w).
 *   e_j = v . tanh(q + keys_j), alpha = softmax(e), glimpse = sum_j alpha_j values_j.  Bahdanau 2015; FAN eq. of 1.3.
 * tanh is recomputed in the backward pass. dalpha is optional. */

/* cross_entropy: logits [...,V], label [...] INT (< 0 = masked), inv_count [] -> loss [] = inv_count * sum of
 * -log softmax(logits)[label] (log_z [...] saved). inv_count is 1 / number of valid labels of the whole batch. */

/* argmax: x [...,V] -> y [...] INT, first of equals. */

/* ---- focus ---- */

/* patch_crop: image [N,H,W,C], mask [N,Hm,Wm] INT (class per pixel of the input image), box [T,N,4] (x0,y0,x1,y1 in
 * pixels, half-open; x1 <= x0 = none), centre_x [T,N], centre_y [T,N] (REAL, pixels of the input image, edge
 * coordinates: pixel i covers [i, i+1))
 *   -> patch [T,N,height*width,C], label [T,N,height*width] INT.
 * image may be a feature map, coarser than the mask by stride_y, stride_x (Hm = H stride_y). The patch is height x
 * width elements of `image`; element (i,j) of it is row r = floor(centre_y / stride_y) - height/2 + i, column likewise.
 * Its label is the mask at ((r + .5) stride_y, (c + .5) stride_x) rounded down, if that is a class in [0, classes),
 * else `outside`. Elements outside the image are 0 with label `outside`. own = 1: labels of pixels outside the step's
 * own box are `outside` too. A step without a box has all labels -1. The centre is rounded and gets no gradient
 * (PAPER 1.7.2); the image does. NaN centres count as 0. */
typedef struct PatchCropAttr {
    int32_t height, width, stride_y, stride_x;
    int32_t classes, outside, own;
} PatchCropAttr;

/* patch_nll: the plain `original` branch in one op: patch_crop, linear, add, tanh, log_softmax, nll, sum, and their
 * gradients, without a tensor of [T,N,P,K]. mask, box, centre_x, centre_y as above, glimpse [T,N,D], w_glimpse [D,K],
 * w_pixel [C,K], bias [K], inv_count [], and image? [N,H,W,C] or map? [N,H,W,C], of which exactly one is there: an
 * image gets no gradient, a map does
 *   -> loss [] = scale * inv_count * sum over steps and pixels of -ln softmax(e)[label], e = z or tanh(z), z =
 * glimpse w_glimpse + bias + pixel w_pixel; pixels with label -1 are left out (du [T,N,K], dw_pixel [C,K], and dmap
 * [N,H,W,C] where map is there: gradients of that sum). classes <= K and outside < K. The forward pass computes the
 * gradients too: it is for training only. dw_pixel is summed for each shard, then over shards in order. PAPER 4.4. */
typedef struct PatchNllAttr {
    PatchCropAttr crop;
    int32_t tanh;
    double scale;
} PatchNllAttr;

/* attention_mass: alpha [T,B,L], box [T,B,4] (x0,y0,x1,y1 in pixels, half-open; x1 <= x0 = none), centre_x [L],
 * inv_count []
 *   -> loss [] = inv_count * sum of -ln(mass + epsilon), mass = sum_j alpha_j overlap_j, overlap_j = the part of cell
 * j, [centre_x_j - cell/2, centre_x_j + cell/2), inside [x0,x1), as a fraction of the cell. */
typedef struct AttentionMassAttr {
    double cell, epsilon;
} AttentionMassAttr;

/* attention_kl: alpha, box, centre_x, inv_count as above -> loss [] = inv_count * sum of -sum_j q_j ln(alpha_j +
 * epsilon). gaussian: q_j ~ exp(-(x_j - m)^2 / (2 (sigma w)^2)), m and w the box's centre and width, w >= min_width;
 * box: q_j ~ overlap_j. Both normalised over j. PROTOTYPE 6; PAPER S1. */
typedef struct AttentionKlAttr {
    double cell, epsilon, sigma, min_width;
    int32_t gaussian;
} AttentionKlAttr;

/* ---- update: no gradients; x[0] is mutated ---- */

/* grad_norm: up to 12 gradients (any shapes) -> sum_sq []; summed in double, in fixed blocks. Several are added with
 * add. clip_scale: sum_sq [] , limit [] -> scale [] = limit > 0 and norm > limit ? limit / norm : 1, norm [] =
 * sqrt(sum_sq). sgd: param, grad, velocity, hyper, scale [] -> done [] ; adam: param, grad, m, v, hyper, scale ;
 * adadelta: param, grad, square_avg, delta_avg, hyper, scale.
 * hyper [8] REAL in device memory, so that a captured step can be replayed: lr, step (from 1), weight_decay, then
 * sgd: momentum; adam: beta1, beta2, epsilon; adadelta: rho, epsilon. scale multiplies the gradient first. Weight decay
 * is added to the gradient. `done` is one element that gives the node an output. */

#endif
