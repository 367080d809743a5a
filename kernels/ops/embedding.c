/* embedding: y[r] = table[token[r]], zeros where token[r] < 0.
 * token [...] INT, table [V,E] -> y [...,E].   dtable[v] = sum of dy[r] over the rows r with token[r] = v, in order. */
#include <string.h>

#include "kernels/elementwise.h"
#include "kernels/infer.h"
#include "kernels/op.h"
#include "kernels/simd.h"

enum { TOKEN, TABLE };

static Err infer(OpSpec *spec) {
    Err err = ERR_OK;
    Shape y = spec->x[TOKEN];
    TRY(infer_type(spec, TOKEN, "token", DT_INT));
    TRY(infer_rank(spec, TABLE, "table", DT_REAL, 2));
    FAIL_IF(y.rank == SHAPE_MAX_RANK, ERR_SHAPE, "token has %d dimensions, expected at most %d", y.rank,
            SHAPE_MAX_RANK - 1);
    y.dim[y.rank++] = spec->x[TABLE].dim[1];
    infer_output(spec, DT_REAL, y);
done:
    return err;
}

static Err check_tokens(const OpCall *call) {
    const int32_t *token = call->x[TOKEN];
    const int64_t n = shape_count(&call->spec->x[TOKEN]), n_entries = call->spec->x[TABLE].dim[0];
    for (int64_t r = 0; r < n; r++)
        if (token[r] >= n_entries)
            return err_set(ERR_DATA, "token %d at %lld, but the table has %lld entries", (int)token[r], (long long)r,
                           (long long)n_entries);
    return ERR_OK;
}

static void forward(const OpCall *call, int64_t first, int64_t last) {
    const int32_t *token = call->x[TOKEN];
    const float *table = call->x[TABLE];
    const int64_t width = call->spec->x[TABLE].dim[1];
    float *y = call->y[0];
    for (int64_t r = first; r < last; r++) {
        if (token[r] < 0)
            memset(y + r * width, 0, (size_t)width * sizeof *y);
        else
            memcpy(y + r * width, table + token[r] * width, (size_t)width * sizeof *y);
    }
}

static Err fwd(const OpCall *call) {
    Err err = check_tokens(call);
    if (err == ERR_OK) elementwise_run(call, shape_count(&call->spec->x[TOKEN]), forward);
    return err;
}

KERNEL static void add_row(float *restrict out, const float *restrict x, int64_t n) {
    for (int64_t k = 0; k < n; k++) out[k] += x[k];
}

/* A task owns a range of the table's entries and walks all rows: the order of each sum is that of the rows. */
static void backward(const OpCall *call, int64_t first, int64_t last) {
    const int32_t *token = call->x[TOKEN];
    const float *dy = call->dy[0];
    const int64_t width = call->spec->x[TABLE].dim[1], n = shape_count(&call->spec->x[TOKEN]);
    float *dtable = call->dx[TABLE];
    if ((call->accumulate & OP_X(TABLE)) == 0)
        memset(dtable + first * width, 0, (size_t)((last - first) * width) * sizeof *dtable);
    for (int64_t r = 0; r < n; r++)
        if (token[r] >= first && token[r] < last) add_row(dtable + token[r] * width, dy + r * width, width);
}

static Err bwd(const OpCall *call) {
    elementwise_run(call, call->spec->x[TABLE].dim[0], backward);
    return ERR_OK;
}

static Err ref_fwd(const OpCall *call) {
    Err err = check_tokens(call);
    const int32_t *token = call->x[TOKEN];
    const double *table = call->x[TABLE];
    const int64_t width = call->spec->x[TABLE].dim[1], n = shape_count(&call->spec->x[TOKEN]);
    double *y = call->y[0];
    for (int64_t r = 0; err == ERR_OK && r < n; r++)
        for (int64_t k = 0; k < width; k++) y[r * width + k] = token[r] < 0 ? 0.0 : table[token[r] * width + k];
    return err;
}

static Err ref_bwd(const OpCall *call) {
    const int32_t *token = call->x[TOKEN];
    const double *dy = call->dy[0];
    const int64_t width = call->spec->x[TABLE].dim[1], n = shape_count(&call->spec->x[TOKEN]);
    double *dtable = call->dx[TABLE];
    for (int64_t k = 0; k < shape_count(&call->spec->x[TABLE]) && !(call->accumulate & OP_X(TABLE)); k++)
        dtable[k] = 0.0;
    for (int64_t r = 0; r < n; r++)
        for (int64_t k = 0; k < width && token[r] >= 0; k++) dtable[token[r] * width + k] += dy[r * width + k];
    return ERR_OK;
}

#define TOKENS(v, ...)                                                                                                 \
    { .shape = __VA_ARGS__, .type = DT_INT, .fill = FILL_LABEL, .scale = (v) }
static const OpCase cases[] = {
    {.name = "prime", .n_x = 2, .x = {TOKENS(11, {2, {5, 7}}), {.shape = {2, {11, 13}}}}},
    {.name = "one_token", .n_x = 2, .x = {TOKENS(37, {1, {1}}), {.shape = {2, {37, 3}}}}},
    {.name = "scalar_token", .n_x = 2, .x = {TOKENS(5, {0}), {.shape = {2, {5, 2}}}}},
    {.name = "one_entry", .n_x = 2, .x = {TOKENS(1, {1, {23}}), {.shape = {2, {1, 17}}}}},
    {.name = "wide", .n_x = 2, .x = {TOKENS(5, {1, {7}}), {.shape = {2, {5, 259}}}}},
    {.name = "hundreds", .n_x = 2, .x = {TOKENS(331, {2, {3, 19}}), {.shape = {2, {331, 31}}}}},
};
#undef TOKENS

const Op op_embedding = {
    .name = "embedding",
    .n_x_min = 2,
    .n_x_max = 2,
    .n_out = 1,
    .differentiable = OP_X(TABLE),
    .bwd_needs = {[TABLE] = OP_X(TOKEN)},
    .infer = infer,
    .fwd = fwd,
    .bwd = bwd,
    .ref_fwd = ref_fwd,
    .ref_bwd = ref_bwd,
    .cases = cases,
    .n_cases = sizeof cases / sizeof cases[0],
};
