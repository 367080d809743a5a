/* HDF5 helpers: reading. What a file holds is not trusted: shapes and types are compared before anything is read. */
#include "harness/record/h5.h"

#include <inttypes.h>

#include "harness/data/isolate.h"
#include "kernels/mem.h"

enum { MAX_ATTR = 1 << 16 }; /* elements */

bool h5_has(hid_t group, const char *name) { return H5Lexists(group, name, H5P_DEFAULT) > 0; }
bool h5_has_attr(hid_t object, const char *name) { return H5Aexists(object, name) > 0; }

Err h5_check_extent(hid_t object, const char *name, double elements, size_t size, hsize_t stored) {
    Err err = ERR_OK;
    hid_t file = H5I_INVALID_HID;
    hsize_t file_bytes = 0;
    /* Deflate gains at most a factor of 1032: a damaged extent is refused before anybody allocates for it. */
    FAIL_IF(elements > 1040.0 * (double)stored + 4096, ERR_DATA,
            "'%s' claims %.0f elements, more than its bytes can hold", name, elements);
    H5_TRY(file = H5Iget_file_id(object));
    H5_TRY(H5Fget_filesize(file, &file_bytes));
    FAIL_IF(elements * (double)size > (double)ISOLATE_MEMORY((double)file_bytes) / 2, ERR_DATA,
            "'%s' claims %.0f elements, more than such a file should need", name, elements);
done:
    h5_close(file);
    return err;
}

Err h5_dims(hid_t group, const char *name, int *rank, hsize_t dim[H5_MAX_RANK]) {
    Err err = ERR_OK;
    hid_t set = H5I_INVALID_HID, space = H5I_INVALID_HID;
    FAIL_IF(!h5_has(group, name), ERR_DATA, "dataset '%s' is missing", name);
    H5_TRY(set = H5Dopen2(group, name, H5P_DEFAULT));
    H5_TRY(space = H5Dget_space(set));
    *rank = H5Sget_simple_extent_ndims(space);
    FAIL_IF(*rank < 0 || *rank > H5_MAX_RANK, ERR_DATA, "dataset '%s' has rank %d, expected at most %d", name, *rank,
            H5_MAX_RANK);
    H5_TRY(H5Sget_simple_extent_dims(space, dim, NULL));
    double elements = 1;
    for (int i = 0; i < *rank; i++) elements *= (double)dim[i];
    TRY(h5_check_extent(set, name, elements, sizeof(double), H5Dget_storage_size(set)));
done:
    h5_close(space);
    h5_close(set);
    return err;
}

static Err check_class(hid_t object_type, bool text, const char *name) {
    H5T_class_t class = H5Tget_class(object_type);
    bool fits =
        text ? class == H5T_STRING && H5Tis_variable_str(object_type) > 0 : class == H5T_INTEGER || class == H5T_FLOAT;
    if (!fits) return err_set(ERR_DATA, "'%s' does not hold %s", name, text ? "text" : "numbers");
    return ERR_OK;
}

/* Opens a dataset of exactly `count` elements. */
static Err open_counted(hid_t *set, hid_t *space, hid_t group, const char *name, bool text, size_t count) {
    Err err = ERR_OK;
    hid_t type = H5I_INVALID_HID;
    FAIL_IF(!h5_has(group, name), ERR_DATA, "dataset '%s' is missing", name);
    H5_TRY(*set = H5Dopen2(group, name, H5P_DEFAULT));
    H5_TRY(*space = H5Dget_space(*set));
    H5_TRY(type = H5Dget_type(*set));
    TRY(check_class(type, text, name));
    hssize_t n = H5Sget_simple_extent_npoints(*space);
    FAIL_IF(n < 0 || (size_t)n != count, ERR_DATA, "dataset '%s' has %" PRId64 " elements, expected %zu", name,
            (int64_t)n, count);
done:
    h5_close(type);
    return err;
}

