#include "tests/op_check.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#include "kernels/device.h"
#include "kernels/mem.h"
#include "tests/op_compare.h"
#include "tests/op_run.h"

static const double default_tolerance = 1e-4, ref_tolerance = 1e-11, difference_tolerance = 1e-6;

/* Off the 64-byte alignment by one float: the bits of a result must not depend on addresses. */
enum { OFF_ALIGNMENT = 4, MAX_SHARDS = 3 };

/* Orders of threads that are tried where all dx are not computed at once, or are added to. */
enum { FEW = 1 };

static double tolerance_of(const OpCase *op_case) {
    return op_case->tolerance == 0.0 ? default_tolerance : op_case->tolerance;
}

/* ---- sites ---- */

static const OpSite one_thread = {.device = DEVICE_CPU};

static const OpSite *site_or_cpu(const OpSite *site) { return site == NULL ? &one_thread : site; }

static OpHow how_on(const OpSite *site, int shards) {
    return (OpHow){
        .device = site->device, .shards = shards, .cuda = site->cuda, .reorder = site->reorder, .worst = site->worst};
}

static int most_shards(const OpSite *site) { return site->device == DEVICE_CPU ? MAX_SHARDS : 1; }

/* Another way to run the same: false when there are no more. i from 1. */
static bool vary(OpHow *how, const OpSite *site, int i) {
    how->par = site->par;
    how->order = (uint64_t)i;
    return site->device == DEVICE_CUDA ? i <= site->n_orders : i == 1;
}

static uint32_t all_dx(const OpData *data) {
    uint32_t all = 0;
    for (int i = 0; i < data->spec.n_x; i++)
        if (op_data_has_dx(data, i)) all |= OP_X(i);
    return all;
}

/* In place is only ever asked for between tensors of one size. */
static bool same_memory(const OpData *data, int i) {
    const OpSpec *spec = &data->spec;
    return i < spec->n_x && !shape_is_absent(&spec->x[i]) && spec->x_type[i] == spec->y_type[0] &&
           shape_count(&spec->x[i]) == shape_count(&spec->y[0]);
}

/* ---- forward ---- */

static Err expect_forward(const OpData *data, const OpHow *how, const OpValues *expected, double tolerance) {
    Err err = ERR_OK;
    OpValues got = {0};
    TRY(op_run_forward(&got, data, how, NULL));
    TRY(compare_forward(data, how, &got, expected, tolerance));
done:
    op_values_clear(&got);
    return err == ERR_OK ? ERR_OK
                         : err_context(err, "forward, %s, %d shards, %d threads, order %llu, offset %zu, in place %d",
                                       device_name(how->device), how->shards, par_n_threads(how->par),
                                       (unsigned long long)how->order, how->offset, how->alias - 1);
}

static Err forward_in_shards(const OpData *data, const OpValues *ref, int shards, double tolerance,
                             const OpSite *site) {
    Err err = ERR_OK;
    OpValues first = {0};
    OpHow how = how_on(site, shards);
    TRY(op_run_forward(&first, data, &how, NULL));
    TRY(compare_forward(data, &how, &first, ref, tolerance));
    for (int i = 1; vary(&how, site, i); i++) TRY(expect_forward(data, &how, &first, 0.0));
    how.offset = OFF_ALIGNMENT;
    TRY(expect_forward(data, &how, &first, 0.0));
    how.offset = 0;
    for (int i = 0; i < data->spec.n_x; i++) {
        if ((data->op->alias_fwd & OP_X(i)) == 0 || !same_memory(data, i)) continue;
        how.alias = i + 1;
        TRY(expect_forward(data, &how, &first, 0.0));
    }
done:
    op_values_clear(&first);
    return err == ERR_OK ? ERR_OK : err_context(err, "%d shards", shards);
}

