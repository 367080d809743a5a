/* What libraries allocate is counted, what mem.c allocates is not, and threads do not lose a byte. */
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>
#include <hdf5.h>

#include "kernels/libmem.h"
#include "kernels/mem.h"

/* Keeps the compiler from dropping a pair of malloc and free. */
static void *volatile sink;

static void skip_if_absent(void) {
    if (!libmem_available()) skip();
}

static void heap_is_counted(void **state) {
    (void)state;
    skip_if_absent();
    libmem_mark();
    sink = malloc(1000);
    LibMem at_peak = libmem_read();
    free(sink);
    sink = calloc(3, 100);
    free(sink);
    LibMem end = libmem_stop();
    assert_true(at_peak.live_bytes >= 1000 && at_peak.live_bytes < 1100);
    assert_true(end.live_bytes == 0);
    assert_true(end.peak_bytes == at_peak.live_bytes);
    assert_true(end.total_bytes >= 1300 && end.total_bytes < 1500);
    assert_true(end.n_calls == 2);
    assert_true(end.mapped_bytes == 0);
}

static void nothing_is_counted_outside(void **state) {
    (void)state;
    skip_if_absent();
    libmem_mark();
    (void)libmem_stop();
    sink = malloc(1000);
    free(sink);
    assert_true(libmem_read().n_calls == 0);
}

static void realloc_counts_the_difference(void **state) {
    (void)state;
    skip_if_absent();
    sink = malloc(1000);
    libmem_mark();
    sink = realloc(sink, 5000);
    LibMem grown = libmem_read();
    sink = realloc(sink, 500);
    LibMem shrunk = libmem_read();
    free(sink);
    LibMem end = libmem_stop();
    assert_true(grown.live_bytes >= 3900 && grown.live_bytes < 4100);
    assert_true(shrunk.live_bytes < 0); /* a block from before the mark, now smaller */
    assert_true(end.live_bytes < -900);
    assert_true(end.peak_bytes == grown.live_bytes);
}

static void aligned_kinds(void **state) {
    (void)state;
    skip_if_absent();
    void *block = NULL;
    libmem_mark();
    assert_int_equal(posix_memalign(&block, 64, 100), 0);
    assert_true((uintptr_t)block % 64 == 0);
    free(block);
    block = aligned_alloc(128, 256);
    assert_true(block != NULL && (uintptr_t)block % 128 == 0);
    free(block);
    block = memalign(4096, 10);
    assert_true((uintptr_t)block % 4096 == 0);
    free(block);
    LibMem end = libmem_stop();
    assert_true(end.n_calls == 3 && end.live_bytes == 0);
    volatile size_t odd = 3;
    assert_int_equal(posix_memalign(&block, odd, 100), EINVAL);
    assert_null(aligned_alloc(odd, 6));
}

static void mappings_are_counted(void **state) {
    (void)state;
    skip_if_absent();
    libmem_mark();
    char *map = mmap(NULL, 10000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(map != MAP_FAILED);
    map[9999] = 1;
    assert_int_equal(munmap(map, 10000), 0);
    LibMem end = libmem_stop();
    assert_true(end.mapped_bytes == 12288 && end.peak_bytes == 12288 && end.live_bytes == 0);
}

static void own_memory_is_counted_apart(void **state) {
    (void)state;
    skip_if_absent();
    libmem_mark();
    void *block = NULL;
    uint64_t before = mem_stats().live_bytes;
    assert_int_equal(mem_alloc(&block, 1000, 10), ERR_OK);
    assert_true(mem_stats().live_bytes == before + 10000);
    mem_free(block);
    assert_true(libmem_stop().n_calls == 0);
}

/* A shared library's own calls come by here too. */
static void a_library_is_counted(void **state) {
    (void)state;
    skip_if_absent();
    libmem_mark();
    hid_t space = H5Screate_simple(1, (hsize_t[]){7}, NULL);
    LibMem during = libmem_read();
    assert_true(space >= 0);
    assert_true(H5Sclose(space) >= 0);
    (void)libmem_stop();
    assert_true(during.n_calls > 0);
}

enum { N_THREADS = 4, N_ROUNDS = 20000 };

static void *churn(void *arg) {
    (void)arg;
    for (int i = 0; i < N_ROUNDS; i++) {
        void *volatile block = malloc(64 + (size_t)i % 512);
        free(block);
    }
    return NULL;
}

static void threads_lose_nothing(void **state) {
    (void)state;
    skip_if_absent();
    pthread_t threads[N_THREADS];
    libmem_mark();
    LibMem start = libmem_read();
    for (int i = 0; i < N_THREADS; i++) assert_int_equal(pthread_create(&threads[i], NULL, churn, NULL), 0);
    for (int i = 0; i < N_THREADS; i++) assert_int_equal(pthread_join(threads[i], NULL), 0);
    LibMem end = libmem_stop();
    assert_true(start.n_calls == 0);
    assert_true(end.n_calls >= (uint64_t)N_THREADS * N_ROUNDS);
    /* What threads leave behind (their control blocks) is small; the churn itself nets to nothing. */
    assert_true(end.live_bytes >= 0 && end.live_bytes < 16384);
    assert_true(end.peak_bytes < 65536);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heap_is_counted),
        cmocka_unit_test(nothing_is_counted_outside),
        cmocka_unit_test(realloc_counts_the_difference),
        cmocka_unit_test(aligned_kinds),
        cmocka_unit_test(mappings_are_counted),
        cmocka_unit_test(own_memory_is_counted_apart),
        cmocka_unit_test(a_library_is_counted),
        cmocka_unit_test(threads_lose_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
