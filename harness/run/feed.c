/* Batches into inputs. */
#include "harness/run/feed.h"

#include <string.h>

#include "kernels/mem.h"

typedef struct Opening {
    Feed *feed;
    bool direct; /* the host may write where the graph reads */
    Err err;
} Opening;

/* Host storage that the feed owns. */
static void *own(Opening *o, size_t n, size_t size) {
    Feed *feed = o->feed;
    void *block = NULL;
    if (o->err == ERR_OK) o->err = mem_alloc(&block, n, size);
    if (block != NULL) feed->own[feed->n_own++] = block;
    return block;
}

/* Where the loader writes an array of n elements: the input itself, or a host array to be uploaded to it. NULL if the
 * graph has no such input. */
static void *target(Opening *o, TensorId tensor, size_t n, bool keep) {
    Feed *feed = o->feed;
    if (tensor == TENSOR_NONE && !keep) return NULL;
    if (tensor != TENSOR_NONE && o->direct && !keep) return exec_pointer(feed->exec, tensor);
    void *block = own(o, n, 4);
    if (tensor != TENSOR_NONE) {
        feed->upload[feed->n_uploads].tensor = tensor;
        feed->upload[feed->n_uploads++].values = block;
    }
    return block;
}

Err feed_open(Feed *out, Loader *loader, Exec *exec, ExecMode mode, const FeedTensors *tensors, bool keep_labels) {
    const DataFacts *facts = loader_facts(loader);
    const Backend *backend = exec_backend(exec);
    size_t n = (size_t)loader_batch_size(loader), t = (size_t)loader_n_steps(loader);
    size_t pixels = n * (size_t)facts->height * (size_t)facts->width;
    memset(out, 0, sizeof *out);
    out->loader = loader;
    out->exec = exec;
    Opening o = {out, false, ERR_OK};
    o.direct = backend->on_host && backend->real_bytes == sizeof(float) && (mode == EXEC_ARENA || mode == EXEC_POISON);
    out->direct = o.direct;
    out->in_batch = -1;
    LoaderBatch *batch = &out->batch;
    batch->image = target(&o, tensors->image, 3 * pixels, false);
    batch->token_in = target(&o, tensors->token_in, t * n, false);
    batch->label = target(&o, tensors->label, t * n, keep_labels);
    batch->box = target(&o, tensors->box, 4 * t * n, keep_labels);
    batch->mask = target(&o, tensors->mask, pixels, false);
    batch->inv_chars = target(&o, tensors->inv_chars, 1, false);
    batch->inv_boxes = target(&o, tensors->inv_boxes, 1, false);
    batch->labelled = own(&o, t * n, sizeof(float));
    if (keep_labels) {
        batch->source = own(&o, n, sizeof(int32_t));
        batch->index = own(&o, n, sizeof(int64_t));
    }
    if (o.err != ERR_OK) feed_clear(out);
    return o.err;
}

void feed_clear(Feed *feed) {
    for (int i = 0; i < feed->n_own; i++) mem_free(feed->own[i]);
    memset(feed, 0, sizeof *feed);
}

void feed_ahead(Feed *feed, int64_t step) {
    if (feed->direct) return;
    loader_fill(feed->loader, step, &feed->batch);
    feed->in_batch = step;
}

Err feed_fill(Feed *feed, int64_t step) {
    Err err = ERR_OK;
    if (feed->in_batch != step) loader_fill(feed->loader, step, &feed->batch);
    feed->in_batch = -1;
    for (int i = 0; i < feed->n_uploads; i++)
        TRY(exec_upload(feed->exec, feed->upload[i].tensor, feed->upload[i].values));
done:
    return err;
}
