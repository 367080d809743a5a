/* Oklab to sRGB, and what is fixed. */
#include "harness/report/colour.h"

#include <math.h>

const Colour colour_ink = {0.10, 0.11, 0.13};
const Colour colour_quiet = {0.40, 0.42, 0.45};
const Colour colour_rule = {0.80, 0.81, 0.83};
const Colour colour_shade = {0.925, 0.93, 0.94};
const Colour colour_good = {0.0, 0.37, 0.62};
const Colour colour_bad = {0.835, 0.369, 0.0};

/* Linear light to sRGB's code. */
static double encode(double linear) {
    if (linear <= 0) return 0;
    if (linear >= 1) return 1;
    return linear <= 0.0031308 ? 12.92 * linear : 1.055 * pow(linear, 1 / 2.4) - 0.055;
}

static Colour from_oklab(double lightness, double a, double b) {
    double l = lightness + 0.3963377774 * a + 0.2158037573 * b;
    double m = lightness - 0.1055613458 * a - 0.0638541728 * b;
    double s = lightness - 0.0894841775 * a - 1.2914855480 * b;
    l *= l * l;
    m *= m * m;
    s *= s * s;
    return (Colour){encode(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
                    encode(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
                    encode(-0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s)};
}

Colour colour_heat(double v) {
    const double degree = acos(-1.0) / 180;
    v = v > 0 ? fmin(v, 1) : 0; /* not a number counts as none */
    /* The chroma stays within what sRGB has at every hue on the way. */
    double chroma = 0.1 * (1 - pow(1 - v, 4)), hue = (105 + 195 * v) * degree;
    return from_oklab(0.97 - 0.68 * v, chroma * cos(hue), chroma * sin(hue));
}

Colour colour_series(int i) {
    static const Colour series[COLOUR_SERIES] = {{0.25, 0.26, 0.28},   {0.835, 0.369, 0.0},   {0.0, 0.447, 0.698},
                                                 {0.0, 0.620, 0.451},  {0.800, 0.475, 0.655}, {0.902, 0.624, 0.0},
                                                 {0.337, 0.706, 0.914}};
    return series[i % COLOUR_SERIES];
}

Colour colour_mix(Colour a, Colour b, double t) {
    return (Colour){a.r + (b.r - a.r) * t, a.g + (b.g - a.g) * t, a.b + (b.b - a.b) * t};
}
