/* The content digest of a cell's group: a walk by name that feeds SHA-256. */
#include "harness/record/cell_digest.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "harness/record/h5.h"
#include "kernels/mem.h"

enum { MAX_DEPTH = 16, MAX_OBJECTS = 100000, PATH_LEN = 1024 };

typedef struct Walk {
    Digest digest;
    char path[PATH_LEN];  /* of the object below the cell; "" for the cell itself */
    int depth, n_objects; /* links may lead in circles */
    Err err;
} Walk;

static bool is_among(const char *name, const char *const *list) {
    for (; *list != NULL; list++)
        if (strcmp(name, *list) == 0) return true;
    return false;
}

static const char *const not_content[] = {"volatile", "provenance", NULL};
static const char *const labels[] = {"name", "variant", "axes", "digest", NULL};
static const char *const ties[] = {"DIMENSION_LIST", "REFERENCE_LIST", NULL};

static void feed(Walk *walk, const void *bytes, size_t n) { digest_bytes(&walk->digest, bytes, n); }

static void feed_text(Walk *walk, const char *text) { digest_text(&walk->digest, text); }

/* What it is, what it is called, its type and its extent. */
static Err feed_head(Walk *walk, const char *what, const char *name, hid_t type, hid_t space) {
    Err err = ERR_OK;
    hsize_t dim[H5S_MAX_RANK] = {0};
    char text[128];
    int rank = H5Sget_simple_extent_dims(space, dim, NULL);
    FAIL_IF(rank < 0, ERR_DATA, "'%s' has no extent", name);
    feed_text(walk, what);
    feed_text(walk, walk->path);
    feed_text(walk, name);
    bool text_like = H5Tis_variable_str(type) > 0;
    (void)snprintf(text, sizeof text, "class %d size %zu rank %d", (int)H5Tget_class(type),
                   text_like ? (size_t)0 : H5Tget_size(type), rank);
    feed_text(walk, text);
    for (int i = 0; i < rank; i++) {
        (void)snprintf(text, sizeof text, "%" PRIu64, (uint64_t)dim[i]);
        feed_text(walk, text);
    }
done:
    return err;
}

/* The elements as they lie in the file; strings by their characters. `id` is a dataset or, if is_attr, an attribute. */
static Err feed_elements(Walk *walk, hid_t id, bool is_attr, hid_t type, hid_t space) {
    Err err = ERR_OK;
    char *bytes = NULL;
    H5T_class_t class = H5Tget_class(type);
    bool texts = H5Tis_variable_str(type) > 0;
    hssize_t count = H5Sget_simple_extent_npoints(space);
    FAIL_IF(!texts && class != H5T_INTEGER && class != H5T_FLOAT && class != H5T_STRING, ERR_DATA,
            "'%s' has a type that no cell holds", walk->path);
    if (count <= 0) goto done;
    size_t n = (size_t)count, size = H5Tget_size(type);
    hsize_t stored = is_attr ? H5Aget_storage_size(id) : H5Dget_storage_size(id);
    TRY(h5_check_extent(id, walk->path, (double)n, size, stored));
    TRY(mem_alloc(&bytes, n, size));
    H5_TRY(is_attr ? H5Aread(id, type, bytes) : H5Dread(id, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes));
    if (!texts) {
        feed(walk, bytes, n * size);
    } else {
        char **text = (char **)(void *)bytes;
        for (size_t i = 0; i < n; i++) feed_text(walk, text[i] != NULL ? text[i] : "");
        H5_TRY(H5Dvlen_reclaim(type, space, H5P_DEFAULT, bytes));
    }
done:
    mem_free(bytes);
    return err;
}