Err op_check_forward(const Op *op, const OpCase *op_case, const OpSite *site) {
    Err err = ERR_OK;
    site = site_or_cpu(site);
    OpData data = {0};
    OpValues ref = {0};
    OpHow how = {.device = DEVICE_REF, .shards = 1};
    TRY(op_data_init(&data, op, op_case));
    TRY(op_run_forward(&ref, &data, &how, NULL));
    for (int i = 0; i < data.spec.n_x; i++) {
        if ((op->alias_fwd & OP_X(i)) == 0 || !same_memory(&data, i)) continue;
        how.alias = i + 1;
        TRY(expect_forward(&data, &how, &ref, 0.0));
    }
    for (int shards = 1; shards <= most_shards(site); shards++)
        TRY(forward_in_shards(&data, &ref, shards, tolerance_of(op_case), site));
    FAIL_IF(op_flops(op, &data.spec, false) < 0, ERR_NUMERIC, "flops of the forward pass are negative");
done:
    op_values_clear(&ref);
    op_data_clear(&data);
    return err;
}

/* ---- backward ---- */

typedef struct Backward {
    const OpData *data;
    const OpValues *ref_before, *before; /* after the forward passes in double and in float */
    OpValues ref;                        /* every dx, in double */
    double tolerance;
    const OpSite *site;
} Backward;

static Err expect_backward(const OpData *data, const OpHow *how, const OpValues *before, const OpValues *expected,
                           uint32_t accumulate, double tolerance) {
    Err err = ERR_OK;
    OpValues got = {0};
    TRY(op_run_backward(&got, data, how, before));
    TRY(compare_backward(data, how, &got, expected, accumulate, tolerance));
done:
    op_values_clear(&got);
    return err == ERR_OK ? ERR_OK
                         : err_context(err,
                                       "backward, %s, %d shards, %d threads, order %llu, offset %zu, wanted %#x, "
                                       "accumulate %#x, without dy %#x, in place %d, undeclared is %s",
                                       device_name(how->device), how->shards, par_n_threads(how->par),
                                       (unsigned long long)how->order, how->offset, how->wanted, how->accumulate,
                                       how->no_dy, how->alias - 1, how->null_unread ? "NULL" : "NaN");
}

/* The kernel, one way of accumulating: close to the reference, and the same bits however it is run. NaN stands first
 * where nothing is declared, since it gives a message; NULL, the stricter one, would end the program. */
static Err backward_in_shards(const Backward *b, uint32_t wanted, uint32_t accumulate, int shards) {
    Err err = ERR_OK;
    OpValues first = {0};
    OpHow how = how_on(b->site, shards);
    how.wanted = wanted;
    how.accumulate = accumulate;
    TRY(expect_backward(b->data, &how, b->before, &b->ref, accumulate, b->tolerance));
    how.null_unread = true;
    TRY(op_run_backward(&first, b->data, &how, b->before));
    const int most = wanted == all_dx(b->data) && accumulate == 0 ? INT_MAX : FEW;
    for (int i = 1; i <= most && vary(&how, b->site, i); i++)
        TRY(expect_backward(b->data, &how, b->before, &first, 0, 0.0));
    how.offset = OFF_ALIGNMENT;
    TRY(expect_backward(b->data, &how, b->before, &first, 0, 0.0));
    how.offset = 0;
    for (int i = 0; accumulate == 0 && i < b->data->spec.n_x; i++) {
        if ((wanted & b->data->op->alias_bwd & OP_X(i)) == 0 || !same_memory(b->data, i)) continue;
        how.alias = i + 1;
        TRY(expect_backward(b->data, &how, b->before, &first, 0, 0.0));
    }
done:
    op_values_clear(&first);
    return err;
}

