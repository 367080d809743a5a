/* Seals a cell: cell.h5 appears whole, once. And the two changes that a sealed cell allows, each by a changed copy that
 * replaces the file. */
#include <string.h>
#include <unistd.h>

#include "harness/record/cell_file.h"
#include "harness/record/file.h"
#include "harness/record/h5.h"
#include "harness/record/results.h"
#include "kernels/fault.h"
#include "kernels/mem.h"

/* Writes the file of one cell and closes it. */
static Err build(const char *path, const CellRecord *record, char digest[DIGEST_HEX]) {
    Err err = ERR_OK;
    hid_t file = H5I_INVALID_HID, cells = H5I_INVALID_HID;
    char *id = NULL;
    TRY(h5_create(&file, path));
    TRY(file_head_write(file, &cells));
    TRY(cell_id(&id, cells, record->id[0] != '\0' ? record->id : record->name));
    TRY(h5_attr_text(cells, "default", id));
    TRY(cell_write(cells, id, record, digest));
done:
    mem_free(id);
    h5_close(cells);
    if (err == ERR_OK) return h5_finish(&file);
    if (file >= 0) (void)H5Fclose(file);
    return err;
}

/* Opens what was written as any reader would, and compares every cell's contents with its digest. */
static Err verify(const char *path) {
    Err err = ERR_OK;
    Results *results = NULL;
    TRY(results_open(&results, path));
    for (size_t i = 0; i < results_count(results); i++) TRY(results_check_digest(results, i));
done:
    results_close(results);
    return err;
}

/* cell.h5 is there already: a kill between linking and the journal's last line makes a cell seal itself twice. */
static Err same_as_sealed(const char *path, const char *digest) {
    Err err = ERR_OK;
    Results *results = NULL;
    TRY(results_open(&results, path));
    const char *sealed = results_count(results) == 1 ? results_cell(results, 0)->digest : NULL;
    FAIL_IF(sealed == NULL || strcmp(sealed, digest) != 0, ERR_CREATE,
            "'%s' is sealed already, with other contents; remove it to train the cell again", path);
done:
    results_close(results);
    return err;
}

Err record_seal(const CellRecord *record, const char *folder) {
    Err err = ERR_OK;
    char *path = NULL, *beside = NULL, digest[DIGEST_HEX];
    int taken = 0;
    TRY(mem_printf(&path, "%s/cell.h5", folder));
    TRY(file_beside(&beside, path));
    fault_point("seal");
    TRY(build(beside, record, digest));
    fault_point("seal");
    TRY(file_stamp(beside));
    TRY(verify(beside));
    TRY(file_sync(beside));
    fault_point("seal");
    TRY(file_claim(beside, path, &taken));
    fault_point("seal");
    if (taken) TRY(same_as_sealed(path, digest));
done:
    if (beside != NULL) (void)unlink(beside);
    mem_free(beside);
    mem_free(path);
    return err;
}

/* A change to an open copy of a file with the cell's group at hand. */
typedef Err (*Change)(hid_t cell, const void *what);

/* A cell that was trained once has its parts in a packed file once: where they change, the digests of all its names do.
 */
static Err digest_again(hid_t cells, const char *id) {
    Err err = ERR_OK;
    char digest[DIGEST_HEX];
    hid_t cell = H5I_INVALID_HID;
    H5_TRY(cell = H5Gopen2(cells, id, H5P_DEFAULT));
    TRY(cell_finish(cell, digest));
done:
    h5_close(cell);
    return err;
}

/* before: the file as it was, i: the cell in it. */
static Err change_cell(const char *path, const Results *before, size_t i, Change change, const void *what) {
    Err err = ERR_OK;
    hid_t file = H5I_INVALID_HID, cells = H5I_INVALID_HID, cell = H5I_INVALID_HID;
    const char *digest = results_cell(before, i)->digest;
    H5_TRY(file = h5_open(path, H5F_ACC_RDWR));
    H5_TRY(cells = H5Gopen2(file, "cells", H5P_DEFAULT));
    H5_TRY(cell = H5Gopen2(cells, results_cell(before, i)->id, H5P_DEFAULT));
    TRY(change(cell, what));
    for (size_t k = 0; k < results_count(before); k++) {
        const CellRecord *other = results_cell(before, k);
        if (k != i && digest != NULL && other->digest != NULL && strcmp(other->digest, digest) == 0)
            TRY(digest_again(cells, other->id));
    }
done:
    h5_close(cell);
    h5_close(cells);
    if (err == ERR_OK) return h5_finish(&file);
    if (file >= 0) (void)H5Fclose(file);
    return err;
}

