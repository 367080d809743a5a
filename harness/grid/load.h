/* What the files of this folder share while a grid is being read. Temporary: the Grid keeps nothing of it.
 *   layer.c     maps of settings -> flat entries            axes.c    zip and grid -> axes
 *   variant.c   variants of the file(s)                     override.c  KEY=VALUE
 *   expand.c    variants x axes -> combinations             select.c  exclude, include
 *   resolve.c   settings of each combination                cells.c   combinations x seeds -> cells
 *   top.c       top keys and their values                   tuning.c  the grid that tuned this one
 *   grid.c      the order of it all
 *   blame.c     afterwards: where a cell got a setting
 * Problems of the user's are noted (message.h) and the reading goes on where the rest still makes sense; Err is for
 * what stops everything. */
#ifndef HARNESS_GRID_LOAD_H
#define HARNESS_GRID_LOAD_H

#include "harness/grid/doc.h"
#include "harness/grid/grid.h"
#include "harness/grid/message.h"
#include "harness/grid/pool.h"

/* One setting as a file gives it. */
typedef struct Entry {
    const char *key, *text; /* dotted key, flow text */
    const Doc *doc;
    const DocNode *key_node, *node;
    bool effective; /* applies in some cell */
} Entry;

typedef struct Layer {
    Entry *items;
    size_t n, capacity;
} Layer;

/* The values of one key over which cells vary. */
typedef struct Axis {
    Entry entry;         /* where it stands; text = NULL */
    const char **values; /* canonical */
    size_t n;
} Axis;

/* Axes that advance together: one of `grid`, or all of `zip`. All have n values. */
typedef struct AxisGroup {
    Axis *axes;
    size_t n_axes, n;
} AxisGroup;

typedef struct AxisGroups {
    AxisGroup *items;
    size_t n, capacity;
} AxisGroups;

typedef struct Variant {
    const char *name;
    const Doc *doc;
    const DocNode *key_node;
    Layer layer;
    AxisGroups groups; /* its own `grid` */
} Variant;

typedef struct Override {
    const char *key, *value; /* value: canonical */
    bool effective;
} Override;

/* One value of every axis: a cell without its seed. */
typedef struct Combination {
    const Variant *variant;
    CellAxis *axes;
    size_t n_axes;
    Layer extra;        /* of an include: its settings that are no axes of the variant; they stand in axes too */
    Settings *settings; /* resolved; owned by the loader until a Grid takes it */
    const Doc *doc;     /* where to blame: the variant, or the include */
    const DocNode *node;
    bool *excluded; /* [n_seeds] */
} Combination;

typedef enum TopKey {
    TOP_EXPERIMENT,
    TOP_QUESTION,
    TOP_EXTENDS,
    TOP_TUNING,
    TOP_SEEDS,
    TOP_BASELINE,
    TOP_PRIMARY,
    TOP_BASE,
    TOP_VARIANTS,
    TOP_GRID,
    TOP_ZIP,
    TOP_INCLUDE,
    TOP_EXCLUDE,
    TOP_PLAN_ONLY,
    TOP_COUNT
} TopKey;

typedef struct Top {
    const Doc *doc;
    const DocNode *key_node, *node; /* NULL: not given */
} Top;

typedef struct Loader {
    Pool pool; /* everything below but settings and documents */
    Problems problems;
    Doc *doc, *extended; /* owned; extended may be NULL */
    Top own[TOP_COUNT], inherited[TOP_COUNT];
    Layer extended_base, base;
    Variant *variants;
    size_t n_variants, variants_capacity;
    AxisGroups groups; /* zip, then grid */
    Override *overrides;
    size_t n_overrides;
    const char *seeds_override; /* flow text, or NULL */
    int64_t *seeds;
    size_t n_seeds;
    Combination *combinations;
    size_t n_combinations, combinations_capacity;
} Loader;

enum { GRID_CELLS_MAX = 10000 };

