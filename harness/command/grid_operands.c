/* Operands to overrides. */
#include "harness/command/grid_operands.h"

#include "kernels/mem.h"

Err grid_operands_load(Grid **out, const CommandLine *line, const char *device) {
    Err err = ERR_OK;
    const char **overrides = NULL;
    size_t n = (size_t)command_n_operands(line) - 1;
    *out = NULL;
    TRY(mem_alloc(&overrides, n, sizeof *overrides));
    for (size_t i = 0; i < n; i++) overrides[i] = command_operand(line, (int)i + 1);
    TRY(grid_load(out, command_operand(line, 0), overrides, n, device));
done:
    mem_free(overrides);
    return err;
}
