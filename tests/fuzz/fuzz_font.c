/* A font's file, and a line drawn with it. */
#include "harness/data/synth.h"
#include "tests/fuzz/scratch.h"
#include "tests/fuzz/target.h"

enum { HEIGHT = 16, WIDTH = 48, CHARS = 4 };

static Charset *charset; /* kept: every input is drawn with the same one */
static Sample sample;

static void draw(const char *path) {
    Synth *synth = NULL;
    SynthSpec spec = {.stream = "train.lines",
                      .height = HEIGHT,
                      .width = WIDTH,
                      .style = {.size = {8, 14}, .spacing = {0, 1}, .jitter = {-1, 1}},
                      .text = {.min_chars = 1, .max_chars = CHARS},
                      .charset = charset,
                      .families = &path,
                      .n_families = 1,
                      .n_workers = 1};
    if (synth_open(&synth, &spec) == ERR_OK)
        for (int64_t i = 0; i < 4; i++) synth_draw(synth, 0, i, &sample);
    synth_close(synth);
}

static void run(const uint8_t *data, size_t n) {
    Err err = charset != NULL ? ERR_OK : charset_open(&charset, "digits");
    if (err == ERR_OK && sample.image == NULL) err = sample_init(&sample, HEIGHT, WIDTH, CHARS);
    if (err == ERR_OK) draw(scratch_file("font.ttf", data, n));
}

const FuzzTarget fuzz_font = {.name = "font", .run = run};
