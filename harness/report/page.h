/* One page to draw on with cairo, which becomes a PNG, SVG or PDF file, as its name ends. The file appears whole or not
 * at all, and the same drawing gives the same bytes (of an SVG if it is the process's first: cairo numbers its parts).
 * Depends on data/output; cairo. */
#ifndef HARNESS_REPORT_PAGE_H
#define HARNESS_REPORT_PAGE_H

#include <cairo.h>

#include "kernels/err.h"

typedef struct Page Page;

/* ERR_ARG, with the endings that there are, if path ends in none of them. For looking before any work is done. */
Err page_check_name(const char *path) MUST_CHECK;

/* A white page in points, 1/72 inch; a PNG has two pixels to the point. ERR_ARG, ERR_CREATE, ERR_NOMEM. */
Err page_open(Page **out, const char *path, double width, double height) MUST_CHECK;

/* What to draw on; borrowed. */
cairo_t *page_cairo(const Page *page);

/* Writes the file and closes the page, whatever comes. ERR_IO, ERR_CREATE, ERR_NOMEM. */
Err page_finish(Page *page) MUST_CHECK;

/* Closes it without a file. Accepts NULL. */
void page_discard(Page *page);

#endif
