/* refocus's side of `make bench`: training steps of crnn-small with the attention decoder and no branch, at batch 32,
 * on one thread. bench_step write FILE N    draws N batches with the settings of the quickstart into FILE bench_step
 * serve FILE      a line "N" on stdin runs N steps, answered by "WALL_MS CPU_MS LOSS" of each on one line bench_step
 * time FILE N     runs N steps and prints the median FILE: int32 magic, batches, N, H, W, T, K; then per batch image
 * [N,H,W,3] float, token_in [T,N], label [T,N] int32. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/data/loader.h"
#include "kernels/mem.h"
#include "models/model.h"
#include "tests/bench/peak.h"

enum { MAGIC = 0x31424652, HEADER_LEN = 7, MAX_STEPS = 1000 };

typedef struct Header {
    int32_t magic, n_batches, n, height, width, n_steps, n_chars;
} Header;

/* The quickstart's baseline (experiments/quickstart.yaml). */
static Err baseline_settings(Settings **out) {
    static const char *const rows[][2] = {
        {"data.charset", "latin36"},
        {"data.image", "[32, 128]"},
        {"data.train.lines.source", "synthetic"},
        {"data.train.lines.fonts", "[DejaVu, Liberation]"},
        {"data.train.lines.length", "[3, 8]"},
        {"data.train.lines.difficulty", "clutter"},
        {"data.train.lines.count", "16000"},
        {"model.encoder", "crnn-small"},
        {"model.blstm", "64"},
        {"model.attention", "96"},
        {"model.decoder", "128"},
        {"model.embedding", "32"},
        {"train.batch", "32"},
        {"train.optimizer", "adam"},
        {"train.lr", "3e-3"},
        {"train.clip", "5"},
        {"train.shards", "1"},
        {"focus.kind", "none"},
    };
    Err err = ERR_OK;
    Settings *settings = NULL;
    *out = NULL;
    TRY(settings_new(&settings));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) TRY(settings_set(settings, rows[i][0], rows[i][1]));
    TRY(settings_resolve(settings));
    *out = settings;
    settings = NULL;
done:
    settings_free(settings);
    return err;
}

static Err write_values(FILE *file, const void *values, int64_t n) {
    if (fwrite(values, 4, (size_t)n, file) != (size_t)n) return err_set(ERR_IO, "cannot write the lines");
    return ERR_OK;
}

static Err write_lines(const char *path, int n_batches) {
    Err err = ERR_OK;
    Settings *settings = NULL;
    Loader *loader = NULL;
    LoaderBatch *batch = NULL;
    FILE *file = NULL;
    TRY(baseline_settings(&settings));
    TRY(loader_open(&loader, settings, "train", 0, NULL));
    TRY(loader_batch_new(&batch, loader));
    file = fopen(path, "wb");
    FAIL_IF(file == NULL, ERR_CREATE, "cannot create %s", path);
    const DataFacts *facts = loader_facts(loader);
    Header header = {MAGIC,          n_batches,     loader_batch_size(loader), facts->height, facts->width,
                     facts->n_steps, facts->n_chars};
    TRY(write_values(file, &header, HEADER_LEN));
    for (int i = 0; i < n_batches; i++) {
        loader_fill(loader, i, batch);
        TRY(write_values(file, batch->image, (int64_t)batch->n * batch->height * batch->width * 3));
        TRY(write_values(file, batch->token_in, (int64_t)batch->n_steps * batch->n));
        TRY(write_values(file, batch->label, (int64_t)batch->n_steps * batch->n));
    }
    FAIL_IF(fclose(file) != 0, ERR_IO, "cannot write %s", path);
    file = NULL;
done:
    if (file != NULL) (void)fclose(file);
    loader_batch_free(batch);
    loader_close(loader);
    settings_free(settings);
    return err;
}

/* The batches of a file, ready for upload, and the model that runs on them. */
typedef struct Bench {
    Header header;
    float *image, *inv_chars;  /* [batches,N,H,W,3], [batches] */
    int32_t *token_in, *label; /* [batches,T,N] */
    Settings *settings;
    Model *model;
    ModelPlan plan;
    Arena *arena;
    Exec *exec;
    int64_t n_done;
} Bench;

static Err read_values(FILE *file, void *values, int64_t n) {
    if (fread(values, 4, (size_t)n, file) != (size_t)n) return err_set(ERR_DATA, "the file of lines is too short");
    return ERR_OK;
}

static Err read_lines(Bench *bench, const char *path) {
    Err err = ERR_OK;
    FILE *file = fopen(path, "rb");
    FAIL_IF(file == NULL, ERR_MISSING, "cannot open %s", path);
    Header *h = &bench->header;
    TRY(read_values(file, h, HEADER_LEN));
    FAIL_IF(h->magic != MAGIC || h->n_batches < 1, ERR_DATA, "%s is not a file of bench_step write", path);
    int64_t pixels = (int64_t)h->n * h->height * h->width * 3, tokens = (int64_t)h->n_steps * h->n;
    TRY(mem_alloc(&bench->image, (size_t)(h->n_batches * pixels), sizeof(float)));
    TRY(mem_alloc(&bench->token_in, (size_t)(h->n_batches * tokens), sizeof(int32_t)));
    TRY(mem_alloc(&bench->label, (size_t)(h->n_batches * tokens), sizeof(int32_t)));
    TRY(mem_alloc(&bench->inv_chars, (size_t)h->n_batches, sizeof(float)));
    for (int i = 0; i < h->n_batches; i++) {
        int32_t *label = bench->label + i * tokens;
        TRY(read_values(file, bench->image + i * pixels, pixels));
        TRY(read_values(file, bench->token_in + i * tokens, tokens));
        TRY(read_values(file, label, tokens));
        int64_t n_chars = 0;
        for (int64_t k = 0; k < tokens; k++) n_chars += label[k] >= 0;
        bench->inv_chars[i] = 1.0F / (float)n_chars;
    }
done:
    if (file != NULL) (void)fclose(file);
    return err;
}

