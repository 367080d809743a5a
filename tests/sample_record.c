/* See sample_record.h. */
#include "tests/sample_record.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernels/mem.h"

enum { STEPS = 40, SAMPLES = 2, CHARS = 3, MAP_W = 4, IMAGE_H = 4, IMAGE_W = 16 };

static Err fill_curves(CellRecord *record, double level) {
    Err err = ERR_OK;
    for (int step = 1; step <= STEPS; step++) {
        float value[CURVE_COUNT] = {[CURVE_LOSS] = (float)(level / step),
                                    [CURVE_LOSS_RECOGNITION] = (float)(level / step / 2),
                                    [CURVE_LOSS_FOCUS] = step == 3 ? NAN : (float)(level / step / 3),
                                    [CURVE_GRAD_NORM] = (float)(1.0 + step * 0.125),
                                    [CURVE_LR] = 3e-3f};
        TRY(record_step(record, step, value));
    }
done:
    return err;
}

static Err fill_evaluations(CellRecord *record, const SampleSpec *spec) {
    Err err = ERR_OK;
    static const RecordMetric metric[] = {
        {"char_accuracy", "1", "character accuracy, free-running", 1, NAN, false},
        {"word_accuracy", "1", "word accuracy", 1, NAN, false},
        {"hit_rate", "1", "centre in its own box", 1, 0.0625, true},
        {"drift_rate", "1", "centre outside its own box", -1, 0.9375, true},
        {"centre_error_px", "px", "distance of the centre of attention", -1, 24.5, true},
    };
    for (int step = 10; step <= STEPS; step += 10) {
        double part = 1.0 - spec->rise * (STEPS - step) / 10.0;
        double value[] = {spec->accuracy * part, spec->accuracy * part * 0.5, spec->hit * part, 1 - spec->hit * part,
                          step == 10 ? NAN : 10 * (1 - spec->hit * part)};
        TRY(record_evaluation(record, "valid", step, 5, metric, value));
        if (step == STEPS) TRY(record_evaluation(record, "test", step, 5, metric, value));
    }
    for (size_t i = 0; i < record->n_evaluations; i++) {
        record->evaluations[i].n_samples = 100;
        record->evaluations[i].n_chars = 550;
    }
done:
    return err;
}

static Err fill_attention(CellRecord *record) {
    Err err = ERR_OK;
    static const float y[1] = {2}, x[MAP_W] = {2, 6, 10, 14};
    static const char *const text[SAMPLES] = {"cat", "né"};
    float boxes[SAMPLES * CHARS * 4] = {0}, maps[SAMPLES * CHARS * MAP_W], centres[SAMPLES * CHARS * 2];
    uint8_t images[SAMPLES * IMAGE_H * IMAGE_W * 3];
    for (size_t i = 0; i < sizeof images; i++) images[i] = (uint8_t)(i * 7);
    for (size_t i = 0; i < SAMPLES * CHARS; i++) boxes[i * 4 + 2] = (float)(i + 4);
    const RecordAttention of = {.n_samples = SAMPLES,
                                .n_t = CHARS,
                                .map_h = 1,
                                .map_w = MAP_W,
                                .image_h = IMAGE_H,
                                .image_w = IMAGE_W,
                                .map_y = y,
                                .map_x = x,
                                .images = images,
                                .boxes = boxes,
                                .text = text};
    TRY(record_attention_samples(record, &of));
    for (int step = 20; step <= STEPS; step += 20) {
        for (size_t i = 0; i < SAMPLES * CHARS * MAP_W; i++) maps[i] = (float)i / (float)step;
        for (size_t i = 0; i < SAMPLES * CHARS * 2; i++) centres[i] = (float)i;
        TRY(record_attention(record, step, maps, centres, (const char *const[]){"cab", "n\xc3\xa9"}));
    }
done:
    return err;
}

static void fill_memory(CellRecord *record, int64_t planned) {
    static const RecordBytes modules[] = {{"encoder", 600}, {"decoder", 424}};
    static const RecordBytes roles[] = {{"param", 300}, {"activation", 724}};
    static const RecordNode nodes[] = {{"encoder.conv1", 512}, {"decoder.t00", 1024}, {"loss", 256}};
    static const RecordTensor tensors[] = {
        {"encoder.conv1.y", "encoder", "activation", 512, 0, 0, 1, {.rank = SHAPE_ABSENT}},
        {"decoder.t00.alpha", "decoder", "activation", 512, 512, 1, 2, {.rank = SHAPE_ABSENT}}};
    static const int64_t by_module[] = {512, 600, 0, 0, 424, 256}, by_role[] = {300, 300, 256, 212, 724, 0};
    record->memory = (RecordMemory){.planned_bytes = planned,
                                    .measured_bytes = planned,
                                    .lower_bound_bytes = planned - 64,
                                    .peak_node = "decoder.t00",
                                    .n_modules = 2,
                                    .by_module = modules,
                                    .n_roles = 2,
                                    .by_role = roles,
                                    .n_nodes = 3,
                                    .timeline = nodes,
                                    .timeline_by_module = by_module,
                                    .timeline_by_role = by_role,
                                    .n_tensors = 2,
                                    .tensors = tensors};
}

