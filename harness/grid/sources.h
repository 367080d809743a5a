/* Which sources of the program decided a cell's curves, and what has changed in them since. The build writes down the
 * SHA-256 and the includes of every source file; from a cell's ops, branch, encoder, data and trainer the includes lead
 * to the rest, so that a change in one branch leaves the cells of the others alone. Files that cannot change a bit of
 * a curve (messages, options' parsing, memory counting) are left out; so are metrics, which have a listing of their
 * own. Compiler, flags and libraries are not sources: see the provenance. */
#ifndef HARNESS_GRID_SOURCES_H
#define HARNESS_GRID_SOURCES_H

#include <stddef.h>

#include "harness/grid/grid.h"
#include "kernels/err.h"
#include "models/option.h"

/* *out = "sha256  path\n" for every source that the cell used, sorted by path; the text to keep beside the cell.
 * op_names: the ops of its graphs, in any order, repeats allowed. device: "cpu" or "cuda". Reads focus.kind and
 * model.encoder where they are set. The caller owns *out. ERR_ARG for an op, branch or encoder without a source. */
Err sources_listing(char **out, const Settings *settings, const char *device, const char *const *op_names,
                    size_t n_ops) MUST_CHECK;

/* The same for what evaluates: the metrics, and what they include. */
Err sources_listing_metrics(char **out) MUST_CHECK;

/* The digest of a listing: what two cells compare. */
void sources_digest(const char *listing, char out[GRID_ID_LEN]);

/* *out = "kernels/ops/conv2d.c changed, models/plan.c added, ...", "" if the listings are the same. The caller owns
 * it. For saying why a cell is stale. */
Err sources_changes(char **out, const char *before, const char *now) MUST_CHECK;

#endif
