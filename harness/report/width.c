/* Widths after Unicode's East_Asian_Width (W and F) and the combining blocks. */
#include "harness/report/width.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "harness/data/utf8.h"
#include "harness/terminal.h"

typedef struct Range {
    uint32_t first, last;
} Range;

static const Range zero[] = {{0x0300, 0x036f}, {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff}, {0x200b, 0x200f},
                             {0x20d0, 0x20ff}, {0x3099, 0x309a}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}};
static const Range wide[] = {{0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0x33ff},  {0x3400, 0x4dbf},
                             {0x4e00, 0x9fff},   {0xa000, 0xa4cf},   {0xac00, 0xd7a3},  {0xf900, 0xfaff},
                             {0xfe30, 0xfe6f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},  {0x1f300, 0x1f64f},
                             {0x1f900, 0x1f9ff}, {0x20000, 0x2fffd}, {0x30000, 0x3fffd}};

static int is_in(const Range *range, size_t n, uint32_t code_point) {
    for (size_t i = 0; i < n; i++)
        if (code_point >= range[i].first && code_point <= range[i].last) return 1;
    return 0;
}

size_t text_width(const char *text) { return text_width_of(text, strlen(text)); }

size_t text_width_of(const char *text, size_t len) {
    size_t width = 0;
    for (size_t at = 0; at < len;) {
        uint32_t code_point = 0;
        int bytes = utf8_decode(text + at, len - at, &code_point);
        at += bytes > 0 ? (size_t)bytes : 1;
        if (bytes > 0 && is_in(zero, sizeof zero / sizeof *zero, code_point)) continue;
        width += bytes > 0 && is_in(wide, sizeof wide / sizeof *wide, code_point) ? 2 : 1;
    }
    return width;
}

size_t text_page(FILE *to) {
    int columns = terminal_columns(to);
    return columns == 0 ? TEXT_PAGE : columns > TEXT_PAGE_MIN ? (size_t)columns : TEXT_PAGE_MIN;
}

static void pad(FILE *to, size_t n) {
    for (size_t i = 0; i < n; i++) (void)fputc(' ', to);
}

/* Columns up to the next gap of two spaces: "encoder 1.4 MiB". */
static size_t item_width(const char *text) {
    const char *end = strstr(text, "  ");
    return end != NULL ? text_width_of(text, (size_t)(end - text)) : text_width(text);
}

void text_wrap(FILE *to, size_t page, const char *text, size_t at, size_t indent) {
    if (page > TEXT_PAGE) page = TEXT_PAGE;
    size_t gap = 0;
    while (*text != '\0') {
        const size_t len = strcspn(text, " "), width = text_width_of(text, len), item = item_width(text);
        const bool splits = gap > 1 && at + gap + item > page && indent + item <= page;
        if (gap > 0 && (at + gap + width > page || splits)) {
            (void)fputc('\n', to);
            pad(to, indent);
            at = indent;
        } else {
            pad(to, gap);
            at += gap;
        }
        (void)fwrite(text, 1, len, to);
        at += width;
        gap = strspn(text + len, " ");
        text += len + gap;
    }
    (void)fputc('\n', to);
}
