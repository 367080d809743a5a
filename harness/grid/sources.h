/* The program's own sources as they were when it was built. */
#ifndef HARNESS_GRID_SOURCES_H
#define HARNESS_GRID_SOURCES_H

typedef struct CodeSource {
    const char *path;     /* from the root of the repository */
    const char *sha256;   /* hex */
    const char *includes; /* paths of the quoted includes, each followed by a space */
} CodeSource;

/* Sorted by path, ended by path = NULL. A test that defines code_sources itself replaces the program's. */
extern const CodeSource code_sources[];

#endif
