#include "tests/made_batch.h"

#include "kernels/mem.h"
#include "kernels/rng.h"

struct MadeBatch {
    int64_t T, N, H, W, K;
    float *image, *box;               /* [N,H,W,3], [T,N,4] */
    int32_t *mask, *label, *token_in; /* [N,H,W], [T,N], [T,N] */
    int n_labels, n_boxes;
};

Err made_batch_new(MadeBatch **out, const Model *model, int64_t n_chars) {
    Err err = ERR_OK;
    const Graph *g = model->train.graph;
    const Shape *image = graph_shape(g, model->train.image), *label = graph_shape(g, model->train.label);
    MadeBatch *b = NULL;
    *out = NULL;
    TRY(mem_alloc(&b, 1, sizeof *b));
    *b = (MadeBatch){.T = label->dim[0], .N = label->dim[1], .H = image->dim[1], .W = image->dim[2], .K = n_chars};
    const size_t n_steps = (size_t)(b->T * b->N), n_pixels = (size_t)(b->N * b->H * b->W);
    TRY(mem_alloc(&b->image, 3 * n_pixels, sizeof *b->image));
    TRY(mem_alloc(&b->box, 4 * n_steps, sizeof *b->box));
    TRY(mem_alloc(&b->mask, n_pixels, sizeof *b->mask));
    TRY(mem_alloc(&b->label, n_steps, sizeof *b->label));
    TRY(mem_alloc(&b->token_in, n_steps, sizeof *b->token_in));
    *out = b;
    b = NULL;
done:
    made_batch_free(b);
    return err;
}

void made_batch_free(MadeBatch *b) {
    if (b == NULL) return;
    mem_free(b->image);
    mem_free(b->box);
    mem_free(b->mask);
    mem_free(b->label);
    mem_free(b->token_in);
    mem_free(b);
}

/* Characters and the end, each character in a box that reaches into the next one's. */
static void fill_line(MadeBatch *b, Rng *rng, int64_t n) {
    const int64_t length = 1 + (b->T - 2 + n) % (b->T - 1), width = b->W / (b->T - 1);
    for (int64_t step = 0; step < b->T; step++) {
        const int64_t at = step * b->N + n;
        b->label[at] = step == length ? (int32_t)b->K : -1;
        if (step < length) b->label[at] = (int32_t)rng_below(rng, (uint32_t)b->K);
        b->token_in[at] = step == 0 ? (int32_t)b->K + 1 : b->label[at - b->N] < b->K ? b->label[at - b->N] : -1;
        b->n_labels += b->label[at] >= 0;
        const bool has_box = step < length && n != 1;
        const float x0 = (float)(width * step), box[4] = {x0, 4, x0 + (float)(width + 1), (float)b->H - 4};
        for (int i = 0; i < 4; i++) b->box[4 * at + i] = has_box ? box[i] : 0;
        b->n_boxes += has_box;
    }
}

static void fill(MadeBatch *b, int i_step) {
    Rng rng = rng_at(rng_stream(11, "test.batch"), (uint64_t)i_step, 0);
    b->n_labels = b->n_boxes = 0;
    for (int64_t i = 0; i < b->N * b->H * b->W * 3; i++) b->image[i] = (float)rng_range(&rng, -1, 1);
    for (int64_t i = 0; i < b->N * b->H * b->W; i++)
        b->mask[i] = i / (b->H * b->W) == 1 ? -1 : (int32_t)rng_below(&rng, (uint32_t)b->K + 1);
    for (int64_t n = 0; n < b->N; n++) fill_line(b, &rng, n);
}

/* What the model does not have is not uploaded. */
static Err upload(Exec *exec, TensorId t, const void *values) {
    return t == TENSOR_NONE ? ERR_OK : exec_upload(exec, t, values);
}

static Err upload_number(Exec *exec, TensorId t, double value) { return upload(exec, t, &(float){(float)value}); }

Err made_batch_upload(MadeBatch *b, Exec *exec, const Model *model, const Settings *settings, int i_step) {
    Err err = ERR_OK;
    const TrainGraph *t = &model->train;
    const double lambda = 0.3 + 0.05 * i_step;
    float hyper[HYPER_LEN];
    fill(b, i_step);
    update_hyper(settings, i_step, 0.01 / (i_step + 1), hyper);
    TRY(upload(exec, t->image, b->image));
    TRY(upload(exec, t->token_in, b->token_in));
    TRY(upload(exec, t->label, b->label));
    TRY(upload(exec, t->box, b->box));
    TRY(upload(exec, t->mask, b->mask));
    TRY(upload_number(exec, t->inv_chars, 1.0 / b->n_labels));
    TRY(upload_number(exec, t->inv_boxes, 1.0 / b->n_boxes));
    TRY(upload_number(exec, t->lambda, lambda));
    TRY(upload_number(exec, t->one_minus_lambda, 1 - lambda));
    TRY(upload(exec, t->update.hyper, hyper));
    TRY(upload_number(exec, t->update.limit, 1));
done:
    return err;
}
