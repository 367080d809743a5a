#include "harness/data/source.h"

#include <stdio.h>
#include <string.h>

#include "harness/data/dataset.h"
#include "harness/data/digest.h"
#include "harness/data/resize.h"
#include "harness/data/synth.h"
#include "harness/data/textfile.h"
#include "harness/data/utf8.h"
#include "kernels/mem.h"

enum { REASONS_LEN = 512, WHAT_LEN = 300 };

/* Texts that passed, as labels. */
typedef struct Labels {
    int32_t *label; /* all, one after the other */
    int64_t *at;    /* [n+1] */
    int64_t n, room, n_label, label_room;
    int32_t longest;
} Labels;

/* What did not pass. */
typedef struct Rejects {
    int64_t n_foreign, n_long, n_empty;
    int64_t longest;  /* characters of the longest text */
    uint32_t foreign; /* the first character that is not in the charset */
    char text[REASONS_LEN];
} Rejects;

struct Source {
    char *name;
    bool measure_only;
    int64_t count;
    double share;
    int32_t longest, max_length;
    const Charset *charset; /* borrowed */
    Labels labels;          /* of the dataset's samples, or of the word list */
    Rejects rejects;
    DataInput *inputs;
    int n_inputs;
    Synth *synth; /* NULL for a dataset */
    Dataset *dataset;
    int64_t *kept; /* [count] items of the dataset */
    Resizer **resizer;
    int n_resizers;
};

/* ---- inputs ---- */

static Err add_input(Source *source, const char *kind, const char *name, const char *path, const char *sha256) {
    Err err = ERR_OK;
    size_t n = (size_t)source->n_inputs;
    TRY(mem_grow(&source->inputs, n, n + 1, sizeof *source->inputs));
    DataInput *input = &source->inputs[source->n_inputs++];
    TRY(mem_strdup(&input->kind, kind));
    TRY(mem_strdup(&input->name, name));
    TRY(mem_strdup(&input->path, path));
    TRY(mem_strdup(&input->sha256, sha256));

done:
    return err;
}

static Err add_charset_input(Source *source) {
    const char *name = charset_name(source->charset);
    bool is_file = strchr(name, '/') != NULL || strchr(name, '.') != NULL;
    return is_file ? add_input(source, "charset", name, name, charset_digest(source->charset)) : ERR_OK;
}

/* Names the setting behind an error of a file. */
static Err of_setting(Err err, const char *key) {
    bool of_file = err == ERR_MISSING || err == ERR_DATA;
    return of_file ? err_context(err, "%s", key) : err;
}

/* ---- texts ---- */

static Err reserve_labels(Labels *labels, int64_t n_more) {
    Err err = ERR_OK;
    if (labels->n + 1 >= labels->room) {
        size_t old = (size_t)labels->room, room = 2 * old + 64;
        TRY(mem_grow(&labels->at, old, room, sizeof *labels->at));
        labels->room = (int64_t)room;
    }
    if (labels->n_label + n_more > labels->label_room) {
        size_t old = (size_t)labels->label_room, room = 2 * old + (size_t)n_more + 256;
        TRY(mem_grow(&labels->label, old, room, sizeof *labels->label));
        labels->label_room = (int64_t)room;
    }

done:
    return err;
}

/* Appends the labels of text if it can be used; *taken says whether. A charset without characters takes all texts of
 * a fitting length, as class 0: it serves plans only. */
static Err take_text(Source *source, const char *text, bool *taken) {
    Err err = ERR_OK;
    Labels *labels = &source->labels;
    Rejects *rejects = &source->rejects;
    int32_t n = 0;
    uint32_t foreign = 0;
    int64_t n_chars = utf8_length(text, strlen(text));
    *taken = false;
    if (n_chars <= 0 || n_chars > source->max_length) {
        rejects->n_empty += n_chars <= 0;
        rejects->n_long += n_chars > 0;
        if (n_chars > rejects->longest) rejects->longest = n_chars;
        return ERR_OK;
    }
    TRY(reserve_labels(labels, n_chars));
    if (charset_has_characters(source->charset)) {
        int64_t lost =
            charset_encode(source->charset, text, labels->label + labels->n_label, (int32_t)n_chars, &n, &foreign);
        if (lost != 0) {
            if (rejects->n_foreign++ == 0) rejects->foreign = foreign;
            return ERR_OK;
        }
    }
    *taken = true;
    labels->n_label += n_chars;
    labels->at[++labels->n] = labels->n_label;
    if (n_chars > labels->longest) labels->longest = (int32_t)n_chars;

done:
    return err;
}

