/* No branch: the loss is the recognition loss. */
#include "models/focus.h"

static TensorId build(Graph *g, const Settings *settings, const FocusIn *in) {
    (void)g;
    (void)settings;
    (void)in;
    return TENSOR_NONE;
}

const Focus focus_none = {.kind = "none", .about = "no branch: the baseline", .build = build};
