/* Differences as people and programs read them. */
#include <inttypes.h>
#include <string.h>

#include "harness/report/lock_diff.h"
#include "harness/run/size_text.h"

enum { CHANGES_SHOWN = 12, PARTS_SHOWN = 16, SIGNED = 24 }; /* in full; JSON has all */

static const char *signed_text(int64_t value, char out[SIGNED]) {
    (void)snprintf(out, SIGNED, "%+" PRId64, value);
    return out;
}

/* "+8.0 MiB" */
static const char *signed_size(int64_t value, char out[SIZE_TEXT]) {
    char size[SIZE_TEXT];
    (void)snprintf(out, SIZE_TEXT, "%c%.30s", value < 0 ? '-' : '+',
                   size_text((uint64_t)(value < 0 ? -value : value), size));
    return out;
}

static Err print_cells(FILE *to, const LockChange *change) {
    Err err = ERR_OK;
    Pool pool = {0};
    const char *text = NULL;
    for (size_t i = 0; i < change->cells.n; i++) {
        TRY(lock_cells_text(&pool, &text, &change->cells.item[i]));
        fprintf(to, "%s%s", i > 0 ? " " : "", text);
    }
done:
    pool_clear(&pool);
    return err;
}

static void print_peak(FILE *to, const LockChange *change) {
    char was[SIZE_TEXT], is[SIZE_TEXT], by[SIZE_TEXT];
    const LockPlan *a = change->before, *b = change->after;
    if (a == NULL || b == NULL) {
        const LockPlan *plan = a != NULL ? a : b;
        fprintf(to, "%s (%" PRId64 " bytes); %s", size_text((uint64_t)plan->peak_bytes, is), plan->peak_bytes,
                a == NULL ? "the lock does not have it" : "the grid does not have it any more");
        return;
    }
    size_text((uint64_t)a->peak_bytes, was);
    size_text((uint64_t)b->peak_bytes, is);
    int64_t growth = b->peak_bytes - a->peak_bytes;
    if (growth == 0)
        fprintf(to, "%s as before (%" PRId64 " bytes), of other parts", is, b->peak_bytes);
    else
        fprintf(to, "%s -> %s, %s or %+.2f %% (%" PRId64 " -> %" PRId64 ", %+" PRId64 " bytes)", was, is,
                signed_size(growth, by), 100.0 * (double)growth / (double)a->peak_bytes, a->peak_bytes, b->peak_bytes,
                growth);
}

static void print_part(FILE *to, const char *word, const LockPart *part) {
    char by[SIGNED], was[SIZE_TEXT], is[SIZE_TEXT];
    fprintf(to, "  %-8s  %15s  %10s -> %-10s  %s\n", word, signed_text(part->after - part->before, by),
            part->before > 0 ? size_text((uint64_t)part->before, was) : "-",
            part->after > 0 ? size_text((uint64_t)part->after, is) : "-", part->name);
}

static const char *verb_of(const LockPart *part) {
    if (part->before == 0) return "appeared";
    if (part->after == 0) return "went";
    return part->after > part->before ? "grew" : "shrank";
}

static void print_parts(FILE *to, const LockChange *change) {
    char by[SIGNED];
    if (change->before != NULL && change->after != NULL &&
        strcmp(change->before->peak_node, change->after->peak_node) != 0)
        fprintf(to, "  the peak is at %s, it was at %s\n", change->after->peak_node, change->before->peak_node);
    for (size_t i = 0; i < change->n_modules; i++) print_part(to, "module", &change->modules[i]);
    for (size_t i = 0; i < change->n_tensors && i < PARTS_SHOWN; i++)
        print_part(to, verb_of(&change->tensors[i]), &change->tensors[i]);
    if (change->n_tensors > PARTS_SHOWN)
        fprintf(to, "  %-8s  %15s  %zu more tensors moved; --json lists them\n", "...", "",
                change->n_tensors - PARTS_SHOWN);
    if (change->smaller != 0)
        fprintf(to, "  %-8s  %15s  smaller tensors, together\n", change->smaller > 0 ? "grew" : "shrank",
                signed_text(change->smaller, by));
}

Err lock_diff_print(FILE *to, const LockDiff *diff, const char *device, const Tolerance *tolerance) {
    Err err = ERR_OK;
    for (size_t i = 0; i < diff->n; i++) {
        const LockChange *change = &diff->change[i];
        fprintf(to, "%-8s  %s  ", lock_kind_name(change->kind), device);
        TRY(print_cells(to, change));
        fprintf(to, ": ");
        print_peak(to, change);
        if (change->tolerated) fprintf(to, "; within the tolerance of %s", tolerance->text);
        fputc('\n', to);
        if (i < CHANGES_SHOWN) print_parts(to, change);
    }
    if (diff->n > CHANGES_SHOWN)
        fprintf(to, "...       the tensors of the %d largest changes are shown; --json has those of all\n",
                CHANGES_SHOWN);
done:
    return err;
}

/* ---- JSON ---- */

/* null where there is no plan. */
static json_t *plan_object(const LockPlan *plan) {
    if (plan == NULL) return json_null();
    return json_pack("{s:I, s:s}", "peak_bytes", (json_int_t)plan->peak_bytes, "peak_node", plan->peak_node);
}

static json_t *parts_array(const LockPart *parts, size_t n) {
    json_t *array = json_array();
    for (size_t i = 0; i < n; i++)
        (void)json_array_append_new(array, json_pack("{s:s, s:s, s:I, s:I}", "name", parts[i].name, "change",
                                                     verb_of(&parts[i]), "before_bytes", (json_int_t)parts[i].before,
                                                     "after_bytes", (json_int_t)parts[i].after));
    return array;
}

static json_t *cells_array(const LockCellList *cells) {
    json_t *array = json_array();
    for (size_t i = 0; i < cells->n; i++)
        for (size_t s = 0; s < cells->item[i].n_seeds; s++)
            (void)json_array_append_new(array,
                                        json_sprintf("%s@%" PRId64, cells->item[i].name, cells->item[i].seeds[s]));
    return array;
}

Err lock_diff_json(json_t **out, const LockDiff *diff) {
    json_t *array = json_array();
    bool ok = array != NULL;
    for (size_t i = 0; ok && i < diff->n; i++) {
        const LockChange *c = &diff->change[i];
        json_t *object =
            json_pack("{s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:I}", "change", lock_kind_name(c->kind), "tolerated",
                      c->tolerated, "cells", cells_array(&c->cells), "before", plan_object(c->before), "after",
                      plan_object(c->after), "modules", parts_array(c->modules, c->n_modules), "tensors",
                      parts_array(c->tensors, c->n_tensors), "smaller_tensors_bytes", (json_int_t)c->smaller);
        ok = json_array_append_new(array, object) == 0;
    }
    *out = ok ? array : NULL;
    if (ok) return ERR_OK;
    if (array != NULL) json_decref(array);
    return err_set(ERR_NOMEM, "out of memory while the differences were written as JSON");
}
