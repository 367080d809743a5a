/* One cell's model: encoder, decoder, branch and update as graphs over one set of parameters. Depends on everything in
 * models/. */
#ifndef MODELS_MODEL_H
#define MODELS_MODEL_H

#include "models/decoder.h"
#include "models/exec.h"
#include "models/focus.h"
#include "models/update.h"

/* What the data decide. */
typedef struct ModelSizes {
    int64_t n_chars;       /* K */
    int64_t n_steps;       /* T of training */
    int64_t n_steps_eval;  /* T of evaluation, apart, so that another test set changes nothing in the training;
                              0 = n_steps */
    int64_t height, width; /* H, W */
} ModelSizes;

/* The training step. Inputs that the branch does not use are TENSOR_NONE. N = train.batch. */
typedef struct TrainGraph {
    Graph *graph;
    TensorId image, token_in, label, inv_chars; /* [N,H,W,3], [T,N], [T,N], [] */
    TensorId box, mask, inv_boxes;              /* [T,N,4], [N,H,W], [] */
    TensorId lambda, one_minus_lambda;          /* [], []; none without a branch */
    Update update;
    TensorId loss, loss_recognition, loss_focus; /* [] kept; loss_focus none without a branch */
} TrainGraph;

/* Evaluation: one encoder, decoded twice. N = eval.batch. No branch, no gradient. */
typedef struct EvalGraph {
    Graph *graph;
    TensorId image, token_in;            /* [N,H,W,3], [T,N] */
    TensorId alpha, predicted;           /* teacher-forced [T,N,L], [T,N] INT; kept */
    TensorId alpha_free, predicted_free; /* greedy */
} EvalGraph;

typedef struct Model {
    ParamSet params;
    TrainGraph train;
    EvalGraph eval;
    int64_t n_positions; /* L */
    float *centre_x;     /* [L] pixels, edge coordinates; owned */
    double cell;         /* width of a position in pixels */
    double centre_y;
    double field; /* width of a position's receptive field in pixels, the BLSTM left out */
} Model;

typedef enum ModelParts { MODEL_EVAL_ONLY, MODEL_TRAIN_AND_EVAL } ModelParts;

/* Builds and finishes the graphs of a cell with resolved settings. ERR_SPEC for what the encoder refuses. */
Err model_build(Model **out, const Settings *settings, const ModelSizes *sizes, Device device,
                ModelParts parts) MUST_CHECK;
void model_free(Model *model);

/* lambda at a step: focus.lambda from focus.start on, 0 before; 0 without a branch. */
double model_lambda(const Settings *settings, int64_t step);

/* ---- the memory of a cell: all its graphs in one arena ---- */

typedef struct ModelPlan {
    Plan *train, *eval; /* train NULL for MODEL_EVAL_ONLY */
    size_t persistent_bytes;
    size_t workspace_bytes;   /* of the device's libraries, once for all graphs, beside the arena (device.h) */
    size_t transient_bytes;   /* the larger graph's */
    size_t peak_bytes;        /* persistent + workspace + transient; on the CPU, the arena */
    size_t lower_bound_bytes; /* persistent + workspace + the larger graph's live bytes */
} ModelPlan;

/* Plans and verifies. in_place: memory.reuse full. */
Err model_plan(ModelPlan *out, const Model *model, size_t real_bytes, bool in_place) MUST_CHECK;
void model_plan_clear(ModelPlan *plan);

#endif
