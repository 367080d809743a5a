/* The update: global gradient norm, clipping, and one optimiser node per weight. Depends on graph, option. */
#ifndef MODELS_UPDATE_H
#define MODELS_UPDATE_H

#include "models/graph.h"
#include "models/option.h"

enum { HYPER_LEN = 8 };

typedef struct Update {
    TensorId hyper; /* [8] input: see update_hyper */
    TensorId limit; /* [] input: the norm to clip to, 0 = never */
    TensorId norm;  /* [] kept: the norm of all gradients before clipping */
} Update;

/* Appends the update of every weight that has a gradient, under the scope "update". Optimiser state joins the
 * parameter set. */
Update update_build(Graph *g, const Settings *settings);

/* What the hyper input holds at one step (counted from 0) with this learning rate. */
void update_hyper(const Settings *settings, int64_t step, double lr, float out[HYPER_LEN]);

/* The learning rate at a step: warm-up to train.lr, times decay_by from decay_at on (a share of train.steps). */
double update_lr(const Settings *settings, int64_t step);

#endif
