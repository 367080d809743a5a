/* Trivial and floor values. */
#include "harness/run/trace_level.h"

#include <math.h>
#include <string.h>

#include "kernels/attention_target.h"
#include "kernels/mem.h"

static const Node *find_node(const Graph *graph, const char *op) {
    for (int i = 0; i < graph->n_nodes; i++)
        if (!graph->nodes[i].backward && strcmp(graph->nodes[i].op->name, op) == 0) return &graph->nodes[i];
    return NULL;
}

static double value_at(const Exec *exec, const void *values, int64_t i) {
    return exec_backend(exec)->real_bytes == sizeof(double) ? ((const double *)values)[i]
                                                            : (double)((const float *)values)[i];
}

/* ---- losses on attention: other weights put through the same op ---- */

typedef struct Attention {
    const Node *node;
    double *x[TARGET_N_X], *dalpha;
    int64_t n, n_positions; /* weights, and how many make a row */
} Attention;

static void attention_clear(Attention *a) {
    for (int i = 0; i < TARGET_N_X; i++) mem_free(a->x[i]);
    mem_free(a->dalpha);
}

static Err attention_open(Attention *a, const Exec *exec, const Node *node) {
    Err err = ERR_OK;
    void *room = NULL;
    *a = (Attention){.node = node, .n = shape_count(&node->spec.x[TARGET_ALPHA])};
    a->n_positions = shape_last(&node->spec.x[TARGET_ALPHA]);
    for (int i = 0; i < TARGET_N_X; i++) {
        int64_t n = shape_count(&node->spec.x[i]);
        const void *from = NULL;
        TRY(exec_view(&from, exec, node->x[i], 0, n, &room));
        TRY(mem_alloc(&a->x[i], (size_t)n, sizeof(double)));
        for (int64_t k = 0; k < n; k++) a->x[i][k] = value_at(exec, from, k);
    }
    TRY(mem_alloc(&a->dalpha, (size_t)a->n, sizeof(double)));
done:
    mem_free(room);
    return err;
}

static void attention_fill(Attention *a, double value) {
    for (int64_t i = 0; i < a->n; i++) a->x[TARGET_ALPHA][i] = value;
}

static Err attention_loss(const Attention *a, double *loss) {
    OpCall call = {.spec = &a->node->spec, .shards = 1};
    for (int i = 0; i < TARGET_N_X; i++) call.x[i] = a->x[i];
    call.y[0] = loss;
    return a->node->op->ref_fwd(&call);
}

/* The slope at weights that are all 1 / L, times -1 in dalpha: for `kl` the target's shape, for `mass` the part of each
 * position's cell that lies inside the box. */
static Err attention_pull(Attention *a) {
    const double one = 1.0;
    OpCall call = {.spec = &a->node->spec, .shards = 1};
    attention_fill(a, 1.0 / (double)a->n_positions);
    for (int i = 0; i < TARGET_N_X; i++) call.x[i] = a->x[i];
    call.dy[0] = &one;
    call.dx[TARGET_ALPHA] = a->dalpha;
    Err err = a->node->op->ref_bwd(&call);
    for (int64_t i = 0; i < a->n; i++) a->dalpha[i] = -a->dalpha[i];
    return err;
}

/* The best weights of a row: proportional to the pull for a cross-entropy, all on the strongest one for a mass. */
static void best_row(double *alpha, const double *pull, int64_t n, bool spread) {
    double total = 0.0;
    int64_t best = 0;
    for (int64_t j = 0; j < n; j++) {
        total += pull[j];
        if (pull[j] > pull[best]) best = j;
    }
    for (int64_t j = 0; j < n; j++) {
        double share = total > 0.0 ? pull[j] / total : 1.0 / (double)n;
        alpha[j] = spread ? share : (j == best ? 1.0 : 0.0);
    }
}

static Err attention_level(TraceLevel *out, const Exec *exec, const Node *node, bool spread) {
    Err err = ERR_OK;
    Attention a;
    TRY(attention_open(&a, exec, node));
    attention_fill(&a, 1.0 / (double)a.n_positions);
    TRY(attention_loss(&a, &out->trivial));
    TRY(attention_pull(&a));
    for (int64_t i = 0; i < a.n; i += a.n_positions)
        best_row(a.x[TARGET_ALPHA] + i, a.dalpha + i, a.n_positions, spread);
    TRY(attention_loss(&a, &out->floor));
    out->trivial_is = "uniform attention";
    out->floor_is = spread ? "entropy of the target" : "all attention on the best position";
done:
    attention_clear(&a);
    return err;
}

/* ---- centre: where uniform attention has its centre ---- */

typedef struct Values {
    const void *at; /* NULL: the graph has no such tensor */
    void *room;
    int64_t n;
} Values;

static Err take_values(Values *out, const Exec *exec, const Graph *graph, const char *name) {
    const TensorId t = graph_find(graph, name);
    if (t == TENSOR_NONE) return ERR_OK;
    out->n = shape_count(graph_shape(graph, t));
    return exec_view(&out->at, exec, t, 0, out->n, &out->room);
}

