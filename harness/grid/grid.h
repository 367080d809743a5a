/* A grid file read, checked and expanded into cells. Nothing is trained, planned or written here.
 *
 * Top keys: experiment, question, extends, tuning, seeds, baseline, primary, base, variants, grid, zip, include,
 * exclude, plan_only. Layers, the later ones win: base of the extended file < base < variant (of the extended file,
 * then own) < zip and grid < include < command line. See DESIGN.md 7 and the comments of the files in this folder. */
#ifndef HARNESS_GRID_GRID_H
#define HARNESS_GRID_GRID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/err.h"
#include "models/option.h"

enum { GRID_ID_LEN = 65 }; /* SHA-256 in hex, terminated */

/* One key that zip, grid or include gave to a cell. */
typedef struct CellAxis {
    const char *key;   /* dotted */
    const char *shown; /* canonical text of its value in this cell */
} CellAxis;

/* Everything is borrowed from the grid. */
typedef struct Cell {
    const char *name;   /* "original,focus.lambda=0.1@3" */
    const char *folder; /* name made safe for a file system, '-' and the first 8 digits of id; cells that are
                           trained once share the folder of the first of them */
    const char *variant;
    int64_t seed;
    char id[GRID_ID_LEN];     /* what decides the training (see grid_cell_id): cells with one id are trained once */
    size_t same_as;           /* index of the first cell with this id: its own index, or a smaller one */
    const Settings *settings; /* resolved; shared by the seeds of a combination */
    const CellAxis *axes;     /* in the order of the name */
    size_t n_axes;
} Cell;

/* The declared comparison; variant is NULL if the grid has none. */
typedef struct GridPrimary {
    const char *variant, *metric, *set; /* set: "test" or "valid" */
    const char *at;                     /* "last", "best" or a step */
    double margin;                      /* of equivalence, in the metric's unit */
} GridPrimary;

/* The grid by which the settings of this one were chosen; file is NULL if none is named. */
typedef struct GridTuning {
    const char *file; /* as the grid names it */
    const char *text;
    size_t *n_trials; /* [n_variants] cells that it has of each variant */
} GridTuning;

typedef struct Grid {
    const char *path;    /* as given */
    const char *text;    /* the file, byte for byte */
    const char *extends; /* path and text of the extended file, or NULL */
    const char *extends_text;
    const char *overrides; /* "KEY=VALUE\n" lines in canonical form, sorted; "" if there are none */
    const char *experiment;
    const char *question; /* "" if it is not given */
    const char *device;   /* kind of device: "cpu" or "cuda" */
    const char *results;  /* name of the results: experiment, or experiment+<8 hex digits> under overrides */
    const char *baseline; /* a variant; NULL if there is only one variant, or none was named in a plan_only grid */
    bool plan_only;
    GridPrimary primary;
    GridTuning tuning;
    const char **variants; /* in the order of the file */
    size_t n_variants;
    const int64_t *seeds;
    size_t n_seeds;
    const char **notes; /* what each override replaced: "train.lr: 0.01 instead of 0.003 (base)" */
    size_t n_notes;
    Cell *cells; /* in the order in which they run: seed by seed, all variants first */
    size_t n_cells;
} Grid;

/* Reads the grid at path with overrides "KEY=VALUE" (settings, or seeds) for a kind of device ("cpu" or "cuda").
 * ERR_SPEC with every problem found, each with "file:line:col: message", the source line and a caret; ERR_MISSING if
 * the file cannot be opened. The caller owns *out (grid_free). */
Err grid_load(Grid **out, const char *path, const char *const *overrides, size_t n_overrides,
              const char *device) MUST_CHECK;
void grid_free(Grid *grid);

/* True if pattern is name, or matches all of it with '*' (any bytes) and '?' (any one byte). Other bytes stand for
 * themselves, brackets included. */
bool grid_match(const char *pattern, const char *name);

/* The cell of that name, or NULL. */
const Cell *grid_cell(const Grid *grid, const char *name);

/* Puts cell's name before the thread's message and, if the message names a setting that the grid file gives
 * ("data.image [8, 8] does not suit ..."), its place in the file before and its line below; or the override. Returns
 * code, or ERR_NOMEM. For errors that come up after the grid was read. */
Err grid_blame(Err code, const Grid *grid, const Cell *cell) MUST_CHECK;

/* id = hex SHA-256 over the settings' identity text, the seed and the kind of device. */
Err grid_cell_id(char id[GRID_ID_LEN], const Settings *settings, int64_t seed, const char *device) MUST_CHECK;

/* SHA-256 of len bytes in lower-case hex. */
void grid_sha256(char hex[GRID_ID_LEN], const char *text, size_t len);

/* *out = the settings in a YAML text such as settings_dump writes, resolved; name stands in messages. The caller owns
 * it. For reading a cell back from a results file. */
Err grid_read_settings(Settings **out, const char *name, const char *text) MUST_CHECK;

#endif
