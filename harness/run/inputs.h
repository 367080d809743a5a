/* Which files a cell reads, with their contents' digests: fonts, datasets, word lists, charsets, and the parameters
 * that it starts from. If one behind the training is another one today, a result or a checkpoint belongs to other data;
 * one behind valid or test, and what was observed does. Depends on data/loader, train_init. */
#ifndef HARNESS_RUN_INPUTS_H
#define HARNESS_RUN_INPUTS_H

#include "harness/data/loader.h"
#include "harness/run/train_init.h"

/* Keys of the listings among a record's provenance: of train; of valid and test, "" where there are none. */
#define INPUTS_KEY "training inputs"
#define INPUTS_OBSERVED_KEY "evaluation inputs"

enum { INPUTS_DIGEST = 65 };

/* *listing = "sha256  kind name\n" for each file that the sources of n loaders (NULL ones pass) read, by kind and name,
 * each once, then "parameters FILE#CELL" if there are any (init may be NULL); the caller owns it. */
Err inputs_listing(char **listing, const Loader *const *loaders, size_t n, const TrainInit *init) MUST_CHECK;

/* *changes = what is another file now, "font A changed, dataset b.h5 is gone"; "" where nothing is, or where one of the
 * listings (NULL) is not known. The caller owns it. */
Err inputs_changes(char **changes, const char *then, const char *now) MUST_CHECK;

/* SHA-256 of a listing, hex. */
void inputs_digest(char out[INPUTS_DIGEST], const char *listing);

#endif
