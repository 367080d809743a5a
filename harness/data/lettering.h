/* Text in pictures: a few faces found by font_find, so that a font that is missing is an error that names its package
 * and not another font in its place. A character that they lack is taken from the fonts that the data were drawn with.
 * Depends on font_find, utf8; cairo. */
#ifndef HARNESS_DATA_LETTERING_H
#define HARNESS_DATA_LETTERING_H

#include <cairo.h>
#include <stddef.h>

#include "kernels/err.h"

typedef enum LetterStyle {
    LETTER_PLAIN,
    LETTER_BOLD,
    LETTER_MONO, /* bold, of one width: 0 and O, 1 and l cannot be confused */
    LETTER_STYLE_COUNT
} LetterStyle;

typedef struct Lettering Lettering;

/* families: further ones as the grid names them, for characters that the faces lack; copied. Looked for only when such
 * a character comes. The caller closes it after the surfaces that it drew on. ERR_MISSING, ERR_NOMEM. */
Err lettering_open(Lettering **out, const char *const *families, size_t n_families) MUST_CHECK;
void lettering_close(Lettering *lettering); /* accepts NULL */

/* How far the text reaches, in the unit of size. */
double lettering_width(Lettering *lettering, LetterStyle style, double size, const char *text);

/* Draws in the source colour, on the line y. align: 0 = the text begins at x, 0.5 = it is centred there, 1 = it ends
 * there. Returns its width. */
double lettering_draw(Lettering *lettering, cairo_t *cairo, LetterStyle style, double size, double x, double y,
                      double align, const char *text);

/* The same, in no more than `room`: cut, with an ellipsis, where it is longer. */
double lettering_draw_in(Lettering *lettering, cairo_t *cairo, LetterStyle style, double size, double x, double y,
                         double room, const char *text);

#endif
