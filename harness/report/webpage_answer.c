/* The first screen: the question, the answer in words, and what each row gains and costs. */
#include <math.h>
#include <string.h>

#include "harness/report/markup.h"
#include "harness/report/pick.h"
#include "harness/report/stats.h"
#include "harness/report/webpage_parts.h"

/* Width and height of an interval's picture, in its own units. */
enum { WIDE = 260, HIGH = 34, EDGE = 8 };

/* What the columns of the table hold for one row, and how differences are drawn. */
typedef struct Answer {
    const Web *web;
    const TableColumn *metric, *difference, *verdict, *planned, *step, *ratio; /* NULL = not there */
    double low, high;                                                          /* the scale of the pictures */
} Answer;

static const TableColumn *find_column(const Table *table, const char *key) {
    for (size_t i = 0; i < table->n_columns; i++)
        if (strcmp(table->column[i].key, key) == 0) return &table->column[i];
    return NULL;
}

/* The value in a column that may not be there. */
static TableValue value_of(const Answer *answer, const TableRow *row, const TableColumn *column) {
    if (column == NULL) return (TableValue){.kind = VALUE_NONE};
    return row->value[column - answer->web->table->column];
}

static void put_value(const Answer *answer, const TableRow *row, const TableColumn *column) {
    char buf[VALUE_LEN];
    const TableValue value = value_of(answer, row, column);
    markup_html(answer->web->to, column != NULL ? table_value_text(buf, column, &value) : "–");
}

static bool has_number(const TableValue *value) { return value->kind > VALUE_TEXT && isfinite(value->mean); }

/* ---- the interval ---- */

static void widen(Answer *answer, double value) {
    if (!isfinite(value)) return;
    answer->low = fmin(answer->low, value);
    answer->high = fmax(answer->high, value);
}

static void choose_scale(Answer *answer) {
    const Table *table = answer->web->table;
    for (size_t i = 0; i < answer->web->n_rows; i++) {
        const TableValue value = value_of(answer, &table->row[i], answer->difference);
        if (!has_number(&value)) continue;
        widen(answer, value.mean);
        widen(answer, value.low);
        widen(answer, value.high);
    }
    widen(answer, table->file[0].margin);
    widen(answer, -table->file[0].margin);
    if (answer->high == answer->low) answer->high = answer->low + 1;
}

static double place(const Answer *answer, double value) {
    return EDGE + (value - answer->low) / (answer->high - answer->low) * (WIDE - 2 * EDGE);
}

/* Zero, the margin around it, the interval and the mean; the words beside it say the same. */
static void put_interval(const Answer *answer, size_t i) {
    FILE *to = answer->web->to;
    const TableValue value = value_of(answer, &answer->web->table->row[i], answer->difference);
    const double margin = answer->web->table->file[0].margin, middle = HIGH / 2.0;
    if (!has_number(&value)) return;
    (void)fprintf(to, "<svg class=\"interval s%d\" viewBox=\"0 0 %d %d\" aria-hidden=\"true\">",
                  web_series(answer->web, i) % 7, WIDE, HIGH);
    if (margin > 0)
        (void)fprintf(to, "<rect class=\"margin\" x=\"%.1f\" y=\"0\" width=\"%.1f\" height=\"%d\"/>",
                      place(answer, -margin), place(answer, margin) - place(answer, -margin), HIGH);
    (void)fprintf(to, "<path class=\"zero\" d=\"M%.1f 0V%d\"/>", place(answer, 0), HIGH);
    if (isfinite(value.low))
        (void)fprintf(to, "<path class=\"span\" d=\"M%.1f %.1fv8m0-4H%.1fm0-4v8\"/>", place(answer, value.low),
                      middle - 4, place(answer, value.high));
    (void)fprintf(to, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"5\"/></svg>", place(answer, value.mean), middle);
}

/* ---- words ---- */

static void put_undecided(const Answer *answer, const TableValue *difference) {
    FILE *to = answer->web->to;
    const TableFile *file = &answer->web->table->file[0];
    const double smallest = fmin(1, stats_smallest_p(difference->n) * (double)file->n_comparisons);
    if (smallest >= 0.05)
        (void)fprintf(to, "%zu pairs of seeds are too few for any p below 0.05", difference->n);
    else if (difference->low > 0 || difference->high < 0)
        (void)fputs("the interval excludes zero, but p after Holm does not stay below 0.05", to);
    else if (file->margin > 0)
        (void)fprintf(to, "the interval holds zero and reaches beyond the margin of ±%g", file->margin);
    else
        (void)fputs("the interval holds zero", to);
}

