/* What can be known of a cell before it runs: model, plan, cost, code, and that its data open. Distinct settings are
 * looked at once, whatever the number of seeds; a model and its plan are made once for all settings that cannot tell
 * them apart (learning rate, lambda, budget may differ). Depends on rig, code, grid. */
#ifndef HARNESS_RUN_SURVEY_H
#define HARNESS_RUN_SURVEY_H

#include "harness/data/loader.h"
#include "harness/grid/grid.h"
#include "harness/record/record.h"
#include "harness/run/code.h"
#include "models/questions.h"

/* Sources that decide a cell's numbers. */
typedef struct SurveyCode {
    char *key; /* code_key */
    char *listing;
    char digest[CODE_DIGEST];
} SurveyCode;

/* A model and its plan. */
typedef struct SurveyPlan {
    DataFacts facts;
    int64_t n_params, n_positions, flops_per_step;
    uint64_t peak_bytes, lower_bound_bytes, copies_bytes;
    size_t i_code;
    ParamSet params;    /* names and shapes */
    CellRecord *record; /* its memory: by module, by role, timeline, tensors */
    size_t i_kind;      /* what was asked of the settings while it was made */
    char *answers;      /* and what they answered: who answers the same gets the same plan */
    uint64_t hash;      /* of the answers: nearly always enough to tell that they differ */
} SurveyPlan;

typedef struct Survey {
    const Settings *settings; /* borrowed */
    size_t i_plan;            /* surveys of one plan share it */
    DataFacts facts;
    int64_t n_params, n_positions, flops_per_step;
    uint64_t peak_bytes, lower_bound_bytes;
    uint64_t copies_bytes; /* what training keeps of the parameters beside the plan: for the checkpoint, and the best */
    double ratio;          /* peak / lower bound */
    bool over_budget;
    char why[160];                 /* over budget: in words */
    const char *code;              /* digest, and */
    const char *sources;           /* listing of the sources that decide its numbers; shared */
    char *inputs;                  /* files behind the training data (inputs.h); NULL = the data were not opened */
    char *observed;                /* and behind valid and test */
    char *left_out;                /* lines: what its data sources skip; NULL if they were not opened */
    const CellRecord *record;      /* its memory: by module, by role, timeline, tensors; shared */
    const char *accelerator_class; /* of what it would run on (cuda_class), borrowed; NULL = the CPU */
    bool class_known;              /* false: it would run on an accelerator, nobody said which (surveys_run_on) */
} Survey;

typedef struct Surveys {
    Device device; /* the grid's: what the plans are for */
    Survey *item;
    size_t n;
    size_t *of_cell; /* [grid->n_cells] */
    SurveyPlan *plans;
    size_t n_plans;
    SurveyCode *codes;
    size_t n_codes;
    Questions **kinds; /* distinct ones: a handful, one per branch, encoder, optimiser */
    size_t n_kinds;
} Surveys;

/* Plans all of a grid's cells for which selected[i] is true (NULL = all) for the grid's device, which need not be
 * there. with_data: fonts and datasets are opened too, so that what is missing is known before anything runs. An error
 * has the cell's name and its place in the grid (grid_blame). The caller clears *out whatever comes. */
Err survey_grid(Surveys *out, const Grid *grid, const bool *selected, bool with_data) MUST_CHECK;
void surveys_clear(Surveys *surveys);

/* Each of the cells for which selected[i] is true (NULL = all) asks for an arithmetic that the grid's kind of device
 * has. ERR_SPEC, with the cell's name and its place in the grid. */
Err surveys_check_precision(const Surveys *surveys, const Grid *grid, const bool *selected) MUST_CHECK;

/* Tells all of them the class of the accelerator that cells run on (borrowed). */
void surveys_run_on(Surveys *surveys, const char *accelerator_class);

/* The survey of a cell that was selected. */
const Survey *survey_of(const Surveys *surveys, size_t i_cell);

#endif
