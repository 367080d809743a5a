/* Comparison of tensors of one op, as doubles. */
#ifndef TESTS_OP_COMPARE_H
#define TESTS_OP_COMPARE_H

#include <stdint.h>

#include "tests/op_run.h"

double compare_largest(const double *x, int64_t n);

/* Elementwise |got - expected| <= tolerance * the largest magnitude of expected (at least 1e-3, so that a tensor which
 * is zero but for rounding passes). NaN is never within tolerance. ERR_NUMERIC names the first bad element. */
Err compare_close(const char *what, int i, const double *got, const double *expected, int64_t n,
                  double tolerance) MUST_CHECK;

/* The same bits. */
Err compare_equal(const char *what, int i, const double *got, const double *expected, int64_t n) MUST_CHECK;

/* The largest |got - expected|, in the same measure; NaN if there is one. */
double compare_deviation(const double *got, const double *expected, int64_t n);

/* Keeps the larger of both in *worst; NaN is the largest. */
void compare_note(double *worst, double share);

/* Every y, and every x that the op mutates, as `how` computed them: what was not to be equal is noted in how->worst.
 * INT tensors must be equal; tolerance 0 asks for the same bits. */
Err compare_forward(const OpData *data, const OpHow *how, const OpValues *got, const OpValues *expected,
                    double tolerance) MUST_CHECK;

/* Every dx that `how` wanted; where a bit of `accumulate` is set, expected + scaled start. */
Err compare_backward(const OpData *data, const OpHow *how, const OpValues *got, const OpValues *expected,
                     uint32_t accumulate, double tolerance) MUST_CHECK;

#endif
