/* HDF5 helpers: errors, files, groups, datasets. Attributes, axes and plots are in h5_attr.c, reading in h5_read.c. */
#include "harness/record/h5.h"

#include <stdio.h>
#include <string.h>

enum {
    DEFLATE_LEVEL = 4,
    COMPRESS_FROM = 1024, /* bytes below which a chunk's overhead is larger than the gain */
    CHUNK_BYTES = 1 << 20 /* about; a chunk is some rows of the first axes and all of the last ones */
};

void h5_begin(void) {
    static bool begun; /* HDF5 is used from one thread */
    if (begun) return;
    begun = true;
    (void)H5dont_atexit(); /* for programs without library_start */
    (void)H5open();
    (void)H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

typedef struct Reason {
    char *buf;
    size_t len;
} Reason;

static herr_t keep_last(unsigned n, const H5E_error2_t *error, void *context) {
    Reason *reason = context;
    (void)n;
    if (error->desc != NULL && error->desc[0] != '\0') (void)snprintf(reason->buf, reason->len, "%s", error->desc);
    return 0;
}

char *h5_reason(char *buf, size_t len) {
    Reason reason = {buf, len};
    (void)snprintf(buf, len, "no reason given");
    (void)H5Ewalk2(H5E_DEFAULT, H5E_WALK_DOWNWARD, keep_last, &reason);
    return buf;
}

Err h5_fail(Err code, const char *what) {
    char reason[400];
    return err_set(code, "HDF5: %s (%.160s)", h5_reason(reason, sizeof reason), what);
}

void h5_close(hid_t id) {
    if (id >= 0) (void)H5Idec_ref(id);
}

Err h5_finish(hid_t *file) {
    Err err = ERR_OK;
    hid_t id = *file, open = id;
    *file = H5I_INVALID_HID;
    H5_TRY(H5Fflush(id, H5F_SCOPE_LOCAL));
    FAIL_IF(H5Fget_obj_count(id, H5F_OBJ_ALL | H5F_OBJ_LOCAL) != 1, ERR_IO, "an HDF5 file has objects still open");
    open = H5I_INVALID_HID; /* a close that fails has freed half of the file: HDF5 1.10 crashes over a second one */
    H5_TRY(H5Fclose(id));
done:
    if (open >= 0) (void)H5Fclose(open);
    return err;
}

/* Creation order is kept, so that viewers show ours; times are not, so that equal contents are equal bytes. */
static herr_t set_group_creation(hid_t list) {
    unsigned order = H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED;
    if (H5Pset_obj_track_times(list, false) < 0) return -1;
    if (H5Pset_link_creation_order(list, order) < 0) return -1;
    return H5Pset_attr_creation_order(list, order);
}

/* No lock of HDF5's own: not every disk has them. Who writes holds one of ours (run/folder), and a file in its place is
 * not written again but under it. */
static hid_t access_list(void) {
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    if (access >= 0 && H5Pset_file_locking(access, false, true) >= 0) return access;
    h5_close(access);
    return H5I_INVALID_HID;
}

hid_t h5_open(const char *path, unsigned flags) {
    hid_t access = access_list(), file = access >= 0 ? H5Fopen(path, flags, access) : H5I_INVALID_HID;
    h5_close(access);
    return file;
}

Err h5_create(hid_t *out, const char *path) {
    Err err = ERR_OK;
    hid_t creation = H5I_INVALID_HID, access = H5I_INVALID_HID;
    *out = H5I_INVALID_HID;
    h5_begin();
    H5_TRY(creation = H5Pcreate(H5P_FILE_CREATE));
    H5_TRY(set_group_creation(creation));
    H5_TRY(access = access_list());
    /* 1.8 objects carry checksums over their metadata, and every reader of the last fifteen years knows them. */
    H5_TRY(H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V110));
    *out = H5Fcreate(path, H5F_ACC_EXCL, creation, access);
    if (*out < 0) {
        char reason[400];
        err = err_set(ERR_CREATE, "cannot create '%s': %s", path, h5_reason(reason, sizeof reason));
    }
done:
    h5_close(creation);
    h5_close(access);
    return err;
}

Err h5_group(hid_t *out, hid_t parent, const char *name, const char *nx_class) {
    Err err = ERR_OK;
    hid_t creation = H5I_INVALID_HID;
    *out = H5I_INVALID_HID;
    H5_TRY(creation = H5Pcreate(H5P_GROUP_CREATE));
    H5_TRY(set_group_creation(creation));
    H5_TRY(*out = H5Gcreate2(parent, name, H5P_DEFAULT, creation, H5P_DEFAULT));
    TRY(h5_attr_text(*out, "NX_class", nx_class));
done:
    h5_close(creation);
    if (err != ERR_OK) {
        h5_close(*out);
        *out = H5I_INVALID_HID;
    }
    return err;
}

