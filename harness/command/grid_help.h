/* The reference of the grid: its top keys, and every setting from the option row that also parses it. */
#ifndef HARNESS_COMMAND_GRID_HELP_H
#define HARNESS_COMMAND_GRID_HELP_H

#include <stdbool.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum GridHelpFormat { GRID_HELP_TEXT, GRID_HELP_MARKDOWN } GridHelpFormat;

/* One of the names that a setting takes where they come from files: a branch, an encoder, a metric. */
typedef struct GridHelpValue {
    const char *name, *about;
} GridHelpValue;

/* *out = the i-th of them; false where there are none, or no more. */
bool grid_help_value(GridHelpValue *out, const char *key, int i);

/* Prints the settings whose key is topic or lies below it ("focus", "focus.lambda"; "data.train.lines.fonts" finds
 * data.*.*.fonts as well as its row does). topic NULL: the top keys and all settings. False, printing nothing, if there
 * is none. */
bool grid_help_print(FILE *to, const char *topic, GridHelpFormat format);

#ifdef __cplusplus
}
#endif
#endif
