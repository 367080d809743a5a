/* One named source of a cell's data, data.<set>.<name>: drawn lines or a split of a dataset file, behind one
 * interface. Everything that can fail fails in source_open; afterwards a sample is a pure function of its index.
 * Option rows: data_options.c, synth_style.c. Depends on synth, dataset, charset. */
#ifndef HARNESS_DATA_SOURCE_H
#define HARNESS_DATA_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/data/charset.h"
#include "harness/data/sample.h"
#include "kernels/err.h"
#include "models/option.h"

/* A file that the data depend on. */
typedef struct DataInput {
    char *kind;   /* "font", "dataset", "words", "charset" */
    char *name;   /* for a font its family and style, else the path as it was given */
    char *path;   /* where it was found */
    char *sha256; /* hex; of a dataset the digest of its contents */
} DataInput;

typedef struct Source Source;

typedef struct SourceSpec {
    const Settings *settings; /* of the cell */
    const char *set;          /* "train", "valid" or "test" */
    const char *name;
    uint64_t seed;          /* of the cell: what data.train.<name>.seed is if it is not set */
    const Charset *charset; /* borrowed, outlives the source */
    int n_workers;          /* how many threads may call source_read at once, each with a number of its own */
    bool measure_only;      /* for counts and lengths: opens no font, and source_read must not be called */
} SourceSpec;

/* ERR_MISSING or ERR_DATA for a file or font; ERR_DATA for texts that cannot be used, unless the settings say
 * data.<set>.<name>.unusable: skip and something is left (the message has the reasons and their counts). The caller
 * closes. */
Err source_open(Source **out, const SourceSpec *spec) MUST_CHECK;
void source_close(Source *source);

const char *source_name(const Source *source);
int64_t source_count(const Source *source);   /* samples that can be read */
int32_t source_longest(const Source *source); /* characters of the longest label that may come */
double source_share(const Source *source);
bool source_has_boxes(const Source *source); /* of at least one sample */

/* Texts of the dataset's split or of the word list that were left out: too long, with characters outside the charset,
 * empty. *reasons is one line with the counts, "" if none; borrowed. source_n_texts: with those. */
int64_t source_n_rejected(const Source *source, const char **reasons);
int64_t source_n_texts(const Source *source);

/* Fills out (of the cell's H x W, room for source_longest) with sample `index`; i_worker < n_workers. */
void source_read(Source *source, int i_worker, int64_t index, Sample *out);

/* Where a dataset's sample came from ("train/1009_2.png"), or "" for a drawn one. Borrowed. */
const char *source_origin(const Source *source, int64_t index);

/* Files that the source read, borrowed. */
const DataInput *source_inputs(const Source *source, int *n);

#endif
