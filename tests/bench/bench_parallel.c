/* How much two threads, and two jobs, save: one small sweep through the real program, three times, with curves that are
 * the same bits. The gains are held against their bounds only where the machine has two cores to give: two pinned
 * processes that only count must take no longer than one, before and after.
 *     bench_parallel PROGRAM GRID.yaml [--json FILE] */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/record/results.h"
#include "kernels/mem.h"
#include "tests/bench/peak.h"

enum { PATH = 512, MAX_CELLS = 16, SPINS = 200000000 };

static const double threads_bound = 1.5, jobs_bound = 1.6, idle_bound = 1.15;

/* ---- is the machine idle? ---- */

static void spin(void) {
    volatile unsigned x = 1;
    for (int i = 0; i < SPINS; i++) x = x * 1664525u + 1013904223u;
}

/* Wall seconds that n processes take, each on a core of its own, to count to the same number. */
static Err spin_seconds(double *out, const size_t *cores, int n) {
    Err err = ERR_OK;
    double start = bench_wall();
    for (int k = 0; k < n; k++) {
        pid_t pid = fork();
        FAIL_IF(pid < 0, ERR_DEVICE, "cannot start a process");
        if (pid > 0) continue;
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(cores[k], &set);
        if (sched_setaffinity(0, sizeof set, &set) != 0) _exit(1);
        spin();
        _exit(0);
    }
    for (int k = 0; k < n; k++) {
        int status = 0;
        FAIL_IF(wait(&status) < 0 || status != 0, ERR_DEVICE, "a process cannot be pinned to a core");
    }
    *out = bench_wall() - start;
done:
    return err;
}

static int usable_cores(size_t cores[2]) {
    cpu_set_t set;
    int n = 0;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return 0;
    for (size_t i = 0; i < CPU_SETSIZE && n < 2; i++)
        if (CPU_ISSET(i, &set)) cores[n++] = i;
    return n;
}

/* *slowdown = how much longer two counting processes take than one, the worst of three; 2 on a single core. */
static Err look_at_idleness(double *slowdown) {
    Err err = ERR_OK;
    size_t cores[2];
    double one = 0, two = 0;
    *slowdown = usable_cores(cores) < 2 ? 2 : 1;
    if (*slowdown > 1) return ERR_OK;
    for (int i = 0; i < 3; i++) {
        TRY(spin_seconds(&one, cores, 1));
        TRY(spin_seconds(&two, cores, 2));
        if (two / one > *slowdown) *slowdown = two / one;
    }
done:
    return err;
}

/* ---- sweeps ---- */

typedef struct Sweep {
    const char *name, *jobs, *threads;
    double seconds;
    size_t n;
    char digest[MAX_CELLS][65];
} Sweep;

static Err run_program(const char *program, const char *grid, const char *folder, const Sweep *sweep) {
    int status = 0;
    pid_t pid = fork();
    if (pid < 0) return err_set(ERR_DEVICE, "cannot start a process");
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR);
        if (dup2(null, 1) < 0 || dup2(null, 2) < 0) _exit(99);
        (void)execl(program, "refocus", "run", grid, "--results", folder, "--jobs", sweep->jobs, "--threads",
                    sweep->threads, (char *)NULL);
        _exit(98);
    }
    if (waitpid(pid, &status, 0) != pid || status != 0)
        return err_set(ERR_FAILED, "%s run %s ended with %d", program, grid, WEXITSTATUS(status));
    return ERR_OK;
}

/* The digests of all that the cells hold but their times. */
static Err read_digests(const char *folder, Sweep *sweep) {
    Err err = ERR_OK;
    char path[2 * PATH];
    Results *results = NULL;
    (void)snprintf(path, sizeof path, "%s/parallel.h5", folder);
    TRY(results_open(&results, path));
    sweep->n = results_count(results);
    FAIL_IF(sweep->n == 0 || sweep->n > MAX_CELLS, ERR_DATA, "%s has %zu cells", path, sweep->n);
    for (size_t i = 0; i < sweep->n; i++)
        (void)snprintf(sweep->digest[i], sizeof sweep->digest[i], "%s", results_cell(results, i)->digest);
done:
    results_close(results);
    return err;
}

