/* Patches of branches, and the options that such branches have in common. */
#include "models/focus_patch.h"

FocusPatch focus_patch(Graph *g, const Settings *settings, const FocusIn *in, PatchSource source, bool background) {
    FocusPatch p = {.source = TENSOR_NONE, .centre_x = TENSOR_NONE, .centre_y = TENSOR_NONE, .n_pixels = 1};
    p.features = source == PATCH_OF_FEATURES;
    p.n_labels = in->n_chars + (background ? 1 : 0);
    p.attr = (PatchCropAttr){.height = (int32_t)settings_int_at(settings, "focus.patch", 0),
                             .width = (int32_t)settings_int_at(settings, "focus.patch", 1),
                             .stride_y = p.features ? in->encoded.map_stride_y : 1,
                             .stride_x = p.features ? in->encoded.map_stride_x : 1,
                             .classes = (int32_t)in->n_chars,
                             .outside = background ? (int32_t)in->n_chars : -1,
                             .own = settings_is(settings, "focus.labels", "target")};
    if (g->err == ERR_OK && p.features && in->encoded.map == TENSOR_NONE)
        (void)graph_fail(g, ERR_SPEC, "focus.kind %s: the encoder has no map that a patch could be cropped from",
                         settings_text(settings, "focus.kind"));
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

void focus_patch_crop(Graph *g, const FocusPatch *patch, const FocusIn *in, TensorId out[2]) {
    out[0] = out[1] = TENSOR_NONE;
    (void)graph_op(g, "patch_crop", "patch", &patch->attr,
                   (TensorId[]){patch->source, in->mask, in->box, patch->centre_x, patch->centre_y}, 5, out);
}

TensorId focus_patch_energy(Graph *g, const FocusIn *in, TensorId pixels, int64_t width, bool bounded) {
    if (g->err != ERR_OK) return TENSOR_NONE;
    const Shape *steps = graph_shape(g, in->glimpse);
    Shape per_step = SHAPE4(steps->dim[0], steps->dim[1], 1, width);
    TensorId from_pixels = nn_linear(g, "pixels", pixels, width, false);
    TensorId from_glimpse = graph_reshape(g, nn_linear(g, "glimpse", in->glimpse, width, true), per_step);
    TensorId energy = g_add(g, "energy", from_pixels, from_glimpse);
    return bounded ? g_tanh(g, "tanh", energy) : energy;
}

TensorId focus_patch_loss(Graph *g, const Settings *settings, const FocusIn *in, const FocusPatch *patch,
                          TensorId per_pixel) {
    TensorId total = g_mul(g, "per_box", g_sum(g, "sum", per_pixel, -1, false), in->inv_boxes);
    bool mean = settings_is(settings, "focus.reduction", "mean");
    return mean ? g_scale(g, "loss", total, 1.0 / (double)patch->n_pixels, 0) : total;
}

const Option focus_patch_options[] = {{.key = "focus.background",
                                       .type = OPT_BOOL,
                                       .def = "true",
                                       .when = "focus.kind=original|lowrank",
                                       .help = "background is a class of its own; false: such pixels are ignored"},
                                      {.key = "focus.labels",
                                       .type = OPT_CHOICE,
                                       .def = "pixel",
                                       .choices = "pixel|target",
                                       .when = "focus.kind=original|binary|lowrank",
                                       .help = "a pixel's label: the character that covers it, or only the step's own"},
                                      {.key = "focus.patch",
                                       .type = OPT_INTS,
                                       .def = "[32, 32]",
                                       .min = 1,
                                       .max = 4096,
                                       .n_min = 2,
                                       .n_max = 2,
                                       .when = "focus.kind=original|binary|lowrank",
                                       .help = "height and width of the patch in pixels of the image"},
                                      {.key = "focus.reduction",
                                       .type = OPT_CHOICE,
                                       .def = "mean",
                                       .choices = "sum|mean",
                                       .when = "focus.kind=binary|lowrank",
                                       .help = "sum over the patch's pixels (the paper's formula) or their mean"},
                                      {.key = "focus.source",
                                       .type = OPT_CHOICE,
                                       .def = "image",
                                       .choices = "image|features",
                                       .when = "focus.kind=original|binary",
                                       .help = "what the patch is cropped from"},
                                      {.key = "focus.tanh",
                                       .type = OPT_BOOL,
                                       .def = "true",
                                       .when = "focus.kind=original|binary",
                                       .help = "bound the energies by tanh, as the paper does"},
                                      OPTION_END};