static Err backward_of_ref(const Backward *b, uint32_t wanted, uint32_t accumulate) {
    Err err = ERR_OK;
    OpHow how = {.device = DEVICE_REF, .shards = 1, .wanted = wanted, .accumulate = accumulate};
    TRY(expect_backward(b->data, &how, b->ref_before, &b->ref, accumulate, ref_tolerance));
    how.null_unread = true;
    TRY(expect_backward(b->data, &how, b->ref_before, &b->ref, accumulate, ref_tolerance));
    for (int i = 0; accumulate == 0 && i < b->data->spec.n_x; i++) {
        if ((wanted & b->data->op->alias_bwd & OP_X(i)) == 0 || !same_memory(b->data, i)) continue;
        how.alias = i + 1;
        TRY(expect_backward(b->data, &how, b->ref_before, &b->ref, 0, ref_tolerance));
    }
done:
    return err;
}

static Err backward_wanted(const Backward *b, uint32_t wanted) {
    Err err = ERR_OK;
    const uint32_t accumulate[] = {0, wanted, wanted & 0x555u, wanted & 0xaaau};
    for (size_t k = 0; k < sizeof accumulate / sizeof accumulate[0]; k++) {
        if (k >= 2 && (accumulate[k] == 0 || accumulate[k] == wanted)) continue;
        TRY(backward_of_ref(b, wanted, accumulate[k]));
        for (int shards = 1; shards <= most_shards(b->site); shards++)
            TRY(backward_in_shards(b, wanted, accumulate[k], shards));
    }
done:
    return err;
}

/* Each dy in turn is left out, where others remain: the same as a dy of zeros. */
static Err backward_without_dy(const Backward *b, uint32_t wanted) {
    Err err = ERR_OK;
    OpValues expected = {0};
    int n_dy = 0;
    for (int k = 0; k < OP_MAX_Y; k++) n_dy += b->data->dy[k] != NULL;
    for (int k = 0; n_dy > 1 && k < OP_MAX_Y; k++) {
        if (b->data->dy[k] == NULL) continue;
        OpData zeroed = *b->data;
        TRY(mem_alloc(&zeroed.dy[k], (size_t)shape_count(&zeroed.spec.y[k]), sizeof(double)));
        OpHow how = {.device = DEVICE_REF, .shards = 1, .wanted = wanted};
        err = op_run_backward(&expected, &zeroed, &how, b->ref_before);
        mem_free(zeroed.dy[k]);
        TRY(err);
        how.no_dy = OP_X(k);
        TRY(expect_backward(b->data, &how, b->ref_before, &expected, 0, ref_tolerance));
        how = how_on(b->site, 1);
        how.wanted = wanted;
        how.no_dy = OP_X(k);
        TRY(expect_backward(b->data, &how, b->before, &expected, 0, b->tolerance));
        op_values_clear(&expected);
    }
done:
    op_values_clear(&expected);
    return err;
}

/* An accumulated sum is compared at the scale of the gradient: what was there before must not be larger. */
static void scale_start(OpData *data, const OpValues *ref) {
    for (int i = 0; i < data->spec.n_x; i++) {
        if (ref->dx[i] == NULL) continue;
        int64_t n = shape_count(&data->spec.x[i]);
        double scale = compare_largest(ref->dx[i], n);
        for (int64_t k = 0; k < n; k++) data->start[i][k] = (double)(float)(data->start[i][k] * scale);
    }
}

Err op_check_backward(const Op *op, const OpCase *op_case, const OpSite *site) {
    Err err = ERR_OK;
    OpData data = {0};
    OpValues ref_before = {0}, before = {0};
    Backward b = {.data = &data, .ref_before = &ref_before, .before = &before, .site = site_or_cpu(site)};
    OpHow how = {.device = DEVICE_REF, .shards = 1};
    TRY(op_data_init(&data, op, op_case));
    b.tolerance = tolerance_of(op_case);
    uint32_t all = all_dx(&data);
    if (all == 0) goto done;
    TRY(op_run_forward(&ref_before, &data, &how, NULL));
    how.wanted = all;
    TRY(op_run_backward(&b.ref, &data, &how, &ref_before));
    scale_start(&data, &b.ref);
    how = how_on(b.site, 1);
    TRY(op_run_forward(&before, &data, &how, NULL));
    TRY(backward_wanted(&b, all));
    for (int i = 0; i < data.spec.n_x; i++)
        if (op_data_has_dx(&data, i) && OP_X(i) != all) TRY(backward_wanted(&b, OP_X(i)));
    TRY(backward_without_dy(&b, all));
    FAIL_IF(op_flops(op, &data.spec, true) < 0, ERR_NUMERIC, "flops of the backward pass are negative");
done:
    op_values_clear(&b.ref);
    op_values_clear(&before);
    op_values_clear(&ref_before);
    op_data_clear(&data);
    return err;
}

