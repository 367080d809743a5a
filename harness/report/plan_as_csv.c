/* Plans as CSV: a row for each, plain numbers, keys of the grid as headers of its axes. */
#include "harness/report/plan_format.h"
#include "harness/report/plan_listing.h"

static Err write_table(FILE *to, const PlanTable *table, bool summary) {
    Listing listing = {0};
    Err err = ERR_OK;
    (void)summary; /* a program sums up as it likes */
    TRY(plan_list_raw(&listing, table));
    listing_csv(to, &listing);
done:
    listing_clear(&listing);
    return err;
}

const PlanFormat plan_as_csv = {.name = "csv", .table = write_table};
