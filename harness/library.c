/* One row a library. */
#include "harness/library.h"

#include <cairo.h>
#include <fontconfig/fontconfig.h>
#include <ft2build.h>
#include FT_FREETYPE_H
#include <Random123/philox.h>
#include <gnu/libc-version.h>
#include <hdf5.h>
#include <jansson.h>
#include <jpeglib.h>
#include <matio.h>
#include <nettle/version.h>
#include <png.h>
#include <stdio.h>
#include <yaml.h>

#include "kernels/err.h"

static void version_cairo(char *out, size_t len) { (void)snprintf(out, len, "%s", cairo_version_string()); }

static void version_fontconfig(char *out, size_t len) {
    int v = FcGetVersion();
    (void)snprintf(out, len, "%d.%d.%d", v / 10000, v / 100 % 100, v % 100);
}

static void version_freetype(char *out, size_t len) {
    FT_Library library;
    FT_Int major = 0, minor = 0, patch = 0;
    if (FT_Init_FreeType(&library) == 0) {
        FT_Library_Version(library, &major, &minor, &patch);
        (void)FT_Done_FreeType(library);
    }
    (void)snprintf(out, len, "%d.%d.%d", major, minor, patch);
}

static void version_glibc(char *out, size_t len) { (void)snprintf(out, len, "%s", gnu_get_libc_version()); }

void library_start(void) { (void)H5dont_atexit(); }

static void version_hdf5(char *out, size_t len) {
    unsigned major = 0, minor = 0, release = 0;
    (void)H5get_libversion(&major, &minor, &release);
    (void)snprintf(out, len, "%u.%u.%u", major, minor, release);
}

static void version_jansson(char *out, size_t len) { (void)snprintf(out, len, "%s", jansson_version_str()); }

/* The library does not tell its own version: this is the one that was built with. */
#define QUOTED(text) #text
#define VALUE_OF(name) QUOTED(name)
static void version_jpeg(char *out, size_t len) { (void)snprintf(out, len, "%s", VALUE_OF(LIBJPEG_TURBO_VERSION)); }

static void version_matio(char *out, size_t len) {
    int major = 0, minor = 0, release = 0;
    Mat_GetLibraryVersion(&major, &minor, &release);
    (void)snprintf(out, len, "%d.%d.%d", major, minor, release);
}

static void version_nettle(char *out, size_t len) {
    (void)snprintf(out, len, "%d.%d", nettle_version_major(), nettle_version_minor());
}

static void version_png(char *out, size_t len) { (void)snprintf(out, len, "%s", png_get_libpng_ver(NULL)); }

/* Header-only, without a version of its own: what identifies it is its first word. */
static void version_random123(char *out, size_t len) {
    philox4x32_ctr_t ctr = {{0, 0, 0, 0}};
    philox4x32_key_t key = {{0, 0}};
    (void)snprintf(out, len, "philox %08x", philox4x32(ctr, key).v[0]);
}

static void version_yaml(char *out, size_t len) { (void)snprintf(out, len, "%s", yaml_get_version_string()); }

static const struct {
    const char *name, *use;
    void (*version)(char *out, size_t len);
} libraries[] = {
    {"cairo", "pictures and contact sheets", version_cairo},
    {"FreeType", "rendering text lines", version_freetype},
    {"fontconfig", "finding fonts", version_fontconfig},
    {"glibc", "C library", version_glibc},
    {"HDF5", "results, datasets", version_hdf5},
    {"jansson", "JSON output", version_jansson},
    {"libjpeg-turbo", "reading photographs", version_jpeg},
    {"libpng", "reading and writing pictures", version_png},
    {"libyaml", "grids", version_yaml},
    {"matio", "MATLAB files of datasets", version_matio},
    {"nettle", "SHA-256", version_nettle},
    {"Random123", "counter-based random numbers", version_random123},
};

int library_count(void) { return (int)(sizeof libraries / sizeof libraries[0]); }

Library library_at(int i) {
    ASSERT(i >= 0 && i < library_count());
    Library library = {.name = libraries[i].name, .use = libraries[i].use};
    libraries[i].version(library.version, sizeof library.version);
    return library;
}
