#include "harness/data/sheet.h"

#include <cairo.h>
#include <math.h>
#include <string.h>

#include "harness/data/lettering.h"
#include "kernels/mem.h"

/* Pixels of the sheet. */
enum {
    PAGE_WIDTH = 1120,
    MARGIN = 20,
    GAP = 18,
    CAPTION_ROOM = 20, /* above a picture: its caption */
    LABEL_ROOM = 16,   /* above a picture: the labels of its boxes */
    HEADING_ROOM = 34,
    TITLE_ROOM = 40,
    CAPTION_SIZE = 12,
    LABEL_SIZE = 13,
    HEADING_SIZE = 14,
    TITLE_SIZE = 19,
    CAPTION_MAX = 190, /* a narrow picture's tile is widened to this for its caption */
    LINE_HEIGHT = 64,  /* pictures are enlarged to about this */
    MAX_WIDTH = PAGE_WIDTH - 2 * MARGIN
};

typedef struct Piece {
    cairo_surface_t *tile; /* NULL: a heading */
    char *text;            /* of a heading */
    int width, height;
} Piece;

struct Sheet {
    char *title;
    Lettering *lettering;
    Piece *piece;
    int n, room;
};

static Err cairo_check(cairo_status_t status) {
    if (status == CAIRO_STATUS_SUCCESS) return ERR_OK;
    return err_set(status == CAIRO_STATUS_NO_MEMORY ? ERR_NOMEM : ERR_DATA, "cannot draw: %s",
                   cairo_status_to_string(status));
}

Err sheet_new(Sheet **out, const char *title, const char *const *families, size_t n_families) {
    Err err = ERR_OK;
    Sheet *sheet = NULL;
    *out = NULL;
    TRY(mem_alloc(&sheet, 1, sizeof *sheet));
    TRY(mem_strdup(&sheet->title, title));
    TRY(lettering_open(&sheet->lettering, families, n_families));
    *out = sheet;
    sheet = NULL;

done:
    sheet_free(sheet);
    return err;
}

void sheet_free(Sheet *sheet) {
    if (sheet == NULL) return;
    for (int i = 0; i < sheet->n; i++) {
        if (sheet->piece[i].tile != NULL) cairo_surface_destroy(sheet->piece[i].tile);
        mem_free(sheet->piece[i].text);
    }
    lettering_close(sheet->lettering); /* after the tiles that it drew on */
    mem_free(sheet->piece);
    mem_free(sheet->title);
    mem_free(sheet);
}

static Err add_piece(Sheet *sheet, Piece piece) {
    if (sheet->n == sheet->room) {
        int room = sheet->room == 0 ? 32 : 2 * sheet->room;
        Err err = mem_grow(&sheet->piece, (size_t)sheet->room, (size_t)room, sizeof *sheet->piece);
        if (err != ERR_OK) return err;
        sheet->room = room;
    }
    sheet->piece[sheet->n++] = piece;
    return ERR_OK;
}

Err sheet_heading(Sheet *sheet, const char *text) {
    Piece piece = {.width = MAX_WIDTH, .height = HEADING_ROOM};
    Err err = mem_strdup(&piece.text, text);
    if (err == ERR_OK) err = add_piece(sheet, piece);
    if (err != ERR_OK) mem_free(piece.text);
    return err;
}

/* ---- one tile ---- */

/* Hues a golden angle apart, so that neighbours differ. */
static void character_colour(int32_t i, double rgb[3]) {
    double hue = fmod(0.61803398875 * i + 0.55, 1) * 6;
    for (int c = 0; c < 3; c++) {
        double away = fabs(remainder(hue - 2 * c, 6));
        rgb[c] = 0.15 + 0.85 * fmax(0, fmin(1, 2 - away));
    }
}

