#include "harness/data/preview.h"

#include <stdio.h>
#include <string.h>

#include "harness/data/dataset.h"
#include "harness/data/loader.h"
#include "harness/data/sheet.h"
#include "harness/data/utf8.h"
#include "kernels/mem.h"

enum { CAPTION_LEN = 300, HEADING_LEN = 600 };

/* Storage for the characters of one text, as strings. */
typedef struct Letters {
    char (*bytes)[UTF8_MAX + 1];
    const char **text;
} Letters;

static Err letters_init(Letters *letters, size_t n) {
    letters->text = NULL;
    Err err = mem_alloc(&letters->bytes, n + 1, sizeof *letters->bytes);
    if (err == ERR_OK) err = mem_alloc(&letters->text, n + 1, sizeof *letters->text);
    for (size_t i = 0; err == ERR_OK && i <= n; i++) letters->text[i] = letters->bytes[i];
    return err;
}

static void letters_clear(Letters *letters) {
    mem_free(letters->bytes);
    mem_free(letters->text);
}

static void letter_set(Letters *letters, size_t i, uint32_t code_point) {
    letters->bytes[i][utf8_encode(code_point, letters->bytes[i])] = '\0';
}

/* ---- a dataset file ---- */

static Err add_item(Sheet *sheet, const DatasetItem *item) {
    Err err = ERR_OK;
    Letters letters = {0};
    char caption[CAPTION_LEN];
    size_t len = strlen(item->text), n = 0;
    TRY(letters_init(&letters, len));
    for (size_t at = 0; at < len; n++) {
        uint32_t c = 0;
        at += (size_t)utf8_decode(item->text + at, len - at, &c);
        letter_set(&letters, n, c);
    }
    snprintf(caption, sizeof caption, "%.120s  %.120s%s", item->text, item->file,
             item->n_boxes == 0 ? "  (no boxes)" : "");
    SheetTile tile = {.height = item->height,
                      .width = item->width,
                      .pixels = item->pixels,
                      .n_chars = (int32_t)item->n_boxes,
                      .box = item->box,
                      .label = letters.text,
                      .caption = caption};
    TRY(sheet_tile(sheet, &tile));

done:
    letters_clear(&letters);
    return err;
}

static Err add_split(Sheet *sheet, const Dataset *dataset, const SplitFacts *facts, Split split, int count) {
    Err err = ERR_OK;
    char heading[HEADING_LEN];
    int64_t seen = 0, taken = 0, wanted = count < facts->n_images ? count : facts->n_images;
    if (facts->n_images == 0) return ERR_OK;
    snprintf(heading, sizeof heading, "%s: %lld images, %lld with boxes (%lld boxes), from %lld photographs",
             split_name(split), (long long)facts->n_images, (long long)facts->n_boxed, (long long)facts->n_boxes,
             (long long)facts->n_photos);
    TRY(sheet_heading(sheet, heading));
    for (int64_t i = 0; i < dataset_count(dataset) && taken < wanted; i++) {
        DatasetItem item = dataset_item(dataset, i);
        if (item.split != split) continue;
        if (seen++ != taken * facts->n_images / wanted) continue;
        TRY(add_item(sheet, &item));
        taken++;
    }

done:
    return err;
}

Err preview_dataset(Picture *out, const char *path, int count) {
    Err err = ERR_OK;
    Dataset *dataset = NULL;
    Sheet *sheet = NULL;
    DatasetFacts facts;
    *out = (Picture){0};
    TRY(dataset_open(&dataset, path));
    TRY(dataset_verify(dataset));
    TRY(dataset_facts(&facts, dataset));
    TRY(sheet_new(&sheet, path, NULL, 0));
    for (int s = 0; s < SPLIT_COUNT; s++) TRY(add_split(sheet, dataset, &facts.split[s], (Split)s, count));
    TRY(sheet_draw(out, sheet));

done:
    sheet_free(sheet);
    dataset_close(dataset);
    return err;
}

/* ---- a cell's loaders ---- */

