/* From a loader into the inputs of a graph: drawn straight into the arena where host and device share memory, else into
 * host arrays that are uploaded. Depends on data/loader, models/exec. */
#ifndef HARNESS_RUN_FEED_H
#define HARNESS_RUN_FEED_H

#include "harness/data/loader.h"
#include "models/exec.h"

/* The inputs that a graph has; TENSOR_NONE where it has none. */
typedef struct FeedTensors {
    TensorId image, token_in, label, box, mask, inv_chars, inv_boxes;
} FeedTensors;

enum { FEED_MAX = 12 };

typedef struct Feed {
    Loader *loader;    /* borrowed */
    Exec *exec;        /* borrowed */
    LoaderBatch batch; /* what the last feed_fill wrote; arrays in the arena hold it until the graph runs */
    struct {
        TensorId tensor;
        const void *values;
    } upload[FEED_MAX];
    int n_uploads;
    void *own[FEED_MAX];
    int n_own;
    bool direct;      /* arrays of the batch are the graph's inputs */
    int64_t in_batch; /* the step that feed_ahead drew; -1 = none */
} Feed;

/* keep_labels: token, label, box, labelled, source and index are (also) filled in host arrays that outlive the run of
 * the graph: what metrics read. Otherwise only `labelled` is. The caller clears *out. */
Err feed_open(Feed *out, Loader *loader, Exec *exec, ExecMode mode, const FeedTensors *tensors,
              bool keep_labels) MUST_CHECK;
void feed_clear(Feed *feed); /* accepts zeros */

/* Draws the batch of a step before it is asked for, while a device is at the last one. Nothing where the host writes
 * where the graph reads. feed->batch is that step's from now on. */
void feed_ahead(Feed *feed, int64_t step);

/* The batch of a step, or batch number `step` of an evaluation, into the graph's inputs. */
Err feed_fill(Feed *feed, int64_t step) MUST_CHECK;

#endif
