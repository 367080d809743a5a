#include "harness/data/columns.h"

#include <string.h>

#include "kernels/mem.h"

void column_quiet(void) { (void)H5Eset_auto2(H5E_DEFAULT, NULL, NULL); }

static Err bad(const char *path, const char *what) { return err_set(ERR_DATA, "%s: %s", path, what); }

/* ---- reading ---- */

static Err check_shape(hid_t set, const char *path, int rank, int64_t *dim, int64_t max) {
    Err err = ERR_OK;
    hsize_t found[H5S_MAX_RANK];
    int64_t count = 1;
    hid_t space = H5Dget_space(set);
    bool good = space >= 0 && H5Sget_simple_extent_ndims(space) == rank &&
                H5Sget_simple_extent_dims(space, found, NULL) == rank;
    for (int i = 0; good && i < rank; i++) {
        good = found[i] <= INT64_MAX && (dim[i] < 0 || (int64_t)found[i] == dim[i]) &&
               !__builtin_mul_overflow(count, (int64_t)found[i], &count);
        dim[i] = (int64_t)found[i];
    }
    if (!good || count > max) err = bad(path, "the array has not the shape that it should have");
    if (space >= 0) H5Sclose(space);
    return err;
}

Err column_read(void *out, hid_t file, const char *path, hid_t type, int rank, int64_t *dim, int64_t max) {
    Err err = ERR_OK;
    char *data = NULL;
    int64_t count = 1;
    hid_t stored = -1, set = H5Dopen2(file, path, H5P_DEFAULT);
    memcpy(out, &data, sizeof data);
    if (set < 0) TRY(bad(path, "the array is missing"));
    stored = H5Dget_type(set);
    if (stored < 0 || H5Tget_class(stored) != H5Tget_class(type)) TRY(bad(path, "the array has another type"));
    TRY(check_shape(set, path, rank, dim, max));
    for (int i = 0; i < rank; i++) count *= dim[i];
    TRY(mem_alloc(&data, (size_t)count, H5Tget_size(type)));
    if (count > 0 && H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0)
        TRY(bad(path, "the array cannot be read: the file is damaged"));
    memcpy(out, &data, sizeof data);
    data = NULL;

done:
    mem_free(data);
    if (stored >= 0) H5Tclose(stored);
    if (set >= 0) H5Dclose(set);
    return err;
}

static hid_t text_type(void) {
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, H5T_VARIABLE);
    H5Tset_cset(type, H5T_CSET_UTF8);
    return type;
}

/* Copies of n strings in one block: the pointers, then the bytes. */
static Err pool_texts(char ***out, char *const *from, int64_t n) {
    char **block = NULL;
    size_t bytes = 0, head = (size_t)n * sizeof *block;
    for (int64_t i = 0; i < n; i++) bytes += from[i] == NULL ? 1 : strlen(from[i]) + 1;
    Err err = mem_alloc(&block, head + bytes, 1);
    if (err != ERR_OK) return err;
    char *at = (char *)block + head;
    for (int64_t i = 0; i < n; i++) {
        size_t len = from[i] == NULL ? 0 : strlen(from[i]);
        block[i] = at;
        if (len > 0) memcpy(at, from[i], len);
        at += len + 1;
    }
    *out = block;
    return ERR_OK;
}

Err column_read_texts(char ***out, hid_t file, const char *path, int64_t n) {
    Err err = ERR_OK;
    char **raw = NULL;
    bool filled = false;
    int64_t dim[1] = {n};
    hid_t type = text_type(), stored = -1, space = -1, set = H5Dopen2(file, path, H5P_DEFAULT);
    *out = NULL;
    if (set < 0) TRY(bad(path, "the array is missing"));
    stored = H5Dget_type(set);
    if (stored < 0 || H5Tis_variable_str(stored) <= 0) TRY(bad(path, "the array does not hold strings"));
    TRY(check_shape(set, path, 1, dim, n));
    space = H5Dget_space(set);
    TRY(mem_alloc(&raw, (size_t)n, sizeof *raw));
    filled = n > 0; /* some of them, if reading stops half-way */
    if (n > 0 && H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, raw) < 0)
        TRY(bad(path, "the strings cannot be read: the file is damaged"));
    TRY(pool_texts(out, raw, n));

done:
    if (filled) H5Dvlen_reclaim(type, space, H5P_DEFAULT, raw);
    mem_free(raw);
    if (space >= 0) H5Sclose(space);
    if (stored >= 0) H5Tclose(stored);
    if (set >= 0) H5Dclose(set);
    H5Tclose(type);
    return err;
}

