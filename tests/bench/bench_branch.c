/* What each branch costs: training steps of every variant of an experiment, interleaved in one process on one thread,
 * so that whatever slows the machine slows all. Prints the planned peak, and the median processor time of a step, each
 * beside the first variant's.
 *     bench_branch GRID.yaml N        N steps of each variant */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/grid/grid.h"
#include "harness/run/feed.h"
#include "harness/run/rig.h"
#include "kernels/mem.h"
#include "tests/bench/peak.h"

enum { MAX_VARIANTS = 16, MAX_STEPS = 10000, N_WARM = 3 };

typedef struct Side {
    const Cell *cell;
    Rig rig;
    Feed feed;
    double ms[MAX_STEPS];
} Side;

static Err set_number(const Side *side, TensorId t, float value) {
    return t == TENSOR_NONE ? ERR_OK : exec_upload(side->rig.step, t, &value);
}

static Err open_side(Side *side, const Cell *cell) {
    Err err = ERR_OK;
    side->cell = cell;
    const RigSpec spec = {.settings = cell->settings,
                          .seed = (uint64_t)cell->seed,
                          .n_threads = 1,
                          .mode = EXEC_ARENA,
                          .parts = MODEL_TRAIN_AND_EVAL};
    TRY(rig_plan(&side->rig, &spec));
    TRY(rig_start(&side->rig));
    const TrainGraph *t = &side->rig.model->train;
    const FeedTensors inputs = {t->image, t->token_in, t->label, t->box, t->mask, t->inv_chars, t->inv_boxes};
    TRY(feed_open(&side->feed, side->rig.train, side->rig.step, EXEC_ARENA, &inputs, false));
done:
    return err;
}

/* The time is the graph's: drawing the lines is the same for all. */
static Err run_step(Side *side, int64_t step, double *ms) {
    Err err = ERR_OK;
    const Settings *settings = side->cell->settings;
    const TrainGraph *t = &side->rig.model->train;
    float hyper[HYPER_LEN];
    TRY(feed_fill(&side->feed, step));
    update_hyper(settings, step, update_lr(settings, step), hyper);
    TRY(exec_upload(side->rig.step, t->update.hyper, hyper));
    TRY(set_number(side, t->update.limit, (float)settings_real(settings, "train.clip")));
    TRY(set_number(side, t->lambda, (float)model_lambda(settings, step)));
    TRY(set_number(side, t->one_minus_lambda, (float)(1 - model_lambda(settings, step))));
    double before = bench_cpu();
    TRY(exec_run(side->rig.step));
    *ms = 1e3 * (bench_cpu() - before);
done:
    return err;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_table(Side *const *sides, int n_sides, int n_steps) {
    double first_ms = 0, first_bytes = 0;
    printf("%-12s %14s %9s %14s %9s\n", "variant", "planned peak", "", "processor ms", "");
    for (int i = 0; i < n_sides; i++) {
        Side *side = sides[i];
        qsort(side->ms, (size_t)n_steps, sizeof *side->ms, by_value);
        double ms = side->ms[n_steps / 2], bytes = (double)side->rig.plan.peak_bytes;
        if (i == 0) first_ms = ms, first_bytes = bytes;
        printf("%-12s %10.2f MiB %+8.2f%% %14.1f %+8.2f%%\n", side->cell->variant, bytes / (1 << 20),
               100 * (bytes / first_bytes - 1), ms, 100 * (ms / first_ms - 1));
    }
}

static Err bench(const char *path, int n_steps) {
    Err err = ERR_OK;
    Grid *grid = NULL;
    Side *sides[MAX_VARIANTS] = {NULL};
    int n_sides = 0;
    TRY(grid_load(&grid, path, NULL, 0, "cpu"));
    for (size_t i = 0; i < grid->n_cells && n_sides < MAX_VARIANTS; i++) {
        if (grid->cells[i].seed != grid->seeds[0]) continue;
        TRY(mem_alloc(&sides[n_sides], 1, sizeof *sides[0]));
        TRY(open_side(sides[n_sides++], &grid->cells[i]));
    }
    for (int step = -N_WARM; step < n_steps; step++)
        for (int i = 0; i < n_sides; i++) TRY(run_step(sides[i], step + N_WARM, &sides[i]->ms[step < 0 ? 0 : step]));
    printf("%d interleaved training steps of each variant of %s, one thread\n", n_steps, path);
    print_table(sides, n_sides, n_steps);
done:
    for (int i = 0; i < n_sides; i++) {
        feed_clear(&sides[i]->feed);
        rig_close(&sides[i]->rig);
        mem_free(sides[i]);
    }
    grid_free(grid);
    return err;
}

int main(int argc, char **argv) {
    int n_steps = argc == 3 ? atoi(argv[2]) : 0;
    if (n_steps < 1 || n_steps > MAX_STEPS) {
        fprintf(stderr, "bench_branch: usage: bench_branch GRID.yaml N, N from 1 to %d\n", MAX_STEPS);
        return 64;
    }
    if (bench(argv[1], n_steps) == ERR_OK) return 0;
    fprintf(stderr, "bench_branch: %s\n", err_message());
    return 1;
}