/* Why the verdict is what it is. */
static void put_reason(const Answer *answer, const char *verdict, const TableValue *difference) {
    FILE *to = answer->web->to;
    const TableFile *file = &answer->web->table->file[0];
    if (strcmp(verdict, verdict_name(VERDICT_BETTER)) == 0 || strcmp(verdict, verdict_name(VERDICT_WORSE)) == 0)
        (void)fputs("the interval excludes zero, and p after Holm is below 0.05", to);
    else if (strcmp(verdict, verdict_name(VERDICT_EQUIVALENT)) == 0)
        (void)fprintf(to, "no gain above the margin of %g in these settings", file->margin);
    else
        put_undecided(answer, difference);
}

static void put_states(FILE *to, const TableRow *row) {
    bool any = false;
    for (int status = 0; status < CELL_STATUS_COUNT; status++) {
        if (status == CELL_DONE || row->count[status] == 0) continue;
        (void)fprintf(to, "%s%zu of %zu %s", any ? ", " : "", row->count[status], row->n_cells,
                      pick_status((CellStatus)status));
        any = true;
    }
}

static void put_verdict(const Answer *answer, size_t i) {
    FILE *to = answer->web->to;
    const TableRow *row = &answer->web->table->row[i];
    const TableValue verdict = value_of(answer, row, answer->verdict);
    const TableValue difference = value_of(answer, row, answer->difference);
    if (row->count[CELL_DONE] == 0) {
        (void)fputs("<b class=\"none\">no figures</b>", to);
    } else if (row->is_baseline) {
        (void)fputs("<b class=\"none\">the baseline</b>", to);
    } else if (verdict.kind == VALUE_TEXT) {
        (void)fprintf(to, "<b class=\"%s\">%s</b> <span class=\"why\">", verdict.text, verdict.text);
        put_reason(answer, verdict.text, &difference);
        (void)fputs("</span>", to);
    } else {
        (void)fputs("<b class=\"none\">no verdict</b> <span class=\"why\">", to);
        (void)fputs(difference.n == 1 ? "one pair has no interval" : "no comparison was declared before the runs", to);
        (void)fputs("</span>", to);
    }
    if (row->count[CELL_DONE] == row->n_cells) return;
    (void)fputs(" <a class=\"why\" href=\"#unfinished\">", to);
    put_states(to, row);
    (void)fputs("</a>", to);
}

/* ---- cost ---- */

static void put_memory(const Answer *answer, const TableRow *row) {
    FILE *to = answer->web->to;
    const TableValue own = value_of(answer, row, answer->planned);
    const TableValue base = value_of(answer, &answer->web->table->row[row->baseline], answer->planned);
    put_value(answer, row, answer->planned);
    if (has_number(&own)) (void)fputs(" MiB", to);
    if (row->is_baseline || !has_number(&own) || !has_number(&base)) return;
    const double added = own.mean - base.mean;
    (void)fputs("<span class=\"why\">", to);
    if (fabs(added) < 0.05)
        (void)fputs("no change", to);
    else
        (void)fprintf(to, "%+.1f MiB, %.2f×", added, own.mean / base.mean);
    (void)fputs("</span>", to);
}

static void put_time(const Answer *answer, const TableRow *row) {
    FILE *to = answer->web->to;
    const TableValue ratio = value_of(answer, row, answer->ratio), step = value_of(answer, row, answer->step);
    const bool relative = !row->is_baseline && has_number(&ratio);
    if (relative) put_value(answer, row, answer->ratio);
    if (relative && has_number(&step)) (void)fputs("<span class=\"why\">", to);
    if (!relative || has_number(&step)) put_value(answer, row, answer->step);
    if (has_number(&step)) (void)fputs(" ms/step", to);
    if (relative && has_number(&step)) (void)fputs("</span>", to);
}

/* ---- the table ---- */

