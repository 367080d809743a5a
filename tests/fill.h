/* Fills test inputs from named random streams. */
#ifndef TESTS_FILL_H
#define TESTS_FILL_H

#include "kernels/op.h"
#include "kernels/rng.h"

/* Writes shape_count(&input->shape) values; element k depends on (stream, i_input, k) alone. Real values are rounded
 * to float, and normal ones are kept 0.01 away from 0, so that finite differences do not step over a kink there. */
void fill_input(double *out, const OpCaseInput *input, RngStream stream, int i_input);

#endif
