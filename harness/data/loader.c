#include "harness/data/loader.h"

#include <stdio.h>
#include <string.h>

#include "harness/data/boxes.h"
#include "harness/data/order.h"
#include "kernels/mem.h"
#include "models/text.h"

/* What one thread works in. */
typedef struct Bench {
    Sample sample;
    int16_t *moved; /* [H,W] */
    int32_t *order; /* [max_chars] */
} Bench;

struct Loader {
    bool training;
    DataFacts facts;
    int32_t batch, n_steps; /* N, T */
    Charset *charset;
    Source **source; /* [n_sources] by name */
    int n_sources;
    int64_t count;
    OrderMix mix;           /* training */
    RngStream *permutation; /* [n_sources] training */
    BoxesStreams *streams;  /* [n_sources] training */
    BoxesRule rule;
    Par *par; /* borrowed, may be NULL */
    Bench *bench;
    int n_benches;
    int32_t *n_labels, *n_boxes; /* [N] of each sample of the batch being filled */
    float byte_value[256];       /* (x / 255 - .5) / .5 */
};

/* What the tasks of one batch share. */
typedef struct Filling {
    Loader *loader;
    LoaderBatch *batch;
    int64_t step;
} Filling;

/* ---- facts ---- */

static Err source_names(const Settings *settings, const char *set, char ***names, size_t *n) {
    char prefix[KEY_LEN];
    snprintf(prefix, sizeof prefix, "data.%.20s.*", set);
    return settings_names(settings, prefix, names, n);
}

bool data_has_set(const Settings *settings, const char *set) {
    char prefix[KEY_LEN];
    int len = snprintf(prefix, sizeof prefix, "data.%.20s.", set);
    for (size_t i = 0; i < settings_count(settings); i++)
        if (strncmp(settings_key_at(settings, i), prefix, (size_t)len) == 0) return true;
    return false;
}

/* *longest = the longest label of a set's sources; 0 without any. */
static Err measure_set(int32_t *longest, const Settings *settings, const char *set, const Charset *charset) {
    Err err = ERR_OK;
    char **names = NULL;
    size_t n = 0;
    *longest = 0;
    TRY(source_names(settings, set, &names, &n));
    for (size_t i = 0; i < n; i++) {
        SourceSpec spec = {
            .settings = settings, .set = set, .name = names[i], .charset = charset, .measure_only = true};
        Source *source = NULL;
        TRY(source_open(&source, &spec));
        if (source_longest(source) > *longest) *longest = source_longest(source);
        source_close(source);
    }

done:
    mem_free(names);
    return err;
}

static Err measure(DataFacts *out, const Settings *settings, const Charset *charset) {
    Err err = ERR_OK;
    int32_t train = 0, valid = 0, test = 0;
    memset(out, 0, sizeof *out);
    TRY(measure_set(&train, settings, "train", charset));
    TRY(measure_set(&valid, settings, "valid", charset));
    TRY(measure_set(&test, settings, "test", charset));
    int32_t eval = valid > test ? valid : test;
    FAIL_IF(train == 0 && eval == 0, ERR_SPEC, "the settings name no data: data.train has no source");
    *out = (DataFacts){.n_chars = charset_size(charset),
                       .n_steps = (train > 0 ? train : eval) + 1,
                       .n_steps_eval = (eval > 0 ? eval : train) + 1,
                       .height = (int32_t)settings_int_at(settings, "data.image", 0),
                       .width = (int32_t)settings_int_at(settings, "data.image", 1)};

done:
    return err;
}

Err data_facts(DataFacts *out, const Settings *settings) {
    Charset *charset = NULL;
    memset(out, 0, sizeof *out);
    Err err = charset_open(&charset, settings_text(settings, "data.charset"));
    if (err == ERR_OK) err = measure(out, settings, charset);
    charset_free(charset);
    return err;
}

/* ---- opening ---- */

static Err open_sources(Loader *loader, const Settings *settings, const char *set, uint64_t seed) {
    Err err = ERR_OK;
    char **names = NULL;
    size_t n = 0;
    TRY(source_names(settings, set, &names, &n));
    FAIL_IF(n == 0, ERR_SPEC, "data.%s has no source", set);
    TRY(mem_alloc(&loader->source, n, sizeof *loader->source));
    for (size_t i = 0; i < n; i++) {
        SourceSpec spec = {.settings = settings,
                           .set = set,
                           .name = names[i],
                           .seed = seed,
                           .charset = loader->charset,
                           .n_workers = loader->n_benches};
        TRY(source_open(&loader->source[i], &spec));
        loader->n_sources++;
        loader->count += source_count(loader->source[i]);
    }

done:
    mem_free(names);
    return err;
}

