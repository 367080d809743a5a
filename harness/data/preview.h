/* Looking at data before training on them: contact sheets of a dataset file, or of what a cell's loaders hand out.
 * Depends on loader, dataset, sheet. */
#ifndef HARNESS_DATA_PREVIEW_H
#define HARNESS_DATA_PREVIEW_H

#include <stdint.h>

#include "harness/data/picture.h"
#include "kernels/err.h"
#include "models/option.h"

/* `count` images of each split, spread evenly over it, as they are in the file. */
Err preview_dataset(Picture *out, const char *path, int count) MUST_CHECK;

/* `count` samples of each of a cell's sets, as the model gets them: resized, folded to the charset, with the boxes that
 * focus.boxes and focus.labelled leave. The label over a box is the character that it is given to. */
Err preview_settings(Picture *out, const char *title, const Settings *settings, uint64_t seed, int count) MUST_CHECK;

#endif