/* The picture, or its mask: characters in their colours over a dimmed grey picture. */
static Err copy_pixels(cairo_surface_t **out, const SheetTile *tile, bool masked) {
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, tile->width, tile->height);
    Err err = cairo_check(cairo_surface_status(surface));
    int stride = cairo_image_surface_get_stride(surface);
    unsigned char *data = cairo_image_surface_get_data(surface);
    for (int32_t y = 0; err == ERR_OK && y < tile->height; y++) {
        for (int32_t x = 0; x < tile->width; x++) {
            size_t at = (size_t)y * (size_t)tile->width + (size_t)x;
            const uint8_t *p = tile->pixels + 3 * at;
            double rgb[3] = {p[0], p[1], p[2]}, own[3];
            if (masked) {
                double grey = 40 + 0.25 * (rgb[0] + rgb[1] + rgb[2]) / 3;
                int32_t owner = tile->owner[at];
                if (owner >= 0) character_colour(owner, own);
                for (int c = 0; c < 3; c++) rgb[c] = owner >= 0 ? 0.15 * rgb[c] + 216 * own[c] : grey;
            }
            uint32_t word = (uint32_t)rgb[0] << 16 | (uint32_t)rgb[1] << 8 | (uint32_t)rgb[2];
            memcpy(data + (size_t)y * (size_t)stride + 4 * (size_t)x, &word, sizeof word);
        }
    }
    cairo_surface_mark_dirty(surface);
    if (err == ERR_OK)
        *out = surface;
    else
        cairo_surface_destroy(surface);
    return err;
}

static Err paint_pixels(cairo_t *cairo, const SheetTile *tile, bool masked, double y, double scale) {
    cairo_surface_t *pixels = NULL;
    Err err = copy_pixels(&pixels, tile, masked);
    if (err != ERR_OK) return err;
    cairo_save(cairo);
    cairo_translate(cairo, 0, y);
    cairo_scale(cairo, scale, scale);
    cairo_set_source_surface(cairo, pixels, 0, 0);
    cairo_pattern_set_filter(cairo_get_source(cairo), scale > 1 ? CAIRO_FILTER_NEAREST : CAIRO_FILTER_GOOD);
    cairo_paint(cairo);
    cairo_restore(cairo);
    cairo_surface_destroy(pixels);
    return ERR_OK;
}

/* The box in its character's colour, on a dark line so that it shows on any picture, and the label above. */
static void draw_box(const Sheet *sheet, cairo_t *cairo, const SheetTile *tile, int32_t i, double y, double scale) {
    const float *box = tile->box + 4 * (size_t)i;
    double rgb[3], x0 = box[0] * scale, x1 = box[2] * scale, top = y + box[1] * scale, bottom = y + box[3] * scale;
    if (box[2] <= box[0]) return;
    character_colour(i, rgb);
    cairo_rectangle(cairo, x0 + 0.5, top + 0.5, x1 - x0 - 1, bottom - top - 1);
    cairo_set_source_rgba(cairo, 0, 0, 0, 0.5);
    cairo_set_line_width(cairo, 2.4);
    cairo_stroke_preserve(cairo);
    cairo_set_source_rgb(cairo, rgb[0], rgb[1], rgb[2]);
    cairo_set_line_width(cairo, 1);
    cairo_stroke(cairo);
    (void)lettering_draw(sheet->lettering, cairo, LETTER_BOLD, LABEL_SIZE, (x0 + x1) / 2, y - 4, 0.5, tile->label[i]);
}

/* How much the picture is enlarged: whole numbers for small ones, so that pixels stay square. */
static double tile_scale(const SheetTile *tile) {
    double scale = (double)LINE_HEIGHT / tile->height;
    scale = scale > 1 ? floor(scale) : scale;
    return fmin(scale, (double)MAX_WIDTH / tile->width);
}

/* An empty tile, as wide as the picture and its caption need; cairo draws on it. */
static Err open_tile(Piece *piece, cairo_t **cairo) {
    piece->tile = cairo_image_surface_create(CAIRO_FORMAT_RGB24, piece->width, piece->height);
    Err err = cairo_check(cairo_surface_status(piece->tile));
    if (err != ERR_OK) return err;
    *cairo = cairo_create(piece->tile);
    cairo_set_source_rgb(*cairo, 0.13, 0.14, 0.16);
    cairo_paint(*cairo);
    return ERR_OK;
}

