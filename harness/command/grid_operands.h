/* The operands GRID.yaml [KEY=VALUE ...] of a command. Depends on command, grid. */
#ifndef HARNESS_COMMAND_GRID_OPERANDS_H
#define HARNESS_COMMAND_GRID_OPERANDS_H

#include "harness/command/command.h"
#include "harness/grid/grid.h"

/* *out = the grid that the first operand names, under the overrides that follow, for a kind of device. What grid_load
 * gives. */
Err grid_operands_load(Grid **out, const CommandLine *line, const char *device) MUST_CHECK;

#endif