/* The loss of a centre at the mean of the positions x, whose variance is given, over all boxes. */
static double sum_of_centre(const Exec *exec, const Values *box, const Settings *settings, double mean,
                            double variance) {
    double sum = 0;
    for (int64_t r = 0; r < box->n; r += BOX_SIZE) {
        double x0 = value_at(exec, box->at, r + BOX_X0), x1 = value_at(exec, box->at, r + BOX_X1);
        if (x1 <= x0) continue;
        double w = fmax(x1 - x0, settings_real(settings, "focus.min_width")), d = fabs(mean - (x0 + x1) / 2) / w;
        bool squared = settings_is(settings, "focus.error", "square");
        sum += squared ? d * d : d < 1 ? d * d / 2 : d - 0.5;
        sum += settings_real(settings, "focus.spread") * variance / (w * w);
    }
    return sum;
}

static Err centre_level(TraceLevel *out, const Exec *exec, const Graph *graph, const Settings *settings) {
    Err err = ERR_OK;
    Values x = {0}, box = {0}, inv = {0};
    double mean = 0, variance = 0;
    TRY(take_values(&x, exec, graph, "focus.positions"));
    TRY(take_values(&box, exec, graph, "box"));
    TRY(take_values(&inv, exec, graph, "inv_boxes"));
    if (x.at == NULL || box.at == NULL || inv.at == NULL) goto done;
    for (int64_t j = 0; j < x.n; j++) mean += value_at(exec, x.at, j) / (double)x.n;
    for (int64_t j = 0; j < x.n; j++) variance += pow(value_at(exec, x.at, j) - mean, 2) / (double)x.n;
    out->trivial = sum_of_centre(exec, &box, settings, mean, variance) * value_at(exec, inv.at, 0);
    out->trivial_is = "uniform attention";
    out->floor = 0;
    out->floor_is = "every centre in the middle of its box";
done:
    mem_free(x.room);
    mem_free(box.room);
    mem_free(inv.room);
    return err;
}

/* ---- original, binary, lowrank: the same answer for every pixel ---- */

typedef struct Pixels {
    int64_t n, n_background; /* labelled pixels */
    int64_t n_labels, n_boxes, n_pixels;
} Pixels;

static Err count_pixels(Pixels *out, const Exec *exec, const Node *crop, bool binary) {
    const PatchCropAttr *attr = crop->attr;
    const int64_t n = shape_count(&crop->spec.y[1]);
    const void *values = NULL;
    void *room = NULL;
    Err err = exec_view(&values, exec, crop->y[1], 0, n, &room);
    const int32_t *label = values;
    Pixels p = {.n_labels = binary               ? 2
                            : attr->outside >= 0 ? attr->outside + 1
                                                 : attr->classes,
                .n_pixels = (int64_t)attr->height * attr->width};
    for (int64_t i = 0; err == ERR_OK && i < n; i++) {
        p.n += label[i] >= 0;
        p.n_background += label[i] >= 0 && label[i] == attr->outside;
    }
    mem_free(room);
    *out = p;
    return err;
}

/* With tanh the energies are in [-1, 1]: ln of one in favour of a class, and of all the others. Without it, or with a
 * layer behind it, an answer that never errs costs nothing, and one that always says background costs without bound:
 * uniform is the trivial one. */
static Err pixel_level(TraceLevel *out, const Exec *exec, const Graph *graph, const Node *crop,
                       const Settings *settings) {
    Err err = ERR_OK;
    Pixels p;
    void *room = NULL;
    const void *inv_boxes = NULL;
    const bool binary = settings_is(settings, "focus.kind", "binary");
    const TensorId inv = graph_find(graph, "inv_boxes");
    TRY(count_pixels(&p, exec, crop, binary));
    if (inv != TENSOR_NONE) TRY(exec_view(&inv_boxes, exec, inv, 0, 1, &room));
    const double per_box = inv == TENSOR_NONE ? NAN : value_at(exec, inv_boxes, 0);
    const double unit = per_box / (settings_is(settings, "focus.reduction", "mean") ? (double)p.n_pixels : 1.0);
    const double others = (double)(p.n_labels - 1);
    const double right = log(1.0 + others * exp(-2.0)), wrong = right + 2.0;
    bool bounded = settings_bool(settings, "focus.tanh") && !settings_is(settings, "focus.kind", "lowrank");
    bool background = binary || settings_bool(settings, "focus.background");
    out->floor = bounded ? unit * (double)p.n * right : 0.0;
    out->floor_is = bounded ? "every pixel right, as far as tanh lets it" : "every pixel right";
    out->trivial = unit * (double)p.n * log((double)p.n_labels);
    out->trivial_is = "the same for all classes";
    if (bounded && background) {
        out->trivial = unit * ((double)p.n_background * right + (double)(p.n - p.n_background) * wrong);
        out->trivial_is = "always background";
    }
done:
    mem_free(room);
    return err;
}

Err trace_level(TraceLevel *out, const Exec *exec, const Graph *graph, const Settings *settings) {
    const Node *kl = find_node(graph, "attention_kl"), *mass = find_node(graph, "attention_mass");
    const Node *crop = find_node(graph, "patch_crop");
    *out = (TraceLevel){.trivial = NAN, .floor = NAN, .trivial_is = "", .floor_is = ""};
    if (kl != NULL) return attention_level(out, exec, kl, true);
    if (mass != NULL) return attention_level(out, exec, mass, false);
    if (crop != NULL && settings_has(settings, "focus.tanh")) return pixel_level(out, exec, graph, crop, settings);
    if (settings_is(settings, "focus.kind", "centre")) return centre_level(out, exec, graph, settings);
    return ERR_OK;
}
