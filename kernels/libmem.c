/* malloc and its kin in front of the C library's own. glibc exports them under a second name (__libc_malloc, ...), so
 * that no lookup is needed, which could itself allocate. */
#include "kernels/libmem.h"

#include <errno.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
enum { AVAILABLE = 1 };
#define INTERPOSE
#else
enum { AVAILABLE = 0 };
#endif

static atomic_bool counting;
static atomic_int_fast64_t live, peak;
static atomic_uint_fast64_t total, n_calls, mapped;

bool libmem_available(void) { return AVAILABLE; }

void libmem_mark(void) {
    atomic_store(&counting, false);
    atomic_store(&live, 0);
    atomic_store(&peak, 0);
    atomic_store(&total, 0);
    atomic_store(&n_calls, 0);
    atomic_store(&mapped, 0);
    atomic_store(&counting, AVAILABLE);
}

LibMem libmem_read(void) {
    return (LibMem){atomic_load(&live), atomic_load(&peak), atomic_load(&total), atomic_load(&n_calls),
                    atomic_load(&mapped)};
}

LibMem libmem_stop(void) {
    atomic_store(&counting, false);
    return libmem_read();
}

#ifdef INTERPOSE

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *block, size_t bytes);
void *__libc_memalign(size_t align, size_t bytes);
void __libc_free(void *block);

static bool is_counting(void) { return atomic_load_explicit(&counting, memory_order_relaxed); }

static void count_change(int64_t bytes) {
    int_fast64_t now = atomic_fetch_add(&live, bytes) + bytes, seen = atomic_load(&peak);
    while (now > seen && !atomic_compare_exchange_weak(&peak, &seen, now)) {
    }
}

static void count_new(size_t bytes) {
    atomic_fetch_add(&n_calls, 1);
    atomic_fetch_add(&total, bytes);
    count_change((int64_t)bytes);
}

static void *counted(void *block) {
    if (block != NULL && is_counting()) count_new(malloc_usable_size(block));
    return block;
}

static bool is_power_of_two(size_t n) { return n != 0 && (n & (n - 1)) == 0; }

void *malloc(size_t bytes) { return counted(__libc_malloc(bytes)); }

void *calloc(size_t n, size_t size) { return counted(__libc_calloc(n, size)); }

void *realloc(void *block, size_t bytes) {
    if (!is_counting()) return __libc_realloc(block, bytes);
    size_t before = block != NULL ? malloc_usable_size(block) : 0;
    void *moved = __libc_realloc(block, bytes);
    if (moved == NULL) { /* failed, and nothing happened; or bytes is 0, and it was freed */
        if (bytes == 0) count_change(-(int64_t)before);
        return NULL;
    }
    size_t after = malloc_usable_size(moved);
    if (after > before)
        count_new(after - before);
    else
        count_change((int64_t)after - (int64_t)before);
    return moved;
}

void free(void *block) {
    if (block != NULL && is_counting()) count_change(-(int64_t)malloc_usable_size(block));
    __libc_free(block);
}

void *memalign(size_t align, size_t bytes) { return counted(__libc_memalign(align, bytes)); }

void *aligned_alloc(size_t align, size_t bytes) {
    if (!is_power_of_two(align)) {
        errno = EINVAL;
        return NULL;
    }
    return memalign(align, bytes);
}

int posix_memalign(void **out, size_t align, size_t bytes) {
    if (!is_power_of_two(align) || align % sizeof(void *) != 0) return EINVAL;
    int before = errno; /* is not to be touched */
    void *block = memalign(align, bytes);
    errno = before;
    if (block == NULL) return ENOMEM;
    *out = block;
    return 0;
}

static size_t page_bytes(void) { return (size_t)sysconf(_SC_PAGESIZE); }

static size_t round_to_page(size_t bytes) { return (bytes + page_bytes() - 1) / page_bytes() * page_bytes(); }

void *valloc(size_t bytes) { return memalign(page_bytes(), bytes); }

void *pvalloc(size_t bytes) {
    size_t rounded = round_to_page(bytes);
    if (rounded < bytes) {
        errno = ENOMEM;
        return NULL;
    }
    return memalign(page_bytes(), rounded);
}

/* The C library's own mappings (large blocks, thread stacks) do not come by here. */
static void count_map(size_t bytes) {
    atomic_fetch_add(&mapped, round_to_page(bytes));
    count_new(round_to_page(bytes));
}

void *mmap(void *address, size_t len, int prot, int flags, int fd, off_t offset) {
    void *at = (void *)syscall(SYS_mmap, address, len, prot, flags, fd, offset);
    if (at != MAP_FAILED && is_counting()) count_map(len);
    return at;
}

void *mmap64(void *address, size_t len, int prot, int flags, int fd, off64_t offset) {
    return mmap(address, len, prot, flags, fd, offset);
}

int munmap(void *address, size_t len) {
    int failed = (int)syscall(SYS_munmap, address, len);
    if (failed == 0 && is_counting()) count_change(-(int64_t)round_to_page(len));
    return failed;
}

void *mremap(void *old, size_t old_len, size_t len, int flags, ...) {
    va_list args;
    va_start(args, flags);
    void *wanted = (flags & MREMAP_FIXED) != 0 ? va_arg(args, void *) : NULL;
    va_end(args);
    void *at = (void *)syscall(SYS_mremap, old, old_len, len, flags, wanted);
    if (at == MAP_FAILED || !is_counting()) return at;
    if (len > old_len) count_map(len - old_len);
    if (len < old_len) count_change((int64_t)round_to_page(len) - (int64_t)round_to_page(old_len));
    return at;
}

void *libmem_own_alloc(size_t align, size_t bytes) { return __libc_memalign(align, bytes); }
void libmem_own_free(void *block) { __libc_free(block); }

#else

void *libmem_own_alloc(size_t align, size_t bytes) { return aligned_alloc(align, bytes); }
void libmem_own_free(void *block) { free(block); }

#endif
