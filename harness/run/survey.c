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
static Err open_data(Survey *s, const Settings *settings, uint64_t seed, const ParamSet *params) {
    static const char *const sets[] = {"train", "valid", "test"};
    Err err = ERR_OK;
    Loader *loader[] = {NULL, NULL, NULL};
    TrainInit init;
    Text text = {0};
    char *lines = NULL;
    int n_own = 0;
    TRY(train_init_open(&init, settings));
    TRY(train_init_fits(&init, params, &n_own));
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
        if (i > 0 && !data_has_set(settings, sets[i])) continue;
        TRY(loader_open(&loader[i], settings, sets[i], seed, NULL));
        TRY(loader_left_out(&lines, loader[i], sets[i]));
        TRY(text_add(&text, "%s", lines));
        mem_free(lines);
        lines = NULL;
    }
    TRY(inputs_listing(&s->inputs, (const Loader *const *)loader, 1, &init));
    TRY(inputs_listing(&s->observed, (const Loader *const *)loader + 1, 2, NULL));
    TRY(text_take(&text, &s->left_out));
done:
    for (size_t i = 0; i < sizeof loader / sizeof loader[0]; i++) loader_close(loader[i]);
    train_init_clear(&init);
    mem_free(lines);
    text_clear(&text);
    return err;
}

/* ---- models and plans ---- */

static Err find_code(Surveys *s, size_t *at, const Settings *settings, const Model *model) {
    Err err = ERR_OK;
    char *key = NULL;
    TRY(code_key(&key, settings, model));
    for (*at = 0; *at < s->n_codes; ++*at)
        if (strcmp(s->codes[*at].key, key) == 0) goto done;
    TRY(mem_grow(&s->codes, s->n_codes, s->n_codes + 1, sizeof *s->codes));
    SurveyCode *code = &s->codes[s->n_codes++];
    TRY(code_listing(&code->listing, code->digest, settings, model));
    code->key = key;
    key = NULL;
done:
    mem_free(key);
    return err;
}

static Err make_plan(Surveys *s, SurveyPlan *p, const Settings *settings, uint64_t seed) {
    Err err = ERR_OK;
    Rig rig;
    RigSpec spec = {.settings = settings, .seed = seed, .parts = MODEL_TRAIN_AND_EVAL, .device = s->device};
    TRY(rig_plan(&rig, &spec));
    p->facts = rig.facts;
    p->n_params = params_count(&rig.model->params, PARAM_WEIGHT);
    p->n_positions = rig.model->n_positions;
    p->flops_per_step = graph_flops(rig.model->train.graph);
    p->peak_bytes = rig.plan.peak_bytes;
    p->lower_bound_bytes = rig.plan.lower_bound_bytes;
    p->copies_bytes = 2 * (uint64_t)snapshot_count(&rig.model->params) * sizeof(float);
    TRY(find_code(s, &p->i_code, settings, rig.model));
    TRY(record_new(&p->record));
    TRY(plan_report(&rig.plan, p->record));
    p->params = rig.model->params;
    params_init(&rig.model->params);
done:
    rig_close(&rig);
    return err;
}

/* Keeps the questions unless they are kept already; *i_kind says where. */
static Err keep_kind(Surveys *s, Questions **questions, size_t *i_kind) {
    Err err = ERR_OK;
    for (*i_kind = 0; *i_kind < s->n_kinds; ++*i_kind)
        if (questions_equal(s->kinds[*i_kind], *questions)) return ERR_OK;
    TRY(mem_grow(&s->kinds, s->n_kinds, s->n_kinds + 1, sizeof(Questions *)));
    s->kinds[s->n_kinds++] = *questions;
    *questions = NULL;
done:
    return err;
}

/* FNV-1a. */
static uint64_t hash_of(const char *text) {
    uint64_t hash = 0xcbf29ce484222325u;
    for (; *text != '\0'; text++) hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
    return hash;
}

/* Makes a plan from a copy of the settings that notes what is asked of it. */
static Err add_plan(Surveys *s, const Cell *cell) {
    Err err = ERR_OK;
    Settings *watched = NULL;
    Questions *questions = NULL;
    SurveyPlan *plan = &s->plans[s->n_plans++];
    TRY(settings_copy(&watched, cell->settings));
    TRY(questions_new(&questions));
    settings_watch(watched, questions);
    TRY(make_plan(s, plan, watched, (uint64_t)cell->seed));
    TRY(questions_answers(&plan->answers, questions, cell->settings));
    plan->hash = hash_of(plan->answers);
    TRY(keep_kind(s, &questions, &plan->i_kind));
done:
    questions_free(questions);
    settings_free(watched);
    return err;
}