static hid_t file_type(H5Kind kind) {
    switch (kind) {
    case H5_F32: return H5T_IEEE_F32LE;
    case H5_F64: return H5T_IEEE_F64LE;
    case H5_I64: return H5T_STD_I64LE;
    case H5_U8: return H5T_STD_U8LE;
    case H5_TEXT: break;
    }
    return H5I_INVALID_HID;
}

hid_t h5_memory_type(H5Kind kind) {
    switch (kind) {
    case H5_F32: return H5T_NATIVE_FLOAT;
    case H5_F64: return H5T_NATIVE_DOUBLE;
    case H5_I64: return H5T_NATIVE_INT64;
    case H5_U8: return H5T_NATIVE_UINT8;
    case H5_TEXT: break;
    }
    return H5I_INVALID_HID;
}

Err h5_text_type(hid_t *out) {
    Err err = ERR_OK;
    H5_TRY(*out = H5Tcopy(H5T_C_S1));
    H5_TRY(H5Tset_size(*out, H5T_VARIABLE));
    H5_TRY(H5Tset_cset(*out, H5T_CSET_UTF8));
done:
    return err;
}

static size_t element_bytes(H5Kind kind) {
    switch (kind) {
    case H5_F32: return sizeof(float);
    case H5_F64: return sizeof(double);
    case H5_I64: return sizeof(int64_t);
    case H5_U8: return 1;
    case H5_TEXT: break;
    }
    return sizeof(char *);
}

/* Chunks hold whole trailing axes as far as they fit into CHUNK_BYTES. */
static Err set_storage(hid_t creation, const H5Array *array) {
    Err err = ERR_OK;
    hsize_t chunk[H5_MAX_RANK], bytes = element_bytes(array->kind), total = bytes;
    for (int i = 0; i < array->rank; i++) total *= array->dim[i];
    H5_TRY(H5Pset_obj_track_times(creation, false));
    if (array->raw || array->kind == H5_TEXT || array->rank == 0 || total < COMPRESS_FROM) goto done;
    for (int i = array->rank - 1; i >= 0; i--) {
        hsize_t fits = CHUNK_BYTES / bytes;
        chunk[i] = array->dim[i] < fits ? array->dim[i] : (fits > 0 ? fits : 1);
        bytes *= chunk[i];
    }
    H5_TRY(H5Pset_chunk(creation, array->rank, chunk));
    H5_TRY(H5Pset_shuffle(creation));
    H5_TRY(H5Pset_deflate(creation, DEFLATE_LEVEL));
done:
    return err;
}

Err h5_write(hid_t group, const H5Array *array) {
    Err err = ERR_OK;
    hid_t space = H5I_INVALID_HID, creation = H5I_INVALID_HID, text = H5I_INVALID_HID, set = H5I_INVALID_HID;
    ASSERT(array->rank >= 0 && array->rank <= H5_MAX_RANK);
    H5_TRY(space = array->rank == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(array->rank, array->dim, NULL));
    H5_TRY(creation = H5Pcreate(H5P_DATASET_CREATE));
    H5_TRY(H5Pset_attr_creation_order(creation, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED));
    TRY(set_storage(creation, array));
    if (array->kind == H5_TEXT) TRY(h5_text_type(&text));
    hid_t in_file = array->kind == H5_TEXT ? text : file_type(array->kind);
    hid_t in_memory = array->kind == H5_TEXT ? text : h5_memory_type(array->kind);
    H5_TRY(set = H5Dcreate2(group, array->name, in_file, space, H5P_DEFAULT, creation, H5P_DEFAULT));
    if (array->data != NULL) H5_TRY(H5Dwrite(set, in_memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, array->data));
    TRY(h5_attr_text(set, "units", array->unit));
    TRY(h5_attr_text(set, "long_name", array->long_name));
    hid_t closing = set;
    set = H5I_INVALID_HID;
    H5_TRY(H5Dclose(closing)); /* writes the chunks out: a full disk may show only here */
done:
    h5_close(set);
    h5_close(text);
    h5_close(creation);
    h5_close(space);
    return err;
}

Err h5_write_text(hid_t group, const char *name, const char *text) {
    const char *value = text != NULL ? text : "";
    return h5_write(group, &(H5Array){.name = name, .kind = H5_TEXT, .data = &value});
}

Err h5_write_int(hid_t group, const char *name, int64_t value, const char *unit, const char *long_name) {
    return h5_write(group,
                    &(H5Array){.name = name, .kind = H5_I64, .data = &value, .unit = unit, .long_name = long_name});
}

Err h5_write_real(hid_t group, const char *name, double value, const char *unit, const char *long_name) {
    return h5_write(group,
                    &(H5Array){.name = name, .kind = H5_F64, .data = &value, .unit = unit, .long_name = long_name});
}