/* A branch that is given no box at all would train nothing, and only weaken the recognition loss. */
static Err check_boxes(const Loader *loader, const Settings *settings) {
    if (!settings_has(settings, "focus.labelled") || !settings_applies(settings, "focus.labelled") ||
        !(settings_real(settings, "focus.labelled") > 0))
        return ERR_OK;
    for (int i = 0; i < loader->n_sources; i++)
        if (source_share(loader->source[i]) > 0 && source_has_boxes(loader->source[i])) return ERR_OK;
    return err_set(ERR_DATA, "no sample of data.train has boxes, and focus.kind %s learns from them",
                   settings_text(settings, "focus.kind"));
}

static Err open_order(Loader *loader, const Settings *settings, uint64_t seed) {
    Err err = ERR_OK;
    double *weight = NULL, sum = 0;
    size_t n = (size_t)loader->n_sources;
    int bad = -1;
    TRY(mem_alloc(&weight, n, sizeof *weight));
    TRY(mem_alloc(&loader->permutation, n, sizeof *loader->permutation));
    TRY(mem_alloc(&loader->streams, n, sizeof *loader->streams));
    for (size_t i = 0; i < n; i++) {
        char name[KEY_LEN];
        snprintf(name, sizeof name, "order.%.200s", source_name(loader->source[i]));
        loader->permutation[i] = rng_stream(seed, name);
        loader->streams[i] = boxes_streams(seed, source_name(loader->source[i]));
        weight[i] = source_share(loader->source[i]);
        sum += weight[i];
    }
    FAIL_IF(!(sum > 0), ERR_SPEC, "every share in data.train is 0: nothing to train on");
    err = order_mix_init(&loader->mix, weight, loader->n_sources, &bad);
    if (err == ERR_ARG)
        err = err_set(ERR_SPEC, "data.train.%s.share is %g of %g in all, expected 0 or at least 1/%d of it",
                      source_name(loader->source[bad]), weight[bad], sum, ORDER_PATTERN);
    TRY(err);
    TRY(boxes_rule(&loader->rule, settings));
    TRY(check_boxes(loader, settings));

done:
    mem_free(weight);
    return err;
}

static Err open_benches(Loader *loader) {
    Err err = ERR_OK;
    int32_t longest = 0;
    for (int i = 0; i < loader->n_sources; i++) {
        int32_t own = source_longest(loader->source[i]);
        longest = own > longest ? own : longest;
    }
    size_t n_pixels = (size_t)loader->facts.height * (size_t)loader->facts.width;
    TRY(mem_alloc(&loader->bench, (size_t)loader->n_benches, sizeof *loader->bench));
    for (int i = 0; i < loader->n_benches; i++) {
        Bench *bench = &loader->bench[i];
        TRY(sample_init(&bench->sample, loader->facts.height, loader->facts.width, longest));
        TRY(mem_alloc(&bench->moved, n_pixels, sizeof *bench->moved));
        TRY(mem_alloc(&bench->order, (size_t)longest, sizeof *bench->order));
    }
    TRY(mem_alloc(&loader->n_labels, (size_t)loader->batch, sizeof *loader->n_labels));
    TRY(mem_alloc(&loader->n_boxes, (size_t)loader->batch, sizeof *loader->n_boxes));

done:
    return err;
}

Err loader_open(Loader **out, const Settings *settings, const char *set, uint64_t seed, Par *par) {
    Err err = ERR_OK;
    Loader *loader = NULL;
    *out = NULL;
    TRY(mem_alloc(&loader, 1, sizeof *loader));
    loader->training = strcmp(set, "train") == 0;
    loader->par = par;
    loader->n_benches = par == NULL ? 1 : par_n_threads(par);
    for (int x = 0; x < 256; x++) loader->byte_value[x] = ((float)x / 255.0f - 0.5f) / 0.5f;
    TRY(charset_open(&loader->charset, settings_text(settings, "data.charset")));
    TRY(measure(&loader->facts, settings, loader->charset));
    loader->n_steps = loader->training ? loader->facts.n_steps : loader->facts.n_steps_eval;
    loader->batch = (int32_t)settings_int(settings, loader->training ? "train.batch" : "eval.batch");
    TRY(open_sources(loader, settings, set, seed));
    if (loader->training) TRY(open_order(loader, settings, seed));
    TRY(open_benches(loader));
    *out = loader;
    loader = NULL;

done:
    loader_close(loader);
    return err;
}

void loader_close(Loader *loader) {
    if (loader == NULL) return;
    for (int i = 0; i < loader->n_sources; i++) source_close(loader->source[i]);
    for (int i = 0; loader->bench != NULL && i < loader->n_benches; i++) {
        sample_clear(&loader->bench[i].sample);
        mem_free(loader->bench[i].moved);
        mem_free(loader->bench[i].order);
    }
    order_mix_clear(&loader->mix);
    mem_free(loader->source);
    mem_free(loader->permutation);
    mem_free(loader->streams);
    mem_free(loader->bench);
    mem_free(loader->n_labels);
    mem_free(loader->n_boxes);
    charset_free(loader->charset);
    mem_free(loader);
}

