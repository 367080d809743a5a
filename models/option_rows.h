/* Where option.c finds the rows: one array per module, each ended by OPTION_END, the whole ended by NULL. A test that
 * defines option_sources itself replaces the program's rows by its own. */
#ifndef MODELS_OPTION_ROWS_H
#define MODELS_OPTION_ROWS_H

#include "models/option.h"

extern const Option *const option_sources[];

#endif
