/* The parts of a cell's group, read. For results.c. */
#ifndef HARNESS_RECORD_RESULTS_READ_H
#define HARNESS_RECORD_RESULTS_READ_H

#include <hdf5.h>

#include "harness/record/record.h"

/* Adds the parts (an or of ResultsPart) of a cell's group to a record that has its facts. */
Err parts_read(CellRecord *into, hid_t cell, unsigned parts) MUST_CHECK;

#endif