/* The plan that these settings would make again; s->n_plans if there is none. */
static Err find_plan(const Surveys *s, const Settings *settings, size_t *at) {
    Err err = ERR_OK;
    char *answers = NULL;
    for (size_t kind = 0; kind < s->n_kinds; kind++) {
        mem_free(answers);
        TRY(questions_answers(&answers, s->kinds[kind], settings));
        const uint64_t hash = hash_of(answers);
        for (*at = 0; *at < s->n_plans; ++*at) {
            const SurveyPlan *plan = &s->plans[*at];
            if (plan->hash == hash && plan->i_kind == kind && strcmp(plan->answers, answers) == 0) goto done;
        }
    }
    *at = s->n_plans;
done:
    mem_free(answers);
    return err;
}

/* ---- settings ---- */

static Err look(Surveys *surveys, const Cell *cell, bool with_data) {
    Err err = ERR_OK;
    Survey *s = &surveys->item[surveys->n++];
    TRY(find_plan(surveys, cell->settings, &s->i_plan));
    if (s->i_plan == surveys->n_plans) TRY(add_plan(surveys, cell));
    const SurveyPlan *plan = &surveys->plans[s->i_plan];
    s->settings = cell->settings;
    s->class_known = surveys->device == DEVICE_CPU;
    s->facts = plan->facts;
    s->n_params = plan->n_params;
    s->n_positions = plan->n_positions;
    s->flops_per_step = plan->flops_per_step;
    s->peak_bytes = plan->peak_bytes;
    s->lower_bound_bytes = plan->lower_bound_bytes;
    s->copies_bytes = plan->copies_bytes;
    s->ratio = (double)s->peak_bytes / (double)s->lower_bound_bytes;
    s->over_budget = rig_over_budget(cell->settings, s->peak_bytes, s->why, sizeof s->why);
    s->record = plan->record;
    if (with_data) TRY(open_data(s, cell->settings, (uint64_t)cell->seed, &plan->params));
done:
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
    TRY(mem_alloc(&out->plans, grid->n_cells, sizeof *out->plans));
    TRY(mem_alloc(&out->of_cell, grid->n_cells, sizeof *out->of_cell));
    for (size_t i = 0; i < grid->n_cells; i++) {
        const Cell *cell = &grid->cells[i];
        if (selected != NULL && !selected[i]) continue;
        if (!find(out, cell->settings, &out->of_cell[i])) {
            err = look(out, cell, with_data);
            if (err != ERR_OK) return grid_blame(err, grid, cell);
        }
    }
    for (size_t i = 0; i < out->n; i++) { /* the list of codes has stopped moving */
        const SurveyCode *code = &out->codes[out->plans[out->item[i].i_plan].i_code];
        out->item[i].code = code->digest;
        out->item[i].sources = code->listing;
    }
done:
    return err;
}

Err surveys_check_precision(const Surveys *surveys, const Grid *grid, const bool *selected) {
    for (size_t i = 0; i < grid->n_cells; i++) {
        if (selected != NULL && !selected[i]) continue;
        Err err = rig_check_precision(grid->cells[i].settings, surveys->device);
        if (err != ERR_OK) return grid_blame(err, grid, &grid->cells[i]);
    }
    return ERR_OK;
}

void surveys_clear(Surveys *surveys) {
    for (size_t i = 0; i < surveys->n; i++) {
        mem_free(surveys->item[i].inputs);
        mem_free(surveys->item[i].observed);
        mem_free(surveys->item[i].left_out);
    }
    for (size_t i = 0; i < surveys->n_plans; i++) {
        record_free(surveys->plans[i].record);
        params_clear(&surveys->plans[i].params);
        mem_free(surveys->plans[i].answers);
    }
    for (size_t i = 0; i < surveys->n_codes; i++) {
        mem_free(surveys->codes[i].key);
        mem_free(surveys->codes[i].listing);
    }
    mem_free(surveys->codes);
    for (size_t i = 0; i < surveys->n_kinds; i++) questions_free(surveys->kinds[i]);
    mem_free(surveys->kinds);
    mem_free(surveys->plans);
    mem_free(surveys->item);
    mem_free(surveys->of_cell);
    memset(surveys, 0, sizeof *surveys);
}

const Survey *survey_of(const Surveys *surveys, size_t i_cell) { return &surveys->item[surveys->of_cell[i_cell]]; }

void surveys_run_on(Surveys *surveys, const char *accelerator_class) {
    for (size_t i = 0; i < surveys->n; i++) {
        surveys->item[i].accelerator_class = accelerator_class;
        surveys->item[i].class_known = true;
    }
}
