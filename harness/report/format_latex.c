/* A table for a paper: booktabs. A section that a page is too narrow for is cut into tabulars, one below the other. */
#include <ctype.h>
#include <string.h>

#include "harness/report/format.h"
#include "harness/report/latex.h"
#include "harness/report/layout.h"

/* Characters of \small that fit side by side on a page of one column. */
enum { LINE = 88 };

static void put_label(FILE *to, const TableRow *row, const char *mark) {
    latex_text(to, row->label);
    latex_text(to, mark);
}

static void put_value(FILE *to, const TableColumn *column, const TableValue *value) {
    if (value->bold) (void)fputs("\\textbf{", to);
    latex_value(to, column, value);
    if (value->bold) (void)fputc('}', to);
}

static void put_block(FILE *to, const Table *table, const char *title, size_t from, size_t until) {
    char buf[VALUE_LEN];
    (void)fputs("\\begin{tabular}{@{}l", to);
    for (size_t c = from; c < until; c++) (void)fputc(table->column[c].is_words ? 'l' : 'r', to);
    (void)fputs("@{}}\n\\toprule\n", to);
    if (title[0] != '\0') {
        (void)fprintf(to, "\\multicolumn{%zu}{@{}l@{}}{", 1 + until - from);
        latex_text(to, title);
        (void)fputs("} \\\\\n\\midrule\n", to);
    }
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

static void put_section(FILE *to, const Table *table, const TableSection *section) {
    const size_t end = section->first + section->n, label = layout_label_width(table, section->first, end);
    for (size_t from = section->first, until = 0; from < end; from = until) {
        until = layout_block_end(table, section, from, label, LINE);
        put_block(to, table, from == section->first ? section->title : "", from, until);
    }
}

static void put_settings(FILE *to, const Table *table) {
    if (!layout_has_settings(table)) return;
    (void)fputs(
        "\\begin{tabular}{@{}lp{0.6\\linewidth}@{}}\n\\toprule\n\\multicolumn{2}{@{}l@{}}{Settings in which the "
        "rows differ} \\\\\n\\midrule\n",
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

/* The question or questions, and what the figures are. The label has what every engine takes in one. */
static void put_caption(FILE *to, const Table *table) {
    (void)fputs("\\caption{", to);
    for (size_t i = 0; i < table->n_files; i++) {
        if (table->file[i].question[0] == '\0') continue;
        if (table->n_files > 1) latex_text(to, table->file[i].label);
        if (table->n_files > 1) (void)fputs(": ", to);
        latex_text(to, table->file[i].question);
        (void)fputc(' ', to);
    }
    latex_text(to, table->caption);
    (void)fputs("}\n\\label{tab:", to);
    for (const char *c = table->title; *c != '\0'; c++)
        (void)fputc(isalnum((unsigned char)*c) && (unsigned char)*c < 0x80 ? *c : '-', to);
    (void)fputs("}\n", to);
}

static Err write_latex(FILE *to, const Table *table) {
    (void)fputs(
        "% refocus table --format latex; needs \\usepackage{booktabs}\n\\begin{table}[tbp]\n\\centering\\small\n", to);
    put_caption(to, table);
    put_settings(to, table);
    for (size_t i = 0; i < table->n_sections; i++) put_section(to, table, &table->section[i]);
    if (table->n_notes > 0) (void)fputs("\\begin{minipage}{\\linewidth}\\footnotesize\\raggedright\n", to);
    for (size_t i = 0; i < table->n_notes; i++) {
        latex_text(to, table->note[i]);
        (void)fputs("\\par\n", to);
    }
    if (table->n_notes > 0) (void)fputs("\\end{minipage}\n", to);
    (void)fputs("\\end{table}\n", to);
    return ERR_OK;
}

const Format format_latex = {.name = "latex", .table = write_latex};
