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

/* Test cases of an optimiser with one state, or two, filled so. The first is the one that more are made from. */
#define UPDATE_CASES_1(fill)                                                                                           \
    UPDATE_CASE_1("prime", fill, 2, {37, 53}), UPDATE_CASE_1("scalar", fill, 0, {0}),                                  \
        UPDATE_CASE_1("one", fill, 2, {1, 1})
#define UPDATE_CASES_2(fill_1, fill_2)                                                                                 \
    UPDATE_CASE_2("prime", fill_1, fill_2, 2, {37, 53}), UPDATE_CASE_2("scalar", fill_1, fill_2, 0, {0}),              \
        UPDATE_CASE_2("one", fill_1, fill_2, 2, {1, 1})
#define UPDATE_CASE_1(title, fill_1, ...)                                                                              \
    {                                                                                                                  \
        .name = title, .n_x = 5, .x = {                                                                                \
            {.shape = {__VA_ARGS__}},                                                                                  \
            {.shape = {__VA_ARGS__}},                                                                                  \
            {.shape = {__VA_ARGS__}, .fill = fill_1},                                                                  \
            UPDATE_CASE_REST                                                                                           \
        }                                                                                                              \
    }
#define UPDATE_CASE_2(title, fill_1, fill_2, ...)                                                                      \
    {                                                                                                                  \
        .name = title, .n_x = 6, .x = {                                                                                \
            {.shape = {__VA_ARGS__}},                                                                                  \
            {.shape = {__VA_ARGS__}},                                                                                  \
            {.shape = {__VA_ARGS__}, .fill = fill_1},                                                                  \
            {.shape = {__VA_ARGS__}, .fill = fill_2},                                                                  \
            UPDATE_CASE_REST                                                                                           \
        }                                                                                                              \
    }
#define UPDATE_CASE_REST                                                                                               \
    {.shape = {1, {HYPER_COUNT}}, .fill = FILL_POSITIVE}, { .shape = {0}, .fill = FILL_POSITIVE }

/* ERR_SHAPE names the input. */
Err update_infer(OpSpec *spec, int n_states) MUST_CHECK;

/* Runs fn over the elements of param and sets done to 0. */
Err update_run(const OpCall *call, ElementwiseFn fn) MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
