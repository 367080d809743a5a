/* What the optimisers sgd, adam and adadelta share: param, grad, then the states, all of one shape, then hyper [8] and
 * scale []; one output `done` []. Depends on elementwise. */
#ifndef KERNELS_UPDATE_H
#define KERNELS_UPDATE_H

#include "kernels/elementwise.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Elements of hyper. The rest depends on the optimiser. */
enum { HYPER_LR, HYPER_STEP, HYPER_WEIGHT_DECAY, HYPER_FIRST_OWN, HYPER_COUNT = 8 };

/* ERR_SHAPE names the input. */
Err update_infer(OpSpec *spec, int n_states) MUST_CHECK;

/* Runs fn over the elements of param and sets done to 0. */
Err update_run(const OpCall *call, ElementwiseFn fn) MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
