/* "Did you mean": the candidate nearest to a word that is not known. Works on bytes; depends on libc only. */
#ifndef KERNELS_NEAR_H
#define KERNELS_NEAR_H

#ifdef __cplusplus
extern "C" {
#endif

/* A search. Start it with near_start, offer candidates, read near_best. The strings are borrowed. */
typedef struct Near {
    const char *word;
    const char *best; /* NULL: nothing near enough was offered */
    int distance;     /* of best */
} Near;

Near near_start(const char *word);

/* Keeps candidate if it is nearer than what was offered before: the first of equals wins. A candidate is near enough
 * within 1 + a quarter of the word's length of edits, or when the word (3 letters or more) begins it. */
void near_offer(Near *near, const char *candidate);

/* "; did you mean PREFIXbest?" into out (of len bytes), or "" when nothing is near. Returns out. */
char *near_hint(const Near *near, const char *prefix, char *out, int len);

/* Fewest insertions, deletions, substitutions and swaps of neighbours that turn a into b, the swapped pair not edited
 * again; only the first NEAR_MAX bytes of each count. */
enum { NEAR_MAX = 95 };
int near_distance(const char *a, const char *b);

#ifdef __cplusplus
}
#endif
#endif
