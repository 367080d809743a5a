"""Figures that tests/test_stats.c and tests/test_table_figures.c expect, computed by SciPy and not by our formulas:

    python3 tests/stats_figures.py >tests/stats_figures.inc

Intervals: scipy.stats.ttest_1samp(...).confidence_interval and scipy.stats.t.ppf. Sign-flip test:
scipy.stats.permutation_test(permutation_type="samples"), which lists every choice of signs; for many pairs, whole
numbers whose signed sums are counted exactly, as the coefficients of a product of polynomials. Holm's procedure is in no
released SciPy of Debian 12: it is written down here after R's p.adjust, cummax((n + 1 - i) p_i). Made with SciPy 1.10.1."""
import numpy
import scipy
from scipy import stats

random = numpy.random.default_rng(20240607)


def c(x):
    return "NAN" if numpy.isnan(x) else repr(float(x))


def array(name, values, size=""):
    print(f"static const double {name}[{size}] = {{{', '.join(c(v) for v in values)}}};")


def summary(d):
    d = numpy.asarray(d, float)
    interval = stats.ttest_1samp(d, 0).confidence_interval(0.95)
    return d.mean(), d.std(ddof=1), interval.low, interval.high


def sign_flip(d):
    if numpy.all(d == 0):
        return 1.0
    # SciPy counts ties within rounding, as one must: the observed signs are one of the choices.
    return stats.permutation_test((d,), numpy.mean, permutation_type="samples", n_resamples=numpy.inf).pvalue


def sign_flip_whole(d):
    """Of whole numbers, by the polynomial whose coefficient k counts the choices of signs with sum k - shift."""
    shift, ways = 0, {0: 1}
    for x in (abs(int(v)) for v in d):
        more = {}
        for total, n in ways.items():
            more[total] = more.get(total, 0) + n
            more[total + 2 * x] = more.get(total + 2 * x, 0) + n
        ways, shift = more, shift + x
    bar = abs(sum(int(v) for v in d))
    return sum(n for total, n in ways.items() if abs(total - shift) >= bar) / 2 ** len(d)


def holm(p):
    p = numpy.asarray(p)
    known = numpy.flatnonzero(~numpy.isnan(p))
    order = known[numpy.argsort(p[known], kind="stable")]
    n = len(order)
    adjusted = numpy.full(len(p), numpy.nan)
    adjusted[order] = numpy.minimum(1, numpy.maximum.accumulate((n - numpy.arange(n)) * p[order]))
    return adjusted


# ---- samples on their own ----
print(f"/* Made by tests/stats_figures.py with SciPy {scipy.__version__}, numpy {numpy.__version__}. */")
print("typedef struct SampleFigures {\n    size_t n;\n    double value[16], mean, std, low, high, p;\n} SampleFigures;")
print("static const SampleFigures sample_figures[] = {")
for n in (2, 3, 5, 7, 7, 8, 11, 13):
    d = numpy.round(random.normal(0.02, 0.03, n), 4)
    print(f"    {{{n}, {{{', '.join(c(v) for v in d)}}}, {', '.join(c(x) for x in (*summary(d), sign_flip(d)))}}},")
print("};")
print("typedef struct QuantileFigures {\n    double p, df, t, tail;\n} QuantileFigures;")
print("static const QuantileFigures quantile_figures[] = {")
for p, df in ((0.975, 1), (0.975, 6), (0.975, 7), (0.9, 2), (0.9995, 4), (0.6, 33), (0.025, 12)):
    t = stats.t.ppf(p, df)
    print(f"    {{{p}, {df}, {c(t)}, {c(stats.t.cdf(t / 2, df))}}},")
print("};")
print("typedef struct WholeFigures {\n    size_t n;\n    double value[40], p;\n} WholeFigures;")
print("static const WholeFigures whole_figures[] = {")
for n in (16, 25, 31, 40):
    d = random.integers(-40, 60, n)
    print(f"    {{{n}, {{{', '.join(str(v) for v in d)}}}, {c(sign_flip_whole(d))}}},")
print("};")
p = [0.0156, 0.031, float("nan"), 0.0156, 0.4, 0.012, 0.9]
array("holm_p", p)
array("holm_adjusted", holm(p))

# ---- a whole study: three variants and a baseline over eight seeds, evaluated at 10, 20, 30 and 40 steps ----
seeds, steps = 8, numpy.array([10, 20, 30, 40])
names = ["baseline", "original", "revised", "shuffled"]
rise = {"baseline": 0.03, "original": 0.2, "revised": 0.004, "shuffled": 0.1}
level = {"baseline": 0.83, "original": 0.79, "revised": 0.87, "shuffled": 0.828}
cost = {"baseline": 80, "original": 131, "revised": 83, "shuffled": 78}
common = random.normal(0, 0.01, seeds)
accuracy = {v: numpy.round(level[v] + common + random.normal(0, 0.008, seeds), 5) for v in names}
hit = {v: numpy.round(0.9 * level[v] + random.normal(0, 0.02, seeds), 5) for v in names}
ms = {v: numpy.round(cost[v] + random.normal(0, 2, seeds), 3) for v in names}
missing = {("original", 3), ("original", 6)}  # diverged: no pair


def valid(v, seed, step):
    """char_accuracy on valid at a fractional step."""
    curve = accuracy[v][seed] * (1 - rise[v] * (40 - steps) / 10)
    return numpy.interp(step, steps, curve)


def figures(v):
    kept = [s for s in range(seeds) if (v, s) not in missing]
    difference = numpy.array([accuracy[v][s] - accuracy["baseline"][s] for s in kept])
    hits = numpy.array([hit[v][s] - hit["baseline"][s] for s in kept])
    equal = []
    for s in kept:
        stop = min(40 * ms[v][s], 40 * ms["baseline"][s])
        equal.append(valid(v, s, stop / ms[v][s]) - valid("baseline", s, stop / ms["baseline"][s]))
    ratio = numpy.array([ms[v][s] / ms["baseline"][s] for s in kept])
    return {"own": summary([accuracy[v][s] for s in kept]), "difference": summary(difference),
            "hit": summary(hits), "equal": summary(equal), "ratio": summary(ratio), "p": sign_flip(difference)}


all_figures = {v: figures(v) for v in names}
adjusted = holm([all_figures[v]["p"] for v in names[1:]])
print(f"enum {{ STUDY_SEEDS = {seeds}, STUDY_VARIANTS = {len(names)} }};")
print("typedef struct StudyFigures { /* mean, std, low, high */")
print("    const char *variant;\n    double rise, accuracy[STUDY_SEEDS], hit[STUDY_SEEDS], ms[STUDY_SEEDS];")
print("    bool diverged[STUDY_SEEDS];")
print("    double own[4], difference[4], hit_difference[4], equal_time[4], time_ratio[4], p, p_holm;\n} StudyFigures;")
print("static const StudyFigures study_figures[STUDY_VARIANTS] = {")
for i, v in enumerate(names):
    f = all_figures[v]
    lists = [accuracy[v], hit[v], ms[v]]
    print(f'    {{"{v}", {rise[v]},')
    for values in lists:
        print(f"     {{{', '.join(c(x) for x in values)}}},")
    print(f"     {{{', '.join('true' if (v, s) in missing else 'false' for s in range(seeds))}}},")
    for key in ("own", "difference", "hit", "equal", "ratio"):
        print(f"     {{{', '.join(c(x) for x in f[key])}}},")
    print(f"     {c(f['p'] if i > 0 else numpy.nan)}, {c(adjusted[i - 1] if i > 0 else numpy.nan)}}},")
print("};")
