/* Tables for a paper: booktabs, one float per section, since a page does not hold them all. A section that the page is
 * too narrow for is cut into tabulars, one below the other. */
#include <ctype.h>

#include "harness/report/format.h"
#include "harness/report/latex.h"
#include "harness/report/layout.h"

/* Characters of \footnotesize that fit side by side on a page of one column. */
enum { LINE = 84 };

static void put_label(FILE *to, const TableRow *row, const char *mark) {
    latex_text(to, row->label);
    latex_text(to, mark);
}

static void put_value(FILE *to, const TableColumn *column, const TableValue *value) {
    if (value->bold) (void)fputs("\\textbf{", to);
    latex_value(to, column, value);
    if (value->bold) (void)fputc('}', to);
}

static void put_block(FILE *to, const Table *table, size_t from, size_t until) {
    char buf[VALUE_LEN];
    (void)fputs("\\begin{tabular}{@{}l", to);
    for (size_t c = from; c < until; c++) (void)fputc(table->column[c].is_words ? 'l' : 'r', to);
    (void)fputs("@{}}\n\\toprule\n", to);
    for (size_t c = from; c < until; c++) {
        (void)fputs(" & ", to);
        latex_text(to, table_header_text(buf, &table->column[c]));
    }
    (void)fputs(" \\\\\n\\midrule\n", to);
    for (size_t i = 0; i < table->n_rows; i++) {
        const TableRow *row = &table->row[i];
        if (!layout_shows(row, from, until)) continue;
        put_label(to, row, layout_mark(row));
        for (size_t c = from; c < until; c++) {
            (void)fputs(" & ", to);
            put_value(to, &table->column[c], &row->value[c]);
        }
        (void)fputs(" \\\\\n", to);
    }
    (void)fputs("\\bottomrule\n\\end{tabular}\n\n\\medskip\n", to);
}

/* Of the first float: the question or questions, and what the figures are. */
static void put_questions(FILE *to, const Table *table) {
    for (size_t i = 0; i < table->n_files; i++) {
        if (table->file[i].question[0] == '\0') continue;
        if (table->n_files > 1) latex_text(to, table->file[i].label);
        if (table->n_files > 1) (void)fputs(": ", to);
        latex_text(to, table->file[i].question);
        (void)fputc(' ', to);
    }
    latex_text(to, table->caption);
}

static void put_caption(FILE *to, const Table *table, size_t i) {
    const TableSection *section = &table->section[i];
    (void)fputs("\\caption{", to);
    latex_text(to, section->title);
    if (section->title[0] != '\0') (void)fputs(i == 0 ? ". " : ".", to);
    if (i == 0) put_questions(to, table);
    (void)fputs("}\n\\label{tab:", to); /* of what every engine takes in a label */
    for (const char *c = table->title; *c != '\0'; c++) (void)fputc(isalnum((unsigned char)*c) ? *c : '-', to);
    if (table->n_sections > 1) (void)fprintf(to, "-%zu", i + 1);
    (void)fputs("}\n", to);
}

static void put_blocks(FILE *to, const Table *table, const TableSection *section) {
    const size_t end = section->first + section->n, label = layout_label_width(table, section->first, end);
    for (size_t from = section->first, until = 0; from < end; from = until) {
        until = layout_block_end(table, section, from, label, LINE);
        put_block(to, table, from, until);
    }
}

static void put_settings(FILE *to, const Table *table) {
    (void)fputs(
        "\\begin{tabular}{@{}lp{0.7\\linewidth}@{}}\n\\toprule\n\\multicolumn{2}{@{}l@{}}{Settings in which the "
        "rows differ (defaults are left out)} \\\\\n\\midrule\n",
        to);
    for (size_t i = 0; i < table->n_rows; i++) {
        const TableRow *row = &table->row[i];
        if (row->is_chance) continue;
        put_label(to, row, "");
        (void)fputs(" & \\raggedright ", to);
        if (row->n_settings == 0) (void)fputs("--", to);
        for (size_t k = 0; k < row->n_settings; k++) {
            (void)fputs(k > 0 ? ", \\texttt{" : "\\texttt{", to);
            latex_text(to, row->setting[k]);
            (void)fputc('}', to);
        }
        (void)fputs(" \\tabularnewline\n", to);
    }
    (void)fputs("\\bottomrule\n\\end{tabular}\n\n\\medskip\n", to);
}

static void put_notes(FILE *to, const Table *table) {
    if (table->n_notes == 0) return;
    (void)fputs("\\begin{minipage}{\\linewidth}\\raggedright\n", to);
    for (size_t i = 0; i < table->n_notes; i++) {
        latex_text(to, table->note[i]);
        (void)fputs("\\par\n", to);
    }
    (void)fputs("\\end{minipage}\n", to);
}

static Err write_latex(FILE *to, const Table *table) {
    (void)fputs("% refocus table --format latex; needs \\usepackage{booktabs}\n", to);
    for (size_t i = 0; i < table->n_sections; i++) {
        (void)fputs("\\begin{table}[tbp]\n\\centering\\footnotesize\\setlength{\\tabcolsep}{4pt}\n", to);
        put_caption(to, table, i);
        if (i == 0 && layout_has_settings(table)) put_settings(to, table);
        put_blocks(to, table, &table->section[i]);
        if (i + 1 == table->n_sections) put_notes(to, table);
        (void)fputs("\\end{table}\n", to);
    }
    return ERR_OK;
}

const Format format_latex = {.name = "latex", .table = write_latex};
