/* The parts of a cell's group that cell_file.c does not write itself. */
#ifndef HARNESS_RECORD_CELL_PARTS_H
#define HARNESS_RECORD_CELL_PARTS_H

#include <hdf5.h>

#include "harness/record/record.h"

/* memory/; nothing where no plan was made. */
Err memory_write(hid_t cell, const RecordMemory *memory) MUST_CHECK;

/* final/ or best/: a dataset per parameter; nothing where there is none. */
Err params_write(hid_t cell, const char *name, const RecordParams *params) MUST_CHECK;

/* volatile/: fixed size, uncompressed. */
Err volatile_write(hid_t cell, const RecordVolatile *times) MUST_CHECK;

#endif