static Err time_sweep(const char *program, const char *grid, Sweep *sweep) {
    Err err = ERR_OK;
    char folder[] = "/tmp/refocus-bench-XXXXXX", command[PATH];
    FAIL_IF(mkdtemp(folder) == NULL, ERR_CREATE, "cannot make a folder in /tmp");
    double start = bench_wall();
    TRY(run_program(program, grid, folder, sweep));
    sweep->seconds = bench_wall() - start;
    TRY(read_digests(folder, sweep));
done:
    (void)snprintf(command, sizeof command, "rm -rf %s", folder);
    if (system(command) != 0) fprintf(stderr, "%s is left behind\n", folder);
    return err;
}

static Err check_same(const Sweep *a, const Sweep *b) {
    if (a->n != b->n) return err_set(ERR_FAILED, "%s: %zu cells, %s: %zu", a->name, a->n, b->name, b->n);
    for (size_t i = 0; i < a->n; i++)
        if (strcmp(a->digest[i], b->digest[i]) != 0)
            return err_set(ERR_FAILED, "cell %zu differs between %s and %s", i, a->name, b->name);
    return ERR_OK;
}

static Err write_json(const char *path, const Sweep sweep[3], double slowdown) {
    FILE *file = fopen(path, "w");
    if (file == NULL) return err_set(ERR_CREATE, "cannot create %s", path);
    fprintf(file, "{\"seconds\": %.3f, \"threads_gain\": %.3f, \"jobs_gain\": %.3f, \"two_counting\": %.3f}\n",
            sweep[0].seconds, sweep[0].seconds / sweep[1].seconds, sweep[0].seconds / sweep[2].seconds, slowdown);
    return fclose(file) == 0 ? ERR_OK : err_set(ERR_IO, "cannot write %s", path);
}

static Err judge(const Sweep sweep[3], double slowdown) {
    double threads = sweep[0].seconds / sweep[1].seconds, jobs = sweep[0].seconds / sweep[2].seconds;
    printf("one job, one thread   %6.2f s\n", sweep[0].seconds);
    printf("--threads 2           %6.2f s  %.2f times as fast (bound %.1f)\n", sweep[1].seconds, threads,
           threads_bound);
    printf("--jobs 2              %6.2f s  %.2f times as fast (bound %.1f)\n", sweep[2].seconds, jobs, jobs_bound);
    printf("curves, evaluations, parameters: the same bits\n");
    if (slowdown > idle_bound) {
        printf("not judged: two processes that only count take %.2f times as long as one here, now\n", slowdown);
        return ERR_OK;
    }
    if (threads < threads_bound || jobs < jobs_bound) return err_set(ERR_GATE, "two cores save less than the bounds");
    return ERR_OK;
}

static Err bench(const char *program, const char *grid, const char *json) {
    Err err = ERR_OK;
    static Sweep sweep[3] = {{.name = "one job, one thread", .jobs = "1", .threads = "1"},
                             {.name = "two threads", .jobs = "1", .threads = "2"},
                             {.name = "two jobs", .jobs = "2", .threads = "1"}};
    double before = 0, after = 0;
    TRY(look_at_idleness(&before));
    for (int i = 0; i < 3; i++) TRY(time_sweep(program, grid, &sweep[i]));
    TRY(look_at_idleness(&after));
    for (int i = 1; i < 3; i++) TRY(check_same(&sweep[0], &sweep[i]));
    double slowdown = before > after ? before : after;
    if (json != NULL) TRY(write_json(json, sweep, slowdown));
    TRY(judge(sweep, slowdown));
done:
    return err;
}

int main(int argc, char **argv) {
    bool has_json = argc == 5 && strcmp(argv[3], "--json") == 0;
    if (argc != 3 && !has_json) {
        fprintf(stderr, "usage: bench_parallel PROGRAM GRID.yaml [--json FILE]\n");
        return 64;
    }
    Err err = bench(argv[1], argv[2], has_json ? argv[4] : NULL);
    if (err != ERR_OK) fprintf(stderr, "bench_parallel: %s\n", err_message());
    return err == ERR_OK ? 0 : 1;
}
