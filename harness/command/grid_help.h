/* The reference of the grid: its top keys, and every setting from the option row that also parses it. */
#ifndef HARNESS_COMMAND_GRID_HELP_H
#define HARNESS_COMMAND_GRID_HELP_H

#include <stdbool.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum GridHelpFormat { GRID_HELP_TEXT, GRID_HELP_MARKDOWN } GridHelpFormat;

/* Prints the settings whose key is topic or lies below it ("focus", "focus.lambda"; "data.train.lines.fonts" finds
 * data.*.*.fonts as well as its row does). topic NULL: the top keys and all settings. False, printing nothing, if there
 * is none. */
bool grid_help_print(FILE *to, const char *topic, GridHelpFormat format);

#ifdef __cplusplus
}
#endif
#endif
