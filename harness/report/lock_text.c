/* A lock as text: one fact a line, in an order that depends on names alone, so that a diff of it reads as what changed.
 */
#include <inttypes.h>

#include "harness/data/digest.h"
#include "harness/report/lock.h"
#include "harness/report/lock_words.h"
#include "harness/report/steps.h"
#include "harness/run/size_text.h"
#include "models/text.h"

static const char about[] =
    "# The planned memory of each cell: `refocus check GRID.yaml` compares the plans with it, and\n"
    "# `refocus plan GRID.yaml [--device cuda] --write-lock` writes it. Not to be edited: the last line is the SHA-256 "
    "of\n"
    "# those above. A plan belongs to a class of device. At its peak: bytes by module, and by tensor where one, or one "
    "of\n"
    "# each step ({00..24}), holds more than 0.1 % of the peak.\n";

Err lock_cells_text(Pool *pool, const char **out, const LockCells *cells) {
    Err err = ERR_OK;
    Text text = {0};
    TRY(text_add(&text, "%s", cells->name));
    for (size_t i = 0, last = 0; i < cells->n_seeds; i = last + 1) {
        last = i;
        while (last + 1 < cells->n_seeds && cells->seeds[last + 1] == cells->seeds[last] + 1) last++;
        TRY(text_add(&text, "%c%" PRId64, i > 0 ? ',' : '@', cells->seeds[i]));
        if (last > i) TRY(text_add(&text, "-%" PRId64, cells->seeds[last]));
    }
    TRY(pool_text(pool, out, text.data));
done:
    text_clear(&text);
    return err;
}

static Err add_bytes(Text *text, const char *word, int64_t bytes, const char *name) {
    char size[SIZE_TEXT];
    return text_add(text, "  %-8s%14" PRId64 "  %10s  %s\n", word, bytes, size_text((uint64_t)bytes, size), name);
}

static Err add_cells(Text *text, Pool *pool, const LockPlan *plan) {
    Err err = ERR_OK;
    const char *cells = NULL;
    for (size_t i = 0; i < plan->cells.n; i++) {
        TRY(lock_cells_text(pool, &cells, &plan->cells.item[i]));
        TRY(text_add(text, "  %-8s%s\n", LOCK_CELL, cells));
    }
done:
    return err;
}

static Err add_tensors(Text *text, Pool *pool, const LockPlan *plan) {
    Err err = ERR_OK;
    const LockSmaller smaller = lock_smaller(plan);
    const char *name = NULL;
    for (size_t i = 0, len = 0; i < plan->n_tensors; i += len) {
        len = lock_run(plan->tensors + i, plan->n_tensors - i);
        int64_t bytes = plan->tensors[i].bytes * (int64_t)len;
        if (!lock_is_large(bytes, plan->peak_bytes)) continue;
        TRY(steps_fold(pool, &name, plan->tensors[i].name, len));
        TRY(add_bytes(text, LOCK_TENSOR, bytes, name));
    }
    TRY(pool_printf(pool, &name, "%" PRId64 " tensors", smaller.n));
    TRY(add_bytes(text, LOCK_SMALLER, smaller.bytes, name));
done:
    return err;
}

static Err add_plan(Text *text, Pool *pool, const LockPlan *plan) {
    Err err = ERR_OK;
    TRY(text_add(text, "\n" LOCK_PLAN " %s\n", plan->device));
    TRY(add_cells(text, pool, plan));
    TRY(add_bytes(text, LOCK_PEAK, plan->peak_bytes, plan->peak_node));
    for (size_t i = 0; i < plan->n_modules; i++)
        TRY(add_bytes(text, LOCK_MODULE, plan->modules[i].bytes, plan->modules[i].name));
    TRY(add_tensors(text, pool, plan));
done:
    return err;
}

Err lock_text(char **out, const Lock *lock) {
    Err err = ERR_OK;
    Text text = {0};
    Pool pool = {0};
    Digest digest;
    char hex[DIGEST_HEX];
    TRY(text_add(&text, LOCK_FIRST " %d\n%s" LOCK_EXPERIMENT " %s\n", LOCK_FORMAT, about, lock->experiment));
    for (size_t i = 0; i < lock->n_plans; i++) TRY(add_plan(&text, &pool, &lock->plan[i]));
    TRY(text_add(&text, "\n"));
    digest_start(&digest);
    digest_bytes(&digest, text.data, text.len);
    TRY(text_add(&text, LOCK_END " %s\n", digest_hex(&digest, hex)));
    TRY(text_take(&text, out));
done:
    pool_clear(&pool);
    text_clear(&text);
    return err;
}
