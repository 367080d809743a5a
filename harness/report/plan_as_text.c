/* Plans for a terminal. */
#include "harness/report/plan_format.h"
#include "harness/report/plan_listing.h"
#include "harness/report/width.h"
#include "harness/terminal.h"

static Err put_rows(FILE *to, const PlanTable *table) {
    Err err = ERR_OK;
    Listing listing = {0};
    TRY(plan_list_rows(&listing, table));
    const size_t written = listing_text(to, &listing, terminal_columns(to));
    if (written == listing.n_columns) goto done;
    (void)fputs("(a wider terminal or --format csv shows", to);
    for (size_t c = written; c < listing.n_columns; c++)
        (void)fprintf(to, "%s %s", c > written ? "," : "", listing.header[c]);
    (void)fputs(")\n", to);
done:
    listing_clear(&listing);
    return err;
}

static Err put_listing(FILE *to, const PlanTable *table, Err (*list)(Listing *, const PlanTable *), int page) {
    Listing listing = {0};
    Err err = list(&listing, table);
    if (err == ERR_OK) (void)listing_text(to, &listing, page);
    listing_clear(&listing);
    return err;
}

static Err put_groups(FILE *to, const PlanTable *table) {
    Err err = ERR_OK;
    char text[PLAN_TEXT];
    const int columns = terminal_columns(to);
    TRY(put_listing(to, table, plan_list_groups, columns));
    if (table->n_over == 0) goto done;
    (void)fprintf(to, "\n%s\n", plan_over_text(table, text));
    TRY(put_listing(to, table, plan_list_frontiers, columns));
done:
    return err;
}

static Err put_notes(FILE *to, const PlanTable *table) {
    Err err = ERR_OK;
    Pool pool = {0};
    const char **note = NULL;
    size_t n = 0;
    TRY(plan_notes(&pool, &note, &n, table));
    if (n > 0) (void)fputc('\n', to);
    for (size_t i = 0; i < n; i++) text_wrap(to, text_page(to), note[i], 0, 2);
done:
    pool_clear(&pool);
    return err;
}

static Err write_table(FILE *to, const PlanTable *table, bool summary) {
    Err err = ERR_OK;
    const bool groups = plan_has_groups(table);
    if (!summary || !groups) TRY(put_rows(to, table));
    if (!summary && groups) (void)fputc('\n', to);
    if (groups) TRY(put_groups(to, table));
    TRY(put_notes(to, table));
done:
    return err;
}

/* ---- why ---- */

static Err put_why_listing(FILE *to, const PlanWhy *why, Err (*list)(Listing *, const PlanWhy *)) {
    Listing listing = {0};
    Err err = list(&listing, why);
    if (err == ERR_OK) (void)listing_text(to, &listing, terminal_columns(to));
    listing_clear(&listing);
    return err;
}

static Err put_why(FILE *to, const PlanTable *table, const PlanWhy *why) {
    Err err = ERR_OK;
    Pool pool = {0};
    const char **line = NULL;
    size_t n = 0;
    TRY(plan_why_head(&pool, &line, &n, table, why));
    for (size_t i = 0; i < n; i++) text_wrap(to, text_page(to), line[i], 0, 2);
    (void)fputc('\n', to);
    TRY(put_why_listing(to, why, plan_why_tensors));
    (void)fputc('\n', to);
    TRY(put_why_listing(to, why, plan_why_sums));
    (void)fprintf(to, "\nlive bytes, op by op:\n");
    plan_why_timeline(to, why, text_page(to));
    (void)fputc('\n', to);
    TRY(plan_why_tail(&pool, &line, &n, why));
    for (size_t i = 0; i < n; i++) text_wrap(to, text_page(to), line[i], 0, 2);
done:
    pool_clear(&pool);
    return err;
}

static Err write_why(FILE *to, const PlanTable *table, const PlanWhy *why, size_t n) {
    Err err = ERR_OK;
    for (size_t i = 0; i < n; i++) {
        if (i > 0) (void)fputs("\n\n", to);
        TRY(put_why(to, table, &why[i]));
    }
done:
    return err;
}

const PlanFormat plan_as_text = {.name = "text", .table = write_table, .why = write_why};
