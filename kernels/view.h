/* Shapes, element types and the letters of dimensions used in the whole tree:
 *   N or B batch, C channels, H, W image rows and columns, L positions of the encoder's map, T decoding steps,
 *   D features (Ds decoder state, Dh encoder features), A attention width, P pixels of a patch, V or K classes.
 * Tensors are dense and row-major, the last dimension fastest; images are NHWC. */
#ifndef KERNELS_VIEW_H
#define KERNELS_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SHAPE_MAX_RANK = 5, SHAPE_ABSENT = -1 };

typedef struct Shape {
    int rank; /* 0 = a scalar, SHAPE_ABSENT = an optional input that is not there */
    int64_t dim[SHAPE_MAX_RANK];
} Shape;

/* REAL is float on every device and double on the reference backend; INT is int32_t everywhere. */
typedef enum DType { DT_REAL, DT_INT } DType;

#define SHAPE0() ((Shape){0, {0}})
#define SHAPE1(a) ((Shape){1, {(a)}})
#define SHAPE2(a, b) ((Shape){2, {(a), (b)}})
#define SHAPE3(a, b, c) ((Shape){3, {(a), (b), (c)}})
#define SHAPE4(a, b, c, d) ((Shape){4, {(a), (b), (c), (d)}})
#define SHAPE5(a, b, c, d, e) ((Shape){5, {(a), (b), (c), (d), (e)}})

/* Number of elements; 1 for a scalar, 0 when absent. Shapes are checked for overflow where they are made (graph,
 * infer). */
static inline int64_t shape_count(const Shape *s) {
    int64_t n = s->rank == SHAPE_ABSENT ? 0 : 1;
    for (int i = 0; i < s->rank; i++) n *= s->dim[i];
    return n;
}

/* Product of the first `axis` dimensions, and of those from `axis` on. */
static inline int64_t shape_outer(const Shape *s, int axis) {
    int64_t n = 1;
    for (int i = 0; i < axis; i++) n *= s->dim[i];
    return n;
}
static inline int64_t shape_inner(const Shape *s, int axis) {
    int64_t n = 1;
    for (int i = axis; i < s->rank; i++) n *= s->dim[i];
    return n;
}

/* Size of the last dimension (1 for a scalar), and the number of rows of that size. */
static inline int64_t shape_last(const Shape *s) { return s->rank == 0 ? 1 : s->dim[s->rank - 1]; }
static inline int64_t shape_rows(const Shape *s) { return s->rank == 0 ? 1 : shape_outer(s, s->rank - 1); }

static inline bool shape_is_absent(const Shape *s) { return s->rank == SHAPE_ABSENT; }

static inline bool shape_equal(const Shape *a, const Shape *b) {
    if (a->rank != b->rank) return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dim[i] != b->dim[i]) return false;
    return true;
}

/* "(32,128,3)" into out; returns out. */
char *shape_text(const Shape *s, char *out, size_t len);

#endif