static void describe_rejects(Source *source) {
    Rejects *r = &source->rejects;
    char shown[UTF8_SHOW], *at = r->text, *end = r->text + sizeof r->text;
    if (r->n_foreign > 0)
        at += snprintf(at, (size_t)(end - at), "%lld with characters outside data.charset %.100s, such as %s",
                       (long long)r->n_foreign, charset_name(source->charset), utf8_show(r->foreign, shown));
    if (r->n_long > 0)
        at += snprintf(at, (size_t)(end - at), "%s%lld longer than model.max_length %d (up to %lld characters)",
                       at > r->text ? "; " : "", (long long)r->n_long, (int)source->max_length, (long long)r->longest);
    if (r->n_empty > 0)
        snprintf(at, (size_t)(end - at), "%s%lld empty", at > r->text ? "; " : "", (long long)r->n_empty);
}

/* Texts that do not pass are an error unless the settings say that they are to be skipped: no figure is to be of fewer
 * words than its reader thinks. A blank line of a word list is no word. n: texts in all; what: what they are. */
static Err judge_rejects(Source *source, const Settings *settings, const char *prefix, int64_t n, const char *what) {
    char key[KEY_LEN];
    const Rejects *r = &source->rejects;
    bool skip = settings_is(settings, key_at(key, prefix, "unusable"), "skip");
    int64_t n_bad = r->n_foreign + r->n_long;
    describe_rejects(source);
    if (source->labels.n == 0)
        return err_set(ERR_DATA, "none of the %lld %s can be used: %s", (long long)n, what,
                       r->text[0] == '\0' ? "there is nothing" : r->text);
    if (n_bad == 0 || skip) return ERR_OK;
    return err_set(ERR_DATA,
                   "%lld of %lld %s cannot be used: %s; expected a data.charset and a model.max_length that take them, "
                   "or %s: skip",
                   (long long)n_bad, (long long)n, what, r->text, key);
}

/* ---- drawn lines ---- */

static Err read_words(Source *source, const Settings *settings, const char *prefix) {
    Err err = ERR_OK;
    TextFile file = {0};
    bool taken = false;
    char hex[DIGEST_HEX], key[KEY_LEN], what[WHAT_LEN];
    const char *path = settings_text(settings, key_at(key, prefix, "words"));
    TRY(of_setting(textfile_read(&file, path, "word list"), key));
    for (int64_t i = 0; i < file.n_lines; i++) TRY(take_text(source, file.line[i], &taken));
    snprintf(what, sizeof what, "lines of the word list %.200s", path);
    TRY(judge_rejects(source, settings, prefix, file.n_lines, what));
    FAIL_IF(source->labels.n > INT32_MAX, ERR_DATA, "%s has too many words", path);
    TRY(digest_file(path, hex));
    TRY(add_input(source, "words", path, path, hex));

done:
    textfile_clear(&file);
    return err;
}

static Err read_text_settings(Source *source, SynthText *text, const Settings *settings, const char *prefix) {
    Err err = ERR_OK;
    char key[KEY_LEN];
    if (settings_is(settings, key_at(key, prefix, "text"), "words")) {
        TRY(read_words(source, settings, prefix));
        *text = (SynthText){.max_chars = source->labels.longest,
                            .n_words = (int32_t)source->labels.n,
                            .word = source->labels.label,
                            .word_at = source->labels.at};
    } else {
        key_at(key, prefix, "length");
        int64_t lo = settings_int_at(settings, key, 0), hi = settings_int_at(settings, key, 1);
        FAIL_IF(lo > hi, ERR_SPEC, "%s is %s, expected the smaller number first", key, settings_show(settings, key));
        FAIL_IF(hi > source->max_length, ERR_SPEC, "%s is %s, but model.max_length is %d", key,
                settings_show(settings, key), (int)source->max_length);
        *text = (SynthText){.min_chars = (int32_t)lo, .max_chars = (int32_t)hi};
    }
    source->longest = text->max_chars;

done:
    return err;
}

