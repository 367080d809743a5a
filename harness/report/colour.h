/* Colours of pictures. They can be told apart by people who see two of three primaries, and each meaning has a shape of
 * its own too, so that a picture says the same in grey. Depends on libm only. */
#ifndef HARNESS_REPORT_COLOUR_H
#define HARNESS_REPORT_COLOUR_H

typedef struct Colour {
    double r, g, b; /* sRGB, 0 .. 1 */
} Colour;

extern const Colour colour_ink;   /* text and lines */
extern const Colour colour_quiet; /* text that is read second */
extern const Colour colour_rule;  /* thin lines behind data */
extern const Colour colour_shade; /* areas behind data */
extern const Colour colour_good;  /* as it should be: blue */
extern const Colour colour_bad;   /* as it should not: vermilion */

/* The heat map: v in 0 .. 1 from nearly white over yellow, green and blue to dark purple. In Oklab (Ottosson 2020) its
 * lightness falls in equal steps, so that equal differences look equal and grey prints keep the order. Values outside
 * are taken for the nearest end. */
Colour colour_heat(double v);

/* Colour i of a series of lines (Okabe and Ito 2008, without yellow), again from the first after COLOUR_SERIES. */
enum { COLOUR_SERIES = 7 };
Colour colour_series(int i);

/* t of the way from a to b. */
Colour colour_mix(Colour a, Colour b, double t);

#endif
