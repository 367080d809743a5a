/* Sources of training and of metrics in one listing. */
#include "harness/run/code.h"

#include <string.h>

#include "harness/grid/sources.h"
#include "kernels/device.h"
#include "kernels/mem.h"
#include "models/text.h"

/* Adds the ops of a graph that are not among the n names yet: a few dozen, of hundreds of nodes. */
static size_t add_ops(const char **names, size_t n, const Graph *graph) {
    for (int i = 0; graph != NULL && i < graph->n_nodes; i++) {
        const char *name = graph->nodes[i].op->name;
        size_t k = 0;
        while (k < n && names[k] != name) k++; /* the op's own text */
        if (k == n) names[n++] = name;
    }
    return n;
}

/* Lines of `more` that `text` does not have. */
static Err add_new_lines(Text *text, const char *more) {
    Err err = ERR_OK;
    char *line = NULL;
    while (*more != '\0') {
        size_t len = strcspn(more, "\n") + 1;
        TRY(mem_strndup(&line, more, len));
        if (text->data == NULL || strstr(text->data, line) == NULL) TRY(text_add(text, "%s", line));
        mem_free(line);
        line = NULL;
        more += len;
    }
done:
    mem_free(line);
    return err;
}

/* *names [*n] = the ops of a model; the caller frees the list. */
static Err ops_of(const char ***names, size_t *n, const Model *model) {
    int n_ops = 0;
    (void)op_table(&n_ops);
    Err err = mem_alloc(names, (size_t)n_ops, sizeof **names);
    if (err == ERR_OK) *n = add_ops(*names, add_ops(*names, 0, model->train.graph), model->eval.graph);
    return err;
}

Err code_listing(char **listing, char out[CODE_DIGEST], const Settings *settings, const Model *model) {
    Err err = ERR_OK;
    const char **ops = NULL;
    size_t n_ops = 0;
    char *training = NULL, *metrics = NULL;
    Text text = {0};
    *listing = NULL;
    TRY(ops_of(&ops, &n_ops, model));
    TRY(sources_listing(&training, settings, device_name(model->eval.graph->device), ops, n_ops));
    TRY(sources_listing_metrics(&metrics));
    TRY(text_add(&text, "%s", training));
    TRY(add_new_lines(&text, metrics));
    sources_digest(text.data, out);
    TRY(text_take(&text, listing));
done:
    text_clear(&text);
    mem_free(metrics);
    mem_free(training);
    mem_free(ops);
    return err;
}

Err code_key(char **key, const Settings *settings, const Model *model) {
    static const char *const files[] = {"focus.kind", "model.encoder"}; /* as sources_listing asks */
    Err err = ERR_OK;
    const char **ops = NULL;
    size_t n_ops = 0;
    Text text = {0};
    *key = NULL;
    TRY(ops_of(&ops, &n_ops, model));
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        TRY(text_add(&text, "%s\n", settings_has(settings, files[i]) ? settings_text(settings, files[i]) : ""));
    for (size_t i = 0; i < n_ops; i++) TRY(text_add(&text, "%s\n", ops[i]));
    TRY(text_take(&text, key));
done:
    text_clear(&text);
    mem_free(ops);
    return err;
}
