/* A focusing branch: an extra loss that is there in training only. One file per branch, models/focus/<kind>.c, that
 * defines `const Focus focus_<kind>` and its option rows; the table is generated from the file names. A new loss on
 * alpha is a handful of g_ calls: see models/focus/mass.c. Depends on nn, option, encoder. */
#ifndef MODELS_FOCUS_H
#define MODELS_FOCUS_H

#include "models/encoder.h"
#include "models/nn.h"
#include "models/option.h"

enum { FOCUS_BOX = 1, FOCUS_MASK = 2 }; /* inputs that a branch reads, so that the others cost no memory */

/* What a branch may build on: every tensor is named and differentiable where that makes sense. */
typedef struct FocusIn {
    TensorId image;                 /* [N,H,W,3] */
    TensorId label;                 /* [T,N] INT: characters, EOS = K, then -1 */
    TensorId box;                   /* [T,N,4] x0, y0, x1, y1 in pixels, half-open; all zero = no box. With FOCUS_BOX */
    TensorId mask;                  /* [N,H,W] INT class of each pixel, K = background, -1 = unknown. With FOCUS_MASK */
    TensorId inv_boxes;             /* [] 1 / boxes in the whole batch, 0 if there are none. With FOCUS_BOX */
    TensorId state, glimpse, alpha; /* [T,N,Ds], [T,N,D], [T,N,L] */
    TensorId centre_x;              /* [L] constant: the positions' centres in pixels, edge coordinates */
    double centre_y;                /* the same for all positions: the map has one row */
    double cell;                    /* width of a position in pixels */
    Encoded encoded;
    int64_t n_chars; /* K */
} FocusIn;

typedef struct Focus {
    const char *kind; /* as in the grid */
    const char *about;
    int inputs; /* FOCUS_BOX | FOCUS_MASK */
    /* The branch's loss [], averaged over the boxes of the batch; TENSOR_NONE if there is none. Called with scope
     * "focus". */
    TensorId (*build)(Graph *g, const Settings *settings, const FocusIn *in);
} Focus;

const Focus *const *focus_table(int *n);
const Focus *focus_find(const char *kind); /* NULL when there is none */

/* c_t = sum_j alpha_tj x_j, [T,N]: the attention centre in pixels (PAPER 1.4). */
TensorId focus_centre_x(Graph *g, const FocusIn *in);

#endif
