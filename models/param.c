/* Parameters: registry and initial values. */
#include "models/param.h"

#include <stdio.h>
#include <string.h>

#include "kernels/mem.h"
#include "kernels/rng.h"

enum { ALIGN_ELEMENTS = 16 }; /* 64 bytes of float */

void params_init(ParamSet *set) { memset(set, 0, sizeof *set); }

void params_clear(ParamSet *set) {
    for (int i = 0; i < set->n; i++) {
        mem_free(set->items[i].name);
        mem_free(set->items[i].values);
    }
    mem_free(set->items);
    mem_free(set->by_name);
    params_init(set);
}

/* Where a name is in by_name, or belongs. */
static int position(const ParamSet *set, const char *name) {
    int low = 0, high = set->n;
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (strcmp(set->items[set->by_name[middle]].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int params_find(const ParamSet *set, const char *name) {
    int at = position(set, name);
    bool found = at < set->n && strcmp(set->items[set->by_name[at]].name, name) == 0;
    return found ? set->by_name[at] : -1;
}

static Err check_same(const Param *param, const Shape *shape, ParamKind kind) {
    if (shape_equal(&param->shape, shape) && param->kind == kind) return ERR_OK;
    char had[96], got[96];
    return err_set(ERR_SHAPE, "parameter %s is %s, not %s of another kind or shape", param->name,
                   shape_text(&param->shape, had, sizeof had), shape_text(shape, got, sizeof got));
}

Err params_add(ParamSet *set, const char *name, const Shape *shape, ParamKind kind, Init init, int *i) {
    Err err = ERR_OK;
    *i = params_find(set, name);
    if (*i >= 0) return check_same(&set->items[*i], shape, kind);
    if (set->n == set->n_room) {
        int room = set->n_room == 0 ? 64 : 2 * set->n_room;
        TRY(mem_grow(&set->items, (size_t)set->n, (size_t)room, sizeof *set->items));
        TRY(mem_grow(&set->by_name, (size_t)set->n, (size_t)room, sizeof *set->by_name));
        set->n_room = room;
    }
    Param *param = &set->items[set->n];
    *param = (Param){.shape = *shape, .kind = kind, .init = init, .offset = set->n_elements};
    TRY(mem_strdup(&param->name, name));
    size_t count = (size_t)shape_count(shape);
    set->n_elements += (count + ALIGN_ELEMENTS - 1) / ALIGN_ELEMENTS * ALIGN_ELEMENTS;
    int at = position(set, name);
    memmove(&set->by_name[at + 1], &set->by_name[at], (size_t)(set->n - at) * sizeof *set->by_name);
    set->by_name[at] = *i = set->n++;
done:
    return err;
}

Err params_add_constant(ParamSet *set, const char *name, const Shape *shape, const float *values, int *i) {
    Err err = ERR_OK;
    size_t count = (size_t)shape_count(shape);
    TRY(params_add(set, name, shape, PARAM_CONSTANT, init_constant(0), i));
    Param *param = &set->items[*i];
    if (param->values == NULL) {
        TRY(mem_alloc(&param->values, count, sizeof *values));
        memcpy(param->values, values, count * sizeof *values);
    }
    FAIL_IF(memcmp(param->values, values, count * sizeof *values) != 0, ERR_SHAPE, "constant %s has two values", name);
done:
    return err;
}

int64_t params_count(const ParamSet *set, ParamKind kind) {
    int64_t n = 0;
    for (int i = 0; i < set->n; i++)
        if (set->items[i].kind == kind) n += shape_count(&set->items[i].shape);
    return n;
}

void param_initial(const Param *param, uint64_t seed, float *out) {
    int64_t n = shape_count(&param->shape);
    if (param->values != NULL) {
        memcpy(out, param->values, (size_t)n * sizeof *out);
        return;
    }
    char name[512];
    (void)snprintf(name, sizeof name, "init.%s", param->name);
    RngStream stream = rng_stream(seed, name);
    for (int64_t e = 0; e < n; e++) {
        Rng rng = rng_at(stream, 0, (uint64_t)e);
        switch (param->init.kind) {
        case INIT_CONSTANT: out[e] = (float)param->init.a; break;
        case INIT_UNIFORM: out[e] = (float)(param->init.a * (2.0 * (double)rng_unit(rng_u32(&rng)) - 1.0)); break;
        case INIT_NORMAL: out[e] = (float)(param->init.a * rng_normal(&rng)); break;
        }
    }
}