int32_t loader_batch_size(const Loader *loader) { return loader->batch; }
int32_t loader_n_steps(const Loader *loader) { return loader->n_steps; }
int64_t loader_count(const Loader *loader) { return loader->count; }
int64_t loader_n_batches(const Loader *loader) { return (loader->count + loader->batch - 1) / loader->batch; }
const DataFacts *loader_facts(const Loader *loader) { return &loader->facts; }
const Charset *loader_charset(const Loader *loader) { return loader->charset; }
int loader_n_sources(const Loader *loader) { return loader->n_sources; }

Source *loader_source(const Loader *loader, int i) {
    ASSERT(i >= 0 && i < loader->n_sources);
    return loader->source[i];
}

Err loader_left_out(char **out, const Loader *loader, const char *set) {
    Err err = ERR_OK;
    Text text = {0};
    *out = NULL;
    for (int i = 0; i < loader->n_sources; i++) {
        const char *reasons = NULL;
        const Source *source = loader->source[i];
        int64_t n = source_n_rejected(source, &reasons);
        if (n > 0)
            TRY(text_add(&text, "data.%s.%s: left out %lld of %lld: %s\n", set, source_name(source), (long long)n,
                         (long long)source_n_texts(source), reasons));
    }
    TRY(text_take(&text, out));

done:
    text_clear(&text);
    return err;
}

/* ---- batches ---- */

Err loader_batch_new(LoaderBatch **out, const Loader *loader) {
    Err err = ERR_OK;
    LoaderBatch *batch = NULL;
    size_t n = (size_t)loader->batch, n_cells = n * (size_t)loader->n_steps, n_pixels = 0;
    *out = NULL;
    TRY(size_mul3(&n_pixels, n, (size_t)loader->facts.height, (size_t)loader->facts.width));
    TRY(mem_alloc(&batch, 1, sizeof *batch));
    TRY(mem_alloc(&batch->image, n_pixels, 3 * sizeof *batch->image));
    TRY(mem_alloc(&batch->token_in, n_cells, sizeof *batch->token_in));
    TRY(mem_alloc(&batch->label, n_cells, sizeof *batch->label));
    TRY(mem_alloc(&batch->box, n_cells, 4 * sizeof *batch->box));
    TRY(mem_alloc(&batch->labelled, n_cells, sizeof *batch->labelled));
    TRY(mem_alloc(&batch->mask, n_pixels, sizeof *batch->mask));
    TRY(mem_alloc(&batch->inv_chars, 1, sizeof *batch->inv_chars));
    TRY(mem_alloc(&batch->inv_boxes, 1, sizeof *batch->inv_boxes));
    TRY(mem_alloc(&batch->source, n, sizeof *batch->source));
    TRY(mem_alloc(&batch->index, n, sizeof *batch->index));
    *out = batch;
    batch = NULL;

done:
    loader_batch_free(batch);
    return err;
}

void loader_batch_free(LoaderBatch *batch) {
    if (batch == NULL) return;
    void *blocks[] = {batch->image, batch->token_in,  batch->label,     batch->box,    batch->labelled,
                      batch->mask,  batch->inv_chars, batch->inv_boxes, batch->source, batch->index};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) mem_free(blocks[i]);
    mem_free(batch);
}

/* Which sample stands in row i of the batch; false past the end of an evaluation set. */
static bool locate(const Loader *loader, int64_t step, int32_t i, int32_t *source, int64_t *index) {
    int64_t position = step * loader->batch + i;
    if (loader->training) {
        int64_t draw = 0;
        order_mix_at(&loader->mix, position, source, &draw);
        int64_t count = source_count(loader->source[*source]);
        *index = order_permute(loader->permutation[*source], (uint64_t)(draw / count), count, draw % count);
        return true;
    }
    for (*source = 0; *source < loader->n_sources; (*source)++) {
        int64_t count = source_count(loader->source[*source]);
        *index = position;
        if (position < count) return true;
        position -= count;
    }
    *source = -1;
    *index = -1;
    return false;
}

static bool has_box(const Sample *sample, int32_t t) {
    const float *box = sample->box + 4 * (size_t)t;
    return sample->has_boxes && box[2] > box[0] && box[3] > box[1];
}

