/* The program's own sources as they were when it was built. */
#ifndef HARNESS_GRID_SOURCE_TABLE_H
#define HARNESS_GRID_SOURCE_TABLE_H

typedef struct SourceFile {
    const char *path;     /* from the root of the repository */
    const char *sha256;   /* hex */
    const char *includes; /* paths of the quoted includes, each followed by a space */
} SourceFile;

/* Sorted by path, ended by path = NULL. A test that defines source_table itself replaces the program's. */
extern const SourceFile source_table[];

#endif
