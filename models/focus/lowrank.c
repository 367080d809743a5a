/* The paper's focusing network on features, through a narrow bottleneck of r numbers a pixel (focus.rank):
 *   h = tanh(R g_t + S F_p + b) [r],  e = U h + d [K],  L = -sum over pixels of ln softmax(e)[label of the pixel]
 * F is the encoder's map. The energies are unbounded, as they are not in the paper's network, where tanh is the last
 * thing before the softmax, and R and S have r columns instead of K. [T,N,P,K] is still there, on the map's coarse
 * positions. */
#include "models/focus_patch.h"

static TensorId build(Graph *g, const Settings *settings, const FocusIn *in) {
    FocusPatch patch = focus_patch(g, settings, in, PATCH_OF_FEATURES, settings_bool(settings, "focus.background"));
    TensorId crop[2]; /* features [T,N,P,C], label [T,N,P] */
    focus_patch_crop(g, &patch, in, crop);
    TensorId narrow =
        focus_patch_energy(g, in, crop[0], settings_int(settings, "focus.rank"), settings_bool(settings, "focus.tanh"));
    TensorId log_p = g_log_softmax(g, "log_p", nn_linear(g, "classes", narrow, patch.n_labels, true));
    return focus_patch_loss(g, settings, in, &patch, g_nll(g, "nll", log_p, crop[1], TENSOR_NONE));
}

const Focus focus_lowrank = {.kind = "lowrank",
                             .about = "the paper's network on features, through a narrow bottleneck",
                             .inputs = FOCUS_BOX | FOCUS_MASK,
                             .build = build};

const Option lowrank_options[] = {
    {.key = "focus.rank",
     .type = OPT_INT,
     .def = "16",
     .min = 1,
     .max = 4096,
     .when = "focus.kind=lowrank",
     .help = "width of the bottleneck"},
    {.key = "focus.tanh",
     .type = OPT_BOOL,
     .def = "true",
     .when = "focus.kind=lowrank",
     .help = "bound the bottleneck by tanh; false: the energies are linear in the features"},
    OPTION_END};