static Err feed_attr(Walk *walk, hid_t object, const char *name) {
    Err err = ERR_OK;
    hid_t attr = H5I_INVALID_HID, type = H5I_INVALID_HID, space = H5I_INVALID_HID;
    H5_TRY(attr = H5Aopen(object, name, H5P_DEFAULT));
    H5_TRY(type = H5Aget_type(attr));
    H5_TRY(space = H5Aget_space(attr));
    TRY(feed_head(walk, "attribute", name, type, space));
    TRY(feed_elements(walk, attr, true, type, space));
done:
    h5_close(space);
    h5_close(type);
    h5_close(attr);
    return err;
}

static herr_t visit_attr(hid_t object, const char *name, const H5A_info_t *info, void *context) {
    Walk *walk = context;
    (void)info;
    if (is_among(name, ties) || (walk->depth == 0 && is_among(name, labels))) return 0;
    walk->err = feed_attr(walk, object, name);
    return walk->err == ERR_OK ? 0 : -1;
}

static Err feed_attrs(Walk *walk, hid_t object) {
    walk->err = ERR_OK;
    if (H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_INC, NULL, visit_attr, walk) >= 0) return ERR_OK;
    return walk->err != ERR_OK ? walk->err : h5_fail(ERR_IO, "H5Aiterate2");
}

static Err feed_group(Walk *walk, hid_t group);

static Err feed_dataset(Walk *walk, hid_t set) {
    Err err = ERR_OK;
    hid_t type = H5I_INVALID_HID, space = H5I_INVALID_HID;
    H5_TRY(type = H5Dget_type(set));
    H5_TRY(space = H5Dget_space(set));
    TRY(feed_head(walk, "dataset", "", type, space));
    TRY(feed_elements(walk, set, false, type, space));
    TRY(feed_attrs(walk, set));
done:
    h5_close(space);
    h5_close(type);
    return err;
}

static Err feed_child(Walk *walk, hid_t group, const char *name) {
    Err err = ERR_OK;
    hid_t child = H5I_INVALID_HID;
    size_t len = strlen(walk->path);
    FAIL_IF(++walk->n_objects > MAX_OBJECTS, ERR_DATA, "there are more than %d objects", (int)MAX_OBJECTS);
    FAIL_IF(walk->depth >= MAX_DEPTH || len + strlen(name) + 2 > PATH_LEN, ERR_DATA, "groups nest too deeply at '%s'",
            walk->path);
    (void)snprintf(walk->path + len, PATH_LEN - len, "/%s", name);
    walk->depth++;
    H5_TRY(child = H5Oopen(group, name, H5P_DEFAULT));
    H5I_type_t kind = H5Iget_type(child);
    FAIL_IF(kind != H5I_GROUP && kind != H5I_DATASET, ERR_DATA, "'%s' is neither group nor dataset", walk->path);
    TRY(kind == H5I_GROUP ? feed_group(walk, child) : feed_dataset(walk, child));
done:
    h5_close(child);
    walk->depth--;
    walk->path[len] = '\0';
    return err;
}

static herr_t visit_link(hid_t group, const char *name, const H5L_info_t *info, void *context) {
    Walk *walk = context;
    (void)info;
    if (walk->depth == 0 && is_among(name, not_content)) return 0;
    walk->err = feed_child(walk, group, name);
    return walk->err == ERR_OK ? 0 : -1;
}

static Err feed_group(Walk *walk, hid_t group) {
    Err err = ERR_OK;
    feed_text(walk, "group");
    feed_text(walk, walk->path);
    TRY(feed_attrs(walk, group));
    walk->err = ERR_OK;
    if (H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, NULL, visit_link, walk) < 0)
        err = walk->err != ERR_OK ? walk->err : h5_fail(ERR_IO, "H5Literate");
done:
    return err;
}

Err digest_cell(char out[DIGEST_HEX], hid_t cell) {
    Err err = ERR_OK;
    Walk walk = {.err = ERR_OK};
    out[0] = '\0';
    digest_start(&walk.digest);
    TRY(feed_group(&walk, cell));
    (void)digest_hex(&walk.digest, out);
done:
    return err;
}
