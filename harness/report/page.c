/* Surfaces of cairo that write into a file beside the one that is wanted. */
#include "harness/report/page.h"

#include <cairo-pdf.h>
#include <cairo-svg.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "harness/data/outfile.h"
#include "kernels/mem.h"
#include "kernels/near.h"

enum { PIXELS_PER_POINT = 2, MAX_SIDE = 16000 };

typedef enum PageKind { PAGE_PNG, PAGE_SVG, PAGE_PDF, PAGE_KIND_COUNT } PageKind;

static const char *const endings[PAGE_KIND_COUNT] = {".png", ".svg", ".pdf"};

struct Page {
    PageKind kind;
    char *path;
    Outfile out;
    int write_error; /* errno of the first write that failed; not every surface tells */
    cairo_surface_t *surface;
    cairo_t *cairo;
};

static Err find_kind(PageKind *out, const char *path) {
    char hint[32];
    const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path, *dot = strrchr(name, '.');
    Near near = near_start(dot != NULL ? dot : "");
    for (int kind = 0; kind < PAGE_KIND_COUNT; kind++) {
        *out = (PageKind)kind;
        if (dot != NULL && strcmp(dot, endings[kind]) == 0) return ERR_OK;
        if (dot != NULL) near_offer(&near, endings[kind]);
    }
    return err_set(ERR_ARG, "cannot tell the kind of picture from '%s': expected a name ending in .png, .svg or .pdf%s",
                   path, near_hint(&near, "", hint, (int)sizeof hint));
}

Err page_check_name(const char *path) {
    PageKind kind;
    return find_kind(&kind, path);
}

static cairo_status_t write_bytes(void *context, const unsigned char *bytes, unsigned n) {
    Page *page = context;
    errno = 0;
    if (fwrite(bytes, 1, n, page->out.file) == n) return CAIRO_STATUS_SUCCESS;
    if (page->write_error == 0) page->write_error = errno != 0 ? errno : EIO;
    return CAIRO_STATUS_WRITE_ERROR;
}

static Err check(cairo_status_t status, const Page *page) {
    if (page->write_error != 0) return err_set(ERR_IO, "cannot write %s: %s", page->path, strerror(page->write_error));
    if (status == CAIRO_STATUS_SUCCESS) return ERR_OK;
    return err_set(status == CAIRO_STATUS_NO_MEMORY ? ERR_NOMEM : ERR_DATA, "cannot draw %s: %s", page->path,
                   cairo_status_to_string(status));
}

static Err open_surface(Page *page, double width, double height) {
    Err err = ERR_OK;
    switch (page->kind) {
    case PAGE_SVG: page->surface = cairo_svg_surface_create_for_stream(write_bytes, page, width, height); break;
    case PAGE_PDF:
        page->surface = cairo_pdf_surface_create_for_stream(write_bytes, page, width, height);
        /* else cairo writes the time */
        cairo_pdf_surface_set_metadata(page->surface, CAIRO_PDF_METADATA_CREATE_DATE, "2000-01-01T00:00:00Z");
        break;
    default:
        FAIL_IF(width > MAX_SIDE / PIXELS_PER_POINT || height > MAX_SIDE / PIXELS_PER_POINT, ERR_ARG,
                "%s would be %.0f x %.0f pixels, at most %d a side are drawn: choose fewer samples, or write a .pdf",
                page->path, width * PIXELS_PER_POINT, height * PIXELS_PER_POINT, (int)MAX_SIDE);
        page->surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)ceil(width * PIXELS_PER_POINT),
                                                   (int)ceil(height * PIXELS_PER_POINT));
    }
    TRY(check(cairo_surface_status(page->surface), page));
    page->cairo = cairo_create(page->surface);
    if (page->kind == PAGE_PNG) cairo_scale(page->cairo, PIXELS_PER_POINT, PIXELS_PER_POINT);
    cairo_set_source_rgb(page->cairo, 1, 1, 1);
    cairo_paint(page->cairo);
    TRY(check(cairo_status(page->cairo), page));
done:
    return err;
}

Err page_open(Page **out, const char *path, double width, double height) {
    Err err = ERR_OK;
    Page *page = NULL;
    *out = NULL;
    TRY(mem_alloc(&page, 1, sizeof *page));
    TRY(find_kind(&page->kind, path));
    TRY(mem_strdup(&page->path, path));
    TRY(outfile_open(&page->out, page->path, NULL));
    TRY(open_surface(page, width, height));
    *out = page;
    page = NULL;
done:
    page_discard(page);
    return err;
}

cairo_t *page_cairo(const Page *page) { return page->cairo; }

Err page_finish(Page *page) {
    Err err = ERR_OK;
    TRY(check(cairo_status(page->cairo), page));
    if (page->kind == PAGE_PNG) TRY(check(cairo_surface_write_to_png_stream(page->surface, write_bytes, page), page));
    cairo_surface_finish(page->surface);
    TRY(check(cairo_surface_status(page->surface), page));
    TRY(outfile_finish(&page->out));
done:
    page_discard(page);
    return err;
}

/* The surface goes before the file that it writes to, and the file before its name. */
void page_discard(Page *page) {
    if (page == NULL) return;
    if (page->cairo != NULL) cairo_destroy(page->cairo);
    if (page->surface != NULL) {
        cairo_surface_finish(page->surface);
        cairo_surface_destroy(page->surface);
    }
    outfile_discard(&page->out);
    mem_free(page->path);
    mem_free(page);
}