/* The node of a top key: the file's own, else the extended file's; NULL if neither has it. */
const Top *load_top(const Loader *loader, TopKey key);
/* A path beside that of the file which names it. */
Err load_path_beside(Pool *pool, const char **out, const char *path, const char *named) MUST_CHECK;

/* ---- layer.c ---- */
/* Appends the settings below map, nested or dotted; wrong keys and values are noted. `skip`: a key of the map itself
 * that is no setting, or NULL. */
Err layer_read(Loader *loader, Layer *layer, const Doc *doc, const DocNode *map, const char *skip) MUST_CHECK;
Err layer_apply(const Layer *layer, Settings *settings) MUST_CHECK;
const Entry *layer_find(const Layer *layer, const char *key);
/* *out = canonical text of node as a value of entry->key, in the loader's pool; NULL if it is wrong (then noted). */
Err layer_value(Loader *loader, const Entry *entry, const DocNode *node, const char **out) MUST_CHECK;

/* ---- axes.c ---- */
Err axes_read_grid(Loader *loader, AxisGroups *groups, const Doc *doc, const DocNode *map) MUST_CHECK;
Err axes_read_zip(Loader *loader, AxisGroups *groups, const Doc *doc, const DocNode *map) MUST_CHECK;
const Axis *axes_find(const AxisGroups *groups, const char *key);
/* Drops values of a group that it has already; how many. */
size_t axes_unique(AxisGroup *group);

/* ---- variant.c ---- */
Err variants_read(Loader *loader) MUST_CHECK;
const Variant *variant_find(const Loader *loader, const char *name);
/* Notes that node names no variant, with the nearest one. */
Err variant_unknown(Loader *loader, const Doc *doc, const DocNode *node) MUST_CHECK;

/* ---- override.c ---- */
/* Reads "KEY=VALUE" texts. */
Err overrides_read(Loader *loader, const char *const *texts, size_t n) MUST_CHECK;
/* Fills grid->notes with what each replaces, then drops the axes whose key is given on the command line. */
Err overrides_apply(Loader *loader, Grid *grid, Pool *pool) MUST_CHECK;
const Override *override_find(const Loader *loader, const char *key);

/* ---- expand.c ---- */
/* The cross product of each variant's axes. */
Err expand(Loader *loader) MUST_CHECK;
bool expand_has(const Loader *loader, const Variant *variant, const CellAxis *axes, size_t n);
/* Adds a combination; the axes are copied, *out is for the caller to complete. */
Err expand_add(Loader *loader, Combination **out, const Variant *variant, const CellAxis *axes, size_t n) MUST_CHECK;

/* ---- resolve.c ---- */
/* Settings of every combination, then the check that every setting has an effect somewhere. */
Err resolve(Loader *loader) MUST_CHECK;

/* ---- select.c ---- */
Err select_exclude(Loader *loader) MUST_CHECK;
Err select_include(Loader *loader) MUST_CHECK;

/* ---- top.c ---- */
/* The top keys of one document; unknown ones are noted. */
Err top_read(Loader *loader, const Doc *doc, Top tops[TOP_COUNT]) MUST_CHECK;
/* seeds, before the axes are expanded. */
Err top_seeds(Loader *loader) MUST_CHECK;
/* experiment, question, baseline, primary, plan_only. */
Err top_values(Loader *loader, Grid *grid, Pool *pool) MUST_CHECK;
/* *out = a scalar's text; NULL, and noted, if it is none. */
Err top_text(Loader *loader, const Top *top, const char *expected, const char **out) MUST_CHECK;

/* ---- tuning.c ---- */
/* When the cells are made. */
Err tuning_read(Loader *loader, Grid *grid, Pool *pool) MUST_CHECK;

/* ---- cells.c ---- */
/* "variant,key=value@seed" */
Err cells_name(Pool *pool, const char **out, const Combination *combination, int64_t seed) MUST_CHECK;
/* Combinations x seeds, with names, identities and folders, in the order in which they run. grid has its seeds. */
Err cells_make(const Loader *loader, Grid *grid, Pool *pool) MUST_CHECK;

#endif