/* Column i of the [T,N] arrays. */
static void put_steps(const Loader *loader, LoaderBatch *batch, int32_t i, const Sample *sample) {
    int32_t n_chars = loader->facts.n_chars, n = sample == NULL ? -1 : sample->n_chars;
    for (int32_t t = 0; t < loader->n_steps; t++) {
        size_t at = (size_t)t * (size_t)loader->batch + (size_t)i;
        bool boxed = t < n && has_box(sample, t);
        if (batch->token_in != NULL)
            batch->token_in[at] = t > n ? -1 : t == 0 ? charset_start(n_chars) : sample->label[t - 1];
        if (batch->label != NULL) batch->label[at] = t < n ? sample->label[t] : t == n ? charset_eos(n_chars) : -1;
        if (batch->labelled != NULL) batch->labelled[at] = boxed ? 1 : 0;
        if (batch->box == NULL) continue;
        if (boxed)
            memcpy(batch->box + 4 * at, sample->box + 4 * (size_t)t, 4 * sizeof(float));
        else
            memset(batch->box + 4 * at, 0, 4 * sizeof(float));
    }
}

static void put_pixels(const Loader *loader, LoaderBatch *batch, int32_t i, const Sample *sample) {
    size_t n_pixels = (size_t)loader->facts.height * (size_t)loader->facts.width;
    if (batch->image != NULL) {
        float *image = batch->image + (size_t)i * n_pixels * 3;
        if (sample == NULL) memset(image, 0, n_pixels * 3 * sizeof *image);
        for (size_t k = 0; sample != NULL && k < n_pixels * 3; k++) image[k] = loader->byte_value[sample->image[k]];
    }
    if (batch->mask != NULL) {
        int32_t *mask = batch->mask + (size_t)i * n_pixels, background = charset_background(loader->facts.n_chars);
        bool known = sample != NULL && sample->has_boxes;
        for (size_t k = 0; k < n_pixels; k++)
            mask[k] = !known ? -1 : sample->owner[k] == OWNER_NONE ? background : sample->label[sample->owner[k]];
    }
}

static void put_sample(Loader *loader, LoaderBatch *batch, int64_t step, int32_t i, int i_bench) {
    Bench *bench = &loader->bench[i_bench];
    Sample *sample = &bench->sample;
    int32_t source = -1;
    int64_t index = -1;
    loader->n_labels[i] = loader->n_boxes[i] = 0;
    if (locate(loader, step, i, &source, &index)) {
        source_read(loader->source[source], i_bench, index, sample);
        if (loader->training)
            boxes_apply(&loader->rule, &loader->streams[source], index, sample, bench->moved, bench->order);
        loader->n_labels[i] = sample->n_chars + 1;
        for (int32_t t = 0; t < sample->n_chars; t++) loader->n_boxes[i] += has_box(sample, t);
    } else {
        sample = NULL;
    }
    put_steps(loader, batch, i, sample);
    put_pixels(loader, batch, i, sample);
    if (batch->source != NULL) batch->source[i] = source;
    if (batch->index != NULL) batch->index[i] = index;
}

static void fill_part(void *arg, int i_task) {
    Filling *filling = arg;
    int64_t first = 0, last = 0;
    par_range(filling->loader->batch, filling->loader->n_benches, i_task, &first, &last);
    for (int64_t i = first; i < last; i++)
        put_sample(filling->loader, filling->batch, filling->step, (int32_t)i, i_task);
}

void loader_fill(Loader *loader, int64_t step, LoaderBatch *batch) {
    ASSERT(step >= 0);
    int64_t n_labels = 0, n_boxes = 0;
    Filling filling = {loader, batch, step};
    par_run(loader->par, loader->n_benches, fill_part, &filling);
    batch->n = loader->batch;
    batch->n_steps = loader->n_steps;
    batch->height = loader->facts.height;
    batch->width = loader->facts.width;
    batch->n_valid = 0;
    for (int32_t i = 0; i < loader->batch; i++) {
        batch->n_valid += loader->n_labels[i] > 0;
        n_labels += loader->n_labels[i];
        n_boxes += loader->n_boxes[i];
    }
    if (batch->inv_chars != NULL) *batch->inv_chars = n_labels > 0 ? 1.0f / (float)n_labels : 0;
    if (batch->inv_boxes != NULL) *batch->inv_boxes = n_boxes > 0 ? 1.0f / (float)n_boxes : 0;
}

char *loader_text(const Loader *loader, const int32_t *label, int32_t i, char *buf, size_t len) {
    size_t at = 0;
    if (len == 0) return buf;
    buf[0] = '\0';
    for (int32_t t = 0; t < loader->n_steps; t++) {
        int32_t class = label[(size_t)t * (size_t)loader->batch + (size_t)i];
        if (class < 0 || class >= loader->facts.n_chars) break;
        charset_decode(loader->charset, &class, 1, buf + at, len - at);
        if (buf[at] == '\0') break; /* no room for another */
        at += strlen(buf + at);
    }
    return buf;
}