/* Room for one sample taken apart from a batch. */
typedef struct Unpacked {
    uint8_t *pixels; /* [H,W,3] */
    int16_t *owner;  /* [H,W] */
    float *box;      /* [T,4] */
    Letters letters;
} Unpacked;

static Err unpacked_init(Unpacked *u, const LoaderBatch *batch) {
    Err err = ERR_OK;
    size_t n_pixels = (size_t)batch->height * (size_t)batch->width;
    TRY(mem_alloc(&u->pixels, n_pixels, 3));
    TRY(mem_alloc(&u->owner, n_pixels, sizeof *u->owner));
    TRY(mem_alloc(&u->box, (size_t)batch->n_steps, 4 * sizeof *u->box));
    TRY(letters_init(&u->letters, (size_t)batch->n_steps));

done:
    return err;
}

static void unpacked_clear(Unpacked *u) {
    mem_free(u->pixels);
    mem_free(u->owner);
    mem_free(u->box);
    letters_clear(&u->letters);
}

/* The first character of row i with that class: which of equals is meant, a class mask does not tell. */
static int16_t owner_of(const LoaderBatch *batch, int32_t i, int32_t class, int32_t n_chars) {
    for (int32_t t = 0; t < batch->n_steps; t++) {
        int32_t label = batch->label[t * batch->n + i];
        if (label == class && label >= 0 && label < n_chars) return (int16_t)t;
    }
    return OWNER_NONE;
}

/* Row i of the batch back into a picture; returns the number of characters. */
static int32_t unpack(Unpacked *u, const Loader *loader, const LoaderBatch *batch, int32_t i) {
    int32_t n = 0, n_chars = loader_facts(loader)->n_chars;
    size_t n_pixels = (size_t)batch->height * (size_t)batch->width;
    const float *image = batch->image + (size_t)i * n_pixels * 3;
    const int32_t *mask = batch->mask + (size_t)i * n_pixels;
    for (size_t k = 0; k < 3 * n_pixels; k++) u->pixels[k] = (uint8_t)((image[k] + 1) * 127.5f + 0.5f);
    for (size_t k = 0; k < n_pixels; k++)
        u->owner[k] = mask[k] < 0 || mask[k] == n_chars ? OWNER_NONE : owner_of(batch, i, mask[k], n_chars);
    for (; n < batch->n_steps; n++) {
        int32_t at = n * batch->n + i, label = batch->label[at];
        if (label < 0 || label >= n_chars) break;
        memcpy(u->box + 4 * n, batch->box + 4 * (size_t)at, 4 * sizeof *u->box);
        letter_set(&u->letters, (size_t)n, charset_code_point(loader_charset(loader), label));
    }
    return n;
}

static Err add_row(Sheet *sheet, Unpacked *u, const Loader *loader, const LoaderBatch *batch, int32_t i) {
    char caption[CAPTION_LEN], text[CAPTION_LEN];
    const Source *source = loader_source(loader, batch->source[i]);
    int32_t n = unpack(u, loader, batch, i);
    bool known = batch->mask[(size_t)i * (size_t)batch->height * (size_t)batch->width] >= 0;
    snprintf(caption, sizeof caption, "%.100s  %s%.60s %lld %.80s", loader_text(loader, batch->label, i, text, 100),
             known ? "" : "(no boxes)  ", source_name(source), (long long)batch->index[i],
             source_origin(source, batch->index[i]));
    SheetTile tile = {.height = batch->height,
                      .width = batch->width,
                      .pixels = u->pixels,
                      .n_chars = n,
                      .box = u->box,
                      .label = u->letters.text,
                      .owner = known ? u->owner : NULL,
                      .caption = caption};
    return sheet_tile(sheet, &tile);
}

/* What is not as usual about the boxes: ", boxes shuffled, labelled 0.5". Returns buf. */
static const char *box_note(const Settings *settings, const char *set, char *buf, size_t len) {
    buf[0] = '\0';
    if (strcmp(set, "train") != 0 || !settings_applies(settings, "focus.boxes")) return buf;
    size_t at = 0;
    if (!settings_is(settings, "focus.boxes", "true"))
        at = (size_t)snprintf(buf, len, ", boxes %.60s", settings_text(settings, "focus.boxes"));
    if (settings_real(settings, "focus.labelled") < 1)
        snprintf(buf + at, len - at, ", labelled %.20s", settings_show(settings, "focus.labelled"));
    return buf;
}

