# Code that changes after a sweep: cells that used it are shown to give the same bits, or are trained again; others stay.
. "$(dirname "$0")/../cli_lib.sh"
copy_tree
sed 's/^seeds: 2/seeds: 1/' "$grid" >once.yaml
grid=once.yaml
REFOCUS=$scratch/tree/refocus

t 'the copy builds, and a sweep is done'
make_tree
refocus run "$grid" --jobs 2
want_code 0

t 'a comment in a kernel that all use: all are checked, and kept'
echo '/* A remark. */' >>tree/kernels/ops/linear.c
make_tree
refocus run "$grid" --dry-run
want_out '^baseline@0 +revalidate .*kernels/ops/linear.c changed$'
stat -c '%n %i' results/tiny/*/journal 2>/dev/null >journals
refocus run "$grid" --jobs 2
want_code 0
want_err '^same    baseline@0: the present code gives the same bits$'
want_err '^same    pulled@0: '
want_err '^tiny: 3 done'
want 'nothing was trained' test ! -s journals
refocus run "$grid"
want_err '^tiny: 3 cells; 2 finished'

t 'a branch changes its loss: its cells are trained again, the others are not touched'
wrapper='static TensorId build(Graph *g, const Settings *settings, const FocusIn *in) {\n'\
'    return g_scale(g, "doubled", build_once(g, settings, in), 2.0, 0.0);\n}\n'
sed -i "s/^static TensorId build(/static TensorId build_once(/; s/^const Focus focus_kl/$wrapper&/" tree/models/focus/kl.c
make_tree
refocus run "$grid" --dry-run
want_out '^baseline@0 +skip '
want_out '^pulled@0 +revalidate .*models/focus/kl.c changed'
refocus run "$grid" --jobs 2
want_code 0
want_err '^stale   pulled@0: loss.* at step 1 is .*; it is trained again$'
want_err '^done    pulled@0'
want_not_err 'baseline@'
want_file "$(echo results/tiny/pulled@0-*)/stale.h5"
refocus run "$grid"
want_err '^tiny: 3 cells; 2 finished'

t 'a metric changes what it says: the sweep notices'
sed -i 's/static void add(MetricSum \*sum, const MetricSample \*sample, const MetricLook \*look) {/&\n    sum->sum += 1;/' \
    tree/harness/run/metrics/step_accuracy.c
make_tree
refocus run "$grid" --cells 'baseline@*'
want_code 0
want_err '^stale   baseline@0: step_accuracy on valid is '

t 'a table of cells that used different code is refused, and which code it is'
refocus table results/tiny.h5
want_code 65
want_no_out
want_err "^refocus: cells 'baseline@0' and 'pulled@0' were trained by different code: harness/run/metrics/step_accuracy.c; "
refocus table results/tiny.h5 --mixed-code
want_code 0
refocus run "$grid" --jobs 2
refocus table results/tiny.h5
want_code 0
