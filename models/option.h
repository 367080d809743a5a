/* Options: one row per YAML key, owned by the module that reads it, and the settings of one cell.
 * A row feeds the parser, the defaults, the range check, the help, the dump and the cell's identity.
 * A module defines `const Option <module>_options[]`, ended by OPTION_END; the rows of all modules are found through a
 * generated table. Several rows may share a key (each branch its own default of focus.lambda) if their types agree and
 * their conditions exclude each other. Depends on kernels/err and mem only: no file is read here. */
#ifndef MODELS_OPTION_H
#define MODELS_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/err.h"

typedef enum OptType {
    OPT_INT, /* 64-bit */
    OPT_REAL,
    OPT_BOOL,
    OPT_TEXT,
    OPT_CHOICE, /* one of `choices` */
    OPT_BYTES,  /* a size: 512MiB, 24GiB, or plain bytes */
    OPT_INTS,   /* lists */
    OPT_REALS,
    OPT_TEXTS
} OptType;

typedef struct Option {
    const char *key; /* dotted: "train.lr". A segment '*' stands for a name that the user chooses */
    OptType type;
    const char *def;     /* default as YAML text ("3e-3", "[32, 128]"); NULL = must be given where it applies */
    double min, max;     /* inclusive range of a number, of each number of a list, of the bytes; both 0 = any;
                            min -OPTION_ANY or max OPTION_ANY = no bound on that side */
    int n_min, n_max;    /* length of a list; both 0 = any */
    const char *choices; /* "sum|mean" */
    const char *when;    /* the row applies only if another setting has one of these values:
                            "focus.kind=original|lowrank", "focus.kind!=none"; '*' is the same name as in key; several
                            joined by '&' */
    bool observes;       /* only observes: changing it retrains nothing (eval, record, memory, labels) */
    Err (*check)(const char *text); /* further syntax of a TEXT, or NULL; the message says what was expected */
    const char *help;               /* one line, with the unit */
} Option;

#define OPTION_ANY 1e300

#define OPTION_END                                                                                                     \
    { .key = NULL }

/* All rows of all modules, sorted by key; *n is their number. */
const Option *const *option_table(int *n);

/* The first row whose key (with '*') matches `key`, or NULL. */
const Option *option_find(const char *key);

/* ---- settings: the typed values of one cell, sorted by key. The accessors below ASSERT that the key is set and has
 * the asked type: after settings_resolve every row that applies is set. ---- */
typedef struct Settings Settings;

Err settings_new(Settings **out) MUST_CHECK;
Err settings_copy(Settings **out, const Settings *from) MUST_CHECK;
void settings_free(Settings *settings);

/* Sets key from text (YAML flow text: "3e-3", "[3, 8]", "kl"), checked against the row: type, range, choices.
 * ERR_SPEC with what was expected and the nearest key or choice; the message has no position (the grid adds it). */
Err settings_set(Settings *settings, const char *key, const char *text) MUST_CHECK;

/* Fills the defaults of every row that applies, drops nothing. ERR_SPEC for a required key that is missing. */
Err settings_resolve(Settings *settings) MUST_CHECK;

/* True if the row of key applies under these settings (its `when` holds). */
bool settings_applies(const Settings *settings, const char *key);

bool settings_has(const Settings *settings, const char *key);
int64_t settings_int(const Settings *settings, const char *key); /* INT and BYTES */
double settings_real(const Settings *settings, const char *key); /* REAL and INT */
bool settings_bool(const Settings *settings, const char *key);
const char *settings_text(const Settings *settings, const char *key); /* TEXT and CHOICE; borrowed */
bool settings_is(const Settings *settings, const char *key, const char *text);
size_t settings_len(const Settings *settings, const char *key); /* lists */
int64_t settings_int_at(const Settings *settings, const char *key, size_t i);
double settings_real_at(const Settings *settings, const char *key, size_t i);
const char *settings_text_at(const Settings *settings, const char *key, size_t i);

/* The value as canonical YAML text: what dumps, hashes and tables show ("0.003", "[3, 8]"). Borrowed. */
const char *settings_show(const Settings *settings, const char *key);

/* Iteration in key order. */
size_t settings_count(const Settings *settings);
const char *settings_key_at(const Settings *settings, size_t i);

/* Names that the user chose at the '*' of "data.train.*": sorted, without repeats. *out and its strings belong to the
 * caller (one block: mem_free(*out)). */
Err settings_names(const Settings *settings, const char *prefix, char ***out, size_t *n) MUST_CHECK;

/* Writes prefix.name into buf and returns it: settings_int(s, key_at(buf, "data.train.lines", "count")). */
enum { KEY_LEN = 256 };
char *key_at(char buf[KEY_LEN], const char *prefix, const char *name);

/* "key=value\n" lines of every setting that decides the training and differs from its default: what the identity of a
 * cell hashes. Settings that only observe, or have no effect in this cell, are left out. The caller owns *out. */
Err settings_identity(const Settings *settings, char **out) MUST_CHECK;

/* All set values as a YAML document, nested by section. The caller owns *out. */
Err settings_dump(const Settings *settings, char **out) MUST_CHECK;

#endif
