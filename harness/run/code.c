/* Sources and who uses them. */
#include "harness/run/code.h"

#include <stdio.h>
#include <string.h>

#include "harness/data/digest.h"

typedef struct SourceFile {
    const char *path, *sha256;
} SourceFile;

/* Sorted by path. */
static const SourceFile sources[] = {
#define X(path, sha256) {path, sha256},
#include "gen/sources.inc"
#undef X
    {NULL, NULL}};

/* What reads and prints but computes nothing that is recorded. An entry that ends in '/' or '_' or '.' is a beginning.
 */
static const char *const ignored[] = {
    "kernels/cuda_driver.",
    "kernels/err.",
    "kernels/libmem.",
    "kernels/machine.",
    "kernels/mem.",
    "kernels/near.",
    "models/option_",
    "models/plan_verify.",
    "harness/data/import",
    "harness/data/preview",
    "harness/data/dataset_write.",
};

/* The part of harness/run that trains and measures. */
static const char *const trainer[] = {
    "harness/run/trainer", "harness/run/evaluate.", "harness/run/feed.",
    "harness/run/rig.",    "harness/run/metric.",   "harness/run/metrics/",
    "harness/run/look.",   "harness/run/snapshot.", "harness/run/history.",
};

static bool begins(const char *path, const char *with) { return strncmp(path, with, strlen(with)) == 0; }

static bool any_begins(const char *path, const char *const *list, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (begins(path, list[i])) return true;
    return false;
}

static bool is_file(const char *path, const char *folder, const char *name) {
    char want[256];
    (void)snprintf(want, sizeof want, "%s/%s.c", folder, name);
    for (char *c = want; *c != '\0'; c++)
        if (*c == '-') *c = '_'; /* encoder crnn-small is crnn_small.c */
    return strcmp(path, want) == 0;
}

static bool graph_uses_op(const Graph *graph, const char *path) {
    for (int i = 0; graph != NULL && i < graph->n_nodes; i++)
        if (is_file(path, "kernels/ops", graph->nodes[i].op->name)) return true;
    return false;
}

bool code_uses(const char *path, const Settings *settings, const Model *model) {
    if (any_begins(path, ignored, sizeof ignored / sizeof ignored[0])) return false;
    if (begins(path, "kernels/ops/"))
        return graph_uses_op(model->train.graph, path) || graph_uses_op(model->eval.graph, path);
    if (begins(path, "models/encoder/"))
        return is_file(path, "models/encoder", settings_text(settings, "model.encoder"));
    if (begins(path, "models/focus/")) return is_file(path, "models/focus", settings_text(settings, "focus.kind"));
    if (begins(path, "harness/run/")) return any_begins(path, trainer, sizeof trainer / sizeof trainer[0]);
    return begins(path, "kernels/") || begins(path, "models/") || begins(path, "harness/data/");
}

void code_digest(char out[CODE_DIGEST], const Settings *settings, const Model *model) {
    Digest digest;
    digest_start(&digest);
    for (const SourceFile *s = sources; s->path != NULL; s++) {
        if (!code_uses(s->path, settings, model)) continue;
        digest_text(&digest, s->path);
        digest_text(&digest, s->sha256);
    }
    (void)digest_hex(&digest, out);
}
