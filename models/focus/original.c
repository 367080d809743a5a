/* The paper's focusing network, literally (PAPER 1.5, 1.6). For each step a patch of the image (or of a feature map) is
 * cropped around the rounded attention centre, and each of its P pixels is classified:
 *   e = tanh(R g_t + S F_p + b),  P = softmax(e),  L = -sum over pixels of ln P[label of the pixel]
 * The crop's position carries no gradient (PAPER 1.7.2). Two implementations of the same loss and gradients:
 *   plain: a sub-graph of ordinary ops, as any implementation writes it. Four tensors of [T,N,P,K] are alive at the
 *          peak of the backward pass: tanh's output, log-softmax's output, and the gradients of both;
 *   fused: one op, none of these tensors (PAPER 4.4). */
#include "models/focus_patch.h"

static TensorId build_plain(Graph *g, const Settings *settings, const FocusIn *in, const FocusPatch *p) {
    TensorId patch[2]; /* pixels [T,N,P,C], label [T,N,P] */
    focus_patch_crop(g, p, in, patch);
    TensorId energy = focus_patch_energy(g, in, patch[0], p->n_labels, settings_bool(settings, "focus.tanh"));
    TensorId log_p = g_log_softmax(g, "log_p", energy);
    return focus_patch_loss(g, settings, in, p, g_nll(g, "nll", log_p, patch[1], TENSOR_NONE));
}

static TensorId build_fused(Graph *g, const Settings *settings, const FocusIn *in, const FocusPatch *p) {
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
    bool features = settings_is(settings, "focus.source", "features");
    FocusPatch patch = focus_patch(g, settings, in, features ? PATCH_OF_FEATURES : PATCH_OF_IMAGE,
                                   settings_bool(settings, "focus.background"));
    if (g->err != ERR_OK) return TENSOR_NONE;
    bool fused = settings_is(settings, "focus.implementation", "fused");
    return fused ? build_fused(g, settings, in, &patch) : build_plain(g, settings, in, &patch);
}

const Focus focus_original = {.kind = "original",
                              .about = "the paper's focusing network: every pixel of a patch is classified",
                              .inputs = FOCUS_BOX | FOCUS_MASK,
                              .build = build};

const Option original_options[] = {{.key = "focus.reduction",
                                    .type = OPT_CHOICE,
                                    .def = "sum",
                                    .choices = "sum|mean",
                                    .when = "focus.kind=original",
                                    .help = "sum over the patch's pixels (the paper's formula) or their mean"},
                                   {.key = "focus.implementation",
                                    .type = OPT_CHOICE,
                                    .def = "plain",
                                    .choices = "plain|fused",
                                    .when = "focus.kind=original",
                                    .help = "plain: a sub-graph of ordinary ops, as any implementation writes it; "
                                            "fused: one op that keeps no tensor per pixel and class"},
                                   OPTION_END};
