#include <stdlib.h>
#include <string.h>

#include "harness/data/dataset.h"
#include "kernels/mem.h"

typedef struct Photo {
    const char *name;
    Split split;
} Photo;

static int by_name_and_split(const void *a, const void *b) {
    const Photo *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order != 0 ? order : (int)x->split - (int)y->split;
}

static void count_photos(DatasetFacts *facts, Photo *photo, int64_t n) {
    qsort(photo, (size_t)n, sizeof *photo, by_name_and_split);
    for (int64_t i = 0; i < n; i++) {
        bool other_name = i == 0 || strcmp(photo[i].name, photo[i - 1].name) != 0;
        facts->n_photos += other_name;
        facts->split[photo[i].split].n_photos += other_name || photo[i].split != photo[i - 1].split;
    }
}

static void grow_range(int32_t *min, int32_t *max, int32_t value) {
    if (value < *min) *min = value;
    if (value > *max) *max = value;
}

Err dataset_facts(DatasetFacts *out, const Dataset *dataset) {
    Photo *photo = NULL;
    int64_t n = dataset_count(dataset);
    memset(out, 0, sizeof *out);
    Err err = mem_alloc(&photo, (size_t)n, sizeof *photo);
    if (err != ERR_OK) return err;
    out->min_width = out->min_height = INT32_MAX;
    for (int64_t i = 0; i < n; i++) {
        DatasetItem item = dataset_item(dataset, i);
        SplitFacts *split = &out->split[item.split];
        split->n_images++;
        split->n_boxed += item.n_boxes > 0;
        split->n_boxes += item.n_boxes;
        grow_range(&out->min_width, &out->max_width, item.width);
        grow_range(&out->min_height, &out->max_height, item.height);
        photo[i] = (Photo){item.photo, item.split};
    }
    count_photos(out, photo, n);
    mem_free(photo);
    return ERR_OK;
}
