/* A made-up batch for a training step of any model, as the loader would feed it: images, lines of characters in boxes,
 * a mask, learning rate and lambda. The numbers follow from that of the step alone. Depends on models only. */
#ifndef TESTS_MADE_BATCH_H
#define TESTS_MADE_BATCH_H

#include "models/model.h"

typedef struct MadeBatch MadeBatch;

/* Room for the inputs of model's training step, whose characters are n_chars. The caller frees (made_batch_free).
 * ERR_NOMEM. */
Err made_batch_new(MadeBatch **out, const Model *model, int64_t n_chars) MUST_CHECK;
void made_batch_free(MadeBatch *b);

/* Uploads the inputs of step i_step to exec, which runs the model's training step: a sample without boxes, labels of
 * different lengths, boxes that reach into each other. Each step has other images, labels, lr and lambda. */
Err made_batch_upload(MadeBatch *b, Exec *exec, const Model *model, const Settings *settings, int i_step) MUST_CHECK;

#endif
