/* The paper's focusing network with two classes instead of K: is a pixel of the patch ink or background?
 *   e = tanh(R g_t + S F_p + b) [2],  L = -sum over pixels of ln softmax(e)[ink or background]
 * What the network costs no longer grows with the charset; what it tells about a character is gone, too. */
#include "kernels/mem.h"
#include "models/focus_patch.h"

enum { BACKGROUND, INK, N_KINDS };

/* Row k is what class k of a pixel counts as: ink for the K characters, background for class K. [K+1,2]. */
static TensorId kinds_of_classes(Graph *g, int64_t n_chars) {
    float *rows = NULL;
    if (mem_alloc(&rows, (size_t)(n_chars + 1) * N_KINDS, sizeof *rows) != ERR_OK)
        return graph_fail(g, ERR_NOMEM, "no memory for the kinds of %lld classes", (long long)n_chars + 1);
    for (int64_t k = 0; k <= n_chars; k++) rows[k * N_KINDS + (k < n_chars ? INK : BACKGROUND)] = 1.0F;
    TensorId table = graph_constant(g, "kinds", SHAPE2(n_chars + 1, N_KINDS), rows);
    mem_free(rows);
    return table;
}

static TensorId build(Graph *g, const Settings *settings, const FocusIn *in) {
    bool features = settings_is(settings, "focus.source", "features");
    FocusPatch patch = focus_patch(g, settings, in, features ? PATCH_OF_FEATURES : PATCH_OF_IMAGE, true);
    TensorId crop[2]; /* pixels [T,N,P,C], label [T,N,P] */
    focus_patch_crop(g, &patch, in, crop);
    TensorId energy = focus_patch_energy(g, in, crop[0], N_KINDS, settings_bool(settings, "focus.tanh"));
    TensorId log_p = g_log_softmax(g, "log_p", energy);
    /* [T,N,P,2], one of them 1; both 0 where there is no box */
    TensorId is =
        graph_op(g, "embedding", "is", NULL, (TensorId[]){crop[1], kinds_of_classes(g, in->n_chars)}, 2, NULL);
    TensorId right = g_sum(g, "right", g_mul(g, "picked", log_p, is), 3, false);
    return focus_patch_loss(g, settings, in, &patch, g_scale(g, "nll", right, -1, 0));
}

const Focus focus_binary = {.kind = "binary",
                            .about = "the paper's network on two classes: is a pixel of a patch ink or background",
                            .inputs = FOCUS_BOX | FOCUS_MASK,
                            .build = build};
