/* Kept parameters as a beginning. */
#include "harness/run/train_init.h"

#include <string.h>

#include "harness/data/digest.h"
#include "harness/record/results.h"
#include "kernels/mem.h"

static Err find_cell(const Results *results, const char *cell, size_t *i) {
    Err err = results_find(results, cell, i);
    if (err != ERR_NOTHING && err != ERR_ARG) return err;
    char *text = NULL;
    if (mem_strdup(&text, err_message()) != ERR_OK) return ERR_NOMEM;
    err = err_set(ERR_MISSING, "%s", text); /* of a setting it is an input that is not there */
    mem_free(text);
    return err;
}

Err train_init_open(TrainInit *out, const Settings *settings) {
    Err err = ERR_OK;
    Results *results = NULL;
    char *path = NULL;
    size_t i = 0;
    *out = (TrainInit){.from = settings_text(settings, "train.init")};
    if (strcmp(out->from, "none") == 0) return ERR_OK;
    const char *hash = strrchr(out->from, '#');
    bool best = settings_is(settings, "train.init_at", "best");
    TRY(mem_strndup(&path, out->from, hash != NULL ? (size_t)(hash - out->from) : strlen(out->from)));
    TRY(results_open_tried(&results, path, hash != NULL ? hash + 1 : NULL, PART_FINAL | PART_BEST));
    TRY(find_cell(results, hash != NULL ? hash + 1 : NULL, &i));
    TRY(results_check_digest(results, i));
    TRY(results_read(results, i, PART_FINAL | PART_BEST, &out->record));
    out->params = best ? &out->record->best : &out->record->final;
    FAIL_IF(out->params->n == 0, ERR_DATA, "cell '%s' of '%s' kept no %s parameters: it is %s", out->record->name, path,
            best ? "best" : "last", cell_status_name(out->record->status));
done:
    mem_free(path);
    results_close(results);
    return err == ERR_OK ? ERR_OK : err_context(err, "train.init");
}

void train_init_clear(TrainInit *init) {
    record_free(init->record);
    *init = (TrainInit){0};
}

static bool is_model(const Param *p) { return p->kind == PARAM_WEIGHT || p->kind == PARAM_STATE; }
static bool is_of_branch(const Param *p) { return strncmp(p->name, "focus.", strlen("focus.")) == 0; }

Err train_init_fits(const TrainInit *init, const ParamSet *params, int *n_own) {
    *n_own = 0;
    for (int i = 0; init->record != NULL && i < params->n; i++) {
        const Param *p = &params->items[i];
        char have[96], want[96];
        if (!is_model(p)) continue;
        const RecordParam *kept = results_param(init->params, p->name);
        if (kept == NULL && is_of_branch(p)) {
            ++*n_own;
            continue;
        }
        if (kept == NULL) return err_set(ERR_DATA, "train.init: '%s' has no parameter %s", init->from, p->name);
        if (!shape_equal(&kept->shape, &p->shape))
            return err_set(ERR_DATA, "train.init: %s is %s in '%s', expected %s", p->name,
                           shape_text(&kept->shape, have, sizeof have), init->from,
                           shape_text(&p->shape, want, sizeof want));
    }
    return ERR_OK;
}

Err train_init_apply(const TrainInit *init, Arena *arena, const ParamSet *params) {
    Err err = ERR_OK;
    for (int i = 0; init->record != NULL && i < params->n; i++) {
        const RecordParam *kept =
            is_model(&params->items[i]) ? results_param(init->params, params->items[i].name) : NULL;
        if (kept != NULL) TRY(arena_set_param(arena, i, kept->data));
    }
done:
    return err;
}

void train_init_digest(char out[65], const TrainInit *init) {
    Digest digest;
    digest_start(&digest);
    for (size_t i = 0; i < init->params->n; i++) {
        const RecordParam *p = &init->params->item[i];
        digest_text(&digest, p->name);
        digest_number(&digest, p->shape.rank);
        for (int d = 0; d < p->shape.rank; d++) digest_number(&digest, p->shape.dim[d]);
        digest_bytes(&digest, p->data, (size_t)shape_count(&p->shape) * sizeof *p->data);
    }
    (void)digest_hex(&digest, out);
}

/* ---- options ---- */

static Err check_init(const char *text) {
    const char *hash = strrchr(text, '#');
    if (text[0] != '\0' && hash != text && (hash == NULL || hash[1] != '\0')) return ERR_OK;
    return err_set(ERR_SPEC, "'%.200s' is not a place of parameters, expected none or FILE#CELL", text);
}

const Option train_init_options[] = {
    {.key = "train.init",
     .type = OPT_TEXT,
     .def = "none",
     .check = check_init,
     .help =
         "FILE#CELL: parameters kept in a results file, which training starts from; the path from where refocus runs"},
    {.key = "train.init_at",
     .type = OPT_CHOICE,
     .def = "last",
     .choices = "last|best",
     .when = "train.init!=none",
     .help = "which of them: after the last step, or the best on valid"},
    OPTION_END};
