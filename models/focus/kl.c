/* Cross-entropy between a target over positions and the attention: L = -sum_j q_j ln alpha_j, a mean over boxes
 * (PAPER 3, S1). q is a Gaussian at the box's centre, or the box itself. Its gradient on the scores is alpha - q: no
 * parameter and no activation, whatever the number of classes. */
#include "models/focus.h"

static TensorId build(Graph *g, const Settings *settings, const FocusIn *in) {
    bool gaussian = settings_is(settings, "focus.target", "gaussian");
    AttentionKlAttr attr = {.cell = in->cell,
                            .epsilon = settings_real(settings, "focus.epsilon"),
                            .sigma = gaussian ? settings_real(settings, "focus.sigma") : 1.0,
                            .min_width = gaussian ? settings_real(settings, "focus.min_width") : 1.0,
                            .gaussian = gaussian};
    return graph_op(g, "attention_kl", "loss", &attr, (TensorId[]){in->alpha, in->box, in->centre_x, in->inv_boxes}, 4,
                    NULL);
}

const Focus focus_kl = {.kind = "kl",
                        .about = "cross-entropy of the attention to a Gaussian or box target",
                        .inputs = FOCUS_BOX,
                        .build = build};

const Option kl_options[] = {{.key = "focus.target",
                              .type = OPT_CHOICE,
                              .def = "gaussian",
                              .choices = "gaussian|box",
                              .when = "focus.kind=kl",
                              .help = "where attention should be"},
                             {.key = "focus.sigma",
                              .type = OPT_REAL,
                              .def = "0.35",
                              .min = 0.01,
                              .max = 10,
                              .when = "focus.kind=kl&focus.target=gaussian",
                              .help = "standard deviation of the target, in widths of the box"},
                             {.key = "focus.min_width",
                              .type = OPT_REAL,
                              .def = "4",
                              .min = 0.1,
                              .max = 1e4,
                              .when = "focus.kind=kl&focus.target=gaussian",
                              .help = "narrower boxes count as this wide (pixels)"},
                             OPTION_END};
