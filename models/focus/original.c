/* The paper's focusing network, literally (PAPER 1.5, 1.6). For each step a patch of the image (or of a feature map) is
 * cropped around the rounded attention centre, and each of its P pixels is classified:
 *   e = tanh(R g_t + S F_p + b),  P = softmax(e),  L = -sum over pixels of ln P[label of the pixel]
 * The crop's position carries no gradient (PAPER 1.7.2). Two implementations of the same loss and gradients:
 *   plain: a sub-graph of ordinary ops, as any implementation writes it. Four tensors of [T,N,P,K] are alive at the
 *          peak of the backward pass: tanh's output, log-softmax's output, and the gradients of both;
 *   fused: one op, none of these tensors (PAPER 4.4). */
#include "models/focus.h"

/* Where the patches lie and what is read there. */
typedef struct Patch {
    PatchCropAttr attr;
    bool features; /* source is the encoder's map, not the image */
    TensorId source, centre_x, centre_y;
    int64_t n_pixels, n_labels;
} Patch;

static Patch patch_of(Graph *g, const Settings *settings, const FocusIn *in) {
    Patch p = {.source = TENSOR_NONE, .centre_x = TENSOR_NONE, .centre_y = TENSOR_NONE, .n_pixels = 1};
    p.features = settings_is(settings, "focus.source", "features");
    p.n_labels = in->n_chars + (settings_bool(settings, "focus.background") ? 1 : 0);
    p.attr = (PatchCropAttr){.height = (int32_t)settings_int_at(settings, "focus.patch", 0),
                             .width = (int32_t)settings_int_at(settings, "focus.patch", 1),
                             .stride_y = p.features ? in->encoded.map_stride_y : 1,
                             .stride_x = p.features ? in->encoded.map_stride_x : 1,
                             .classes = (int32_t)in->n_chars,
                             .outside = p.n_labels > in->n_chars ? (int32_t)in->n_chars : -1,
                             .own = settings_is(settings, "focus.labels", "target")};
    if (g->err == ERR_OK && p.features && in->encoded.map == TENSOR_NONE)
        (void)graph_fail(g, ERR_SPEC,
                         "focus.source features: the encoder has no map that a patch could be cropped from");
    if (g->err != ERR_OK) return p;
    p.attr.height = (p.attr.height + p.attr.stride_y - 1) / p.attr.stride_y; /* the option counts pixels of the image */
    p.attr.width = (p.attr.width + p.attr.stride_x - 1) / p.attr.stride_x;
    p.n_pixels = (int64_t)p.attr.height * p.attr.width;
    p.source = p.features ? in->encoded.map : in->image;
    TensorId centre_x = focus_centre_x(g, in);
    if (g->err != ERR_OK) return p;
    p.centre_y = g_fill(g, "centre_y", *graph_shape(g, centre_x), in->centre_y);
    p.centre_x = g_stop_gradient(g, "centre", centre_x);
    return p;
}

static TensorId build_plain(Graph *g, const Settings *settings, const FocusIn *in, const Patch *p) {
    TensorId patch[2] = {TENSOR_NONE, TENSOR_NONE}; /* pixels [T,N,P,C], label [T,N,P] */
    const Shape *steps = graph_shape(g, in->glimpse);
    Shape per_step = SHAPE4(steps->dim[0], steps->dim[1], 1, p->n_labels);
    (void)graph_op(g, "patch_crop", "patch", &p->attr,
                   (TensorId[]){p->source, in->mask, in->box, p->centre_x, p->centre_y}, 5, patch);
    TensorId from_pixels = nn_linear(g, "pixels", patch[0], p->n_labels, false);
    TensorId from_glimpse = graph_reshape(g, nn_linear(g, "glimpse", in->glimpse, p->n_labels, true), per_step);
    TensorId energy = g_add(g, "energy", from_pixels, from_glimpse);
    if (settings_bool(settings, "focus.tanh")) energy = g_tanh(g, "tanh", energy);
    TensorId log_p = g_log_softmax(g, "log_p", energy);
    TensorId per_pixel = g_nll(g, "nll", log_p, patch[1], TENSOR_NONE);
    TensorId total = g_mul(g, "per_box", g_sum(g, "sum", per_pixel, -1, false), in->inv_boxes);
    bool mean = settings_is(settings, "focus.reduction", "mean");
    return mean ? g_scale(g, "loss", total, 1.0 / (double)p->n_pixels, 0) : total;
}

