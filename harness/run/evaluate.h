/* Evaluation: a pass over an evaluation set with the present parameters, decoded teacher-forced and freely, added up by
 * every recorded metric. Also the attention maps of its first samples. Depends on rig, feed, metric. */
#ifndef HARNESS_RUN_EVALUATE_H
#define HARNESS_RUN_EVALUATE_H

#include <signal.h>

#include "harness/record/record.h"
#include "harness/run/feed.h"
#include "harness/run/history.h"
#include "harness/run/metric.h"
#include "harness/run/rig.h"

typedef struct Evaluator Evaluator;

/* Prepares evaluating `loader` (a set of the rig; borrowed, as the rig is) under a name: "valid", "test". With several
 * sources each is a set of its own besides: "valid.photos". Nothing is allocated by evaluator_run. */
Err evaluator_new(Evaluator **out, const Rig *rig, Loader *loader, const char *set) MUST_CHECK;
void evaluator_free(Evaluator *evaluator); /* accepts NULL */

/* Names of what one pass measures: the whole, then its sources if there are several. */
int evaluator_n_sets(const Evaluator *evaluator);
const char *evaluator_set(const Evaluator *evaluator, int i);
int64_t evaluator_n_lines(const Evaluator *evaluator, int i);
int64_t evaluator_n_chars(const Evaluator *evaluator, int i); /* of the last pass */

/* One pass. *stop (may be NULL) is looked at between batches: ERR_INTERRUPTED. */
Err evaluator_run(Evaluator *evaluator, const volatile sig_atomic_t *stop) MUST_CHECK;

/* Every column of set i of the last pass into out [metric_n_columns()]. */
void evaluator_values(const Evaluator *evaluator, int i, double *out);

/* The value of every column under uniform attention, NaN where that means nothing. A pass without the model; allocates.
 * out [evaluator_n_sets, metric_n_columns()]. */
Err evaluator_chance(Evaluator *evaluator, double *out) MUST_CHECK;

/* Columns as a record describes them, chance NaN. out [metric_n_columns()]. */
void evaluate_columns(RecordMetric *out);

/* ---- attention of the first n samples of the set ---- */

/* Images, boxes, texts and positions of the first n samples into a record. Allocates. */
Err evaluator_samples(Evaluator *evaluator, int32_t n, CellRecord *record) MUST_CHECK;

/* Teacher-forced maps [n,T,L] (zero beyond the text), centres [n,T] (NaN beyond it) and greedy texts [n,text_len]. */
Err evaluator_maps(Evaluator *evaluator, int32_t n, float *maps, float *centres, char *predicted,
                   int32_t text_len) MUST_CHECK;

#endif
