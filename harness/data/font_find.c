#include "harness/data/font_find.h"

#include <fontconfig/fontconfig.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "kernels/mem.h"

static const char *package_of(const char *family) {
    static const struct {
        const char *family, *package;
    } known[] = {{"DejaVu", "fonts-dejavu-core fonts-dejavu-extra"},
                 {"Liberation", "fonts-liberation2"},
                 {"FreeSans", "fonts-freefont-ttf"},
                 {"FreeSerif", "fonts-freefont-ttf"},
                 {"FreeMono", "fonts-freefont-ttf"},
                 {"IPA", "fonts-ipafont"},
                 {"Takao", "fonts-takao"},
                 {"Noto Sans CJK", "fonts-noto-cjk"},
                 {"Noto Serif CJK", "fonts-noto-cjk"},
                 {"Noto", "fonts-noto-core"}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strncasecmp(family, known[i].family, strlen(known[i].family)) == 0) return known[i].package;
    return NULL;
}

static bool family_matches(const char *installed, const char *asked) {
    size_t len = strlen(asked);
    if (strncasecmp(installed, asked, len) != 0) return false;
    return installed[len] == '\0' || installed[len] == ' ' || installed[len] == '-';
}

/* The text of a property in English, where fontconfig has put it: first in the list. "" if there is none. */
static const char *text_of(FcPattern *pattern, const char *property) {
    FcChar8 *text = NULL;
    return FcPatternGetString(pattern, property, 0, &text) == FcResultMatch ? (const char *)text : "";
}

static int int_of(FcPattern *pattern, const char *property) {
    int value = 0;
    return FcPatternGetInteger(pattern, property, 0, &value) == FcResultMatch ? value : 0;
}

static Err add_file(FontFiles *files, FontFile from) {
    Err err = ERR_OK;
    char *name = NULL, *path = NULL;
    TRY(mem_strdup(&name, from.name));
    TRY(mem_strdup(&path, from.path));
    TRY(mem_grow(&files->file, (size_t)files->n, (size_t)files->n + 1, sizeof *files->file));
    from.name = name;
    from.path = path;
    files->file[files->n++] = from;
    name = path = NULL;

done:
    mem_free(name);
    mem_free(path);
    return err;
}

static Err add_pattern(FontFiles *files, FcPattern *pattern) {
    char name[256];
    FcBool variable = FcFalse;
    int index = int_of(pattern, FC_INDEX);
    FcPatternGetBool(pattern, FC_VARIABLE, 0, &variable);
    if (variable || index >> 16 != 0) return ERR_OK; /* instances of variable fonts: not faces of their own */
    snprintf(name, sizeof name, "%s %s", text_of(pattern, FC_FAMILY), text_of(pattern, FC_STYLE));
    FontFile file = {.name = name,
                     .path = (char *)text_of(pattern, FC_FILE),
                     .index = index,
                     .version = int_of(pattern, FC_FONTVERSION),
                     .truetype = strcmp(text_of(pattern, FC_FONTFORMAT), "TrueType") == 0};
    return add_file(files, file);
}

static Err list_family(FontFiles *files, const char *family) {
    Err err = ERR_OK;
    FcFontSet *list = NULL;
    FcPattern *any = NULL;
    FcObjectSet *properties = NULL;
    FcConfig *config = FcInitLoadConfigAndFonts();
    FAIL_IF(config == NULL, ERR_MISSING, "fontconfig cannot read its configuration");
    any = FcPatternBuild(NULL, FC_SCALABLE, FcTypeBool, FcTrue, (char *)NULL);
    properties = FcObjectSetBuild(FC_FAMILY, FC_STYLE, FC_FILE, FC_INDEX, FC_FONTVERSION, FC_FONTFORMAT, FC_VARIABLE,
                                  (char *)NULL);
    FAIL_IF(any == NULL || properties == NULL, ERR_NOMEM, "out of memory in fontconfig");
    list = FcFontList(config, any, properties);
    for (int i = 0; list != NULL && i < list->nfont; i++)
        if (family_matches(text_of(list->fonts[i], FC_FAMILY), family)) TRY(add_pattern(files, list->fonts[i]));

done:
    if (list != NULL) FcFontSetDestroy(list);
    if (properties != NULL) FcObjectSetDestroy(properties);
    if (any != NULL) FcPatternDestroy(any);
    if (config != NULL) FcConfigDestroy(config);
    return err;
}