static Err fill_params(CellRecord *record) {
    Err err = ERR_OK;
    static const float weight[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, -0.0f}, bias[2] = {0.5f, NAN}, mean[1] = {3};
    TRY(record_param(record, &record->final, "decoder.weight", "param", SHAPE3(2, 2, 3), weight));
    TRY(record_param(record, &record->final, "decoder.bias", "param", SHAPE1(2), bias));
    TRY(record_param(record, &record->final, "encoder.norm.mean", "state", SHAPE0(), mean));
    TRY(record_param(record, &record->best, "decoder.bias", "param", SHAPE1(2), bias));
    record->final.step = STEPS;
    record->best.step = 30;
done:
    return err;
}

static Err fill_texts(CellRecord *record, const SampleSpec *spec) {
    Err err = ERR_OK;
    char text[200];
    (void)snprintf(text, sizeof text, "%s@%lld", spec->variant, (long long)spec->seed);
    TRY(record_text(record, &record->name, text));
    (void)snprintf(text, sizeof text, "%s@%lld-0badcafe", spec->variant, (long long)spec->seed);
    TRY(record_text(record, &record->id, text));
    TRY(record_text(record, &record->variant, spec->variant));
    (void)snprintf(text, sizeof text, "focus.kind=%s\ntrain.steps=40\n", spec->variant);
    TRY(record_text(record, &record->identity, spec->identity != NULL ? spec->identity : text));
    TRY(record_text(record, &record->settings, "train:\n  steps: 40\n"));
    TRY(record_text(record, &record->code_digest, "c0de"));
    TRY(record_provenance(record, "version", "1.0-test"));
    TRY(record_provenance(record, "device", "cpu (avx2)"));
done:
    return err;
}

Err sample_record(CellRecord **out, const SampleSpec *spec) {
    Err err = ERR_OK;
    CellRecord *record = NULL;
    static const float seconds[STEPS] = {0.25f};
    *out = NULL;
    TRY(record_new(&record));
    TRY(fill_texts(record, spec));
    record->seed = spec->seed;
    record->status = spec->status;
    record->n_steps = STEPS;
    record->n_params = 15;
    record->n_boxes_used = strcmp(spec->variant, "baseline") == 0 ? 0 : 7040;
    record->flops_per_step = 123456789;
    fill_memory(record, spec->planned_bytes);
    if (spec->status == CELL_DONE) {
        TRY(fill_curves(record, 3.0 + (double)spec->seed));
        TRY(fill_evaluations(record, spec));
        TRY(fill_attention(record));
        TRY(fill_params(record));
        record->times = (RecordVolatile){.seconds_per_step = spec->ms / 1000,
                                         .wall_seconds = 4,
                                         .cpu_seconds = 3.5,
                                         .peak_rss_bytes = 99 << 20,
                                         .library_transient_bytes = 4096,
                                         .library_code_bytes = 1 << 20,
                                         .n_resumes = 1,
                                         .n_steps = STEPS,
                                         .step_seconds = seconds,
                                         .device_total_bytes = -1,
                                         .device_free_before_bytes = -1,
                                         .device_free_after_bytes = -1,
                                         .context_bytes = -1};
    } else {
        record->memory.measured_bytes = -1;
        record->cause = spec->cause != NULL                ? spec->cause
                        : spec->status == CELL_OVER_BUDGET ? "plan of 30 GiB over a budget of 24 GiB"
                                                           : "loss is nan";
    }
    *out = record;
    record = NULL;
done:
    record_free(record);
    return err;
}

void folder_make(char *path, size_t len) {
    const char *tmp = getenv("TMPDIR");
    (void)snprintf(path, len, "%s/refocus-test-XXXXXX", tmp != NULL ? tmp : "/tmp");
    if (mkdtemp(path) == NULL) abort();
}

void folder_remove(const char *path) {
    DIR *folder = opendir(path);
    char child[1024];
    if (folder == NULL) return;
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        (void)snprintf(child, sizeof child, "%s/%s", path, entry->d_name);
        if (unlink(child) != 0) folder_remove(child);
    }
    (void)closedir(folder);
    (void)rmdir(path);
}