Err op_check_live_dx(uint32_t *out, const Op *op, const OpCase *op_case) {
    Err err = ERR_OK;
    OpData data = {0};
    OpValues before = {0}, after = {0};
    OpHow how = {.device = DEVICE_REF, .shards = 1};
    *out = 0;
    TRY(op_data_init(&data, op, op_case));
    how.wanted = all_dx(&data);
    if (how.wanted == 0) goto done;
    TRY(op_run_forward(&before, &data, &how, NULL));
    TRY(op_run_backward(&after, &data, &how, &before));
    for (int i = 0; i < data.spec.n_x; i++)
        if (after.dx[i] != NULL && compare_largest(after.dx[i], shape_count(&data.spec.x[i])) > 1e-3) *out |= OP_X(i);
done:
    op_values_clear(&after);
    op_values_clear(&before);
    op_data_clear(&data);
    return err;
}

/* ---- differences ---- */

/* sum_k <dy_k, y_k>: the loss whose gradient the backward pass computes from dy. */
static Err functional(double *out, const OpData *data, double *const *x) {
    Err err = ERR_OK;
    OpValues values = {0};
    const OpHow how = {.device = DEVICE_REF, .shards = 1};
    *out = 0.0;
    TRY(op_run_forward(&values, data, &how, x));
    for (int i = 0; i < data->op->n_out; i++)
        for (int64_t k = 0; data->dy[i] != NULL && k < shape_count(&data->spec.y[i]); k++)
            *out += data->dy[i][k] * values.y[i][k];
done:
    op_values_clear(&values);
    return err;
}

/* The derivative of the functional along `direction` [n] of x[i], by four points: error of order h^4. The step is in
 * proportion to the tensor, so that probabilities stay probabilities. */
static Err slope(double *out, const OpData *data, int i, const double *direction, double relative_step) {
    Err err = ERR_OK;
    double *moved = NULL, loss[4] = {0};
    double *x[OP_MAX_X];
    const double step[4] = {-2.0, -1.0, 1.0, 2.0};
    int64_t n = shape_count(&data->spec.x[i]);
    double largest = compare_largest(data->x[i], n), h = relative_step * (largest > 0.0 ? largest : 1.0);
    memcpy(x, data->x, sizeof x);
    TRY(mem_alloc(&moved, (size_t)n, sizeof *moved));
    x[i] = moved;
    for (int s = 0; s < 4; s++) {
        for (int64_t k = 0; k < n; k++) moved[k] = data->x[i][k] + step[s] * h * direction[k];
        TRY(functional(&loss[s], data, x));
    }
    *out = (loss[0] - 8.0 * loss[1] + 8.0 * loss[2] - loss[3]) / (12.0 * h);
done:
    mem_free(moved);
    return err;
}