static void put_row(const Answer *answer, size_t i) {
    FILE *to = answer->web->to;
    const TableRow *row = &answer->web->table->row[i];
    (void)fprintf(to, "<tr class=\"%s\" data-row=\"", row->is_primary ? "primary" : row->is_baseline ? "baseline" : "");
    markup_html(to, row->name);
    (void)fprintf(to, "\"><th scope=\"row\"><span class=\"swatch s%d\"></span>", web_series(answer->web, i) % 7);
    markup_html(to, row->label);
    (void)fputs("</th><td class=\"difference\" data-label=\"difference\">", to);
    if (row->is_baseline || answer->difference == NULL) {
        put_value(answer, row, answer->metric);
    } else {
        (void)fputs("<span class=\"figure\">", to);
        put_value(answer, row, answer->difference);
        (void)fputs("</span>", to);
        put_interval(answer, i);
    }
    (void)fputs("</td><td class=\"verdict\" data-label=\"verdict\">", to);
    put_verdict(answer, i);
    (void)fputs("</td><td class=\"cost memory-cost\" data-label=\"memory\">", to);
    put_memory(answer, row);
    (void)fputs("</td><td class=\"cost time-cost\" data-label=\"time\">", to);
    put_time(answer, row);
    (void)fputs("</td></tr>\n", to);
}

/* The sentence that a reader in a hurry takes along: of the declared comparison, if it is of one row. */
static void put_headline(const Answer *answer) {
    const Web *web = answer->web;
    FILE *to = web->to;
    const TableRow *primary = NULL;
    for (size_t i = 0; i < web->n_rows; i++) {
        if (!web->table->row[i].is_primary) continue;
        if (primary != NULL) return;
        primary = &web->table->row[i];
    }
    if (primary == NULL || answer->difference == NULL) return;
    const TableValue verdict = value_of(answer, primary, answer->verdict);
    const TableValue difference = value_of(answer, primary, answer->difference);
    if (!has_number(&difference)) return;
    (void)fputs("<p class=\"headline\"><b>", to);
    markup_html(to, primary->label);
    (void)fputs("</b> against ", to);
    markup_html(to, web->table->file[0].baseline != NULL ? web->table->file[0].baseline : "the baseline");
    (void)fputs(": ", to);
    markup_html(to, web->table->metric);
    (void)fputs(" <b>", to);
    put_value(answer, primary, answer->difference);
    (void)fprintf(to, "</b>, <b>%s</b>.</p>\n", verdict.kind == VALUE_TEXT ? verdict.text : "no verdict");
}

static void put_lead(const Answer *answer) {
    const Table *table = answer->web->table;
    FILE *to = answer->web->to;
    (void)fputs("<p class=\"lead\">", to);
    if (table->file[0].n_pairs > 0) {
        markup_html(to, answer->verdict != NULL ? "The comparison declared before the runs: difference in "
                                                : "Difference in ");
        markup_html(to, table->metric);
        (void)fprintf(to, " over %zu pair%s of equal seeds, with its 95 %% interval. ", table->file[0].n_pairs,
                      table->file[0].n_pairs == 1 ? "" : "s");
    }
    markup_html(to, table->caption);
    (void)fputs("</p>\n", to);
}

void web_answer(const Web *web) {
    const Table *table = web->table;
    const char *question = table->file[0].question;
    char key[VALUE_LEN];
    Answer answer = {.web = web,
                     .metric = find_column(table, table->metric),
                     .verdict = find_column(table, "verdict"),
                     .planned = find_column(table, "planned_mib"),
                     .step = find_column(table, "ms_per_step"),
                     .ratio = find_column(table, "time_ratio")};
    (void)snprintf(key, sizeof key, "%s_difference", table->metric);
    answer.difference = find_column(table, key);
    choose_scale(&answer);
    (void)fputs("<header>\n<p class=\"kicker\">", web->to);
    markup_html(web->to, table->title);
    (void)fputs("</p>\n<h1>", web->to);
    markup_html(web->to, question[0] != '\0' ? question : "What does each variant change?");
    (void)fputs("</h1>\n", web->to);
    put_headline(&answer);
    put_lead(&answer);
    (void)fputs("</header>\n<section id=\"answer\" aria-label=\"The answer\">\n<table class=\"answer\">\n<thead><tr>"
                "<th scope=\"col\">variant</th><th scope=\"col\">",
                web->to);
    markup_html(web->to, answer.difference != NULL ? "difference in " : "");
    markup_html(web->to, table->metric);
    (void)fputs("</th><th scope=\"col\">verdict</th><th scope=\"col\">memory, planned</th><th scope=\"col\">time"
                "</th></tr></thead>\n<tbody>\n",
                web->to);
    for (size_t i = 0; i < web->n_rows; i++) put_row(&answer, i);
    (void)fputs("</tbody>\n</table>\n</section>\n", web->to);
}
