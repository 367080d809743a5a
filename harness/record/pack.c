/* Packs sealed cells into one results file. Cells are read and written anew rather than copied as HDF5 objects: an
 * object copy leaves the references between dimension scales pointing into the old file. The copy must have the
 * digest of the original. */
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "harness/record/cell_file.h"
#include "harness/record/file.h"
#include "harness/record/h5.h"
#include "harness/record/results.h"
#include "kernels/fault.h"
#include "kernels/mem.h"

static Err grid_write(hid_t file, const PackGrid *grid) {
    Err err = ERR_OK;
    TRY(h5_attr_text(file, "experiment", grid->experiment));
    TRY(h5_attr_text(file, "question", grid->question));
    TRY(h5_attr_text(file, "baseline", grid->baseline));
    TRY(h5_attr_text(file, "primary_variant", grid->primary_variant));
    TRY(h5_attr_text(file, "primary_metric", grid->primary_metric));
    TRY(h5_attr_text(file, "primary_set", grid->primary_set));
    TRY(h5_attr_text(file, "primary_at", grid->primary_at));
    if (!isnan(grid->primary_margin)) TRY(h5_attr_real(file, "primary_margin", grid->primary_margin));
    TRY(h5_attr_text(file, "tuning", grid->tuning));
    if (grid->tuning != NULL) TRY(h5_attr_texts(file, "tuning_trials", grid->n_tuning_trials, grid->tuning_trials));
    TRY(h5_write_text(file, "grid", grid->grid));
    TRY(h5_write_text(file, "settings", grid->settings));
    TRY(provenance_write(file, grid->n_pairs, grid->provenance, NULL));
done:
    return err;
}

static Err missing_write(hid_t cells, const char *id, const PackEntry *entry) {
    Err err = ERR_OK;
    hid_t cell = H5I_INVALID_HID;
    TRY(h5_group(&cell, cells, id, "NXsubentry"));
    TRY(labels_write(cell, entry->name, entry->variant, entry->n_axes, entry->axes));
    TRY(h5_attr_int(cell, "seed", entry->seed));
    TRY(h5_attr_text(cell, "status", cell_status_name(CELL_MISSING)));
    TRY(h5_attr_text(cell, "cause", "no result yet"));
done:
    h5_close(cell);
    return err;
}

static herr_t link_part(hid_t from, const char *name, const H5L_info_t *info, void *context) {
    const hid_t *to = context;
    (void)info;
    return h5_has(*to, name) ? 0 : H5Lcreate_hard(from, name, *to, name, H5P_DEFAULT, H5P_DEFAULT);
}

/* Equal cells are trained once: a further name gets a group with labels of its own and hard links to the parts of the
 * first one. */
static Err alias_write(hid_t cells, const char *id, const char *first, const CellRecord *facts,
                       char digest[DIGEST_HEX]) {
    Err err = ERR_OK;
    hid_t from = H5I_INVALID_HID, to = H5I_INVALID_HID;
    H5_TRY(from = H5Gopen2(cells, first, H5P_DEFAULT));
    TRY(cell_head_write(cells, id, facts, &to));
    H5_TRY(H5Literate(from, H5_INDEX_CRT_ORDER, H5_ITER_INC, NULL, link_part, &to));
    TRY(cell_finish(to, digest));
done:
    h5_close(to);
    h5_close(from);
    return err;
}

/* Reads the sealed cell, checks it, writes it under the entry's labels, and checks the copy. first: the id under which
 * the same folder was packed before, or NULL. */
static Err cell_copy(hid_t cells, const char *id, const PackEntry *entry, const char *path, const char *first) {
    Err err = ERR_OK;
    Results *sealed = NULL;
    CellRecord *record = NULL;
    char digest[DIGEST_HEX];
    size_t i = 0;
    TRY(results_open(&sealed, path));
    TRY(results_find(sealed, NULL, &i));
    if (first == NULL) TRY(results_check_digest(sealed, i));
    TRY(results_read(sealed, i, first == NULL ? (unsigned)PART_ALL : 0, &record));
    record->name = entry->name;
    record->variant = entry->variant;
    record->n_axes = entry->n_axes;
    record->axes = entry->axes;
    if (first == NULL)
        TRY(cell_write(cells, id, record, digest));
    else
        TRY(alias_write(cells, id, first, record, digest));
    FAIL_IF(record->digest == NULL || strcmp(record->digest, digest) != 0, ERR_DATA,
            "'%s' does not copy to the same contents", path);
done:
    record_free(record);
    results_close(sealed);
    return err;
}

/* The id under which the folder of entry n was packed before, or NULL. */
static const char *packed_before(const PackGrid *grid, char *const *id, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (grid->entries[i].folder != NULL && strcmp(grid->entries[i].folder, grid->entries[n].folder) == 0)
            return id[i];
    return NULL;
}

static Err entry_write(hid_t cells, const PackGrid *grid, char **id, size_t i) {
    Err err = ERR_OK;
    const PackEntry *entry = &grid->entries[i];
    char *path = NULL;
    TRY(cell_id(&id[i], cells, entry->name));
    TRY(mem_printf(&path, "%s/cell.h5", entry->folder != NULL ? entry->folder : ""));
    if (entry->folder == NULL || access(path, F_OK) != 0)
        TRY(missing_write(cells, id[i], entry));
    else
        TRY(cell_copy(cells, id[i], entry, path, packed_before(grid, id, i)));
done:
    mem_free(path);
    return err == ERR_OK ? ERR_OK : err_context(err, "cell '%s'", entry->name);
}

static Err entries_write(hid_t cells, const PackGrid *grid) {
    Err err = ERR_OK;
    char **id = NULL;
    const char *plotted = NULL; /* the first cell with something to plot */
    TRY(mem_alloc(&id, grid->n_entries, sizeof *id));
    for (size_t i = 0; i < grid->n_entries; i++) {
        TRY(entry_write(cells, grid, id, i));
        if (plotted == NULL && H5Aexists_by_name(cells, id[i], "default", H5P_DEFAULT) > 0) plotted = id[i];
    }
    TRY(h5_attr_text(cells, "default", plotted));
done:
    for (size_t i = 0; id != NULL && i < grid->n_entries; i++) mem_free(id[i]);
    mem_free(id);
    return err;
}

static Err build(const PackGrid *grid, const char *path) {
    Err err = ERR_OK;
    hid_t file = H5I_INVALID_HID, cells = H5I_INVALID_HID;
    TRY(h5_create(&file, path));
    TRY(file_head_write(file, &cells));
    TRY(grid_write(file, grid));
    TRY(entries_write(cells, grid));
done:
    h5_close(cells);
    if (err == ERR_OK) return h5_finish(&file);
    if (file >= 0) (void)H5Fclose(file);
    return err;
}

Err record_pack(const PackGrid *grid, const char *path) {
    Err err = ERR_OK;
    Results *results = NULL;
    char *beside = NULL;
    TRY(file_beside(&beside, path));
    TRY(build(grid, beside));
    fault_point("pack");
    TRY(file_stamp(beside));
    TRY(file_sync(beside));
    TRY(results_open(&results, beside)); /* each cell's contents were compared when it was copied */
    FAIL_IF(results_count(results) != grid->n_entries, ERR_IO, "'%s' has %zu cells, expected %zu", beside,
            results_count(results), grid->n_entries);
    results_close(results);
    results = NULL;
    fault_point("pack");
    TRY(file_replace(beside, path));
    fault_point("pack");
done:
    results_close(results);
    if (beside != NULL) (void)unlink(beside);
    mem_free(beside);
    return err;
}
