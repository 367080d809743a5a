/* Opens results files, lists and finds their cells. What a part holds is read in results_read.c. */
#include "harness/record/results.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "harness/data/isolate.h"
#include "harness/record/cell_digest.h"
#include "harness/record/file.h"
#include "harness/record/results_load.h"
#include "harness/record/results_read.h"
#include "kernels/mem.h"
#include "kernels/near.h"

struct Results {
    hid_t file, cells;
    ResultsInfo info;
    CellRecord *root;  /* owns the info's text */
    CellRecord **cell; /* [n] labels and facts */
    size_t n, room;
    bool is_shown; /* text is read to be shown */
};

static Err open_file(Results *results, const char *path) {
    char reason[300];
    h5_begin();
    Err err = file_check_hdf5(path, "results file", "`refocus run GRID.yaml`");
    if (err != ERR_OK) return err;
    err = file_check_stamp(path);
    if (err == ERR_DATA)
        return err_context(err, "results file '%s' is damaged; `refocus run` with its grid makes it anew", path);
    if (err != ERR_OK) return err;
    results->file = h5_open(path, H5F_ACC_RDONLY);
    if (results->file >= 0) return ERR_OK;
    return err_set(ERR_DATA,
                   "results file '%s' is damaged or cut short (%s); `refocus run` with its grid makes it anew", path,
                   h5_reason(reason, sizeof reason));
}

static Err check_format(Results *results, const char *path) {
    Err err = ERR_OK;
    const char *format = NULL;
    if (h5_has_attr(results->file, "format")) err = load_attr(results->root, results->file, "format", "", &format);
    if (err == ERR_NOMEM) goto done;
    FAIL_IF(format == NULL || strcmp(format, "refocus-results") != 0, ERR_DATA,
            "'%s' is an HDF5 file, but not one of refocus's results", path);
    TRY(h5_get_int(results->file, "format_version", &results->info.format_version));
    FAIL_IF(results->info.format_version > RECORD_FORMAT_VERSION || results->info.format_version < 1, ERR_DATA,
            "'%s' has format version %" PRId64 ", this refocus reads up to %d; use the version that wrote it, or later",
            path, results->info.format_version, (int)RECORD_FORMAT_VERSION);
done:
    return err;
}

static Err load_info(Results *results, const char *path) {
    Err err = ERR_OK;
    ResultsInfo *info = &results->info;
    CellRecord *root = results->root;
    hid_t provenance = H5I_INVALID_HID;
    info->primary_margin = NAN;
    info->grid = info->settings = "";
    TRY(record_text(root, &info->path, path));
    TRY(load_attr(root, results->file, "experiment", "", &info->experiment));
    TRY(load_attr(root, results->file, "question", "", &info->question));
    TRY(load_attr(root, results->file, "baseline", NULL, &info->baseline));
    TRY(load_attr(root, results->file, "primary_variant", NULL, &info->primary_variant));
    TRY(load_attr(root, results->file, "primary_metric", NULL, &info->primary_metric));
    TRY(load_attr(root, results->file, "primary_set", NULL, &info->primary_set));
    TRY(load_attr(root, results->file, "primary_at", NULL, &info->primary_at));
    if (h5_has_attr(results->file, "primary_margin"))
        TRY(h5_get_real(results->file, "primary_margin", &info->primary_margin));
    TRY(load_attr(root, results->file, "tuning", NULL, &info->tuning));
    TRY(load_attrs(root, results->file, "tuning_trials", &info->n_tuning_trials, &info->tuning_trials));
    if (h5_has(results->file, "grid")) TRY(load_text(root, results->file, "grid", &info->grid));
    if (h5_has(results->file, "settings")) TRY(load_text(root, results->file, "settings", &info->settings));
    if (h5_has(results->file, "provenance")) {
        H5_TRY(provenance = H5Gopen2(results->file, "provenance", H5P_DEFAULT));
        TRY(load_pairs(root, provenance));
        info->provenance = root->provenance;
    }
done:
    h5_close(provenance);
    return err;
}

typedef struct CellVisit {
    Results *results;
    Err err;
} CellVisit;

static Err add_cell(Results *results, const char *id) {
    Err err = ERR_OK;
    hid_t group = H5I_INVALID_HID;
    CellRecord *record = NULL;
    if (results->n == results->room) {
        size_t room = results->room * 2 + 16;
        TRY(mem_grow(&results->cell, results->room, room, sizeof *results->cell));
        results->room = room;
    }
    TRY(record_new(&record));
    record->is_tame = results->is_shown;
    H5_TRY(group = H5Gopen2(results->cells, id, H5P_DEFAULT));
    TRY(load_facts(record, group, id));
    results->cell[results->n++] = record;
    record = NULL;
done:
    h5_close(group);
    record_free(record);
    return err == ERR_OK ? ERR_OK : err_context(err, "cell '%s'", id);
}

static herr_t visit_cell(hid_t group, const char *name, const H5L_info_t *info, void *context) {
    CellVisit *visit = context;
    (void)group;
    (void)info;
    visit->err = add_cell(visit->results, name);
    return visit->err == ERR_OK ? 0 : -1;
}

static Err load_cells(Results *results) {
    Err err = ERR_OK;
    CellVisit visit = {results, ERR_OK};
    FAIL_IF(!h5_has(results->file, "cells"), ERR_DATA, "group 'cells' is missing");
    H5_TRY(results->cells = H5Gopen2(results->file, "cells", H5P_DEFAULT));
    if (H5Literate(results->cells, H5_INDEX_CRT_ORDER, H5_ITER_INC, NULL, visit_cell, &visit) < 0)
        err = visit.err != ERR_OK ? visit.err : h5_fail(ERR_DATA, "H5Literate");
done:
    return err;
}