static Err expect_slope(const OpData *data, int i, const double *direction, const double *gradient, const char *where,
                        int64_t k) {
    Err err = ERR_OK;
    int64_t n = shape_count(&data->spec.x[i]);
    double numeric = 0.0, analytic = 0.0, norm = 0.0;
    for (int64_t j = 0; j < n; j++) {
        analytic += gradient[j] * direction[j];
        norm += gradient[j] * gradient[j] * direction[j] * direction[j];
    }
    const double scale = fmax(fmax(sqrt(norm), compare_largest(gradient, n)), 1e-3);
    /* Where the larger step leaps over a kink (a maximum that changes hands) the smaller one need not. */
    TRY(slope(&numeric, data, i, direction, 1e-5));
    if (!(fabs(numeric - analytic) <= difference_tolerance * scale)) TRY(slope(&numeric, data, i, direction, 1e-7));
    FAIL_IF(!(fabs(numeric - analytic) <= difference_tolerance * scale), ERR_NUMERIC,
            "differences: dx[%d] %s %lld is %.12g by ref_bwd, %.12g by differences (scale %.3g)", i, where,
            (long long)k, analytic, numeric, scale);
done:
    return err;
}

/* One random direction sees every element at once; then single elements, all of them in a small tensor. */
static Err differences_of_input(const OpData *data, int i, const double *gradient) {
    enum { MAX_ELEMENTS = 24 };
    Err err = ERR_OK;
    double *direction = NULL;
    int64_t n = shape_count(&data->spec.x[i]), stride = (n + MAX_ELEMENTS - 1) / MAX_ELEMENTS;
    TRY(expect_slope(data, i, data->start[i], gradient, "along direction", 0));
    TRY(mem_alloc(&direction, (size_t)n, sizeof *direction));
    for (int64_t k = 0; k < n; k += stride) {
        direction[k] = 1.0;
        TRY(expect_slope(data, i, direction, gradient, "element", k));
        direction[k] = 0.0;
    }
done:
    mem_free(direction);
    return err;
}

Err op_check_differences(const Op *op, const OpCase *op_case) {
    Err err = ERR_OK;
    OpData data = {0};
    OpValues before = {0}, after = {0};
    OpHow how = {.device = DEVICE_REF, .shards = 1};
    TRY(op_data_init(&data, op, op_case));
    how.wanted = all_dx(&data);
    if (how.wanted == 0 || op_case->no_differences) goto done;
    TRY(op_run_forward(&before, &data, &how, NULL));
    TRY(op_run_backward(&after, &data, &how, &before));
    for (int i = 0; i < data.spec.n_x; i++)
        if (after.dx[i] != NULL) TRY(differences_of_input(&data, i, after.dx[i]));
done:
    op_values_clear(&after);
    op_values_clear(&before);
    op_data_clear(&data);
    return err;
}

/* ---- prepare ---- */

Err op_check_prepare(const Op *op, const OpCase *op_case) {
    Err err = ERR_OK;
    OpSpec spec = op_case_spec(op_case);
    TRY(op_infer(op, &spec));
    FAIL_IF((op->prepare == NULL) != (op->release == NULL), ERR_NUMERIC, "prepare and release go together");
    for (uint64_t k = 1; op->prepare != NULL; k++) {
        void *state = NULL;
        uint64_t live = mem_stats().live_blocks;
        mem_fail_at(k);
        err = op->prepare(&state, &spec, false, 0, 0, 2);
        mem_fail_at(0);
        bool failed = err != ERR_OK;
        if (!failed && state != NULL) op->release(state);
        FAIL_IF(mem_stats().live_blocks != live, ERR_NUMERIC, "prepare leaks when allocation %llu fails",
                (unsigned long long)k);
        FAIL_IF(failed && err != ERR_NOMEM, ERR_NUMERIC, "prepare does not report ERR_NOMEM: %s", err_message());
        err = ERR_OK;
        if (!failed) break;
    }
done:
    return err;
}

Err op_check(const Op *op, const OpCase *op_case, const OpSite *site) {
    Err err = ERR_OK;
    TRY(op_check_infer(op, op_case));
    TRY(op_check_prepare(op, op_case));
    TRY(op_check_forward(op, op_case, site));
    TRY(op_check_backward(op, op_case, site));
    TRY(op_check_differences(op, op_case));
done:
    return err == ERR_OK ? ERR_OK : err_context(err, "%s/%s", op->name, op_case->name);
}
