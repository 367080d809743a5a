/* Which sources decided a cell's numbers: those of its training and those of the metrics, as one listing and its
 * digest. If a sealed cell has another digest, it must be proven anew. Depends on models/model, grid/sources. */
#ifndef HARNESS_RUN_CODE_H
#define HARNESS_RUN_CODE_H

#include "models/model.h"

enum { CODE_DIGEST = 65 };

/* *listing = "sha256  path\n" for each source that a cell with these settings and this model uses on the device that
 * the model was built for; the caller owns it. out = its digest. A model without its training graph gives the sources
 * of an evaluation. */
Err code_listing(char **listing, char out[CODE_DIGEST], const Settings *settings, const Model *model) MUST_CHECK;

/* *key = what the listing follows from: cells with one key have one listing. The caller owns it. */
Err code_key(char **key, const Settings *settings, const Model *model) MUST_CHECK;

#endif