static Err amend(const char *path, const char *cell, Change change, const void *what) {
    Err err = ERR_OK;
    Results *results = NULL;
    char *beside = NULL;
    size_t i = 0;
    TRY(results_open(&results, path));
    TRY(results_find(results, cell, &i));
    FAIL_IF(results_cell(results, i)->status == CELL_MISSING, ERR_DATA, "cell '%s' has no result yet",
            results_cell(results, i)->id);
    TRY(results_check_digest(results, i)); /* or a damaged cell would get a fresh digest */
    TRY(file_beside(&beside, path));
    TRY(file_copy(path, beside));
    TRY(change_cell(beside, results, i, change, what));
    TRY(file_stamp(beside));
    TRY(verify(beside));
    TRY(file_sync(beside));
    TRY(file_replace(beside, path));
done:
    if (beside != NULL) (void)unlink(beside);
    results_close(results);
    mem_free(beside);
    return err;
}

typedef struct Addition {
    const RecordEvaluation *evaluation;
    bool replace;
} Addition;

/* Beside the provenance of the training, which the content's digest leaves out: the numbers count, not who made them.
 */
static Err add_evaluation_code(hid_t cell, const RecordEvaluation *evaluation) {
    Err err = ERR_OK;
    hid_t provenance = H5I_INVALID_HID;
    char *key = NULL;
    if (evaluation->code == NULL) return ERR_OK;
    TRY(mem_printf(&key, "evaluation.%s", evaluation->set));
    H5_TRY(provenance = H5Gopen2(cell, "provenance", H5P_DEFAULT));
    TRY(h5_attr_text(provenance, key, evaluation->code));
done:
    h5_close(provenance);
    mem_free(key);
    return err;
}

static Err add_evaluation(hid_t cell, const void *what) {
    Err err = ERR_OK;
    const Addition *addition = what;
    const RecordEvaluation *evaluation = addition->evaluation;
    hid_t sets = H5I_INVALID_HID;
    char digest[DIGEST_HEX];
    if (h5_has(cell, "evaluation")) {
        H5_TRY(sets = H5Gopen2(cell, "evaluation", H5P_DEFAULT));
    } else {
        TRY(h5_group(&sets, cell, "evaluation", "NXsubentry"));
        TRY(h5_attr_text(sets, "default", evaluation->set));
    }
    bool there = h5_has(sets, evaluation->set);
    FAIL_IF(there && !addition->replace, ERR_ARG,
            "the cell has an evaluation of '%s' already; name the new one differently, or ask to replace it",
            evaluation->set);
    if (there) H5_TRY(H5Ldelete(sets, evaluation->set, H5P_DEFAULT));
    TRY(evaluation_write(sets, evaluation));
    TRY(add_evaluation_code(cell, evaluation));
    TRY(cell_finish(cell, digest));
done:
    h5_close(sets);
    return err;
}

Err record_add_evaluation(const char *path, const char *cell, const RecordEvaluation *evaluation, bool replace) {
    const Addition addition = {evaluation, replace};
    if (evaluation->set == NULL || evaluation->set[0] == '\0' || strchr(evaluation->set, '/') != NULL)
        return err_set(ERR_ARG, "'%s' cannot name an evaluation", evaluation->set != NULL ? evaluation->set : "");
    return amend(path, cell, add_evaluation, &addition);
}

typedef struct Note {
    const char *code_digest, *sources, *line;
} Note;

/* The notes so far, and one more line. */
typedef struct Lines {
    char *text;
} Lines;

static Err take_line(void *context, size_t i, const char *text) {
    Lines *lines = context;
    return i == 0 ? mem_strdup(&lines->text, text) : ERR_OK;
}

static Err add_note(hid_t cell, const void *what) {
    Err err = ERR_OK;
    const Note *note = what;
    hid_t provenance = H5I_INVALID_HID;
    Lines old = {NULL};
    char *joined = NULL;
    size_t count = 0;
    H5_TRY(provenance = H5Gopen2(cell, "provenance", H5P_DEFAULT));
    if (h5_has_attr(provenance, "revalidated")) TRY(h5_get_texts(provenance, "revalidated", &count, take_line, &old));
    TRY(mem_printf(&joined, "%s%s%s", old.text != NULL ? old.text : "", old.text != NULL ? "\n" : "", note->line));
    TRY(h5_attr_text(provenance, "code_digest", note->code_digest));
    TRY(h5_attr_text(provenance, SOURCES_KEY, note->sources));
    TRY(h5_attr_text(provenance, "revalidated", joined));
done:
    mem_free(joined);
    mem_free(old.text);
    h5_close(provenance);
    return err;
}

Err record_revalidate(const char *path, const char *code_digest, const char *sources, const char *note) {
    const Note what = {code_digest, sources, note};
    return amend(path, NULL, add_note, &what);
}
