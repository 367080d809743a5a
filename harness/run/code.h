/* Which sources decided a cell's numbers, as one digest: of the ops, encoder, branch and data that the cell uses, the
 * engine, the trainer and the metrics. The digests of all sources are compiled in. If a sealed cell has another one, it
 * must be proven anew. Depends on models/model, data/digest. */
#ifndef HARNESS_RUN_CODE_H
#define HARNESS_RUN_CODE_H

#include <stdbool.h>

#include "models/model.h"

enum { CODE_DIGEST = 65 };

/* The digest for a cell with these settings and this model (with its training graph). */
void code_digest(char out[CODE_DIGEST], const Settings *settings, const Model *model);

/* True if source file `path` decides numbers of such a cell: for tests and for people who ask why. */
bool code_uses(const char *path, const Settings *settings, const Model *model);

#endif
