/* The generated list of every module's rows. Weak, so that a test program can link a fixed list in its stead. */
#include "models/option_rows.h"

#define X(module) extern const Option module##_options[];
#include "gen/options.inc"
#undef X

const Option *const option_sources[] __attribute__((weak)) = {
#define X(module) module##_options,
#include "gen/options.inc"
#undef X
    NULL,
};
