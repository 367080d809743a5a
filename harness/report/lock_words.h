/* The words that begin a line of a lock file. */
#ifndef HARNESS_REPORT_LOCK_WORDS_H
#define HARNESS_REPORT_LOCK_WORDS_H

#define LOCK_FIRST "refocus-lock" /* the format */
#define LOCK_EXPERIMENT "experiment"
#define LOCK_PLAN "plan" /* the class of device; then, indented: */
#define LOCK_CELL "cell"
#define LOCK_PEAK "peak"
#define LOCK_MODULE "module"
#define LOCK_TENSOR "tensor"
#define LOCK_SMALLER "smaller"
#define LOCK_END "end" /* the digest */

#endif
