/* Reads what the page shows, and lays its sections out. */
#include "harness/report/webpage.h"

#include <math.h>
#include <string.h>

#include <nettle/sha2.h>

#include "harness/data/outfile.h"
#include "harness/report/markup.h"
#include "harness/report/pick.h"
#include "harness/report/webpage_parts.h"
#include "kernels/mem.h"

static const unsigned char style[] = {
#include "gen/webpage_css.inc"
};

static const unsigned char script[] = {
#include "gen/webpage_js.inc"
};

#define DOCTYPE "<!DOCTYPE html>"
static const OutputKind output_html = {"HTML page of refocus", DOCTYPE, sizeof DOCTYPE - 1};

void web_number(FILE *to, double value, int digits) {
    if (isfinite(value))
        (void)fprintf(to, "%.*g", digits, value);
    else
        (void)fputs("null", to);
}

int web_series(const Web *web, size_t row) {
    int series = 1;
    if (web->table->row[row].is_baseline) return 0;
    for (size_t i = 0; i < row; i++) series += !web->table->row[i].is_baseline;
    return series;
}

/* ---- what is read ---- */

static Err read_cells(Web *web) {
    const unsigned parts =
        (unsigned)PART_CURVES | (unsigned)PART_EVALUATION | (unsigned)PART_VOLATILE | (unsigned)PART_PROVENANCE;
    Err err = ERR_OK;
    TRY(mem_alloc(&web->cell, results_count(web->results), sizeof *web->cell));
    for (size_t i = 0; i < results_count(web->results); i++, web->n_cells++)
        if (results_cell(web->results, i)->status != CELL_MISSING)
            TRY(results_read(web->results, i, parts, &web->cell[i]));
done:
    return err;
}

/* The cells' rows in the order of their first cells: the table's. */
static Err gather_rows(Web *web) {
    Err err = ERR_OK;
    char *label = NULL;
    TRY(pool_alloc(&web->pool, &web->row, web->n_cells, sizeof *web->row));
    for (size_t i = 0; i < web->n_cells; i++) {
        const CellRecord *cell = results_cell(web->results, i);
        size_t k = 0;
        TRY(pick_label(&label, cell));
        while (k < web->n_rows && strcmp(web->row[k].label, label) != 0) k++;
        WebRow *row = &web->row[k];
        if (k == web->n_rows) {
            row->shown = i;
            TRY(pool_text(&web->pool, &row->label, label));
            web->n_rows++;
        } else if (cell->status == CELL_DONE && results_cell(web->results, row->shown)->status != CELL_DONE) {
            row->shown = i;
        }
        mem_free(label);
        label = NULL;
    }
    ASSERT(web->n_rows <= web->table->n_rows);
done:
    mem_free(label);
    return err;
}

/* ---- what is written ---- */

/* The browser itself refuses whatever a name might bring in: only this script runs, and nothing is fetched. */
static void put_policy(FILE *to) {
    struct sha256_ctx state;
    uint8_t digest[SHA256_DIGEST_SIZE];
    sha256_init(&state);
    sha256_update(&state, sizeof script, script);
    sha256_digest(&state, sizeof digest, digest);
    (void)fputs("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; "
                "style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; script-src 'sha256-",
                to);
    markup_base64(to, digest, sizeof digest);
    (void)fputs("'\">\n", to);
}

static void put_head(const Web *web) {
    FILE *to = web->to;
    (void)fputs(DOCTYPE "\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n", to);
    put_policy(to);
    (void)fputs("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                "<meta name=\"color-scheme\" content=\"light dark\">\n<title>",
                to);
    markup_html(to, web->table->title[0] != '\0' ? web->table->title : "refocus");
    (void)fputs(": report</title>\n<style>\n", to);
    (void)fwrite(style, 1, sizeof style, to);
    (void)fputs("</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#main\">To the answer</a>\n", to);
}

/* Sections that the script fills stay hidden where it does not run. */
static void put_drawn(FILE *to, const char *id, const char *title) {
    (void)fprintf(to,
                  "<section id=\"%s\" class=\"drawn\" hidden aria-labelledby=\"%s-title\">\n<h2 id=\"%s-title\">%s"
                  "</h2>\n</section>\n",
                  id, id, id, title);
}

static Err put_data(const Web *web) {
    Err err = ERR_OK;
    FILE *to = web->to;
    (void)fputs("<script type=\"application/json\" id=\"data\">\n{\"rows\":[", to);
    for (size_t i = 0; i < web->n_rows; i++) {
        (void)fputs(i > 0 ? ",{\"label\":" : "{\"label\":", to);
        markup_json(to, web->row[i].label);
        (void)fprintf(to, ",\"series\":%d}", web_series(web, i));
    }
    (void)fputs("],\n\"curves\":[", to);
    TRY(web_curves(web));
    (void)fputs("],\n\"attention\":", to);
    TRY(web_attention(web));
    (void)fputs(",\n\"memory\":[", to);
    TRY(web_memory(web));
    (void)fputs("]}\n</script>\n", to);
done:
    return err;
}

static Err put_page(const Web *web) {
    Err err = ERR_OK;
    FILE *to = web->to;
    put_head(web);
    (void)fputs("<main id=\"main\">\n", to);
    web_answer(web);
    web_failures(web);
    web_settings(web);
    (void)fputs("<noscript><p class=\"quiet\">Curves, attention and memory are drawn by the script of this page, which "
                "does not run here.</p></noscript>\n",
                to);
    put_drawn(to, "attention", "Where it looks");
    put_drawn(to, "curves", "Training");
    web_tables(web);
    put_drawn(to, "memory", "Memory of one step");
    web_about(web);
    (void)fputs("</main>\n", to);
    TRY(put_data(web));
    (void)fputs("<script>", to);
    (void)fwrite(script, 1, sizeof script, to);
    (void)fputs("</script>\n</body>\n</html>\n", to);
done:
    return err;
}

static Err write_file(Web *web, const char *path) {
    Err err = ERR_OK;
    Outfile out = {0};
    TRY(outfile_open(&out, path, &output_html));
    web->to = out.file;
    TRY(put_page(web));
    TRY(outfile_finish(&out));
done:
    outfile_discard(&out);
    return err;
}

Err webpage_write(const Results *results, const char *path, bool mixed_code) {
    Err err = ERR_OK;
    Web web = {.results = results, .info = results_info(results)};
    const TableOptions options = {.mixed_code = mixed_code};
    TRY(table_build(&web.table, &results, 1, &options));
    TRY(read_cells(&web));
    TRY(gather_rows(&web));
    TRY(write_file(&web, path));
done:
    for (size_t i = 0; i < web.n_cells; i++) record_free(web.cell[i]);
    mem_free(web.cell);
    table_free(web.table);
    pool_clear(&web.pool);
    return err;
}