/* By name; of equal names the one to keep first. */
static int by_name(const void *a, const void *b) {
    const FontFile *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    if (order != 0) return order;
    if (x->truetype != y->truetype) return x->truetype ? -1 : 1;
    if (x->version != y->version) return x->version > y->version ? -1 : 1;
    return strcmp(x->path, y->path);
}

static void keep_first_of_each_name(FontFiles *files) {
    int n = 0;
    for (int i = 0; i < files->n; i++) {
        FontFile *file = &files->file[i];
        if (n > 0 && strcmp(files->file[n - 1].name, file->name) == 0) {
            mem_free(file->name);
            mem_free(file->path);
        } else {
            files->file[n++] = *file;
        }
    }
    files->n = n;
}

Err font_find(FontFiles *out, const char *family) {
    Err err = ERR_OK;
    FontFiles files = {0};
    *out = files;
    if (strchr(family, '/') != NULL) {
        TRY(add_file(&files, (FontFile){.name = (char *)family, .path = (char *)family}));
    } else {
        TRY(list_family(&files, family));
        const char *package = package_of(family);
        FAIL_IF(files.n == 0 && package != NULL, ERR_MISSING,
                "no font of the family '%s' is installed: apt-get install %s", family, package);
        FAIL_IF(files.n == 0, ERR_MISSING, "no font of the family '%s' is installed (%s)", family,
                strchr(family, '.') != NULL ? "the path of a font file has a '/' in it" : "fc-list lists what is");
        qsort(files.file, (size_t)files.n, sizeof *files.file, by_name);
        keep_first_of_each_name(&files);
    }
    *out = files;
    files = (FontFiles){0};

done:
    font_files_clear(&files);
    return err;
}

/* An installed family with the character, the first by name; "" if there is none. */
static void installed_with(char out[FONT_HINT_LEN], uint32_t code_point) {
    FcConfig *config = FcInitLoadConfigAndFonts();
    FcCharSet *wanted = FcCharSetCreate();
    FcPattern *pattern = FcPatternBuild(NULL, FC_SCALABLE, FcTypeBool, FcTrue, (char *)NULL);
    FcObjectSet *properties = FcObjectSetBuild(FC_FAMILY, (char *)NULL);
    FcFontSet *list = NULL;
    out[0] = '\0';
    if (config != NULL && wanted != NULL && pattern != NULL && properties != NULL &&
        FcCharSetAddChar(wanted, code_point) && FcPatternAddCharSet(pattern, FC_CHARSET, wanted))
        list = FcFontList(config, pattern, properties);
    for (int i = 0; list != NULL && i < list->nfont; i++) {
        const char *family = text_of(list->fonts[i], FC_FAMILY);
        if (family[0] != '\0' && (out[0] == '\0' || strcmp(family, out) < 0))
            (void)snprintf(out, FONT_HINT_LEN, "%s", family);
    }
    if (list != NULL) FcFontSetDestroy(list);
    if (properties != NULL) FcObjectSetDestroy(properties);
    if (pattern != NULL) FcPatternDestroy(pattern);
    if (wanted != NULL) FcCharSetDestroy(wanted);
    if (config != NULL) FcConfigDestroy(config);
}

void font_hint(char out[FONT_HINT_LEN], uint32_t code_point) {
    char family[FONT_HINT_LEN];
    const bool cjk = (code_point >= 0x3000 && code_point <= 0x30ff) || (code_point >= 0x4e00 && code_point <= 0x9fff);
    installed_with(family, code_point);
    if (family[0] != '\0')
        (void)snprintf(out, FONT_HINT_LEN, ", such as %.100s", family);
    else if (cjk)
        (void)snprintf(out, FONT_HINT_LEN, ", such as IPAGothic: apt-get install fonts-ipafont-gothic");
    else
        out[0] = '\0';
}

void font_files_clear(FontFiles *files) {
    for (int i = 0; i < files->n; i++) {
        mem_free(files->file[i].name);
        mem_free(files->file[i].path);
    }
    mem_free(files->file);
    *files = (FontFiles){0};
}
