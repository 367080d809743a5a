/* Runs of characters that one face has. */
#include "harness/data/lettering.h"

#include <cairo-ft.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "harness/data/font_find.h"
#include "harness/data/utf8.h"
#include "kernels/mem.h"

/* Faces are measured at EM, where rounding to 1/64 of a unit does not show. */
enum { MAX_FACES = 16, RUN_LEN = 128, EM = 1000 };

typedef struct Face {
    cairo_font_face_t *face;
    cairo_scaled_font_t *measure;
} Face;

struct Lettering {
    cairo_font_options_t *options;
    Face face[MAX_FACES]; /* the styles, then what further characters needed */
    int n_faces;
    char **family; /* [n_families]; from `next` on not looked through yet */
    size_t n_families, next;
};

static const struct {
    const char *family, *face;
} styles[LETTER_STYLE_COUNT] = {[LETTER_PLAIN] = {"DejaVu Sans", "DejaVu Sans Book"},
                                [LETTER_BOLD] = {"DejaVu Sans", "DejaVu Sans Bold"},
                                [LETTER_MONO] = {"DejaVu Sans Mono", "DejaVu Sans Mono Bold"}};

/* For datasets whose characters no font of the grid draws. */
static const char *const last_resorts[] = {"IPAGothic", "Noto Sans CJK"};
enum { N_LAST_RESORTS = sizeof last_resorts / sizeof *last_resorts };

/* ---- faces ---- */

/* cairo opens the file itself: it keeps faces longer than their users do. */
static cairo_font_face_t *face_of(const FontFile *file) {
    FcPattern *pattern = FcPatternCreate();
    if (pattern == NULL) return NULL;
    cairo_font_face_t *face = NULL;
    if (FcPatternAddString(pattern, FC_FILE, (const FcChar8 *)file->path) &&
        FcPatternAddInteger(pattern, FC_INDEX, file->index))
        face = cairo_ft_font_face_create_for_pattern(pattern);
    FcPatternDestroy(pattern);
    return face;
}

static void drop_face(Lettering *l) {
    Face *face = &l->face[--l->n_faces];
    cairo_scaled_font_destroy(face->measure);
    cairo_font_face_destroy(face->face);
}

static Err open_face(Lettering *l, const FontFile *file) {
    Face *face = &l->face[l->n_faces];
    cairo_matrix_t scale, plain;
    face->face = face_of(file);
    if (face->face == NULL) return err_set(ERR_NOMEM, "out of memory in fontconfig");
    cairo_matrix_init_scale(&scale, EM, EM);
    cairo_matrix_init_identity(&plain);
    face->measure = cairo_scaled_font_create(face->face, &scale, &plain, l->options);
    l->n_faces++;
    if (cairo_scaled_font_status(face->measure) == CAIRO_STATUS_SUCCESS) return ERR_OK;
    drop_face(l);
    return err_set(ERR_MISSING, "cannot read the font %s", file->path);
}

/* Nothing is fitted to pixels: a picture has the same layout as PNG, SVG and PDF. */
static cairo_font_options_t *plain_options(void) {
    cairo_font_options_t *options = cairo_font_options_create();
    cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE);
    cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF);
    cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY);
    return options;
}

static Err open_style(Lettering *l, LetterStyle style) {
    Err err = ERR_OK;
    FontFiles files = {0};
    TRY(font_find(&files, styles[style].family));
    for (int i = 0; i < files.n; i++)
        if (strcmp(files.file[i].name, styles[style].face) == 0) {
            TRY(open_face(l, &files.file[i]));
            goto done;
        }
    err = err_set(ERR_MISSING, "the font '%s' is not installed: apt-get install fonts-dejavu-core", styles[style].face);
done:
    font_files_clear(&files);
    return err;
}

Err lettering_open(Lettering **out, const char *const *families, size_t n_families) {
    Err err = ERR_OK;
    Lettering *l = NULL;
    *out = NULL;
    TRY(mem_alloc(&l, 1, sizeof *l));
    TRY(mem_alloc(&l->family, n_families + N_LAST_RESORTS, sizeof *l->family));
    for (size_t i = 0; i < n_families + N_LAST_RESORTS; i++, l->n_families++)
        TRY(mem_strdup(&l->family[i], i < n_families ? families[i] : last_resorts[i - n_families]));
    l->options = plain_options();
    for (int style = 0; style < LETTER_STYLE_COUNT; style++) TRY(open_style(l, (LetterStyle)style));
    *out = l;
    l = NULL;
done:
    lettering_close(l);
    return err;
}

