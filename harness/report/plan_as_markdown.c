/* Plans for a README or an issue: GitHub's Markdown. */
#include "harness/report/markup.h"
#include "harness/report/plan_format.h"
#include "harness/report/plan_listing.h"

enum { PAGE = 100 };

static void put_heading(FILE *to, const char *signs, const char *text) {
    (void)fputs(signs, to);
    markup_markdown(to, text);
    (void)fputs("\n\n", to);
}

static void put_items(FILE *to, const char *const *item, size_t n) {
    for (size_t i = 0; i < n; i++) {
        (void)fputs("- ", to);
        markup_markdown(to, item[i]);
        (void)fputc('\n', to);
    }
}

static Err put_listing(FILE *to, const PlanTable *table, Err (*list)(Listing *, const PlanTable *)) {
    Listing listing = {0};
    Err err = list(&listing, table);
    if (err == ERR_OK) listing_markdown(to, &listing);
    listing_clear(&listing);
    return err;
}

static Err put_groups(FILE *to, const PlanTable *table) {
    Err err = ERR_OK;
    char text[PLAN_TEXT];
    TRY(put_listing(to, table, plan_list_groups));
    if (table->n_over == 0) goto done;
    (void)fprintf(to, "\n%s:\n\n", plan_over_text(table, text));
    TRY(put_listing(to, table, plan_list_frontiers));
done:
    return err;
}

static Err write_table(FILE *to, const PlanTable *table, bool summary) {
    Err err = ERR_OK;
    Pool pool = {0};
    const char **note = NULL;
    size_t n = 0;
    const bool groups = plan_has_groups(table);
    put_heading(to, "### ", table->grid->experiment);
    if (table->grid->question[0] != '\0') put_heading(to, "", table->grid->question);
    if (groups) TRY(put_groups(to, table));
    if (groups && !summary) (void)fputc('\n', to);
    if (!groups || !summary) TRY(put_listing(to, table, plan_list_rows));
    TRY(plan_notes(&pool, &note, &n, table));
    if (n > 0) (void)fputc('\n', to);
    put_items(to, note, n);
done:
    pool_clear(&pool);
    return err;
}

/* ---- why ---- */

static Err put_why_listing(FILE *to, const PlanWhy *why, Err (*list)(Listing *, const PlanWhy *)) {
    Listing listing = {0};
    Err err = list(&listing, why);
    if (err == ERR_OK) listing_markdown(to, &listing);
    listing_clear(&listing);
    return err;
}

static Err put_why(FILE *to, const PlanTable *table, const PlanWhy *why) {
    Err err = ERR_OK;
    Pool pool = {0};
    const char **line = NULL;
    size_t n = 0;
    TRY(plan_why_head(&pool, &line, &n, table, why));
    put_heading(to, "### ", line[0]);
    put_items(to, line + 1, n - 1);
    (void)fputc('\n', to);
    TRY(put_why_listing(to, why, plan_why_tensors));
    (void)fputc('\n', to);
    TRY(put_why_listing(to, why, plan_why_sums));
    (void)fputs("\nLive bytes, op by op:\n\n```\n", to);
    plan_why_timeline(to, why, PAGE);
    (void)fputs("```\n\n", to);
    TRY(plan_why_tail(&pool, &line, &n, why));
    put_items(to, line, n);
done:
    pool_clear(&pool);
    return err;
}

static Err write_why(FILE *to, const PlanTable *table, const PlanWhy *why, size_t n) {
    Err err = ERR_OK;
    for (size_t i = 0; i < n; i++) {
        if (i > 0) (void)fputc('\n', to);
        TRY(put_why(to, table, &why[i]));
    }
done:
    return err;
}

const PlanFormat plan_as_markdown = {.name = "markdown", .table = write_table, .why = write_why};