Err h5_read(hid_t group, const char *name, H5Kind kind, size_t count, void *data) {
    Err err = ERR_OK;
    hid_t set = H5I_INVALID_HID, space = H5I_INVALID_HID;
    ASSERT(kind != H5_TEXT);
    TRY(open_counted(&set, &space, group, name, false, count));
    if (count > 0 && H5Dread(set, h5_memory_type(kind), H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0)
        err = h5_fail(ERR_DATA, name);
done:
    h5_close(space);
    h5_close(set);
    return err;
}

/* Hands out n strings that HDF5 allocated, and gives them back to it. */
static Err take_texts(char **text, size_t n, hid_t type, hid_t space, H5TakeText take, void *context) {
    Err err = ERR_OK;
    for (size_t i = 0; i < n && err == ERR_OK; i++) err = take(context, i, text[i] != NULL ? text[i] : "");
    (void)H5Dvlen_reclaim(type, space, H5P_DEFAULT, text);
    return err;
}

Err h5_read_texts(hid_t group, const char *name, size_t count, H5TakeText take, void *context) {
    Err err = ERR_OK;
    hid_t set = H5I_INVALID_HID, space = H5I_INVALID_HID, type = H5I_INVALID_HID;
    char **text = NULL;
    TRY(open_counted(&set, &space, group, name, true, count));
    if (count == 0) goto done;
    TRY(mem_alloc(&text, count, sizeof *text));
    TRY(h5_text_type(&type));
    if (H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, text) < 0) {
        err = h5_fail(ERR_DATA, name);
        goto done;
    }
    TRY(take_texts(text, count, type, space, take, context));
done:
    mem_free(text);
    h5_close(type);
    h5_close(space);
    h5_close(set);
    return err;
}

/* Opens an attribute and counts its elements. */
static Err open_attr(hid_t *attr, hid_t *space, size_t *count, hid_t object, const char *name, bool text) {
    Err err = ERR_OK;
    hid_t type = H5I_INVALID_HID;
    FAIL_IF(!h5_has_attr(object, name), ERR_DATA, "attribute '%s' is missing", name);
    H5_TRY(*attr = H5Aopen(object, name, H5P_DEFAULT));
    H5_TRY(*space = H5Aget_space(*attr));
    H5_TRY(type = H5Aget_type(*attr));
    TRY(check_class(type, text, name));
    hssize_t n = H5Sget_simple_extent_npoints(*space);
    FAIL_IF(n < 1 || n > MAX_ATTR, ERR_DATA, "attribute '%s' has %" PRId64 " elements", name, (int64_t)n);
    *count = (size_t)n;
done:
    h5_close(type);
    return err;
}

Err h5_get_texts(hid_t object, const char *name, size_t *count, H5TakeText take, void *context) {
    Err err = ERR_OK;
    hid_t attr = H5I_INVALID_HID, space = H5I_INVALID_HID, type = H5I_INVALID_HID;
    char **text = NULL;
    TRY(open_attr(&attr, &space, count, object, name, true));
    TRY(mem_alloc(&text, *count, sizeof *text));
    TRY(h5_text_type(&type));
    if (H5Aread(attr, type, text) < 0) {
        err = h5_fail(ERR_DATA, name);
        goto done;
    }
    TRY(take_texts(text, *count, type, space, take, context));
done:
    mem_free(text);
    h5_close(type);
    h5_close(space);
    h5_close(attr);
    return err;
}

static Err get_number(hid_t object, const char *name, hid_t in_memory, void *value) {
    Err err = ERR_OK;
    hid_t attr = H5I_INVALID_HID, space = H5I_INVALID_HID;
    size_t count = 0;
    TRY(open_attr(&attr, &space, &count, object, name, false));
    FAIL_IF(count != 1, ERR_DATA, "attribute '%s' has %zu elements, expected 1", name, count);
    if (H5Aread(attr, in_memory, value) < 0) err = h5_fail(ERR_DATA, name);
done:
    h5_close(space);
    h5_close(attr);
    return err;
}

Err h5_get_int(hid_t object, const char *name, int64_t *value) {
    return get_number(object, name, H5T_NATIVE_INT64, value);
}

Err h5_get_real(hid_t object, const char *name, double *value) {
    return get_number(object, name, H5T_NATIVE_DOUBLE, value);
}