/* Whatever goes wrong below the root is damage to this file, whatever call noticed it. */
static Err damaged(const char *path, Err err) {
    if (err == ERR_OK || err == ERR_NOMEM) return err;
    return err_context(ERR_DATA, "results file '%s' is damaged", path);
}

static Err open_as(Results **out, const char *path, bool is_shown) {
    Err err = ERR_OK;
    Results *results = NULL;
    *out = NULL;
    TRY(mem_alloc(&results, 1, sizeof *results));
    results->file = results->cells = H5I_INVALID_HID;
    TRY(record_new(&results->root));
    results->is_shown = results->root->is_tame = is_shown;
    TRY(open_file(results, path));
    TRY(check_format(results, path));
    TRY(damaged(path, load_info(results, path)));
    TRY(damaged(path, load_cells(results)));
    *out = results;
    results = NULL;
done:
    results_close(results);
    return err;
}

Err results_open(Results **out, const char *path) { return open_as(out, path, false); }

Err results_open_shown(Results **out, const char *path) { return open_as(out, path, true); }

typedef struct Trial {
    const char *path, *cell;
    unsigned parts;
} Trial;

static Err try_cell(const Results *results, size_t i, unsigned parts) {
    Err err = ERR_OK;
    CellRecord *record = NULL;
    TRY(results_read(results, i, parts, &record));
    if (results_check_digest(results, i) != ERR_OK) err_clear(); /* that it comes back is all that is asked here */
done:
    record_free(record);
    return err;
}

static Err try_file(void *arg) {
    Err err = ERR_OK;
    const Trial *trial = arg;
    Results *results = NULL;
    size_t one = 0;
    TRY(results_open(&results, trial->path));
    const bool is_one = trial->cell != NULL && results_find(results, trial->cell, &one) == ERR_OK;
    if (trial->cell != NULL && !is_one) goto done;
    for (size_t i = is_one ? one : 0; i < (is_one ? one + 1 : results->n); i++) TRY(try_cell(results, i, trial->parts));
done:
    results_close(results);
    return err;
}

Err results_open_tried(Results **out, const char *path, const char *cell, unsigned parts) {
    Trial trial = {path, cell, parts};
    *out = NULL;
    Err err = isolate_run(try_file, &trial, isolate_file_bytes(path), "HDF5");
    if (err != ERR_OK && strstr(err_message(), path) == NULL) return err_context(err, "results file '%s'", path);
    return err != ERR_OK ? err : results_open_shown(out, path);
}

void results_close(Results *results) {
    if (results == NULL) return;
    for (size_t i = 0; i < results->n; i++) record_free(results->cell[i]);
    mem_free(results->cell);
    record_free(results->root);
    h5_close(results->cells);
    h5_close(results->file);
    mem_free(results);
}

const ResultsInfo *results_info(const Results *results) { return &results->info; }

size_t results_count(const Results *results) { return results->n; }

const CellRecord *results_cell(const Results *results, size_t i) {
    ASSERT(i < results->n);
    return results->cell[i];
}

Err results_find(const Results *results, const char *cell, size_t *i) {
    char hint[200];
    if (cell == NULL && results->n == 1) {
        *i = 0;
        return ERR_OK;
    }
    if (cell == NULL) return err_set(ERR_ARG, "'%s' has %zu cells: name one of them", results->info.path, results->n);
    Near near = near_start(cell);
    for (size_t k = 0; k < results->n; k++) {
        if (strcmp(results->cell[k]->name, cell) == 0 || strcmp(results->cell[k]->id, cell) == 0) {
            *i = k;
            return ERR_OK;
        }
        near_offer(&near, results->cell[k]->name);
    }
    return err_set(ERR_NOTHING, "'%s' has no cell '%s'%s", results->info.path, cell,
                   near_hint(&near, "", hint, (int)sizeof hint));
}

Err results_read(const Results *results, size_t i, unsigned parts, CellRecord **out) {
    Err err = ERR_OK;
    CellRecord *record = NULL;
    hid_t group = H5I_INVALID_HID;
    *out = NULL;
    ASSERT(i < results->n);
    const char *id = results->cell[i]->id;
    TRY(record_new(&record));
    record->is_tame = results->is_shown;
    H5_TRY(group = H5Gopen2(results->cells, id, H5P_DEFAULT));
    TRY(load_facts(record, group, id));
    TRY(parts_read(record, group, parts));
    *out = record;
    record = NULL;
done:
    h5_close(group);
    record_free(record);
    if (err != ERR_OK) err = damaged(results->info.path, err_context(err, "cell '%s'", results->cell[i]->name));
    return err;
}

const RecordParam *results_param(const RecordParams *params, const char *name) {
    for (size_t i = 0; i < params->n; i++)
        if (strcmp(params->item[i].name, name) == 0) return &params->item[i];
    return NULL;
}

Err results_check_digest(const Results *results, size_t i) {
    Err err = ERR_OK;
    hid_t group = H5I_INVALID_HID;
    char digest[DIGEST_HEX];
    ASSERT(i < results->n);
    const CellRecord *cell = results->cell[i];
    if (cell->status == CELL_MISSING) return ERR_OK;
    H5_TRY(group = H5Gopen2(results->cells, cell->id, H5P_DEFAULT));
    TRY(digest_cell(digest, group));
    FAIL_IF(cell->digest == NULL || strcmp(cell->digest, digest) != 0, ERR_DATA,
            "contents have SHA-256 %.16s..., expected %.16s...", digest,
            cell->digest != NULL ? cell->digest : "(none)");
done:
    h5_close(group);
    if (err != ERR_OK) err = damaged(results->info.path, err_context(err, "cell '%s'", cell->name));
    return err;
}
