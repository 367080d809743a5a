/* A cell for programs. */
#include <string.h>

#include "harness/report/identity.h"
#include "harness/report/jsonio.h"
#include "harness/report/show.h"

static json_t *identity_object(const char *text) {
    json_t *object = json_object();
    const char *line = NULL;
    size_t len = 0;
    while (text != NULL && identity_next(&text, &line, &len)) {
        size_t key = strcspn(line, "=\n");
        char name[256];
        (void)snprintf(name, sizeof name, "%.*s", (int)key, line);
        if (key < len) jsonio_set(&object, name, json_stringn(line + key + 1, len - key - 1));
    }
    return object;
}

static json_t *curves_object(const RecordCurves *c) {
    static const char *const names[CURVE_COUNT] = {[CURVE_LOSS] = "loss",
                                                   [CURVE_LOSS_RECOGNITION] = "loss_recognition",
                                                   [CURVE_LOSS_FOCUS] = "loss_focus",
                                                   [CURVE_GRAD_NORM] = "grad_norm",
                                                   [CURVE_LR] = "lr"};
    json_t *object = json_object();
    jsonio_set(&object, "step", jsonio_ints(c->step, c->n));
    for (int k = 0; k < CURVE_COUNT; k++) jsonio_set(&object, names[k], jsonio_floats(c->value[k], c->n));
    return object;
}

static json_t *evaluations_object(const CellRecord *c) {
    json_t *object = json_object();
    for (size_t i = 0; i < c->n_evaluations; i++) {
        const RecordEvaluation *e = &c->evaluations[i];
        json_t *set = json_object();
        jsonio_set(&set, "lines", jsonio_count(e->n_samples));
        jsonio_set(&set, "step", jsonio_ints(e->step, e->n));
        for (size_t m = 0; m < e->n_metrics; m++)
            jsonio_set(&set, e->metrics[m].name, jsonio_numbers(e->value[m], e->n));
        jsonio_set(&object, e->set, set);
    }
    return object;
}

static json_t *bytes_object(const RecordBytes *item, size_t n) {
    json_t *object = json_object();
    for (size_t i = 0; i < n; i++) jsonio_set(&object, item[i].name, json_integer(item[i].bytes));
    return object;
}

static json_t *memory_object(const CellRecord *c) {
    const RecordMemory *m = &c->memory;
    json_t *object = json_object();
    jsonio_set(&object, "planned_bytes", jsonio_count(m->planned_bytes));
    jsonio_set(&object, "measured_bytes", jsonio_count(m->measured_bytes));
    jsonio_set(&object, "lower_bound_bytes", jsonio_count(m->lower_bound_bytes));
    jsonio_set(&object, "peak_rss_bytes", jsonio_count(c->times.peak_rss_bytes));
    jsonio_set(&object, "context_bytes", jsonio_count(c->times.context_bytes));
    jsonio_set(&object, "device_total_bytes", jsonio_count(c->times.device_total_bytes));
    jsonio_set(&object, "device_free_before_bytes", jsonio_count(c->times.device_free_before_bytes));
    jsonio_set(&object, "device_free_after_bytes", jsonio_count(c->times.device_free_after_bytes));
    jsonio_set(&object, "peak_node", jsonio_text(m->peak_node));
    jsonio_set(&object, "by_module", bytes_object(m->by_module, m->n_modules));
    jsonio_set(&object, "by_role", bytes_object(m->by_role, m->n_roles));
    return object;
}

static json_t *time_object(const RecordVolatile *t) {
    json_t *object = json_object();
    jsonio_set(&object, "wall_seconds", jsonio_number(t->wall_seconds >= 0 ? t->wall_seconds : -1));
    jsonio_set(&object, "seconds_per_step", jsonio_number(t->seconds_per_step));
    jsonio_set(&object, "resumes", jsonio_count(t->n_resumes));
    return object;
}

static json_t *attention_object(const RecordAttention *a) {
    json_t *object = json_object(), *text = json_array();
    for (int64_t i = 0; i < a->n_samples; i++) jsonio_append(&text, jsonio_text(a->text[i]));
    jsonio_set(&object, "step", jsonio_ints(a->step, (size_t)a->n));
    jsonio_set(&object, "text", text);
    return object;
}

static json_t *pairs_object(const RecordPairs *pairs) {
    json_t *object = json_object();
    for (size_t i = 0; i < pairs->n; i++) jsonio_set(&object, pairs->item[i].key, jsonio_text(pairs->item[i].value));
    return object;
}

static void set_head(json_t **object, const Show *show) {
    const CellRecord *c = show->cell;
    json_t *axes = json_array();
    for (size_t i = 0; i < c->n_axes; i++) jsonio_append(&axes, json_string(c->axes[i]));
    jsonio_set(object, "cell", json_string(c->name));
    jsonio_set(object, "experiment", json_string(show->info->experiment));
    jsonio_set(object, "variant", json_string(c->variant));
    jsonio_set(object, "axes", axes);
    jsonio_set(object, "seed", json_integer(c->seed));
    jsonio_set(object, "status", json_string(cell_status_name(c->status)));
    jsonio_set(object, "cause", jsonio_text(c->cause));
    jsonio_set(object, "baseline", jsonio_text(show->baseline != NULL ? show->baseline->name : NULL));
    jsonio_set(object, "decides", identity_object(c->identity));
    jsonio_set(object, "baseline_decides", identity_object(show->baseline != NULL ? show->baseline->identity : NULL));
    jsonio_set(object, "settings", jsonio_text(c->settings));
    jsonio_set(object, "steps", json_integer(c->curves.n > 0 ? c->curves.step[c->curves.n - 1] : 0));
    jsonio_set(object, "steps_asked", json_integer(c->n_steps));
    jsonio_set(object, "best_step", c->best.step > 0 ? json_integer(c->best.step) : json_null());
    jsonio_set(object, "parameters", jsonio_count(c->n_params));
    jsonio_set(object, "flops_per_step", jsonio_count(c->flops_per_step));
    jsonio_set(object, "boxes_used", jsonio_count(c->n_boxes_used));
}

json_t *show_json(const Show *show) {
    const CellRecord *c = show->cell;
    json_t *object = json_object();
    set_head(&object, show);
    jsonio_set(&object, "curves", curves_object(&c->curves));
    jsonio_set(&object, "evaluation", evaluations_object(c));
    jsonio_set(&object, "memory", memory_object(c));
    jsonio_set(&object, "time", time_object(&c->times));
    jsonio_set(&object, "attention", attention_object(&c->attention));
    jsonio_set(&object, "provenance", pairs_object(&c->provenance));
    jsonio_set(&object, "code_digest", jsonio_text(c->code_digest));
    jsonio_set(&object, "digest", jsonio_text(c->digest));
    jsonio_set(&object, "folder", jsonio_text(show->folder));
    return object;
}
