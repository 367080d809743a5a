#include "kernels/fault.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char variable[] = "REFOCUS_KILL_AT";

enum { UNREAD, OFF, ARMED };
static atomic_int state;

/* Points are passed by one thread. */
static char point[32];
static long passings_left;
static bool whole_group;

static void read_environment(void) {
    const char *text = getenv(variable), *colon = text != NULL ? strchr(text, ':') : NULL;
    size_t len = colon != NULL ? (size_t)(colon - text) : 0;
    char *end = NULL;
    atomic_store(&state, OFF);
    if (len == 0 || len >= sizeof point) return;
    memcpy(point, text, len);
    passings_left = strtol(colon + 1, &end, 10);
    whole_group = strcmp(end, ":all") == 0;
    if (passings_left > 0) atomic_store(&state, ARMED);
}

void fault_point(const char *name) {
    if (atomic_load(&state) == UNREAD) read_environment();
    if (atomic_load(&state) != ARMED || strcmp(name, point) != 0 || --passings_left > 0) return;
    (void)kill(whole_group ? 0 : getpid(), SIGKILL);
    for (;;) (void)pause();
}

void fault_disarm(void) {
    (void)unsetenv(variable);
    atomic_store(&state, OFF);
}
