/* The table of the page: the same model, figures and notes as `refocus table`. */
#include <inttypes.h>
#include <string.h>

#include "harness/report/layout.h"
#include "harness/report/markup.h"
#include "harness/report/pick.h"
#include "harness/report/webpage_parts.h"

static void put_label(const Web *web, size_t i) {
    const TableRow *row = &web->table->row[i];
    (void)fputs("<th scope=\"row\">", web->to);
    if (!row->is_chance) (void)fprintf(web->to, "<span class=\"swatch s%d\"></span>", web_series(web, i) % 7);
    markup_html(web->to, row->label);
    markup_html(web->to, layout_mark(row));
    (void)fputs("</th>", web->to);
}

static void put_value(FILE *to, const TableColumn *column, const TableValue *value) {
    char buf[VALUE_LEN];
    (void)fprintf(to, "<td%s>%s", column->is_words ? " class=\"words\"" : "", value->bold ? "<strong>" : "");
    markup_html(to, table_value_text(buf, column, value));
    (void)fputs(value->bold ? "</strong></td>" : "</td>", to);
}

static void put_section(const Web *web, const TableSection *section) {
    FILE *to = web->to;
    const Table *table = web->table;
    const size_t end = section->first + section->n;
    char buf[VALUE_LEN];
    (void)fputs("<div class=\"wide\" tabindex=\"0\" role=\"group\" aria-label=\"", to);
    markup_html(to, section->title);
    (void)fputs("\"><table><caption>", to);
    markup_html(to, section->title);
    (void)fputs("</caption><thead><tr><td></td>", to);
    for (size_t c = section->first; c < end; c++) {
        (void)fprintf(to, "<th scope=\"col\"%s>", table->column[c].is_words ? " class=\"words\"" : "");
        markup_html(to, table_header_text(buf, &table->column[c]));
        (void)fputs("</th>", to);
    }
    (void)fputs("</tr></thead>\n<tbody>\n", to);
    for (size_t i = 0; i < table->n_rows; i++) {
        if (!layout_shows(&table->row[i], section->first, end)) continue;
        (void)fputs("<tr>", to);
        put_label(web, i);
        for (size_t c = section->first; c < end; c++) put_value(to, &table->column[c], &table->row[i].value[c]);
        (void)fputs("</tr>\n", to);
    }
    (void)fputs("</tbody></table></div>\n", to);
}

void web_tables(const Web *web) {
    const Table *table = web->table;
    (void)fputs(
        "<section id=\"tables\" aria-labelledby=\"tables-title\">\n<h2 id=\"tables-title\">All figures</h2>\n<p>",
        web->to);
    markup_html(web->to, table->caption);
    (void)fputs("</p>\n", web->to);
    for (size_t i = 0; i < table->n_sections; i++) put_section(web, &table->section[i]);
    (void)fputs("<ul class=\"notes\">\n", web->to);
    for (size_t i = 0; i < table->n_notes; i++) {
        (void)fputs("<li>", web->to);
        markup_html(web->to, table->note[i]);
        (void)fputs("</li>\n", web->to);
    }
    (void)fputs("</ul>\n</section>\n", web->to);
}

/* ---- settings in which rows differ ---- */

void web_settings(const Web *web) {
    FILE *to = web->to;
    if (!layout_has_settings(web->table)) return;
    (void)fputs(
        "<section id=\"settings\" aria-labelledby=\"settings-title\">\n<h2 id=\"settings-title\">What differs</h2>\n"
        "<dl class=\"settings\">\n",
        to);
    for (size_t i = 0; i < web->n_rows; i++) {
        const TableRow *row = &web->table->row[i];
        (void)fprintf(to, "<dt><span class=\"swatch s%d\"></span>", web_series(web, i) % 7);
        markup_html(to, row->label);
        (void)fputs("</dt><dd>", to);
        for (size_t k = 0; k < row->n_settings; k++) {
            (void)fputs(k > 0 ? " <code>" : "<code>", to);
            markup_html(to, row->setting[k]);
            (void)fputs("</code>", to);
        }
        (void)fputs(row->n_settings == 0 ? "defaults</dd>\n" : "</dd>\n", to);
    }
    (void)fputs("</dl>\n<p class=\"quiet\">All other settings are the same. Defaults are left out.</p>\n</section>\n",
                to);
}

/* ---- cells without figures ---- */

void web_failures(const Web *web) {
    FILE *to = web->to;
    size_t n = 0;
    for (size_t i = 0; i < web->n_rows; i++) n += web->table->row[i].n_failures;
    if (n == 0) return;
    (void)fprintf(
        to,
        "<section id=\"unfinished\" aria-labelledby=\"unfinished-title\">\n<h2 id=\"unfinished-title\">Without "
        "figures: %zu of %zu cells</h2>\n<div class=\"wide\" tabindex=\"0\" role=\"group\" aria-label=\"Cells "
        "without figures\"><table><thead><tr><th scope=\"col\" class=\"words\">cell</th><th scope=\"col\" "
        "class=\"words\">outcome</th><th scope=\"col\" class=\"words\">cause</th></tr></thead>\n<tbody>\n",
        n, web->n_cells);
    for (size_t i = 0; i < web->n_rows; i++) {
        const TableRow *row = &web->table->row[i];
        for (size_t k = 0; k < row->n_failures; k++) {
            const TableFailure *failure = &row->failure[k];
            (void)fprintf(to, "<tr><th scope=\"row\"><span class=\"swatch s%d\"></span>", web_series(web, i) % 7);
            markup_html(to, row->label);
            (void)fprintf(to, ", seed %" PRId64 "</th><td class=\"words\">%s</td><td class=\"words\">", failure->seed,
                          pick_status(failure->status));
            markup_html(to, failure->cause != NULL && failure->cause[0] != '\0' ? failure->cause : "–");
            (void)fputs("</td></tr>\n", to);
        }
    }
    (void)fputs("</tbody></table></div>\n</section>\n", to);
}
