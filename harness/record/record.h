/* What one cell leaves behind, in memory, and the two files that keep it: the sealed cell.h5 of a cell's folder, and
 * results/<experiment>.h5 packed from them. The trainer fills a CellRecord and seals it; results.h reads the same
 * struct back. Layout of the files: results/README.md. This folder is the only one that writes HDF5 results.
 * HDF5 is not re-entrant here: call everything from one thread. */
#ifndef HARNESS_RECORD_RECORD_H
#define HARNESS_RECORD_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/err.h"
#include "kernels/view.h"

/* Raised when the layout of the files changes; readers refuse a higher one. */
enum { RECORD_FORMAT_VERSION = 2 };

/* How a cell ended. MISSING exists only in packed files: a cell of the grid that has no sealed result yet. */
typedef enum CellStatus {
    CELL_DONE,
    CELL_OVER_BUDGET, /* the plan says that it does not fit; it was not started */
    CELL_DIVERGED,    /* a loss or gradient was not finite */
    CELL_FAILED,      /* an error or a crash; `cause` says which */
    CELL_INTERRUPTED, /* stopped before its last step, and sealed as it stood */
    CELL_MISSING,
    CELL_STATUS_COUNT
} CellStatus;

/* "done", "over_budget", ...: as stored in the file. Never NULL. */
const char *cell_status_name(CellStatus status);

/* True if the training came to its end, well or not: only then nothing is left to go on from. */
bool cell_status_is_result(CellStatus status);

/* ---- curves/: one row per training step ---- */
typedef enum CurveKind {
    CURVE_LOSS,
    CURVE_LOSS_RECOGNITION,
    CURVE_LOSS_FOCUS,
    CURVE_GRAD_NORM, /* before clipping */
    CURVE_LR,
    CURVE_COUNT
} CurveKind;

/* "loss", "loss_recognition", ...: as stored in the file. Never NULL. */
const char *curve_name(CurveKind kind);

typedef struct RecordCurves {
    size_t n, room;
    int64_t *step;             /* [n] counted from 1: the state after that many updates */
    float *value[CURVE_COUNT]; /* [n] each; NaN where a quantity does not exist */
} RecordCurves;

/* ---- evaluation/<set>/: one row per evaluation ---- */
typedef struct RecordMetric {
    const char *name;      /* "char_accuracy"; the dataset's name */
    const char *unit;      /* "1" for a ratio, "px", ... */
    const char *long_name; /* label of the axis in a plot */
    int direction;         /* +1 higher is better, -1 lower is better, 0 neither */
    double chance;         /* the value under uniform attention, NaN if unknown or meaningless */
    bool is_attention;     /* tells where the network looks: tables never print it as a success */
} RecordMetric;

typedef struct RecordEvaluation {
    const char *set;     /* "valid", "test", or the name that `refocus evaluate` was given */
    const char *comment; /* where the samples come from; NULL = as the settings say */
    const char *code;    /* what computed it, for record_add_evaluation; NULL = what trained the cell */
    int64_t n_samples;   /* lines evaluated, 0 = not known */
    int64_t n_chars;
    size_t n_metrics;
    RecordMetric *metrics; /* [n_metrics] */
    size_t n, room;
    int64_t *step;  /* [n] */
    double **value; /* [n_metrics][n]; NaN where a metric does not exist */
} RecordEvaluation;

/* ---- attention/: maps of a few fixed samples, at E evaluations ---- */
typedef struct RecordAttention {
    int64_t n, room;            /* E; 0 = nothing recorded */
    int64_t n_samples, n_t;     /* N, T */
    int64_t map_h, map_w;       /* H, W of a map; H = 1 for an encoder with one row */
    int64_t image_h, image_w;   /* of the images, in pixels */
    const float *map_y, *map_x; /* [H], [W] centres of the map's cells in pixels */
    const uint8_t *images;      /* [N,image_h,image_w,3] sRGB */
    const float *boxes;         /* [N,T,4] x0, y0, x1, y1 in pixels, half-open; all zero = none */
    const char *const *text;    /* [N] UTF-8 */
    int64_t *step;              /* [E] */
    float *maps;                /* [E,N,T,H,W], each sums to 1; zero beyond the text */
    float *centres;             /* [E,N,T,2] x, y in pixels */
    const char **predicted;     /* [E,N] greedy reading, UTF-8 */
} RecordAttention;

/* ---- memory/ ---- */
typedef struct RecordBytes { /* bytes by module, or by role */
    const char *name;
    int64_t bytes;
} RecordBytes;

typedef struct RecordNode { /* one step of the timeline, in the plan's order */
    const char *name;
    int64_t bytes; /* live while it runs */
} RecordNode;

typedef struct RecordTensor {
    const char *name, *module, *role;
    int64_t bytes, offset; /* offset in the arena */
    int64_t first, last;   /* nodes of the timeline between which it lives, inclusive */
    Shape shape;           /* of a plan in memory alone, not in the file: SHAPE_ABSENT when read back */
} RecordTensor;