static Err open_fonts(Source *source, const SourceSpec *spec, const char *prefix, SynthSpec *synth) {
    Err err = ERR_OK;
    const char **families = NULL;
    char key[KEY_LEN];
    key_at(key, prefix, "fonts");
    size_t n = settings_len(spec->settings, key);
    TRY(mem_alloc(&families, n, sizeof *families));
    for (size_t i = 0; i < n; i++) families[i] = settings_text_at(spec->settings, key, i);
    synth->families = families;
    synth->n_families = (int)n;
    TRY(of_setting(synth_open(&source->synth, synth), key));
    const FontSet *fonts = synth_fonts(source->synth);
    for (int i = 0; i < fonts->n_faces; i++)
        TRY(add_input(source, "font", fonts->face[i].name, fonts->face[i].path, fonts->face[i].sha256));

done:
    mem_free(families);
    return err;
}

static Err open_synthetic(Source *source, const SourceSpec *spec, const char *prefix) {
    Err err = ERR_OK;
    const Settings *settings = spec->settings;
    char key[KEY_LEN], stream[KEY_LEN];
    bool training = strcmp(spec->set, "train") == 0;
    snprintf(stream, sizeof stream, "%.20s.%.200s", spec->set, spec->name);
    SynthSpec synth = {.stream = stream,
                       .height = (int32_t)settings_int_at(settings, "data.image", 0),
                       .width = (int32_t)settings_int_at(settings, "data.image", 1),
                       .charset = spec->charset,
                       .n_workers = spec->n_workers};
    int64_t seed = settings_int(settings, key_at(key, prefix, "seed"));
    synth.seed = seed >= 0  ? (uint64_t)seed
                 : training ? spec->seed
                            : (uint64_t)settings_int(settings, "data.eval_seed");
    source->count = settings_int(settings, key_at(key, prefix, "count"));
    TRY(synth_style_read(&synth.style, settings, prefix));
    TRY(read_text_settings(source, &synth.text, settings, prefix));
    if (!spec->measure_only) TRY(open_fonts(source, spec, prefix, &synth));

done:
    return err;
}

/* ---- datasets ---- */

/* -1 for "all". */
static int wanted_split(const char *name) {
    for (int i = 0; i < SPLIT_COUNT; i++)
        if (strcmp(name, split_name((Split)i)) == 0) return i;
    return -1;
}

/* Keeps the items of the split whose text can be used, at most `count` of them (0 = all), in the file's order. */
static Err keep_items(Source *source, const Settings *settings, const char *prefix) {
    Err err = ERR_OK;
    char key[KEY_LEN], what[WHAT_LEN];
    const char *split = settings_text(settings, key_at(key, prefix, "split"));
    int64_t limit = settings_int(settings, key_at(key, prefix, "count"));
    int64_t n_in_split = 0, n = dataset_count(source->dataset);
    int wanted = wanted_split(split);
    const char *path = dataset_path(source->dataset);
    TRY(mem_alloc(&source->kept, (size_t)n, sizeof *source->kept));
    for (int64_t i = 0; i < n && (limit == 0 || source->count < limit); i++) {
        DatasetItem item = dataset_item(source->dataset, i);
        bool taken = false;
        if (wanted >= 0 && (int)item.split != wanted) continue;
        n_in_split++;
        TRY(take_text(source, item.text, &taken));
        if (taken) source->kept[source->count++] = i;
    }
    FAIL_IF(n_in_split == 0, ERR_DATA, "%s: dataset %s has no image in the split '%s'", key_at(key, prefix, "split"),
            path, split);
    snprintf(what, sizeof what, "images of dataset %.200s, split %s,", path, split);
    TRY(judge_rejects(source, settings, prefix, n_in_split, what));
    source->longest = source->labels.longest;

done:
    return err;
}

static Err open_resizers(Source *source, const SourceSpec *spec) {
    Err err = ERR_OK;
    int32_t max_h = 1, max_w = 1;
    Sample target = {.height = (int32_t)settings_int_at(spec->settings, "data.image", 0),
                     .width = (int32_t)settings_int_at(spec->settings, "data.image", 1)};
    Fit fit = settings_is(spec->settings, "data.fit", "pad") ? FIT_PAD : FIT_STRETCH;
    for (int64_t i = 0; i < source->count; i++) {
        DatasetItem item = dataset_item(source->dataset, source->kept[i]);
        max_h = item.height > max_h ? item.height : max_h;
        max_w = item.width > max_w ? item.width : max_w;
    }
    TRY(mem_alloc(&source->resizer, (size_t)spec->n_workers, sizeof *source->resizer));
    for (; source->n_resizers < spec->n_workers; source->n_resizers++)
        TRY(resizer_new(&source->resizer[source->n_resizers], fit, max_h, max_w, &target));

done:
    return err;
}

