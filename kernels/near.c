/* Nearest word by optimal string alignment distance. */
#include "kernels/near.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

static int min_int(int a, int b) { return a < b ? a : b; }

int near_distance(const char *a, const char *b) {
    int n_a = (int)strnlen(a, NEAR_MAX), n_b = (int)strnlen(b, NEAR_MAX);
    /* Three rows of the table: the swap looks two rows back. */
    int rows[3][NEAR_MAX + 1];
    for (int j = 0; j <= n_b; j++) rows[0][j] = j;
    for (int i = 1; i <= n_a; i++) {
        int *row = rows[i % 3];
        const int *above = rows[(i + 2) % 3], *above2 = rows[(i + 1) % 3];
        row[0] = i;
        for (int j = 1; j <= n_b; j++) {
            int edits = above[j - 1] + (a[i - 1] != b[j - 1]);
            edits = min_int(edits, 1 + min_int(above[j], row[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                edits = min_int(edits, above2[j - 2] + 1);
            row[j] = edits;
        }
    }
    return rows[n_a % 3][n_b];
}

Near near_start(const char *word) { return (Near){.word = word, .best = NULL, .distance = INT_MAX}; }

void near_offer(Near *near, const char *candidate) {
    size_t len = strlen(near->word);
    int distance = near_distance(near->word, candidate);
    int limit = 1 + (int)len / 4;
    if (len >= 3 && strncmp(near->word, candidate, len) == 0) distance = min_int(distance, 1);
    /* A word of one or two letters is "near" everything short: ask for one letter in common. */
    if (distance > limit || distance >= (int)strlen(candidate) || distance >= near->distance) return;
    near->best = candidate;
    near->distance = distance;
}

char *near_hint(const Near *near, const char *prefix, char *out, int len) {
    if (near->best != NULL)
        (void)snprintf(out, (size_t)len, "; did you mean %s%s?", prefix, near->best);
    else if (len > 0)
        out[0] = '\0';
    return out;
}