typedef struct RecordMemory {
    int64_t planned_bytes;     /* peak of the plan; -1 = no plan was made, and memory/ is left out */
    int64_t measured_bytes;    /* peak counted while running; -1 = not measured */
    int64_t lower_bound_bytes; /* max over nodes of the live bytes */
    const char *peak_node;     /* name of the node at the peak; NULL = unknown */
    size_t n_modules, n_roles, n_nodes, n_tensors;
    const RecordBytes *by_module, *by_role; /* at the peak; borrowed until sealed, as all below and the parameters */
    const RecordNode *timeline;
    const int64_t *timeline_by_module; /* [n_modules, n_nodes] bytes while each node runs; NULL in files of format 1 */
    const int64_t *timeline_by_role;   /* [n_roles, n_nodes] */
    const RecordTensor *tensors;
    size_t n_live;            /* with live: of a plan in memory alone, not in the file */
    const RecordTensor *live; /* what holds bytes at the peak, largest first, equal ones by name: with gaps they add
                                 up to planned_bytes */
} RecordMemory;

/* ---- volatile/: what two runs of the same cell do not share; -1 or NaN = not measured ---- */
typedef struct RecordVolatile {
    double seconds_per_step; /* median process-CPU or wall time of a training step, as the trainer defines it */
    double wall_seconds;     /* whole cell, interruptions not counted */
    double cpu_seconds;      /* process CPU time of all threads */
    int64_t peak_rss_bytes;
    int64_t library_transient_bytes; /* most that libraries held at once within a step */
    int64_t library_code_bytes;      /* JIT code and other overhead that stays */
    /* Of the whole device that computed: all its memory, and what of it was free before the cell took hold of it (by
     * NVML; without it, beside the context that is there already) and while it trained. -1: no device, not measured. */
    int64_t device_total_bytes, device_free_before_bytes, device_free_after_bytes;
    int64_t context_bytes; /* what the device's context and libraries took beside the plan: before - after - planned */
    int64_t n_resumes;
    size_t n_steps;
    const float *step_seconds; /* [n_steps] wall time of each step; may be NULL */
} RecordVolatile;

/* ---- final/ and best/: parameters by name, batch-norm running statistics among them ---- */
typedef struct RecordParam {
    const char *name; /* "encoder.conv1.weight"; no '/' */
    const char *role; /* "param", or "state" for running statistics */
    Shape shape;
    const float *data; /* borrowed until record_seal returns; owned by the record when read back */
} RecordParam;

typedef struct RecordParams {
    int64_t step; /* after which update; meaningless when n = 0 */
    size_t n, room;
    RecordParam *item;
} RecordParams;

typedef struct RecordPair {
    const char *key, *value;
} RecordPair;

typedef struct RecordPairs {
    size_t n, room;
    RecordPair *item;
} RecordPairs;

typedef struct CellRecord {
    /* Labels: what the grid calls this cell. They are not part of its content, and pack replaces them. */
    const char *id;      /* group below /cells: the name of the cell's folder; no '/' */
    const char *name;    /* "revised,focus.lambda=0.5@0" */
    const char *variant; /* "revised" */
    size_t n_axes;
    const char *const *axes; /* ["focus.lambda=0.5"]: its place on the grid's axes */

    /* Content */
    int64_t seed;
    CellStatus status;
    const char *cause;    /* one line; "" when done */
    const char *settings; /* all settings, YAML */
    const char *identity; /* "key=value" lines that decide the training: what tables compare */
    int64_t n_steps;      /* steps that the settings ask for */
    int64_t n_params;     /* trainable numbers */
    int64_t n_boxes_used; /* labelled boxes that the focus loss has read, with repetition */
    int64_t flops_per_step;
    RecordCurves curves;
    size_t n_evaluations;
    RecordEvaluation *evaluations; /* [n_evaluations] in order of first use */
    RecordAttention attention;
    RecordMemory memory;
    RecordParams final, best; /* last step; best on valid (n = 0 when there was none) */

    /* Not part of the content's digest */
    RecordVolatile times;
    RecordPairs provenance;  /* code version, build, libraries, device, threads ... (provenance.h fills them) */
    const char *code_digest; /* SHA-256 of the sources of ops, branch, encoder, data and trainer; NULL = unknown */
    const char *digest;      /* SHA-256 of the content; set when read back, ignored when sealed */

    bool is_tame; /* what is read into it, is to be shown (results_open_shown) */
    void **keep;  /* what the record owns */
    size_t n_keep, room_keep;
    char *text_at; /* texts are many and short: they are cut from blocks */
    size_t text_left;
} CellRecord;

/* An empty record: everything "not measured". The caller frees it. */
Err record_new(CellRecord **out) MUST_CHECK;
void record_free(CellRecord *record); /* accepts NULL */

