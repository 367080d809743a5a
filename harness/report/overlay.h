/* Pictures of attention: one frame per decoding step, rows side by side that show the same sample (variants, or times
 * of training), samples below each other. What to show is chosen by the caller (attention_sheet.h); here it is set and
 * drawn. All frames of a picture have one scale. Depends on overlay_frame, lettering, page. */
#ifndef HARNESS_REPORT_OVERLAY_H
#define HARNESS_REPORT_OVERLAY_H

#include <stddef.h>

#include "harness/record/record.h"

/* One row of frames. */
typedef struct OverlayRow {
    const char *label; /* "revised"; "" = none */
    const RecordAttention *attention;
    int64_t evaluation; /* index */
} OverlayRow;

/* Rows that show one sample: its text, image and boxes are the first row's. */
typedef struct OverlayGroup {
    const char *heading; /* "sample 3" */
    int64_t sample;
    size_t n_rows;
    const OverlayRow *row;
} OverlayGroup;

/* All borrowed. */
typedef struct Overlay {
    const char *title;
    const char *about; /* below the title; "" = none */
    size_t n_groups;
    const OverlayGroup *group;
    size_t n_families;
    const char *const *family; /* fonts for characters that DejaVu lacks, as the grid names them */
} Overlay;

/* Writes a PNG, SVG or PDF, as path ends. ERR_ARG for another ending, ERR_CREATE, ERR_IO, ERR_MISSING (font),
 * ERR_NOMEM. */
Err overlay_write(const Overlay *overlay, const char *path) MUST_CHECK;

#endif