void lettering_close(Lettering *l) {
    if (l == NULL) return;
    while (l->n_faces > 0) drop_face(l);
    for (size_t i = 0; i < l->n_families; i++) mem_free(l->family[i]);
    mem_free(l->family);
    if (l->options != NULL) cairo_font_options_destroy(l->options);
    mem_free(l);
}

/* ---- characters ---- */

/* Glyph 0 is what a face has for characters that it lacks. */
static bool has(const Face *face, uint32_t c) {
    char text[UTF8_MAX];
    cairo_glyph_t *glyph = NULL;
    int n = 0, bytes = utf8_encode(c, text);
    bool found = cairo_scaled_font_text_to_glyphs(face->measure, 0, 0, text, bytes, &glyph, &n, NULL, NULL, NULL) ==
                     CAIRO_STATUS_SUCCESS &&
                 n == 1 && glyph[0].index != 0;
    cairo_glyph_free(glyph);
    return found;
}

/* Opens a face of that family that has the character; none, or one that cannot be read, is no face. */
static bool open_for(Lettering *l, const char *family, uint32_t c) {
    FontFiles files;
    bool found = false;
    Err err = font_find(&files, family);
    for (int i = 0; err == ERR_OK && i < files.n && !found; i++) {
        if (open_face(l, &files.file[i]) != ERR_OK) continue;
        found = has(&l->face[l->n_faces - 1], c);
        if (!found) drop_face(l);
    }
    if (!found) err_clear();
    font_files_clear(&files);
    return found;
}

/* The face that draws c: the style's own wherever it can. One that no font has is drawn as the style's empty box. */
static const Face *face_for(Lettering *l, LetterStyle style, uint32_t c) {
    if (c < 0x20 || has(&l->face[style], c)) return &l->face[style];
    for (int i = 0; i < l->n_faces; i++)
        if (has(&l->face[i], c)) return &l->face[i];
    for (; l->next < l->n_families && l->n_faces < MAX_FACES; l->next++)
        if (open_for(l, l->family[l->next], c)) return &l->face[l->n_faces - 1];
    return &l->face[style];
}

/* The longest beginning of text that one face draws, as a string. Returns its bytes. */
static size_t next_run(Lettering *l, LetterStyle style, const char *text, const Face **face, char run[RUN_LEN]) {
    size_t len = strlen(text), n = 0;
    *face = NULL;
    while (n < len) {
        uint32_t c = 0xfffd;
        int bytes = utf8_decode(text + n, len - n, &c);
        if (bytes == 0) bytes = 1;
        const Face *wanted = face_for(l, style, c);
        if ((*face != NULL && wanted != *face) || n + (size_t)bytes >= RUN_LEN) break;
        *face = wanted;
        n += (size_t)bytes;
    }
    (void)snprintf(run, RUN_LEN, "%.*s", (int)n, text);
    return n;
}

/* ---- text ---- */

static double run_width(const Face *face, double size, const char *run) {
    cairo_text_extents_t extents = {0};
    cairo_scaled_font_text_extents(face->measure, run, &extents);
    return extents.x_advance * size / EM;
}

double lettering_width(Lettering *l, LetterStyle style, double size, const char *text) {
    char run[RUN_LEN];
    double width = 0;
    const Face *face = NULL;
    for (size_t n = 0; *text != '\0'; text += n) {
        n = next_run(l, style, text, &face, run);
        width += run_width(face, size, run);
    }
    return width;
}

double lettering_draw(Lettering *l, cairo_t *cairo, LetterStyle style, double size, double x, double y, double align,
                      const char *text) {
    char run[RUN_LEN];
    const Face *face = NULL;
    double width = lettering_width(l, style, size, text);
    x -= align * width;
    cairo_set_font_options(cairo, l->options);
    for (size_t n = 0; *text != '\0'; text += n) {
        n = next_run(l, style, text, &face, run);
        cairo_set_font_face(cairo, face->face);
        cairo_set_font_size(cairo, size);
        cairo_move_to(cairo, x, y);
        cairo_show_text(cairo, run);
        x += run_width(face, size, run);
    }
    return width;
}

double lettering_draw_in(Lettering *l, cairo_t *cairo, LetterStyle style, double size, double x, double y, double room,
                         const char *text) {
    char cut[4 * RUN_LEN];
    size_t len = strlen(text);
    (void)snprintf(cut, sizeof cut, "%s", text);
    while (len > 0 && lettering_width(l, style, size, cut) > room) {
        do len--; /* whole characters */
        while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80);
        if (len > sizeof cut - 4) len = sizeof cut - 4;
        (void)snprintf(cut, sizeof cut, "%.*s…", (int)len, text);
    }
    return lettering_draw(l, cairo, style, size, x, y, 0, cut);
}