/* Storage and copies of text that live as long as the record (for its borrowed fields). text NULL gives NULL. */
Err record_alloc(CellRecord *record, void *out, size_t n, size_t size) MUST_CHECK;
Err record_text(CellRecord *record, const char **out, const char *text) MUST_CHECK;

/* Appends one step. Steps must increase: ERR_ARG. */
Err record_step(CellRecord *record, int64_t step, const float value[CURVE_COUNT]) MUST_CHECK;

/* Appends one evaluation of `set`. The first call for a set fixes its metrics (copied); later ones must bring the same
 * n. Steps must increase within a set. *value is [n_metrics]. */
Err record_evaluation(CellRecord *record, const char *set, int64_t step, size_t n_metrics, const RecordMetric *metrics,
                      const double *value) MUST_CHECK;

/* The evaluations of a set, or NULL. */
RecordEvaluation *record_find_evaluation(const CellRecord *record, const char *set);

/* Row of `metric` in an evaluation, or -1. */
int record_find_metric(const RecordEvaluation *evaluation, const char *metric);

/* Fixes the samples whose attention is kept. `of` gives n_samples, n_t, the sizes and the borrowed arrays map_y, map_x,
 * images, boxes, text, which are copied. Once per record. */
Err record_attention_samples(CellRecord *record, const RecordAttention *of) MUST_CHECK;

/* Appends one row: maps [N,T,H,W], centres [N,T,2], predicted [N]. All copied. */
Err record_attention(CellRecord *record, int64_t step, const float *maps, const float *centres,
                     const char *const *predicted) MUST_CHECK;

/* Appends a parameter to record->final or record->best. name and role are copied, data is borrowed. */
Err record_param(CellRecord *record, RecordParams *params, const char *name, const char *role, Shape shape,
                 const float *data) MUST_CHECK;

/* Appends or replaces a line of provenance; both copied. */
Err record_provenance(CellRecord *record, const char *key, const char *value) MUST_CHECK;

/* The value of a line of provenance, or NULL. */
const char *record_provenance_find(const CellRecord *record, const char *key);

/* Writes folder/cell.h5: built beside, closed, opened again and compared by digest, fsynced, linked into place, folder
 * fsynced. A kill at any instruction leaves either no cell.h5 or all of it.
 * A cell that is sealed already is never overwritten: with equal content this is a success, with other content
 * ERR_CREATE. ERR_CREATE, ERR_IO (disk full), ERR_NOMEM. */
Err record_seal(const CellRecord *record, const char *folder) MUST_CHECK;

/* Adds one evaluation to a cell of a sealed cell.h5 or of a results file, by copying the file, changing the copy and
 * replacing the file atomically. cell is an id or a name; NULL = the only one. A set of that name that
 * exists already is an error (ERR_ARG) unless `replace`. evaluation->code becomes a line of the cell's provenance,
 * "evaluation.<set>". */
Err record_add_evaluation(const char *path, const char *cell, const RecordEvaluation *evaluation,
                          bool replace) MUST_CHECK;

/* Key of a cell's provenance: the sources that it used, "sha256  path\n" each, whose digest is code_digest. */
#define SOURCES_KEY "sources"

/* Notes in a sealed cell.h5, atomically, that code with another digest gave the same bits: the new digest, the sources
 * that it stands for, and one line (version and date, say) that is appended to provenance "revalidated". The content's
 * digest does not change. */
Err record_revalidate(const char *path, const char *code_digest, const char *sources, const char *note) MUST_CHECK;

/* ---- the packed file ---- */

/* One cell of the grid, in the grid's order. Several entries may name one folder (equal cells are trained once). */
typedef struct PackEntry {
    const char *name, *variant; /* the group below /cells is called by the name, with '_' for '/' */
    size_t n_axes;
    const char *const *axes;
    int64_t seed;
    const char *folder; /* holds cell.h5; without one the cell is listed as missing */
} PackEntry;

typedef struct PackGrid {
    const char *experiment, *question;
    const char *grid;                                                        /* text of the grid file */
    const char *settings;                                                    /* resolved settings, YAML */
    const char *baseline;                                                    /* name of a variant; NULL = none */
    const char *primary_variant, *primary_metric, *primary_set, *primary_at; /* NULL = not declared */
    double primary_margin;                                                   /* NaN = not declared */
    const char *tuning;                                                      /* name of a grid file; NULL = none */
    size_t n_tuning_trials;
    const char *const *tuning_trials; /* ["baseline=6"]: how many that grid has of each variant */
    size_t n_pairs;
    const RecordPair *provenance; /* [n_pairs] */
    size_t n_entries;
    const PackEntry *entries; /* [n_entries] */
} PackGrid;

/* Writes `path` from the sealed cells, atomically. A sealed cell that cannot be read fails the pack with its name. */
Err record_pack(const PackGrid *grid, const char *path) MUST_CHECK;

#endif
