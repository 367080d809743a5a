/* Attention mass in the character's box: L = -ln sum_j alpha_j overlap_j, a mean over boxes (PAPER 3, S2). Leaves the
 * shape inside the box free. No parameters, nothing stored. */
#include "models/focus.h"

static TensorId build(Graph *g, const Settings *settings, const FocusIn *in) {
    AttentionMassAttr attr = {.cell = in->cell, .epsilon = settings_real(settings, "focus.epsilon")};
    return graph_op(g, "attention_mass", "loss", &attr, (TensorId[]){in->alpha, in->box, in->centre_x, in->inv_boxes},
                    4, NULL);
}

const Focus focus_mass = {.kind = "mass",
                          .about = "-log of the attention mass inside the character's box",
                          .inputs = FOCUS_BOX,
                          .build = build};
