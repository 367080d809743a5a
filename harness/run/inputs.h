/* Which files a cell's training reads, with their contents' digests: fonts, datasets, word lists, charsets, and the
 * parameters that it starts from. If one of them is another one today, a result or a checkpoint belongs to other data.
 * Depends on data/loader, train_init. */
#ifndef HARNESS_RUN_INPUTS_H
#define HARNESS_RUN_INPUTS_H

#include "harness/data/loader.h"
#include "harness/run/train_init.h"

/* Key of the listing among a record's provenance. */
#define INPUTS_KEY "training inputs"

enum { INPUTS_DIGEST = 65 };

/* *listing = "sha256  kind name\n" for each file that the loader's sources read, in their order, each once, then
 * "parameters FILE#CELL" if there are any; the caller owns it. */
Err inputs_listing(char **listing, const Loader *loader, const TrainInit *init) MUST_CHECK;

/* SHA-256 of a listing, hex. */
void inputs_digest(char out[INPUTS_DIGEST], const char *listing);

#endif
