#include "harness/data/font.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <ft2build.h>
#include FT_FREETYPE_H
#include FT_OUTLINE_H

#include "harness/data/digest.h"
#include "harness/data/font_find.h"
#include "harness/data/isolate.h"
#include "harness/data/utf8.h"
#include "kernels/mem.h"

enum { MAX_FONT_BYTES = 256 << 20 };

typedef struct FontBytes {
    uint8_t *bytes;
    size_t len;
} FontBytes;

static Err read_font(FontBytes *out, const char *path) {
    Err err = ERR_OK;
    uint8_t *bytes = NULL;
    struct stat info;
    FILE *file = NULL;
    FAIL_IF(stat(path, &info) == 0 && !S_ISREG(info.st_mode), ERR_DATA, "the font %s is not a file", path);
    file = fopen(path, "rb");
    FAIL_IF(file == NULL, ERR_MISSING, "cannot open the font %s: %s", path, strerror(errno));
    FAIL_IF(fseek(file, 0, SEEK_END) != 0, ERR_MISSING, "the font %s is not a file", path);
    long len = ftell(file);
    FAIL_IF(len <= 0 || len > MAX_FONT_BYTES, ERR_DATA, "the font %s has %ld bytes, expected at most 256 MiB", path,
            len);
    rewind(file);
    TRY(mem_alloc(&bytes, (size_t)len, 1));
    FAIL_IF(fread(bytes, 1, (size_t)len, file) != (size_t)len, ERR_IO, "cannot read the font %s", path);
    *out = (FontBytes){bytes, (size_t)len};
    bytes = NULL;

done:
    if (file != NULL) fclose(file);
    mem_free(bytes);
    return err;
}

static void glyph_clear(Glyph *glyph) {
    mem_free((void *)glyph->point);
    mem_free((void *)glyph->tag);
    mem_free((void *)glyph->contour);
    *glyph = (Glyph){0};
}

static void face_clear(FontFace *face, int32_t n_chars) {
    for (int32_t i = 0; face->glyph != NULL && i < n_chars; i++) glyph_clear(&face->glyph[i]);
    mem_free(face->glyph);
    mem_free(face->name);
    mem_free(face->path);
    mem_free(face->sha256);
    *face = (FontFace){0};
}

static Err copy_glyph(Glyph *out, FT_GlyphSlot slot) {
    Err err = ERR_OK;
    const FT_Outline *from = &slot->outline;
    int32_t(*point)[2] = NULL, y_min = 0, y_max = 0;
    char *tag = NULL;
    short *contour = NULL;
    size_t n_points = (size_t)from->n_points, n_contours = (size_t)from->n_contours;
    TRY(mem_alloc(&point, n_points, sizeof *point));
    TRY(mem_alloc(&tag, n_points, 1));
    TRY(mem_alloc(&contour, n_contours, sizeof *contour));
    for (size_t i = 0; i < n_points; i++) {
        point[i][0] = (int32_t)from->points[i].x;
        point[i][1] = (int32_t)from->points[i].y;
        tag[i] = from->tags[i];
        y_min = i == 0 || point[i][1] < y_min ? point[i][1] : y_min;
        y_max = i == 0 || point[i][1] > y_max ? point[i][1] : y_max;
    }
    for (size_t i = 0; i < n_contours; i++) contour[i] = from->contours[i];
    *out = (Glyph){.advance = (int32_t)slot->metrics.horiAdvance,
                   .n_contours = (int16_t)n_contours,
                   .n_points = (int16_t)n_points,
                   .flags = from->flags,
                   .y_min = y_min,
                   .y_max = y_max,
                   .point = (const int32_t(*)[2])point,
                   .tag = tag,
                   .contour = contour};
    point = NULL;
    tag = NULL;
    contour = NULL;

done:
    mem_free(point);
    mem_free(tag);
    mem_free(contour);
    return err;
}