static Err add_heading(Sheet *sheet, const Loader *loader, const Settings *settings, const char *set, int i_source) {
    char note[128];
    char heading[HEADING_LEN];
    const Source *source = loader_source(loader, i_source);
    const char *reasons = "";
    int64_t n_rejected = source_n_rejected(source, &reasons);
    int len = snprintf(heading, sizeof heading, "%s.%.60s: %lld samples, up to %d characters of %.60s%s", set,
                       source_name(source), (long long)source_count(source), (int)source_longest(source),
                       charset_name(loader_charset(loader)), box_note(settings, set, note, sizeof note));
    if (n_rejected > 0) snprintf(heading + len, sizeof heading - (size_t)len, "; left out: %s", reasons);
    return sheet_heading(sheet, heading);
}

/* Samples first..first+n-1 in the loader's order. */
static Err add_run(Sheet *sheet, Loader *loader, LoaderBatch *batch, int64_t first, int64_t n) {
    Err err = ERR_OK;
    Unpacked unpacked = {0};
    int64_t size = loader_batch_size(loader);
    for (int64_t position = first; position < first + n; position++) {
        if (position == first || position % size == 0) loader_fill(loader, position / size, batch);
        if (position == first) TRY(unpacked_init(&unpacked, batch));
        TRY(add_row(sheet, &unpacked, loader, batch, (int32_t)(position % size)));
    }

done:
    unpacked_clear(&unpacked);
    return err;
}

/* Training samples come mixed, those of an evaluation source by source. */
static Err add_set(Sheet *sheet, const Settings *settings, const char *set, uint64_t seed, int count) {
    Err err = ERR_OK;
    Loader *loader = NULL;
    LoaderBatch *batch = NULL;
    int64_t first = 0;
    bool mixed = strcmp(set, "train") == 0;
    if (!data_has_set(settings, set)) return ERR_OK;
    TRY(loader_open(&loader, settings, set, seed, NULL));
    TRY(loader_batch_new(&batch, loader));
    for (int s = 0; s < loader_n_sources(loader); s++) {
        int64_t own = source_count(loader_source(loader, s));
        TRY(add_heading(sheet, loader, settings, set, s));
        if (!mixed) TRY(add_run(sheet, loader, batch, first, own < count ? own : count));
        first += own;
    }
    if (mixed) TRY(add_run(sheet, loader, batch, 0, first < count ? first : count));

done:
    loader_batch_free(batch);
    loader_close(loader);
    return err;
}

/* Families of all sources that draw, in *out, which the caller frees; the names are the settings'. */
static Err list_families(const char ***out, size_t *n, const Settings *settings) {
    Err err = ERR_OK;
    *out = NULL;
    *n = 0;
    for (size_t i = 0; i < settings_count(settings); i++) {
        const char *key = settings_key_at(settings, i), *last = strrchr(key, '.');
        if (strncmp(key, "data.", 5) != 0 || strcmp(last, ".fonts") != 0) continue;
        size_t more = settings_len(settings, key);
        TRY(mem_grow(out, *n, *n + more, sizeof **out));
        for (size_t k = 0; k < more; k++) (*out)[(*n)++] = settings_text_at(settings, key, k);
    }
done:
    return err;
}

Err preview_settings(Picture *out, const char *title, const Settings *settings, uint64_t seed, int count) {
    static const char *const sets[] = {"train", "valid", "test"};
    Err err = ERR_OK;
    Sheet *sheet = NULL;
    const char **families = NULL;
    size_t n_families = 0;
    *out = (Picture){0};
    TRY(list_families(&families, &n_families, settings));
    TRY(sheet_new(&sheet, title, families, n_families));
    for (int s = 0; s < 3; s++) TRY(add_set(sheet, settings, sets[s], seed, count));
    TRY(sheet_draw(out, sheet));

done:
    sheet_free(sheet);
    mem_free(families);
    return err;
}
