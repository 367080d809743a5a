/* What files hold may be anything: a question of three lines, a path in Latin-1, a name that moves the cursor. */
#include <string.h>

#include "harness/data/utf8.h"
#include "harness/report/table_build.h"

/* A line break or tab is a space; what else cannot be printed, U+FFFD. */
static Err clean(Pool *pool, const char **text) {
    static const char replacement[] = "\xef\xbf\xbd";
    Err err = ERR_OK;
    char *out = NULL;
    size_t n = *text == NULL ? 0 : strlen(*text), to = 0;
    if (*text == NULL) return ERR_OK;
    TRY(pool_alloc(pool, &out, n * (sizeof replacement - 1) + 1, 1));
    for (size_t at = 0; at < n;) {
        uint32_t c = 0;
        int bytes = utf8_decode(*text + at, n - at, &c);
        const char *from = *text + at;
        size_t len = bytes > 0 ? (size_t)bytes : 1;
        at += len;
        if (bytes > 0 && c != 0 && strchr("\t\n\r", c < 0x80 ? (int)c : 'x') != NULL) {
            from = " ";
        } else if (bytes == 0 || !utf8_is_printable(c)) {
            from = replacement;
            len = sizeof replacement - 1;
        }
        memcpy(out + to, from, len);
        to += len;
    }
    while (to > 0 && out[to - 1] == ' ') to--;
    out[to] = '\0';
    *text = out;
done:
    return err;
}

static Err clean_files(Table *table) {
    Err err = ERR_OK;
    for (size_t i = 0; i < table->n_files; i++) {
        TableFile *file = &table->file[i];
        const char **text[] = {&file->path,       &file->label,           &file->experiment,     &file->question,
                               &file->baseline,   &file->primary_variant, &file->primary_metric, &file->primary_set,
                               &file->primary_at, &file->tuning};
        for (size_t k = 0; k < sizeof text / sizeof *text; k++) TRY(clean(&table->pool, text[k]));
    }
done:
    return err;
}

static Err clean_row(Table *table, TableRow *row) {
    Err err = ERR_OK;
    const char **text[] = {&row->label, &row->name, &row->variant, &row->settings};
    for (size_t i = 0; i < sizeof text / sizeof *text; i++) TRY(clean(&table->pool, text[i]));
    for (size_t i = 0; i < row->n_settings; i++) TRY(clean(&table->pool, &row->setting[i]));
    for (size_t i = 0; i < row->n_failures; i++) TRY(clean(&table->pool, &row->failure[i].cause));
done:
    return err;
}

Err table_clean(Table *table) {
    Err err = ERR_OK;
    const char **text[] = {&table->title, &table->metric, &table->set, &table->at, &table->caption};
    for (size_t i = 0; i < sizeof text / sizeof *text; i++) TRY(clean(&table->pool, text[i]));
    TRY(clean_files(table));
    for (size_t i = 0; i < table->n_sections; i++) TRY(clean(&table->pool, &table->section[i].title));
    for (size_t i = 0; i < table->n_columns; i++) {
        const char **of[] = {&table->column[i].key, &table->column[i].header, &table->column[i].unit,
                             &table->column[i].metric};
        for (size_t k = 0; k < sizeof of / sizeof *of; k++) TRY(clean(&table->pool, of[k]));
    }
    for (size_t i = 0; i < table->n_rows; i++) TRY(clean_row(table, &table->row[i]));
    for (size_t i = 0; i < table->n_notes; i++) TRY(clean(&table->pool, &table->note[i]));
done:
    return err;
}