Err column_get_text(char **out, hid_t file, const char *name) {
    Err err = ERR_OK;
    char *raw = NULL;
    hid_t type = text_type(), stored = -1, space = -1, attribute = H5Aopen(file, name, H5P_DEFAULT);
    *out = NULL;
    if (attribute < 0) TRY(bad(name, "the attribute is missing"));
    stored = H5Aget_type(attribute);
    space = H5Aget_space(attribute);
    bool single = stored >= 0 && H5Tis_variable_str(stored) > 0 && H5Sget_simple_extent_npoints(space) == 1;
    if (!single || H5Aread(attribute, type, &raw) < 0 || raw == NULL) TRY(bad(name, "the attribute is not a string"));
    TRY(mem_strdup(out, raw));

done:
    if (raw != NULL) H5free_memory(raw);
    if (space >= 0) H5Sclose(space);
    if (stored >= 0) H5Tclose(stored);
    if (attribute >= 0) H5Aclose(attribute);
    H5Tclose(type);
    return err;
}

Err column_get_int(int64_t *out, hid_t file, const char *name) {
    Err err = ERR_OK;
    hid_t stored = -1, space = -1, attribute = H5Aopen(file, name, H5P_DEFAULT);
    *out = 0;
    if (attribute < 0) TRY(bad(name, "the attribute is missing"));
    stored = H5Aget_type(attribute);
    space = H5Aget_space(attribute);
    bool single = H5Tget_class(stored) == H5T_INTEGER && H5Sget_simple_extent_npoints(space) == 1;
    if (!single || H5Aread(attribute, H5T_NATIVE_INT64, out) < 0) TRY(bad(name, "the attribute is not a number"));

done:
    if (space >= 0) H5Sclose(space);
    if (stored >= 0) H5Tclose(stored);
    if (attribute >= 0) H5Aclose(attribute);
    return err;
}

/* ---- writing ---- */

static Err failed(const char *path) {
    return err_set(ERR_IO, "cannot write %s: the disk is full or the file system fails", path);
}

/* A contiguous dataset whose space is there at once. */
static hid_t create(hid_t file, const char *path, hid_t type, int rank, const int64_t *dim) {
    hsize_t size[H5S_MAX_RANK];
    for (int i = 0; i < rank; i++) size[i] = (hsize_t)dim[i];
    hid_t space = H5Screate_simple(rank, size, NULL);
    hid_t layout = H5Pcreate(H5P_DATASET_CREATE), link = H5Pcreate(H5P_LINK_CREATE);
    H5Pset_obj_track_times(layout, 0);
    H5Pset_alloc_time(layout, H5D_ALLOC_TIME_EARLY);
    if (H5Tget_class(type) != H5T_STRING) H5Pset_fill_time(layout, H5D_FILL_TIME_NEVER); /* strings must be filled */
    H5Pset_create_intermediate_group(link, 1);
    hid_t set = H5Dcreate2(file, path, type, space, link, layout, H5P_DEFAULT);
    H5Pclose(link);
    H5Pclose(layout);
    H5Sclose(space);
    return set;
}

Err column_write(hid_t file, const char *path, hid_t type, int rank, const int64_t *dim, const void *data,
                 const char *unit, const char *long_name) {
    Err err = ERR_OK;
    hid_t set = create(file, path, type, rank, dim);
    if (set < 0) TRY(failed(path));
    if (data != NULL && H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0) TRY(failed(path));
    TRY(column_set_text(set, "units", unit));
    TRY(column_set_text(set, "long_name", long_name));

done:
    if (set >= 0 && H5Dclose(set) < 0 && err == ERR_OK) err = failed(path);
    return err;
}

Err column_write_texts(hid_t file, const char *path, int64_t n, const char *const *texts, const char *long_name) {
    hid_t type = text_type();
    Err err = column_write(file, path, type, 1, &n, texts, "", long_name);
    H5Tclose(type);
    return err;
}

Err column_set_text(hid_t object, const char *name, const char *text) {
    hid_t type = text_type(), space = H5Screate(H5S_SCALAR);
    hid_t attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    bool good = attribute >= 0 && H5Awrite(attribute, type, &text) >= 0;
    if (attribute >= 0) H5Aclose(attribute);
    H5Sclose(space);
    H5Tclose(type);
    return good ? ERR_OK : failed(name);
}

Err column_set_int(hid_t object, const char *name, int64_t value) {
    hid_t space = H5Screate(H5S_SCALAR);
    hid_t attribute = H5Acreate2(object, name, H5T_STD_I64LE, space, H5P_DEFAULT, H5P_DEFAULT);
    bool good = attribute >= 0 && H5Awrite(attribute, H5T_NATIVE_INT64, &value) >= 0;
    if (attribute >= 0) H5Aclose(attribute);
    H5Sclose(space);
    return good ? ERR_OK : failed(name);
}
