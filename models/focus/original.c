/* The paper's focusing network, literally (PAPER 1.5, 1.6), as a sub-graph of ordinary ops, as any implementation
 * writes it. For each step a patch of the image (or of a feature map) is cropped around the rounded attention centre,
 * and each of its P pixels is classified: e = tanh(R g_t + S F_p + b),  P = softmax(e),  L = -sum over pixels of ln
 * P[label of the pixel] Four tensors of [T,N,P,K] are alive at the peak of the backward pass: tanh's output,
 * log-softmax's output, and the gradients of both. The crop's position carries no gradient (PAPER 1.7.2). */
#include "models/focus.h"

typedef struct Patch {
    TensorId pixels; /* [T,N,P,C] */
    TensorId label;  /* [T,N,P] INT */
    int64_t n_pixels;
} Patch;

static Patch crop(Graph *g, const Settings *settings, const FocusIn *in, int64_t n_labels) {
    Patch patch = {TENSOR_NONE, TENSOR_NONE, 1};
    bool features = settings_is(settings, "focus.source", "features");
    PatchCropAttr attr = {.height = (int32_t)settings_int_at(settings, "focus.patch", 0),
                          .width = (int32_t)settings_int_at(settings, "focus.patch", 1),
                          .stride_y = features ? in->encoded.map_stride_y : 1,
                          .stride_x = features ? in->encoded.map_stride_x : 1,
                          .classes = (int32_t)in->n_chars,
                          .outside = n_labels > in->n_chars ? (int32_t)in->n_chars : -1,
                          .own = settings_is(settings, "focus.labels", "target")};
    if (g->err != ERR_OK || attr.stride_y < 1 || attr.stride_x < 1) return patch;
    attr.height = (attr.height + attr.stride_y - 1) / attr.stride_y; /* the option counts pixels of the image */
    attr.width = (attr.width + attr.stride_x - 1) / attr.stride_x;
    TensorId centre_x = focus_centre_x(g, in), y[2] = {TENSOR_NONE, TENSOR_NONE};
    if (g->err != ERR_OK) return patch;
    TensorId centre_y = g_fill(g, "centre_y", *graph_shape(g, centre_x), in->centre_y);
    TensorId image = features ? in->encoded.map : in->image;
    (void)graph_op(g, "patch_crop", "patch", &attr,
                   (TensorId[]){image, in->mask, in->box, g_stop_gradient(g, "centre", centre_x), centre_y}, 5, y);
    return (Patch){y[0], y[1], (int64_t)attr.height * attr.width};
}

static TensorId build(Graph *g, const Settings *settings, const FocusIn *in) {
    int64_t n_labels = in->n_chars + (settings_bool(settings, "focus.background") ? 1 : 0);
    Patch patch = crop(g, settings, in, n_labels);
    if (g->err != ERR_OK) return TENSOR_NONE;
    const Shape *steps = graph_shape(g, in->glimpse);
    Shape per_step = SHAPE4(steps->dim[0], steps->dim[1], 1, n_labels);
    TensorId from_pixels = nn_linear(g, "pixels", patch.pixels, n_labels, false);
    TensorId from_glimpse = graph_reshape(g, nn_linear(g, "glimpse", in->glimpse, n_labels, true), per_step);
    TensorId energy = g_add(g, "energy", from_pixels, from_glimpse);
    if (settings_bool(settings, "focus.tanh")) energy = g_tanh(g, "tanh", energy);
    TensorId log_p = g_log_softmax(g, "log_p", energy);
    TensorId per_pixel = g_nll(g, "nll", log_p, patch.label, TENSOR_NONE);
    TensorId total = g_mul(g, "per_box", g_sum(g, "sum", per_pixel, -1, false), in->inv_boxes);
    bool mean = settings_is(settings, "focus.reduction", "mean");
    return mean ? g_scale(g, "loss", total, 1.0 / (double)patch.n_pixels, 0) : total;
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
                                    .choices = "plain",
                                    .when = "focus.kind=original",
                                    .help = "plain: a sub-graph of ordinary ops"},
                                   OPTION_END};