/* *lacks = the first character without a usable outline, or 0. */
static Err load_glyphs(FontFace *out, FT_Face face, const Charset *charset, uint32_t *lacks) {
    Err err = mem_alloc(&out->glyph, (size_t)charset_size(charset), sizeof *out->glyph);
    *lacks = 0;
    for (int32_t i = 0; i < charset_size(charset) && err == ERR_OK; i++) {
        uint32_t c = charset_code_point(charset, i);
        FT_UInt number = FT_Get_Char_Index(face, c);
        bool drawable = number != 0 && FT_Load_Glyph(face, number, FT_LOAD_NO_SCALE) == 0 &&
                        face->glyph->format == FT_GLYPH_FORMAT_OUTLINE && face->glyph->metrics.horiAdvance > 0 &&
                        FT_Outline_Check(&face->glyph->outline) == 0;
        if (!drawable) {
            *lacks = c;
            return ERR_OK;
        }
        err = copy_glyph(&out->glyph[i], face->glyph);
    }
    return err;
}

static Err load_face(FontFace *out, FT_Library library, const FontFile *file, const Charset *charset, uint32_t *lacks) {
    Err err = ERR_OK;
    FontBytes font = {0};
    FontFace face = {0};
    FT_Face ft = NULL;
    char hex[DIGEST_HEX];
    Digest digest;
    TRY(read_font(&font, file->path));
    FAIL_IF(FT_New_Memory_Face(library, font.bytes, (FT_Long)font.len, file->index, &ft) != 0, ERR_DATA,
            "%s is not a font that FreeType can read", file->path);
    FAIL_IF(!FT_IS_SCALABLE(ft) || ft->units_per_EM == 0, ERR_DATA, "the font %s has no outlines", file->path);
    digest_start(&digest);
    digest_bytes(&digest, font.bytes, font.len);
    face.units_per_em = ft->units_per_EM;
    TRY(mem_strdup(&face.name, file->name));
    TRY(mem_strdup(&face.path, file->path));
    TRY(mem_strdup(&face.sha256, digest_hex(&digest, hex)));
    TRY(load_glyphs(&face, ft, charset, lacks));
    *out = face;
    face = (FontFace){0};

done:
    if (ft != NULL) FT_Done_Face(ft);
    mem_free(font.bytes);
    face_clear(&face, charset_size(charset));
    return err;
}

/* What the names stand for, found before anything is read. */
typedef struct Families {
    const char *const *name;
    int n;
    FontFiles *files; /* [n] */
    int64_t bytes;    /* of all of these files */
    const Charset *charset;
    FontSet *fonts;       /* what the faces are added to */
    const char **reading; /* the file that is being read, NULL before and after: shared with a copy of this process */
} Families;

static Err find_families(Families *families) {
    Err err = ERR_OK;
    TRY(mem_alloc(&families->files, (size_t)families->n, sizeof *families->files));
    for (int i = 0; i < families->n; i++) {
        TRY(font_find(&families->files[i], families->name[i]));
        for (int k = 0; k < families->files[i].n; k++)
            families->bytes += isolate_file_bytes(families->files[i].file[k].path);
    }
done:
    return err;
}

static void families_clear(Families *families) {
    for (int i = 0; families->files != NULL && i < families->n; i++) font_files_clear(&families->files[i]);
    mem_free(families->files);
}

/* Adds the faces of one family that have every character. */
static Err add_family(const Families *families, int i_family, FT_Library library) {
    Err err = ERR_OK;
    FontSet *fonts = families->fonts;
    const FontFiles *files = &families->files[i_family];
    const Charset *charset = families->charset;
    uint32_t lacks = 0, first_lack = 0;
    int n_taken = 0;
    char shown[UTF8_SHOW], hint[FONT_HINT_LEN];
    TRY(mem_grow(&fonts->face, (size_t)fonts->n_faces, (size_t)(fonts->n_faces + files->n), sizeof *fonts->face));
    for (int i = 0; i < files->n; i++) {
        FontFace *face = &fonts->face[fonts->n_faces];
        *families->reading = files->file[i].path;
        err = load_face(face, library, &files->file[i], charset, &lacks);
        *families->reading = NULL;
        if (err != ERR_OK) goto done;
        if (lacks == 0) {
            fonts->n_faces++;
            n_taken++;
        } else {
            face_clear(face, charset_size(charset));
            if (first_lack == 0) first_lack = lacks;
        }
    }
    if (n_taken == 0) font_hint(hint, first_lack);
    FAIL_IF(n_taken == 0, ERR_DATA, "font '%s' cannot draw %s of the charset %s: name a font that has it%s",
            families->name[i_family], utf8_show(first_lack, shown), charset_name(charset), hint);
done:
    return err;
}

