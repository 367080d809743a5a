/* Snapshots of parameters. */
#include "harness/run/snapshot.h"

#include <string.h>

#include "harness/data/digest.h"
#include "harness/record/results.h"

static bool is_kept(const Param *p) { return p->kind != PARAM_CONSTANT; }
static bool is_model(const Param *p) { return p->kind == PARAM_WEIGHT || p->kind == PARAM_STATE; }

int64_t snapshot_count(const ParamSet *params) {
    int64_t n = 0;
    for (int i = 0; i < params->n; i++)
        if (is_kept(&params->items[i])) n += shape_count(&params->items[i].shape);
    return n;
}

void snapshot_layout(char out[65], const ParamSet *params) {
    Digest digest;
    digest_start(&digest);
    for (int i = 0; i < params->n; i++) {
        const Param *p = &params->items[i];
        digest_text(&digest, p->name);
        digest_number(&digest, p->kind);
        digest_number(&digest, p->shape.rank);
        for (int d = 0; d < p->shape.rank; d++) digest_number(&digest, p->shape.dim[d]);
    }
    (void)digest_hex(&digest, out);
}

Err snapshot_take(float *out, const Arena *arena, const ParamSet *params) {
    Err err = ERR_OK;
    for (int i = 0; i < params->n; i++) {
        if (!is_kept(&params->items[i])) continue;
        TRY(arena_get_param(arena, i, out));
        out += shape_count(&params->items[i].shape);
    }
done:
    return err;
}

Err snapshot_put(const float *values, Arena *arena, const ParamSet *params) {
    Err err = ERR_OK;
    for (int i = 0; i < params->n; i++) {
        if (!is_kept(&params->items[i])) continue;
        TRY(arena_set_param(arena, i, values));
        values += shape_count(&params->items[i].shape);
    }
done:
    return err;
}

Err snapshot_record(const float *values, const ParamSet *params, int64_t step, CellRecord *record, RecordParams *to) {
    Err err = ERR_OK;
    to->step = step;
    for (int i = 0; i < params->n; i++) {
        const Param *p = &params->items[i];
        if (!is_kept(p)) continue;
        size_t n = (size_t)shape_count(&p->shape);
        if (is_model(p)) {
            float *copy = NULL;
            TRY(record_alloc(record, &copy, n, sizeof *copy));
            memcpy(copy, values, n * sizeof *copy);
            TRY(record_param(record, to, p->name, p->kind == PARAM_WEIGHT ? "param" : "state", p->shape, copy));
        }
        values += n;
    }
done:
    return err;
}

Err snapshot_restore(const RecordParams *from, Arena *arena, const ParamSet *params) {
    Err err = ERR_OK;
    for (int i = 0; i < params->n; i++) {
        const Param *p = &params->items[i];
        if (!is_model(p)) continue;
        const RecordParam *kept = results_param(from, p->name);
        FAIL_IF(kept == NULL, ERR_DATA, "the kept parameters have no %s", p->name);
        char have[96], want[96];
        FAIL_IF(!shape_equal(&kept->shape, &p->shape), ERR_DATA, "the kept parameter %s is %s, expected %s", p->name,
                shape_text(&kept->shape, have, sizeof have), shape_text(&p->shape, want, sizeof want));
        TRY(arena_set_param(arena, i, kept->data));
    }
done:
    return err;
}