static void bench_clear(Bench *bench) {
    exec_free(bench->exec);
    arena_free(bench->arena);
    model_plan_clear(&bench->plan);
    model_free(bench->model);
    settings_free(bench->settings);
    mem_free(bench->image);
    mem_free(bench->token_in);
    mem_free(bench->label);
    mem_free(bench->inv_chars);
}

static Err bench_open(Bench *bench, const char *path) {
    Err err = ERR_OK;
    TRY(read_lines(bench, path));
    TRY(baseline_settings(&bench->settings));
    const Header *h = &bench->header;
    ModelSizes sizes = {.n_chars = h->n_chars, .n_steps = h->n_steps, .height = h->height, .width = h->width};
    TRY(model_build(&bench->model, bench->settings, &sizes, DEVICE_CPU, MODEL_TRAIN_AND_EVAL));
    int64_t n_weights = params_count(&bench->model->params, PARAM_WEIGHT);
    FAIL_IF(n_weights != 180752 + 183973, ERR_GATE, "the model has %" PRId64 " parameters, expected 180752 + 183973",
            n_weights);
    TRY(model_plan(&bench->plan, bench->model, sizeof(float), true));
    TRY(arena_new(&bench->arena, backend_cpu(), &bench->model->params, bench->plan.transient_bytes));
    TRY(arena_initialise(bench->arena, 0));
    TRY(exec_new(&bench->exec, bench->plan.train, bench->arena, EXEC_ARENA, NULL));
done:
    return err;
}

/* One training step: uploads, forward, backward, clipping, Adam. *loss is its loss. */
static Err bench_step(Bench *bench, float *loss) {
    Err err = ERR_OK;
    const Header *h = &bench->header;
    const TrainGraph *train = &bench->model->train;
    Exec *exec = bench->exec;
    int64_t i = bench->n_done % h->n_batches, tokens = (int64_t)h->n_steps * h->n;
    float hyper[HYPER_LEN], limit = (float)settings_real(bench->settings, "train.clip");
    update_hyper(bench->settings, bench->n_done, 3e-3, hyper);
    TRY(exec_upload(exec, train->image, bench->image + i * h->n * h->height * h->width * 3));
    TRY(exec_upload(exec, train->token_in, bench->token_in + i * tokens));
    TRY(exec_upload(exec, train->label, bench->label + i * tokens));
    TRY(exec_upload(exec, train->inv_chars, bench->inv_chars + i));
    TRY(exec_upload(exec, train->update.hyper, hyper));
    TRY(exec_upload(exec, train->update.limit, &limit));
    TRY(exec_run(exec));
    TRY(exec_download(exec, train->loss, loss));
    bench->n_done++;
done:
    return err;
}

static Err serve(Bench *bench) {
    char line[64];
    printf("ready refocus\n");
    (void)fflush(stdout);
    while (fgets(line, sizeof line, stdin) != NULL) {
        long n = strtol(line, NULL, 10);
        for (long i = 0; i < n; i++) {
            float loss = 0;
            double wall = bench_wall(), cpu = bench_cpu();
            Err err = bench_step(bench, &loss);
            if (err != ERR_OK) return err;
            printf("%.4f %.4f %.6f%c", 1e3 * (bench_wall() - wall), 1e3 * (bench_cpu() - cpu), (double)loss,
                   i + 1 < n ? ' ' : '\n');
        }
        (void)fflush(stdout);
    }
    return ERR_OK;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static Err time_steps(Bench *bench, int n) {
    double ms[MAX_STEPS];
    float loss = 0;
    for (int i = 0; i < n; i++) {
        double before = bench_wall();
        Err err = bench_step(bench, &loss);
        if (err != ERR_OK) return err;
        ms[i] = 1e3 * (bench_wall() - before);
    }
    qsort(ms, (size_t)n, sizeof *ms, by_value);
    printf("training step, batch 32: median %.1f ms, quartiles %.1f and %.1f, last loss %.3f\n", ms[n / 2], ms[n / 4],
           ms[n * 3 / 4], (double)loss);
    return ERR_OK;
}

int main(int argc, char **argv) {
    Bench bench = {.n_done = 0};
    const char *verb = argc > 2 ? argv[1] : "";
    int n = argc > 3 ? (int)strtol(argv[3], NULL, 10) : 0;
    Err err = ERR_OK;
    if (strcmp(verb, "write") == 0 && n > 0) {
        err = write_lines(argv[2], n);
    } else if (strcmp(verb, "serve") == 0 || (strcmp(verb, "time") == 0 && n > 0 && n <= MAX_STEPS)) {
        err = bench_open(&bench, argv[2]);
        if (err == ERR_OK) err = verb[0] == 's' ? serve(&bench) : time_steps(&bench, n);
    } else {
        err = err_set(ERR_ARG, "usage: bench_step write FILE N | serve FILE | time FILE N");
    }
    if (err != ERR_OK) fprintf(stderr, "bench_step: %s\n", err_message());
    bench_clear(&bench);
    return err == ERR_OK ? 0 : 1;
}