Err sheet_tile(Sheet *sheet, const SheetTile *tile) {
    Err err = ERR_OK;
    cairo_t *cairo = NULL;
    double scale = tile_scale(tile), drawn = ceil(scale * tile->height), y = CAPTION_ROOM + LABEL_ROOM;
    double caption = lettering_width(sheet->lettering, LETTER_PLAIN, CAPTION_SIZE, tile->caption);
    Piece piece = {.width = (int)fmax(fmin(CAPTION_MAX, ceil(caption)), ceil(scale * tile->width))};
    piece.height = (int)(y + drawn * (tile->owner != NULL ? 2 : 1) + (tile->owner != NULL ? 3 : 0));
    TRY(open_tile(&piece, &cairo));
    cairo_set_source_rgb(cairo, 0.85, 0.87, 0.9);
    (void)lettering_draw_in(sheet->lettering, cairo, LETTER_PLAIN, CAPTION_SIZE, 0, CAPTION_ROOM - 7, piece.width,
                            tile->caption);
    TRY(paint_pixels(cairo, tile, false, y, scale));
    for (int32_t i = 0; i < tile->n_chars; i++) draw_box(sheet, cairo, tile, i, y, scale);
    if (tile->owner != NULL) TRY(paint_pixels(cairo, tile, true, y + drawn + 3, scale));
    TRY(cairo_check(cairo_status(cairo)));
    TRY(add_piece(sheet, piece));
    piece.tile = NULL;

done:
    if (cairo != NULL) cairo_destroy(cairo);
    if (piece.tile != NULL) cairo_surface_destroy(piece.tile);
    return err;
}

/* ---- the page ---- */

/* Sets the pieces in rows and paints them, unless cairo is NULL. Returns the height of the page. */
static int set_pieces(cairo_t *cairo, const Sheet *sheet) {
    int x = MARGIN, y = MARGIN + TITLE_ROOM, row = 0;
    for (int i = 0; i < sheet->n; i++) {
        const Piece *piece = &sheet->piece[i];
        bool heading = piece->tile == NULL;
        if (x > MARGIN && (heading || x + piece->width > PAGE_WIDTH - MARGIN)) {
            x = MARGIN;
            y += row + GAP;
            row = 0;
        }
        if (cairo != NULL && heading) {
            cairo_set_source_rgb(cairo, 0.55, 0.78, 1);
            (void)lettering_draw(sheet->lettering, cairo, LETTER_BOLD, HEADING_SIZE, x, y + 22, 0, piece->text);
        }
        if (cairo != NULL && !heading) {
            cairo_set_source_surface(cairo, piece->tile, x, y);
            cairo_paint(cairo);
        }
        x += heading ? 0 : piece->width + GAP;
        y += heading ? piece->height : 0;
        row = !heading && piece->height > row ? piece->height : row;
    }
    return y + row + MARGIN;
}

/* cairo's words are 0xRRGGBB. */
static void take_pixels(Picture *out, cairo_surface_t *surface) {
    int stride = cairo_image_surface_get_stride(surface);
    const unsigned char *data = cairo_image_surface_get_data(surface);
    for (int32_t y = 0; y < out->height; y++) {
        for (int32_t x = 0; x < out->width; x++) {
            uint32_t word = 0;
            memcpy(&word, data + (size_t)y * (size_t)stride + 4 * (size_t)x, sizeof word);
            uint8_t *p = out->pixels + 3 * ((size_t)y * (size_t)out->width + (size_t)x);
            for (int c = 0; c < 3; c++) p[c] = (uint8_t)(word >> (16 - 8 * c));
        }
    }
}

Err sheet_draw(Picture *out, const Sheet *sheet) {
    Err err = ERR_OK;
    cairo_t *cairo = NULL;
    Picture picture = {0};
    int height = set_pieces(NULL, sheet);
    cairo_surface_t *page = cairo_image_surface_create(CAIRO_FORMAT_RGB24, PAGE_WIDTH, height);
    *out = picture;
    TRY(cairo_check(cairo_surface_status(page)));
    cairo = cairo_create(page);
    cairo_set_source_rgb(cairo, 0.13, 0.14, 0.16);
    cairo_paint(cairo);
    cairo_set_source_rgb(cairo, 1, 1, 1);
    (void)lettering_draw(sheet->lettering, cairo, LETTER_BOLD, TITLE_SIZE, MARGIN, MARGIN + 18, 0, sheet->title);
    (void)set_pieces(cairo, sheet);
    TRY(cairo_check(cairo_status(cairo)));
    cairo_surface_flush(page);
    TRY(picture_init(&picture, height, PAGE_WIDTH));
    take_pixels(&picture, page);
    *out = picture;
    picture = (Picture){0};

done:
    picture_clear(&picture);
    if (cairo != NULL) cairo_destroy(cairo);
    cairo_surface_destroy(page);
    return err;
}
