/* What becomes of the boxes in training: which samples have them (focus.labelled), and the controls that hand out
 * wrong ones (focus.boxes). All is drawn by (seed, source, sample), the same in every variant and epoch.
 * Depends on sample, option. */
#ifndef HARNESS_DATA_BOXES_H
#define HARNESS_DATA_BOXES_H

#include <stdint.h>

#include "harness/data/sample.h"
#include "kernels/err.h"
#include "kernels/rng.h"
#include "models/option.h"

typedef enum BoxesMode {
    BOXES_TRUE,
    BOXES_SHUFFLED, /* among the characters of the word, by a random permutation: some may stay where they were */
    BOXES_JITTER    /* each moved by up to `jitter` pixels in x and in y */
} BoxesMode;

typedef struct BoxesRule {
    double labelled; /* share of the samples that have boxes; raising it only adds samples */
    BoxesMode mode;
    double jitter; /* pixels */
} BoxesRule;

/* The rule of a cell's settings; everything true where no branch reads boxes (focus.kind none). */
Err boxes_rule(BoxesRule *out, const Settings *settings) MUST_CHECK;

/* The streams of one source. */
typedef struct BoxesStreams {
    RngStream labelled, change;
} BoxesStreams;
BoxesStreams boxes_streams(uint64_t seed, const char *source);

/* Applies the rule to sample `index`. scratch: int16 [H,W]; order: int32 [n_chars]. The mask follows the boxes. */
void boxes_apply(const BoxesRule *rule, const BoxesStreams *streams, int64_t index, Sample *sample, int16_t *scratch,
                 int32_t *order);

#endif
