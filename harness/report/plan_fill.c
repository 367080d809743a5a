/* What fills a peak: tensors that are alike, and words for their shape. */
#include <string.h>

#include "harness/report/plan_parts.h"
#include "models/text.h"

enum { FEW = 6 }; /* names that are written out */

/* ---- shapes in words ---- */

/* A shape that has a name. A letter stands for a size of the cell, '?' for any. */
typedef struct KnownShape {
    const char *module; /* NULL = any */
    const char *letters, *words;
} KnownShape;

static const KnownShape known[] = {{"focus", "TB?K", "energies [T,B,P,K]"},
                                   {NULL, "TBK", "logits [T,B,K]"},
                                   {"encoder", "B???", "feature map [B,H,W,C]"},
                                   {"encoder", "B??", "features [B,L,D]"}};

/* Of training or evaluation; K classes, or K + 1 with the end or the background. */
static bool is_size(const Survey *survey, char letter, int64_t n) {
    const int64_t classes = survey->facts.n_chars;
    switch (letter) {
    case 'T': return n == survey->facts.n_steps || n == survey->facts.n_steps_eval;
    case 'B':
        return n == settings_int(survey->settings, "train.batch") || n == settings_int(survey->settings, "eval.batch");
    case 'K': return n == classes || n == classes + 1;
    default: return true;
    }
}

static bool fits(const KnownShape *shape, const Survey *survey, const RecordTensor *tensor) {
    if (shape->module != NULL && strcmp(shape->module, tensor->module) != 0) return false;
    if (tensor->shape.rank != (int)strlen(shape->letters)) return false;
    for (int i = 0; i < tensor->shape.rank; i++)
        if (!is_size(survey, shape->letters[i], tensor->shape.dim[i])) return false;
    return true;
}

Err plan_shape_words(Pool *pool, const char **out, const Survey *survey, const RecordTensor *tensor) {
    char text[96];
    const bool values = strcmp(tensor->role, "activation") == 0 || strcmp(tensor->role, "grad") == 0;
    for (size_t i = 0; values && i < sizeof known / sizeof known[0]; i++)
        if (fits(&known[i], survey, tensor)) return pool_text(pool, out, known[i].words);
    const bool plain = tensor->shape.rank < 0 || strcmp(tensor->role, "scratch") == 0; /* so many bytes */
    return pool_text(pool, out, plain ? "" : shape_text(&tensor->shape, text, sizeof text));
}

/* ---- the largest ---- */

static bool are_alike(const RecordTensor *a, const RecordTensor *b) {
    return a->bytes == b->bytes && strcmp(a->module, b->module) == 0 && shape_equal(&a->shape, &b->shape);
}

static int64_t bytes_alike(const RecordMemory *memory, size_t i, size_t *n) {
    *n = 0;
    for (size_t k = 0; k < memory->n_live; k++) *n += are_alike(&memory->live[k], &memory->live[i]);
    return (int64_t)*n * memory->live[i].bytes;
}

static Err join_names(Pool *pool, const char **out, const RecordMemory *memory, size_t i) {
    Err err = ERR_OK;
    Text text = {0};
    size_t n = 0;
    for (size_t k = 0; k < memory->n_live; k++) {
        if (!are_alike(&memory->live[k], &memory->live[i])) continue;
        if (n < FEW) TRY(text_add(&text, "%s%s", n > 0 ? ", " : "", memory->live[k].name));
        n++;
    }
    if (n > FEW) TRY(text_add(&text, ", ..."));
    TRY(pool_text(pool, out, text.data));
done:
    text_clear(&text);
    return err;
}

/* live is sorted by bytes: those that are alike stand close to one another, and only the first of them is looked at. */
Err plan_fill_of(Pool *pool, PlanFill *out, const Survey *survey) {
    Err err = ERR_OK;
    const RecordMemory *memory = &survey->record->memory;
    size_t best = 0;
    *out = (PlanFill){.names = "", .what = ""};
    for (size_t i = 0; i < memory->n_live; i++) {
        size_t n = 0;
        if (i > 0 && are_alike(&memory->live[i], &memory->live[i - 1])) continue;
        const int64_t bytes = bytes_alike(memory, i, &n);
        if (bytes <= out->bytes) continue;
        out->bytes = bytes;
        out->n = n;
        best = i;
    }
    if (out->n == 0) return ERR_OK;
    TRY(join_names(pool, &out->names, memory, best));
    TRY(plan_shape_words(pool, &out->what, survey, &memory->live[best]));
done:
    return err;
}
