#include "harness/data/import.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/data/textfile.h"
#include "kernels/mem.h"

typedef enum Column { COLUMN_FILE, COLUMN_TEXT, COLUMN_BOXES, COLUMN_PHOTO, COLUMN_SPLIT, COLUMN_COUNT } Column;
static const char *const column_names[COLUMN_COUNT] = {"file", "text", "boxes", "photo", "split"};

/* Where each column stands in a line, or -1. */
typedef struct Columns {
    int at[COLUMN_COUNT];
    int n;
} Columns;

/* Cuts line at its tabs in place; at most COLUMN_COUNT fields. Returns their number, or more than that. */
static int cut(char *line, char *field[COLUMN_COUNT]) {
    int n = 0;
    for (char *at = line; at != NULL; n++) {
        char *tab = strchr(at, '\t');
        if (tab != NULL) *tab = '\0';
        if (n < COLUMN_COUNT) field[n] = at;
        at = tab == NULL ? NULL : tab + 1;
    }
    return n;
}

/* The columns that a first line names; *is_header = false, and the usual order, if it names none. */
static Err read_header(Columns *columns, char *line, const char *path, bool *is_header) {
    char *field[COLUMN_COUNT] = {NULL};
    *columns = (Columns){{0, 1, 2, 3, -1}, 0};
    *is_header = strncmp(line, "file\t", 5) == 0;
    if (!*is_header) return ERR_OK;
    columns->n = cut(line, field);
    for (int c = 0; c < COLUMN_COUNT; c++) columns->at[c] = -1;
    for (int i = 0; i < columns->n && i < COLUMN_COUNT; i++) {
        int c = 0;
        while (c < COLUMN_COUNT && strcmp(field[i], column_names[c]) != 0) c++;
        if (c == COLUMN_COUNT || columns->at[c] >= 0)
            return err_set(ERR_DATA, "%s:1: column '%.40s', expected file, text, boxes, photo, split, each once", path,
                           field[i]);
        columns->at[c] = i;
    }
    if (columns->n > COLUMN_COUNT || columns->at[COLUMN_TEXT] < 0)
        return err_set(ERR_DATA, "%s:1: expected the columns file, text and, if wanted, boxes, photo, split", path);
    return ERR_OK;
}

static const char *field_of(const Columns *columns, char *const *field, int n, Column column) {
    int at = columns->at[column];
    return at >= 0 && at < n ? field[at] : "";
}

/* "x,y,w,h;..." -> boxes that the caller frees. */
static Err parse_boxes(float **out, int64_t *n_boxes, const char *text, bool *good) {
    int64_t n = 0;
    *out = NULL;
    *n_boxes = 0;
    *good = true;
    if (text[0] == '\0') return ERR_OK;
    for (const char *p = text; *p != '\0'; p++) n += *p == ';';
    Err err = mem_alloc(out, (size_t)n + 1, 4 * sizeof **out);
    if (err != ERR_OK) return err;
    for (const char *at = text; *good && *at != '\0'; (*n_boxes)++) {
        double value[4] = {0};
        for (int k = 0; k < 4 && *good; k++) {
            char *end = NULL;
            value[k] = strtod(at, &end);
            bool last = *end == ';' || *end == '\0';
            *good = end != at && isfinite(value[k]) && (k < 3 ? *end == ',' : last);
            at = *end == '\0' ? end : end + 1;
        }
        float *box = *out + 4 * *n_boxes;
        box[0] = (float)value[0];
        box[1] = (float)value[1];
        box[2] = (float)(value[0] + value[2]);
        box[3] = (float)(value[1] + value[3]);
    }
    return ERR_OK;
}

static bool parse_split(const char *text, Split *out) {
    for (int s = 0; s < SPLIT_COUNT; s++)
        if (strcmp(text, split_name((Split)s)) == 0) {
            *out = (Split)s;
            return true;
        }
    return false;
}

static Err add_line(DatasetWriter *writer, const ImportSpec *spec, ImportCount *count, const Columns *columns,
                    char *line, int64_t number) {
    Err err = ERR_OK;
    char *field[COLUMN_COUNT] = {NULL}, fallback[64];
    float *box = NULL;
    bool good = true;
    int n = cut(line, field);
    snprintf(fallback, sizeof fallback, "line %lld", (long long)number);
    ImportItem item = {.file = field_of(columns, field, n, COLUMN_FILE),
                       .text = field_of(columns, field, n, COLUMN_TEXT),
                       .photo = field_of(columns, field, n, COLUMN_PHOTO)};
    const char *split = field_of(columns, field, n, COLUMN_SPLIT);
    if (item.file[0] == '\0' || n > COLUMN_COUNT) {
        import_reject(spec, count, fallback, n > COLUMN_COUNT ? "it has too many columns" : "it names no file");
        return ERR_OK;
    }
    if (item.photo[0] == '\0') item.photo = item.file;
    item.split = import_split(item.photo, spec->valid, spec->test, spec->seed);
    if (split[0] != '\0' && !parse_split(split, &item.split)) {
        import_reject(spec, count, item.file, "its split is not train, valid or test");
        return ERR_OK;
    }
    TRY(parse_boxes(&box, &item.n_boxes, field_of(columns, field, n, COLUMN_BOXES), &good));
    if (!good) {
        import_reject(spec, count, item.file, "its boxes are not written x,y,w,h;x,y,w,h;...");
        goto done;
    }
    item.box = box;
    TRY(import_add(writer, spec, count, &item));

done:
    mem_free(box);
    return err;
}

Err import_folder(DatasetWriter *writer, const ImportSpec *spec, ImportCount *count) {
    Err err = ERR_OK;
    char *path = NULL;
    TextFile table = {0};
    Columns columns;
    bool is_header = false;
    memset(count, 0, sizeof *count);
    if (spec->table != NULL)
        TRY(mem_strdup(&path, spec->table));
    else
        TRY(mem_printf(&path, "%s/labels.tsv", spec->from));
    TRY(textfile_read(&table, path, "table of labels"));
    FAIL_IF(table.n_lines == 0, ERR_DATA, "%s is empty, expected lines of file, text, boxes", path);
    TRY(read_header(&columns, table.line[0], path, &is_header));
    for (int64_t i = is_header ? 1 : 0; i < table.n_lines; i++) {
        if (table.line[i][0] == '\0') continue;
        TRY(add_line(writer, spec, count, &columns, table.line[i], i + 1));
    }

done:
    textfile_clear(&table);
    mem_free(path);
    return err;
}
