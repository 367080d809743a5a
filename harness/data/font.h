/* Font faces for drawing: found through fontconfig, checked to have every character of a charset, and kept as outlines
 * in font units, so that drawing a line reads no file, hints nothing and shares all of it between threads.
 * Depends on charset, digest; FreeType and fontconfig. */
#ifndef HARNESS_DATA_FONT_H
#define HARNESS_DATA_FONT_H

#include <stdint.h>

#include "harness/data/charset.h"
#include "kernels/err.h"

/* The outline of one character; y points up. Borrowed from its face. */
typedef struct Glyph {
    int32_t advance;              /* font units */
    int16_t n_contours, n_points; /* 0: no ink, such as a space */
    int32_t flags;                /* FT_Outline.flags */
    int32_t y_min, y_max;         /* of its points, font units */
    const int32_t (*point)[2];    /* [n_points] x, y in font units */
    const char *tag;              /* [n_points] FT_Outline.tags */
    const short *contour;         /* [n_contours] FT_Outline.contours */
} Glyph;

typedef struct FontFace {
    char *name; /* "DejaVu Sans Bold" */
    char *path;
    char *sha256;
    int32_t units_per_em;
    Glyph *glyph; /* [K] by class */
} FontFace;

typedef struct FontSet {
    FontFace *face; /* sorted by name, so that the order depends neither on fontconfig nor on folders */
    int n_faces;
    int32_t n_chars;    /* K */
    int16_t max_points; /* of any glyph */
} FontSet;

/* families: names as in the grid. "DejaVu" takes all faces of DejaVu Sans, DejaVu Serif, ...; a name with '/' in it is
 * a font file. Of several files with the same family and style one is taken: TrueType before others, then the newer
 * version. Faces that lack a character are left out. ERR_MISSING, naming the Debian package, for a family without
 * any face; ERR_DATA when all of its faces lack characters. The caller closes. */
Err fonts_open(FontSet **out, const char *const *families, int n_families, const Charset *charset) MUST_CHECK;
void fonts_close(FontSet *fonts);

#endif
