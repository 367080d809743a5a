/* HDF5 helpers: attributes, dimension scales, NeXus default plots. */
#include "harness/record/h5.h"

#include <hdf5_hl.h>
#include <stdio.h>
#include <string.h>

/* Attributes are small; none of ours comes near the limit of 64 KiB. */
static Err write_attr(hid_t object, const char *name, hid_t in_file, hid_t in_memory, size_t n, bool scalar,
                      const void *data) {
    Err err = ERR_OK;
    hid_t space = H5I_INVALID_HID, attr = H5I_INVALID_HID;
    hsize_t dim = n;
    if (H5Aexists(object, name) > 0) H5_TRY(H5Adelete(object, name));
    H5_TRY(space = scalar ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &dim, NULL));
    H5_TRY(attr = H5Acreate2(object, name, in_file, space, H5P_DEFAULT, H5P_DEFAULT));
    H5_TRY(H5Awrite(attr, in_memory, data));
done:
    h5_close(attr);
    h5_close(space);
    return err;
}

static Err write_text_attr(hid_t object, const char *name, size_t n, bool scalar, const char *const *text) {
    Err err = ERR_OK;
    hid_t type = H5I_INVALID_HID;
    TRY(h5_text_type(&type));
    TRY(write_attr(object, name, type, type, n, scalar, text));
done:
    h5_close(type);
    return err;
}

Err h5_attr_text(hid_t object, const char *name, const char *text) {
    return text == NULL ? ERR_OK : write_text_attr(object, name, 1, true, &text);
}

Err h5_attr_texts(hid_t object, const char *name, size_t n, const char *const *text) {
    return n == 0 ? ERR_OK : write_text_attr(object, name, n, false, text);
}

Err h5_attr_int(hid_t object, const char *name, int64_t value) {
    return write_attr(object, name, H5T_STD_I64LE, H5T_NATIVE_INT64, 1, true, &value);
}

Err h5_attr_ints(hid_t object, const char *name, size_t n, const int64_t *value) {
    return write_attr(object, name, H5T_STD_I64LE, H5T_NATIVE_INT64, n, false, value);
}

Err h5_attr_real(hid_t object, const char *name, double value) {
    return write_attr(object, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, 1, true, &value);
}

static Err set_scale(hid_t group, const char *name, const char *label) {
    Err err = ERR_OK;
    hid_t scale = H5I_INVALID_HID;
    H5_TRY(scale = H5Dopen2(group, name, H5P_DEFAULT));
    H5_TRY(H5DSset_scale(scale, label));
done:
    h5_close(scale);
    return err;
}

Err h5_scale(hid_t group, const H5Array *array) {
    Err err = h5_write(group, array);
    return err != ERR_OK ? err : set_scale(group, array->name, array->name);
}

static Err attach(hid_t group, hid_t set, int axis, const char *name) {
    Err err = ERR_OK;
    hid_t scale = H5I_INVALID_HID;
    H5_TRY(scale = H5Dopen2(group, name, H5P_DEFAULT));
    H5_TRY(H5DSattach_scale(set, scale, (unsigned)axis));
done:
    h5_close(scale);
    return err;
}

Err h5_axes(hid_t group, const char *dataset, int rank, const char *const *scales) {
    Err err = ERR_OK;
    hid_t set = H5I_INVALID_HID;
    H5_TRY(set = H5Dopen2(group, dataset, H5P_DEFAULT));
    for (int i = 0; i < rank; i++) TRY(attach(group, set, i, scales[i]));
done:
    h5_close(set);
    return err;
}

Err h5_bare_axis(hid_t group, const char *name, hsize_t n) {
    char label[96];
    if (h5_has(group, name)) return ERR_OK;
    Err err = h5_write(group, &(H5Array){.name = name, .kind = H5_F32, .rank = 1, .dim = {n}, .raw = true});
    /* The words by which netCDF-4 marks a dimension that is no variable. */
    (void)snprintf(label, sizeof label, "This is a netCDF dimension but not a netCDF variable.%10lld", (long long)n);
    return err != ERR_OK ? err : set_scale(group, name, label);
}

Err h5_label_axes(hid_t dataset, const char *labels) {
    Err err = ERR_OK;
    char label[32];
    for (unsigned axis = 0; *labels != '\0'; axis++) {
        int len = (int)strcspn(labels, ",");
        (void)snprintf(label, sizeof label, "%.*s", len, labels);
        H5_TRY(H5DSset_label(dataset, axis, label));
        labels += labels[len] == ',' ? len + 1 : len;
    }
done:
    return err;
}

Err h5_plot(hid_t group, const char *signal, int rank, const char *const *axes) {
    Err err = ERR_OK;
    char key[64];
    TRY(h5_attr_text(group, "signal", signal));
    TRY(h5_attr_texts(group, "axes", (size_t)rank, axes));
    for (int i = 0; i < rank; i++) {
        (void)snprintf(key, sizeof key, "%s_indices", axes[i]);
        TRY(h5_attr_ints(group, key, 1, &(int64_t){i}));
    }
done:
    return err;
}
