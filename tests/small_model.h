/* Models small enough for a test: settings, every branch with the switches that change its graph, and a training step
 * that is ready to run. What fails here fails the test. */
#ifndef TESTS_SMALL_MODEL_H
#define TESTS_SMALL_MODEL_H

#include "tests/made_batch.h"

enum { SMALL_WORDS = 16, SMALL_BRANCHES = 19 };

/* Keys and values, ended by NULL. */
extern const char *const small_branches[SMALL_BRANCHES][SMALL_WORDS];
extern const ModelSizes small_sizes;

/* One cell's settings: pairs of key and value, ended by NULL; NULL = the defaults. The caller frees. */
Settings *settings_of(const char *const *pairs);

/* As settings_of, with a small model and batch where the pairs say nothing else. */
Settings *small_settings(const char *const *pairs);

/* What the data of a cell decide; without its data sets, T is what model.max_length allows. */
ModelSizes sizes_of(const Settings *settings);

typedef struct Step {
    Settings *settings;
    ModelSizes sizes;
    Model *model;
    ModelPlan plan;
    Par *par;
    Arena *arena;
    Exec *exec;
    MadeBatch *batch; /* what upload_step fills */
} Step;

/* Plans as memory.reuse says; parameters have their initial values. close_step frees. */
void open_step(Step *s, const char *const *pairs, const Backend *backend, ExecMode mode, int n_threads);
void close_step(Step *s);

/* Parameters and the optimiser's states have their initial values again. */
void restart_step(Step *s);

/* As open_step, for a model of any size; the step takes the settings. */
void open_step_of(Step *s, Settings *settings, const ModelSizes *sizes, const Backend *backend, ExecMode mode,
                  int n_threads);

/* The inputs of step i_step (made_batch.h); those of step 0. */
void upload_step(Step *s, int i_step);
void upload_batch(Step *s);

/* Losses, norm, and every persistent value after n_steps steps: *n numbers. The caller frees (mem_free). */
float *train_steps(Step *s, int n_steps, size_t *n);

#endif
