/* Files behind the training data. */
#include "harness/run/inputs.h"

#include <stdlib.h>
#include <string.h>

#include "harness/data/digest.h"
#include "harness/grid/sources.h"
#include "harness/run/train_init.h"
#include "kernels/mem.h"
#include "models/text.h"

static int by_name(const void *a, const void *b) {
    const DataInput *x = *(const DataInput *const *)a, *y = *(const DataInput *const *)b;
    int order = strcmp(x->kind, y->kind);
    if (order == 0) order = strcmp(x->name, y->name);
    return order != 0 ? order : strcmp(x->sha256, y->sha256);
}

/* Of one loader, from number `count` on; the new count. */
static size_t collect(const DataInput **out, size_t count, const Loader *loader) {
    for (int i = 0; loader != NULL && i < loader_n_sources(loader); i++) {
        int n = 0;
        const DataInput *inputs = source_inputs(loader_source(loader, i), &n);
        for (int k = 0; k < n; k++, count++)
            if (out != NULL) out[count] = &inputs[k];
    }
    return count;
}

Err inputs_listing(char **listing, const Loader *const *loaders, size_t n_loaders, const TrainInit *init) {
    Err err = ERR_OK;
    const DataInput **inputs = NULL;
    char digest[INPUTS_DIGEST];
    Text text = {0};
    *listing = NULL;
    size_t n = 0, at = 0;
    for (size_t i = 0; i < n_loaders; i++) n = collect(NULL, n, loaders[i]);
    TRY(mem_alloc(&inputs, n, sizeof *inputs));
    for (size_t i = 0; i < n_loaders; i++) at = collect(inputs, at, loaders[i]);
    if (n > 0) qsort(inputs, n, sizeof *inputs, by_name);
    for (size_t i = 0; i < n; i++) /* two sources may read one file */
        if (i == 0 || by_name(&inputs[i - 1], &inputs[i]) != 0)
            TRY(text_add(&text, "%s  %s %s\n", inputs[i]->sha256, inputs[i]->kind, inputs[i]->name));
    if (init != NULL && init->record != NULL) {
        train_init_digest(digest, init);
        TRY(text_add(&text, "%s  parameters %s\n", digest, init->from));
    }
    TRY(text_take(&text, listing));
done:
    text_clear(&text);
    mem_free(inputs);
    return err;
}

Err inputs_changes(char **changes, const char *then, const char *now) {
    if (then == NULL || now == NULL || strcmp(then, now) == 0) return mem_strdup(changes, "");
    return sources_changes(changes, then, now);
}

void inputs_digest(char out[INPUTS_DIGEST], const char *listing) {
    Digest digest;
    digest_start(&digest);
    digest_text(&digest, listing);
    (void)digest_hex(&digest, out);
}