static Err open_dataset(Source *source, const SourceSpec *spec, const char *prefix) {
    Err err = ERR_OK;
    char key[KEY_LEN];
    const char *path = settings_text(spec->settings, key_at(key, prefix, "file"));
    TRY(of_setting(dataset_open(&source->dataset, path), key));
    TRY(keep_items(source, spec->settings, prefix));
    if (!spec->measure_only) {
        TRY(of_setting(dataset_verify(source->dataset), key_at(key, prefix, "file")));
        TRY(open_resizers(source, spec));
    }
    TRY(add_input(source, "dataset", path, path, dataset_sha256(source->dataset)));

done:
    return err;
}

/* ---- interface ---- */

Err source_open(Source **out, const SourceSpec *spec) {
    Err err = ERR_OK;
    Source *source = NULL;
    char prefix[KEY_LEN], set[KEY_LEN], key[KEY_LEN];
    *out = NULL;
    TRY(mem_alloc(&source, 1, sizeof *source));
    TRY(mem_strdup(&source->name, spec->name));
    TRY(reserve_labels(&source->labels, 0));
    source->measure_only = spec->measure_only;
    source->charset = spec->charset;
    source->max_length = (int32_t)settings_int(spec->settings, "model.max_length");
    snprintf(set, sizeof set, "data.%.20s", spec->set);
    key_at(prefix, set, spec->name);
    key_at(key, prefix, "share");
    source->share = settings_has(spec->settings, key) ? settings_real(spec->settings, key) : 1;
    if (settings_is(spec->settings, key_at(key, prefix, "source"), "synthetic"))
        TRY(open_synthetic(source, spec, prefix));
    else
        TRY(open_dataset(source, spec, prefix));
    TRY(add_charset_input(source));
    *out = source;
    source = NULL;

done:
    source_close(source);
    return err;
}

void source_close(Source *source) {
    if (source == NULL) return;
    synth_close(source->synth);
    dataset_close(source->dataset);
    for (int i = 0; i < source->n_resizers; i++) resizer_free(source->resizer[i]);
    for (int i = 0; i < source->n_inputs; i++) {
        mem_free(source->inputs[i].kind);
        mem_free(source->inputs[i].name);
        mem_free(source->inputs[i].path);
        mem_free(source->inputs[i].sha256);
    }
    mem_free(source->resizer);
    mem_free(source->inputs);
    mem_free(source->kept);
    mem_free(source->labels.label);
    mem_free(source->labels.at);
    mem_free(source->name);
    mem_free(source);
}

const char *source_name(const Source *source) { return source->name; }
int64_t source_count(const Source *source) { return source->count; }
int32_t source_longest(const Source *source) { return source->longest; }
double source_share(const Source *source) { return source->share; }

bool source_has_boxes(const Source *source) {
    for (int64_t i = 0; source->dataset != NULL && i < source->count; i++)
        if (dataset_item(source->dataset, source->kept[i]).n_boxes > 0) return true;
    return source->dataset == NULL;
}

int64_t source_n_rejected(const Source *source, const char **reasons) {
    *reasons = source->rejects.text;
    return source->rejects.n_foreign + source->rejects.n_long + source->rejects.n_empty;
}

int64_t source_n_texts(const Source *source) {
    const char *reasons = NULL;
    return source->labels.n + source_n_rejected(source, &reasons);
}

void source_read(Source *source, int i_worker, int64_t index, Sample *out) {
    ASSERT(!source->measure_only && index >= 0 && index < source->count);
    if (source->synth != NULL) {
        synth_draw(source->synth, i_worker, index, out);
        return;
    }
    ASSERT(i_worker >= 0 && i_worker < source->n_resizers);
    const Labels *labels = &source->labels;
    DatasetItem item = dataset_item(source->dataset, source->kept[index]);
    out->n_chars = (int32_t)(labels->at[index + 1] - labels->at[index]);
    ASSERT(out->n_chars <= out->max_chars);
    memcpy(out->label, labels->label + labels->at[index], (size_t)out->n_chars * sizeof *out->label);
    resizer_run(source->resizer[i_worker], &item, out);
}

const char *source_origin(const Source *source, int64_t index) {
    ASSERT(index >= 0 && index < source->count);
    return source->dataset == NULL ? "" : dataset_item(source->dataset, source->kept[index]).file;
}

const DataInput *source_inputs(const Source *source, int *n) {
    *n = source->n_inputs;
    return source->inputs;
}
