/* Parameters and other persistent state of one model, shared by all its graphs (training, evaluation): names, shapes,
 * how they start, and where each lies in the persistent part of the arena. Depends on kernels/rng, view. */
#ifndef MODELS_PARAM_H
#define MODELS_PARAM_H

#include "kernels/err.h"
#include "kernels/view.h"

typedef enum InitKind { INIT_CONSTANT, INIT_UNIFORM, INIT_NORMAL } InitKind;

/* CONSTANT: every element = a. UNIFORM: in [-a, a). NORMAL: standard deviation a. */
typedef struct Init {
    InitKind kind;
    double a;
} Init;

static inline Init init_constant(double a) { return (Init){INIT_CONSTANT, a}; }
static inline Init init_uniform(double a) { return (Init){INIT_UNIFORM, a}; }
static inline Init init_normal(double a) { return (Init){INIT_NORMAL, a}; }

typedef enum ParamKind {
    PARAM_WEIGHT,    /* trained */
    PARAM_STATE,     /* state of a layer, such as running statistics: kept and checkpointed, no gradient */
    PARAM_OPTIMISER, /* state of the optimiser: checkpointed, not part of the model */
    PARAM_CONSTANT   /* set once by the model, such as the positions' centres */
} ParamKind;

typedef struct Param {
    char *name; /* dotted, unique */
    Shape shape;
    ParamKind kind;
    Init init;
    size_t offset; /* elements from the start of the persistent part: the same on every backend; multiple of 16 */
    float *values; /* PARAM_CONSTANT only: what it is filled with; owned by the set */
} Param;

typedef struct ParamSet {
    Param *items;
    int *by_name; /* [n] items in the order of their names: for finding */
    int n, n_room;
    size_t n_elements; /* of the persistent part, a multiple of 16 */
} ParamSet;

void params_init(ParamSet *set);
void params_clear(ParamSet *set); /* accepts a set of zeros */

/* Finds or adds. A parameter that exists must have the same shape and kind: ERR_SHAPE. *i = its index. */
Err params_add(ParamSet *set, const char *name, const Shape *shape, ParamKind kind, Init init, int *i) MUST_CHECK;

/* Adds a constant with these values (copied), or checks that it is there. */
Err params_add_constant(ParamSet *set, const char *name, const Shape *shape, const float *values, int *i) MUST_CHECK;

/* -1 when there is none. */
int params_find(const ParamSet *set, const char *name);

/* Elements of all parameters of one kind. */
int64_t params_count(const ParamSet *set, ParamKind kind);

/* Writes the initial values of parameter i into out [shape]: element e is a pure function of (seed, name, e), so that
 * layers which two variants share start from the same values. */
void param_initial(const Param *param, uint64_t seed, float *out);

#endif
