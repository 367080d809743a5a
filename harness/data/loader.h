/* Batches: which samples, in which order, in the tensors that the model takes. A batch is a pure function of
 * (settings, set, seed, step): no state is carried from one batch to the next, and threads do not matter.
 * Nothing fails and nothing is allocated after loader_open and loader_batch_new. Depends on source. */
#ifndef HARNESS_DATA_LOADER_H
#define HARNESS_DATA_LOADER_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/data/charset.h"
#include "harness/data/source.h"
#include "kernels/err.h"
#include "kernels/par.h"
#include "models/option.h"

/* What a model must know before it is built. */
typedef struct DataFacts {
    int32_t n_chars;       /* K of the charset: K+1 logits, K+2 tokens */
    int32_t n_steps;       /* T of training: the longest label over the training sources, + 1 for EOS */
    int32_t n_steps_eval;  /* T of evaluation: the same over valid and test; n_steps if there are neither. Apart, so
                              that another test set changes nothing in the training */
    int32_t height, width; /* H, W */
} DataFacts;

/* Opens dataset files and word lists to measure them, but no font: works for plan-only grids (charset size:K). */
Err data_facts(DataFacts *out, const Settings *settings) MUST_CHECK;

/* Tensors of one batch. An array that is NULL is not filled, so a caller can point them into its own memory.
 * Rows n_valid..N-1 are padding: image 0, token_in and label -1, no boxes, mask -1. */
typedef struct LoaderBatch {
    int32_t n, n_steps, height, width; /* N, T, H, W */
    int32_t n_valid;                   /* samples in it; < N only in the last batch of an evaluation */
    float *image;                      /* [N,H,W,3] (x / 255 - .5) / .5 */
    int32_t *token_in;                 /* [T,N] start symbol, then the labels shifted by one; -1 after EOS */
    int32_t *label;                    /* [T,N] characters, EOS, then -1 = masked */
    float *box;                        /* [T,N,4] x0, y0, x1, y1 in pixels, half-open; all zero = none; EOS has none */
    float *labelled;                   /* [T,N] 1 where box is one, else 0 */
    int32_t *mask;                     /* [N,H,W] class of each pixel, K = background; -1 all over where no boxes */
    float *inv_chars;                  /* [] 1 / labels >= 0 in the batch (EOS included); 0 if there are none */
    float *inv_boxes;                  /* [] 1 / boxes in the batch; 0 if there are none */
    int32_t *source;                   /* [N] number of the source in the loader, -1 for padding */
    int64_t *index;                    /* [N] sample within the source, -1 for padding */
} LoaderBatch;

/* True if the settings name a source in the set. */
bool data_has_set(const Settings *settings, const char *set);

typedef struct Loader Loader;

/* set: "train", "valid" or "test". Training (set "train"): endless; batches of train.batch; every source is walked in a
 * new permutation each epoch, sources are mixed by share; focus.labelled and focus.boxes are applied. Evaluation
 * ("valid", "test"): one source after the other, in order, batches of eval.batch, true boxes.
 * seed: the cell's. par may be NULL; it is borrowed and must outlive the loader. The caller closes. */
Err loader_open(Loader **out, const Settings *settings, const char *set, uint64_t seed, Par *par) MUST_CHECK;
void loader_close(Loader *loader);

int32_t loader_batch_size(const Loader *loader); /* N */
int32_t loader_n_steps(const Loader *loader);    /* T of this set's batches */
int64_t loader_count(const Loader *loader);      /* samples in all sources */
int64_t loader_n_batches(const Loader *loader);  /* of one pass over an evaluation set */
const DataFacts *loader_facts(const Loader *loader);
const Charset *loader_charset(const Loader *loader);
int loader_n_sources(const Loader *loader);
Source *loader_source(const Loader *loader, int i); /* sorted by name */

/* *out = "data.<set>.<name>: left out N of M: reasons", a line for each source that skips texts; "" if none does. The
 * caller frees. */
Err loader_left_out(char **out, const Loader *loader, const char *set) MUST_CHECK;

/* Storage for the loader's batches, every array present. */
Err loader_batch_new(LoaderBatch **out, const Loader *loader) MUST_CHECK;
void loader_batch_free(LoaderBatch *batch);

/* Fills the batch of training step `step` (from 0), or evaluation batch number `step`. Sets every size in *batch;
 * its arrays are the caller's. Not to be called by two threads at once. */
void loader_fill(Loader *loader, int64_t step, LoaderBatch *batch);

/* Text of column i of the labels [T,N], as UTF-8 into buf. Returns buf. Works for a decoder's output as well. */
char *loader_text(const Loader *loader, const int32_t *label, int32_t i, char *buf, size_t len);

#endif