static TensorId build_fused(Graph *g, const Settings *settings, const FocusIn *in, const Patch *p) {
    bool mean = settings_is(settings, "focus.reduction", "mean");
    PatchNllAttr attr = {.crop = p->attr,
                         .tanh = settings_bool(settings, "focus.tanh"),
                         .scale = mean ? 1.0 / (double)p->n_pixels : 1.0};
    Linear pixels = nn_linear_params(g, "pixels", shape_last(graph_shape(g, p->source)), p->n_labels, false);
    Linear glimpse = nn_linear_params(g, "glimpse", shape_last(graph_shape(g, in->glimpse)), p->n_labels, true);
    TensorId image = p->features ? TENSOR_NONE : p->source, map = p->features ? p->source : TENSOR_NONE;
    TensorId x[] = {in->mask, in->box,   p->centre_x,   p->centre_y, in->glimpse, glimpse.w,
                    pixels.w, glimpse.b, in->inv_boxes, image,       map};
    return graph_op(g, "patch_nll", "loss", &attr, x, (int)(sizeof x / sizeof x[0]), NULL);
}

static TensorId build(Graph *g, const Settings *settings, const FocusIn *in) {
    Patch patch = patch_of(g, settings, in);
    if (g->err != ERR_OK) return TENSOR_NONE;
    bool fused = settings_is(settings, "focus.implementation", "fused");
    return fused ? build_fused(g, settings, in, &patch) : build_plain(g, settings, in, &patch);
}

const Focus focus_original = {.kind = "original",
                              .about = "the paper's focusing network: every pixel of a patch is classified",
                              .inputs = FOCUS_BOX | FOCUS_MASK,
                              .build = build};

const Option original_options[] = {{.key = "focus.source",
                                    .type = OPT_CHOICE,
                                    .def = "image",
                                    .choices = "image|features",
                                    .when = "focus.kind=original",
                                    .help = "what the patch is cropped from"},
                                   {.key = "focus.tanh",
                                    .type = OPT_BOOL,
                                    .def = "true",
                                    .when = "focus.kind=original",
                                    .help = "bound the energies by tanh, as the paper does"},
                                   {.key = "focus.reduction",
                                    .type = OPT_CHOICE,
                                    .def = "sum",
                                    .choices = "sum|mean",
                                    .when = "focus.kind=original",
                                    .help = "sum over the patch's pixels (the paper's formula) or their mean"},
                                   {.key = "focus.labels",
                                    .type = OPT_CHOICE,
                                    .def = "pixel",
                                    .choices = "pixel|target",
                                    .when = "focus.kind=original",
                                    .help = "a pixel's label: the character that covers it, or only the step's own"},
                                   {.key = "focus.background",
                                    .type = OPT_BOOL,
                                    .def = "true",
                                    .when = "focus.kind=original",
                                    .help = "background is a class of its own; false: such pixels are ignored"},
                                   {.key = "focus.patch",
                                    .type = OPT_INTS,
                                    .def = "[32, 32]",
                                    .min = 1,
                                    .max = 4096,
                                    .n_min = 2,
                                    .n_max = 2,
                                    .when = "focus.kind=original",
                                    .help = "height and width of the patch in pixels of the image"},
                                   {.key = "focus.implementation",
                                    .type = OPT_CHOICE,
                                    .def = "plain",
                                    .choices = "plain|fused",
                                    .when = "focus.kind=original",
                                    .help = "plain: a sub-graph of ordinary ops, as any implementation writes it; "
                                            "fused: one op that keeps no tensor per pixel and class"},
                                   OPTION_END};
