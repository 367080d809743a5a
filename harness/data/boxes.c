#include "harness/data/boxes.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool parse_boxes(const char *text, BoxesRule *out) {
    char *end = NULL;
    out->mode = BOXES_TRUE;
    if (strcmp(text, "true") == 0) return true;
    out->mode = BOXES_SHUFFLED;
    if (strcmp(text, "shuffled") == 0) return true;
    out->mode = BOXES_JITTER;
    if (strncmp(text, "jitter:", 7) != 0 || text[7] < '0' || text[7] > '9') return false;
    out->jitter = strtod(text + 7, &end);
    return *end == '\0' && isfinite(out->jitter);
}

static Err check_boxes(const char *text) {
    BoxesRule rule = {0};
    if (parse_boxes(text, &rule)) return ERR_OK;
    return err_set(ERR_SPEC, "'%.60s' is not a way to hand out boxes, expected true, shuffled or jitter:PIXELS", text);
}

const Option boxes_options[] = {
    {.key = "focus.labelled",
     .type = OPT_REAL,
     .def = "1",
     .min = 0,
     .max = 1,
     .when = "focus.kind!=none",
     .help = "share of the training samples that have boxes; the same samples in every variant"},
    {.key = "focus.boxes",
     .type = OPT_TEXT,
     .def = "true",
     .when = "focus.kind!=none",
     .check = check_boxes,
     .help = "true, or a control: shuffled within the word, or jitter:PIXELS"},
    OPTION_END};

Err boxes_rule(BoxesRule *out, const Settings *settings) {
    *out = (BoxesRule){.labelled = 1};
    if (!settings_has(settings, "focus.boxes") || !settings_applies(settings, "focus.boxes")) return ERR_OK;
    const char *text = settings_text(settings, "focus.boxes");
    if (!parse_boxes(text, out)) return check_boxes(text);
    out->labelled = settings_real(settings, "focus.labelled");
    return ERR_OK;
}

BoxesStreams boxes_streams(uint64_t seed, const char *source) {
    char labelled[KEY_LEN], change[KEY_LEN];
    snprintf(labelled, sizeof labelled, "focus.labelled.%.200s", source);
    snprintf(change, sizeof change, "focus.boxes.%.200s", source);
    return (BoxesStreams){rng_stream(seed, labelled), rng_stream(seed, change)};
}

static void remove_boxes(Sample *sample) {
    sample->has_boxes = false;
    memset(sample->box, 0, (size_t)sample->n_chars * 4 * sizeof *sample->box);
    for (int32_t i = 0; i < sample->height * sample->width; i++) sample->owner[i] = OWNER_NONE;
}

/* Box i goes to character order[i]. Fisher and Yates. */
static void shuffle(Sample *sample, Rng *rng, int32_t *order) {
    for (int32_t i = 0; i < sample->n_chars; i++) order[i] = i;
    for (int32_t i = sample->n_chars - 1; i > 0; i--) {
        int32_t k = (int32_t)rng_below(rng, (uint32_t)i + 1), kept = order[i];
        order[i] = order[k];
        order[k] = kept;
    }
    for (int32_t i = 0; i < sample->height * sample->width; i++)
        if (sample->owner[i] != OWNER_NONE) sample->owner[i] = (int16_t)order[sample->owner[i]];
    /* Follow each cycle, carrying the box that is displaced; ~ marks what is done. */
    for (int32_t start = 0; start < sample->n_chars; start++) {
        float held[4];
        memcpy(held, sample->box + 4 * start, sizeof held);
        for (int32_t at = start; order[at] >= 0;) {
            int32_t to = order[at];
            float next[4];
            memcpy(next, sample->box + 4 * to, sizeof next);
            memcpy(sample->box + 4 * to, held, sizeof held);
            memcpy(held, next, sizeof held);
            order[at] = ~order[at];
            at = to;
        }
    }
}

static float clip(double value, int32_t limit) { return (float)fmax(0, fmin(limit, value)); }

static void move_box(Sample *sample, int32_t i, double dx, double dy) {
    float *box = sample->box + 4 * i;
    if (box[2] <= box[0]) return;
    box[0] = clip(box[0] + dx, sample->width);
    box[1] = clip(box[1] + dy, sample->height);
    box[2] = clip(box[2] + dx, sample->width);
    box[3] = clip(box[3] + dy, sample->height);
    if (box[2] <= box[0] || box[3] <= box[1]) memset(box, 0, 4 * sizeof *box);
}

static void jitter(Sample *sample, Rng *rng, double limit, int16_t *scratch) {
    int32_t width = sample->width, height = sample->height;
    memcpy(scratch, sample->owner, (size_t)width * (size_t)height * sizeof *scratch);
    for (int32_t i = 0; i < width * height; i++) sample->owner[i] = OWNER_NONE;
    for (int32_t i = 0; i < sample->n_chars; i++) {
        double dx = rng_range(rng, -limit, limit), dy = rng_range(rng, -limit, limit);
        int32_t step_x = (int32_t)fmax(-width, fmin(width, round(dx)));
        int32_t step_y = (int32_t)fmax(-height, fmin(height, round(dy)));
        move_box(sample, i, dx, dy);
        for (int32_t y = 0; y < height; y++) {
            if (y + step_y < 0 || y + step_y >= height) continue;
            for (int32_t x = 0; x < width; x++) {
                bool mine = scratch[y * width + x] == i && x + step_x >= 0 && x + step_x < width;
                if (mine) sample->owner[(y + step_y) * width + x + step_x] = (int16_t)i;
            }
        }
    }
}

void boxes_apply(const BoxesRule *rule, const BoxesStreams *streams, int64_t index, Sample *sample, int16_t *scratch,
                 int32_t *order) {
    if (!sample->has_boxes) return;
    Rng lot = rng_at(streams->labelled, 0, (uint64_t)index), rng = rng_at(streams->change, 0, (uint64_t)index);
    if (rng_range(&lot, 0, 1) >= rule->labelled) {
        remove_boxes(sample);
        return;
    }
    if (rule->mode == BOXES_SHUFFLED) shuffle(sample, &rng, order);
    if (rule->mode == BOXES_JITTER) jitter(sample, &rng, rule->jitter, scratch);
}
