/* What writing and reading traces share. For trace_*.c of this folder only. */
#ifndef HARNESS_RECORD_TRACE_PARTS_H
#define HARNESS_RECORD_TRACE_PARTS_H

#define TRACE_FORMAT "refocus-trace"

#endif