static Err load_families(const Families *families) {
    Err err = ERR_OK;
    FT_Library library = NULL;
    FAIL_IF(FT_Init_FreeType(&library) != 0, ERR_NOMEM, "FreeType cannot start");
    for (int i = 0; i < families->n; i++) TRY(add_family(families, i, library));
done:
    if (library != NULL) FT_Done_FreeType(library);
    return err;
}

static Err try_families(void *arg) {
    Families trial = *(const Families *)arg;
    Err err = mem_alloc(&trial.fonts, 1, sizeof *trial.fonts);
    if (err != ERR_OK) return err;
    trial.fonts->n_chars = charset_size(trial.charset);
    err = load_families(&trial);
    fonts_close(trial.fonts);
    return err;
}

/* In a copy of this process first: a font that FreeType falls over is an error like others, told before anything is
 * trained with it. What is drawn later are the outlines that were checked here. */
static Err load_tried(Families *families) {
    Err err = ERR_OK;
    TRY(isolate_share(&families->reading, sizeof *families->reading));
    err = isolate_run(try_families, families, families->bytes, "FreeType");
    if (err == ERR_OK) err = load_families(families);
    if (err != ERR_OK && *families->reading != NULL) err = err_context(err, "the font %s", *families->reading);
done:
    if (families->reading != NULL) munmap(families->reading, sizeof *families->reading);
    return err;
}

static int by_face_name(const void *a, const void *b) {
    const FontFace *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order != 0 ? order : strcmp(x->sha256, y->sha256);
}

/* A face that two of the names stand for counts once. */
static void drop_repeats(FontSet *fonts) {
    int n = 0;
    for (int i = 0; i < fonts->n_faces; i++) {
        if (n > 0 && by_face_name(&fonts->face[n - 1], &fonts->face[i]) == 0)
            face_clear(&fonts->face[i], fonts->n_chars);
        else
            fonts->face[n++] = fonts->face[i];
    }
    fonts->n_faces = n;
}

static void measure(FontSet *fonts) {
    for (int i = 0; i < fonts->n_faces; i++)
        for (int32_t k = 0; k < fonts->n_chars; k++) {
            int16_t n = fonts->face[i].glyph[k].n_points;
            if (n > fonts->max_points) fonts->max_points = n;
        }
}

Err fonts_open(FontSet **out, const char *const *names, int n_names, const Charset *charset) {
    Err err = ERR_OK;
    FontSet *fonts = NULL;
    Families families = {.name = names, .n = n_names, .charset = charset};
    *out = NULL;
    TRY(mem_alloc(&fonts, 1, sizeof *fonts));
    fonts->n_chars = charset_size(charset);
    families.fonts = fonts;
    TRY(find_families(&families));
    TRY(load_tried(&families));
    qsort(fonts->face, (size_t)fonts->n_faces, sizeof *fonts->face, by_face_name);
    drop_repeats(fonts);
    measure(fonts);
    *out = fonts;
    fonts = NULL;

done:
    families_clear(&families);
    fonts_close(fonts);
    return err;
}

void fonts_close(FontSet *fonts) {
    if (fonts == NULL) return;
    for (int i = 0; i < fonts->n_faces; i++) face_clear(&fonts->face[i], fonts->n_chars);
    mem_free(fonts->face);
    mem_free(fonts);
}
