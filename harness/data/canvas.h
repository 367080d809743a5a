/* A picture in float that glyphs, lines and rings are painted on with anti-aliasing, blurred and covered with noise:
 * what a drawn line of text is made of. Knows no text, no settings. Allocates at its start only.
 * Depends on font, rng; FreeType's rasteriser. */
#ifndef HARNESS_DATA_CANVAS_H
#define HARNESS_DATA_CANVAS_H

#include <stdint.h>

#include "harness/data/font.h"
#include "kernels/err.h"
#include "kernels/rng.h"

typedef struct Canvas Canvas;

/* A colour that may change evenly over the picture: base + dx u + dy v, with u, v in -.5 .. .5 from edge to edge.
 * 0 is black, 1 is white. */
typedef struct Paint {
    float base[3], dx[3], dy[3];
} Paint;

/* Where a glyph's origin goes, in pixels (y down), and how large it is: x += scale px, y += slope dx - scale py. */
typedef struct Place {
    double x, y;
    double scale; /* pixels per font unit */
    double slope; /* of the baseline, rows per column */
} Place;

/* max_points: of a glyph (FontSet.max_points). The caller frees. */
Err canvas_new(Canvas **out, int32_t height, int32_t width, int max_points) MUST_CHECK;
void canvas_free(Canvas *canvas);

/* Paints everything. */
void canvas_fill(Canvas *canvas, const Paint *paint);

/* Paints a glyph. Pixels covered by more than .45 of their area get `mark` in owner [H,W], unless it is NULL.
 * y_ink = first and last row of the outline (float, y_ink[0] == y_ink[1] if it has no ink). */
void canvas_glyph(Canvas *canvas, const Glyph *glyph, const Place *place, const Paint *paint, int16_t *owner,
                  int16_t mark, double y_ink[2]);

/* Paints a straight stroke, and a ring of mean radius r. */
void canvas_stroke(Canvas *canvas, const double from[2], const double to[2], double thickness, const Paint *paint,
                   double opacity);
void canvas_ring(Canvas *canvas, const double centre[2], double r, double thickness, const Paint *paint,
                 double opacity);

/* Gaussian blur with sigma in pixels (at most CANVAS_BLUR_MAX); the edge repeats. */
enum { CANVAS_BLUR_MAX = 8 };
void canvas_blur(Canvas *canvas, double sigma);

/* Rounds to 8 bits into image [H,W,3], with Gaussian noise of standard deviation sigma added before: normal values to
 * ten bits, from blocks of `stream` at step `step`, elements row by row. */
void canvas_take(const Canvas *canvas, double sigma, RngStream stream, uint64_t step, uint8_t *image);

#endif
