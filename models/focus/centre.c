/* The attention centre on the character's (PAPER 3, S3): c_t = sum_j alpha_tj x_j is what the paper's network crops at
 * and never corrects; here its distance from the middle m of the box, in widths w of the box, is the loss:
 *   d = (c_t - m) / w,  L = smooth-L1(d), or d^2;  + spread * sum_j alpha_tj ((x_j - c_t) / w)^2
 * a mean over boxes. A centre says nothing of how wide attention is: `spread` does. No parameters, and nothing of more
 * than [T,N,L]. */
#include "models/focus.h"

/* a x0 + b x1 of each box, [T,N,1]. */
static TensorId of_box(Graph *g, const FocusIn *in, const char *name, float a, float b) {
    graph_enter(g, "%s", name);
    TensorId weights = graph_constant(g, "weights", SHAPE1(4), (const float[]){a, 0, b, 0});
    TensorId parts = g_mul(g, "parts", in->box, weights);
    graph_leave(g);
    return g_sum(g, name, parts, 2, true);
}

/* 1 / width, [T,N,1], where narrower boxes count as `least` pixels wide; 0 where there is no box. */
static TensorId per_width(Graph *g, const FocusIn *in, double least) {
    TensorId width = of_box(g, in, "width", -1, 1);
    TensorId none = g_relu(g, "none", g_scale(g, "thin", width, -1e6, 1)); /* 1 without a box, else 0 */
    TensorId wide = g_scale(g, "wide", g_relu(g, "more", g_scale(g, "beyond", width, 1, -least)), 1, least);
    TensorId inverse = g_exp(g, "inverse", g_scale(g, "minus", g_log(g, "log_wide", wide, 0), -1, 0));
    return g_mul(g, "per_width", g_scale(g, "has_box", none, -1, 1), inverse);
}

/* d^2 / 2 for |d| < 1, |d| - 1/2 beyond: what exceeds 1 counts once, the rest squared. */
static TensorId smooth_l1(Graph *g, TensorId d) {
    TensorId size = g_add(g, "size", g_relu(g, "right", d), g_relu(g, "left", g_scale(g, "minus_off", d, -1, 0)));
    TensorId excess = g_relu(g, "excess", g_scale(g, "over", size, 1, -1));
    TensorId rest = g_add(g, "rest", size, g_scale(g, "minus_excess", excess, -1, 0));
    return g_add(g, "smooth", excess, g_scale(g, "half", g_mul(g, "square", rest, rest), 0.5, 0));
}

/* sum_j alpha_j ((x_j - c) / w)^2, [T,N,1]. */
static TensorId spread_of(Graph *g, const FocusIn *in, TensorId minus_c, TensorId scale) {
    TensorId away = g_mul(g, "away", g_add(g, "from_centre", minus_c, in->centre_x), scale);
    TensorId cost = g_mul(g, "away_square", away, away);
    return g_sum(g, "spread", g_mul(g, "alpha_square", in->alpha, cost), 2, true);
}

static TensorId build(Graph *g, const Settings *settings, const FocusIn *in) {
    double spread = settings_real(settings, "focus.spread");
    TensorId scale = per_width(g, in, settings_real(settings, "focus.min_width"));
    TensorId minus_middle = of_box(g, in, "minus_middle", -0.5F, -0.5F);
    TensorId centre = g_sum(g, "centre", g_mul(g, "alpha_x", in->alpha, in->centre_x), 2, true);
    TensorId off = g_mul(g, "off", g_add(g, "error", centre, minus_middle), scale);
    TensorId cost = settings_is(settings, "focus.error", "square") ? g_mul(g, "square", off, off) : smooth_l1(g, off);
    if (spread > 0) {
        /* A variance does not change, to first order, with the point that it is taken around. */
        TensorId around = g_scale(g, "minus_centre", g_stop_gradient(g, "around", centre), -1, 0);
        TensorId wide = spread_of(g, in, around, scale);
        cost = g_add(g, "cost", cost, g_scale(g, "weighted_spread", wide, spread, 0));
    }
    return g_mul(g, "loss", g_sum(g, "sum", cost, -1, false), in->inv_boxes);
}

const Focus focus_centre = {.kind = "centre",
                            .about = "regression of the attention's centre to the middle of the box",
                            .inputs = FOCUS_BOX,
                            .build = build};

const Option centre_options[] = {{.key = "focus.error",
                                  .type = OPT_CHOICE,
                                  .def = "smooth-l1",
                                  .choices = "smooth-l1|square",
                                  .when = "focus.kind=centre",
                                  .help = "how the centre's distance, in widths of the box, is counted"},
                                 {.key = "focus.spread",
                                  .type = OPT_REAL,
                                  .def = "0",
                                  .min = 0,
                                  .max = 1e3,
                                  .when = "focus.kind=centre",
                                  .help = "weight of the attention's variance, in widths squared; 0 leaves it free"},
                                 {.key = "focus.min_width",
                                  .type = OPT_REAL,
                                  .def = "4",
                                  .min = 0.1,
                                  .max = 1e4,
                                  .when = "focus.kind=centre",
                                  .help = "narrower boxes count as this wide (pixels)"},
                                 OPTION_END};
