/* The page under construction, shared by webpage.c (reads, lays out) and its parts, one per section. Text of the files
 * is written by markup_html and markup_json alone. The parts that a reader must see stand in the HTML; what moves is
 * data, JSON in a script element, that webpage*.js draws. A failed write shows in ferror(to). */
#ifndef HARNESS_REPORT_WEBPAGE_PARTS_H
#define HARNESS_REPORT_WEBPAGE_PARTS_H

#include <stdio.h>

#include "harness/grid/pool.h"
#include "harness/record/results.h"
#include "harness/report/table.h"

/* A row of the table, uniform attention apart: row i is table->row[i]. */
typedef struct WebRow {
    const char *label; /* as curves have it */
    size_t shown;      /* cell whose memory and attention stand for the row: its first done one, else its first */
} WebRow;

typedef struct Web {
    Pool pool;
    FILE *to;
    const Results *results;
    const ResultsInfo *info;
    Table *table;
    size_t n_cells;
    CellRecord **cell; /* [n_cells] curves, evaluations, times, provenance; NULL = no result yet */
    size_t n_rows;
    WebRow *row;
} Web;

/* Colours are given by row: the baseline's is ink. The index of a CSS class. */
int web_series(const Web *web, size_t row);

/* ---- HTML ---- */
void web_answer(const Web *web);   /* question, and per row the difference with its verdict, memory, time */
void web_settings(const Web *web); /* in which rows differ */
void web_tables(const Web *web);   /* all sections of the table, and its notes */
void web_failures(const Web *web); /* cells without figures, and why */
void web_about(const Web *web);    /* commands, environment, grid */

/* ---- JSON ---- */
Err web_curves(const Web *web) MUST_CHECK;
Err web_attention(const Web *web) MUST_CHECK;
Err web_memory(const Web *web) MUST_CHECK;

/* A number with so many significant digits; null for what is not finite. */
void web_number(FILE *to, double value, int digits);

#endif
