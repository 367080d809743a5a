/* Sources of training and of metrics in one listing. */
#include "harness/run/code.h"

#include <string.h>

#include "harness/grid/sources.h"
#include "kernels/mem.h"
#include "models/text.h"

static size_t add_ops(const char **names, size_t n, const Graph *graph) {
    for (int i = 0; i < graph->n_nodes; i++) names[n++] = graph->nodes[i].op->name;
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

Err code_listing(char **listing, char out[CODE_DIGEST], const Settings *settings, const Model *model) {
    Err err = ERR_OK;
    const Graph *train = model->train.graph, *eval = model->eval.graph;
    const char **ops = NULL;
    char *training = NULL, *metrics = NULL;
    Text text = {0};
    *listing = NULL;
    TRY(mem_alloc(&ops, (size_t)(train->n_nodes + eval->n_nodes), sizeof *ops));
    TRY(sources_listing(&training, settings, "cpu", ops, add_ops(ops, add_ops(ops, 0, train), eval)));
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
