/* Distinct settings, each looked at once. */
#include "harness/run/survey.h"

#include <string.h>

#include "harness/run/inputs.h"
#include "harness/run/plan_report.h"
#include "harness/run/rig.h"
#include "harness/run/snapshot.h"
#include "kernels/device.h"
#include "kernels/mem.h"
#include "models/text.h"

/* Opening is the check: every reason why a source cannot be read comes up here. */
static Err open_data(Survey *s, const Settings *settings, uint64_t seed) {
    static const char *const sets[] = {"train", "valid", "test"};
    Err err = ERR_OK;
    Loader *loader = NULL;
    Text text = {0};
    char *lines = NULL;
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
        if (i > 0 && !data_has_set(settings, sets[i])) continue;
        TRY(loader_open(&loader, settings, sets[i], seed, NULL));
        if (i == 0) TRY(inputs_listing(&s->inputs, loader));
        TRY(loader_left_out(&lines, loader, sets[i]));
        TRY(text_add(&text, "%s", lines));
        mem_free(lines);
        lines = NULL;
        loader_close(loader);
        loader = NULL;
    }
    TRY(text_take(&text, &s->left_out));
done:
    loader_close(loader);
    mem_free(lines);
    text_clear(&text);
    return err;
}

static Err look(Survey *s, const Cell *cell, Device device, bool with_data) {
    Err err = ERR_OK;
    Rig rig;
    RigSpec spec = {
        .settings = cell->settings, .seed = (uint64_t)cell->seed, .parts = MODEL_TRAIN_AND_EVAL, .device = device};
    TRY(rig_plan(&rig, &spec));
    s->settings = cell->settings;
    s->facts = rig.facts;
    s->n_params = params_count(&rig.model->params, PARAM_WEIGHT);
    s->n_positions = rig.model->n_positions;
    s->flops_per_step = graph_flops(rig.model->train.graph);
    s->peak_bytes = rig.plan.peak_bytes;
    s->lower_bound_bytes = rig.plan.lower_bound_bytes;
    s->copies_bytes = 2 * (uint64_t)snapshot_count(&rig.model->params) * sizeof(float);
    s->ratio = (double)s->peak_bytes / (double)s->lower_bound_bytes;
    s->over_budget = rig_over_budget(cell->settings, s->peak_bytes, s->why, sizeof s->why);
    TRY(code_listing(&s->sources, s->code, cell->settings, rig.model));
    TRY(record_new(&s->record));
    TRY(plan_report(&rig.plan, s->record));
    if (with_data) TRY(open_data(s, cell->settings, (uint64_t)cell->seed));
done:
    rig_close(&rig);
    return err;
}

/* Cells that differ in their seeds alone share their settings. */
static bool find(const Surveys *surveys, const Settings *settings, size_t *at) {
    for (*at = 0; *at < surveys->n; (*at)++)
        if (surveys->item[*at].settings == settings) return true;
    return false;
}

Err survey_grid(Surveys *out, const Grid *grid, const bool *selected, bool with_data) {
    Err err = ERR_OK;
    memset(out, 0, sizeof *out);
    TRY(device_find(&out->device, grid->device));
    TRY(mem_alloc(&out->item, grid->n_cells, sizeof *out->item));
    TRY(mem_alloc(&out->of_cell, grid->n_cells, sizeof *out->of_cell));
    for (size_t i = 0; i < grid->n_cells; i++) {
        const Cell *cell = &grid->cells[i];
        if (selected != NULL && !selected[i]) continue;
        if (!find(out, cell->settings, &out->of_cell[i])) {
            err = look(&out->item[out->n++], cell, out->device, with_data);
            if (err != ERR_OK) return grid_blame(err, grid, cell);
        }
    }
done:
    return err;
}

void surveys_clear(Surveys *surveys) {
    for (size_t i = 0; i < surveys->n; i++) {
        mem_free(surveys->item[i].sources);
        mem_free(surveys->item[i].inputs);
        mem_free(surveys->item[i].left_out);
        record_free(surveys->item[i].record);
    }
    mem_free(surveys->item);
    mem_free(surveys->of_cell);
    memset(surveys, 0, sizeof *surveys);
}

const Survey *survey_of(const Surveys *surveys, size_t i_cell) { return &surveys->item[surveys->of_cell[i_cell]]; }
