/* The libraries that this program runs with, and their versions as they report them at run time: for doctor and for the
 * provenance of results. */
#ifndef HARNESS_LIBRARY_H
#define HARNESS_LIBRARY_H

#ifdef __cplusplus
extern "C" {
#endif

enum { LIBRARY_VERSION_LEN = 64 };

typedef struct Library {
    const char *name;
    const char *use; /* what it does here */
    char version[LIBRARY_VERSION_LEN];
} Library;

/* Before anything else of a library is called, once. At exit HDF5 would try again to write what a full disk refused: it
 * can hang or crash over that, and every file is closed by hand anyway. */
void library_start(void);

int library_count(void);

/* i in [0, library_count()); sorted by name. */
Library library_at(int i);

#ifdef __cplusplus
}
#endif
#endif
