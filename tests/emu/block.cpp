/* One block at a time: its threads, its shared memory, barriers and the collectives of its warps. */
#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cxxabi.h>
#include <dlfcn.h>

#include "tests/emu/emu.hpp"
#include "tests/emu/fiber.hpp"

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

namespace emu {

enum State { READY, AT_BARRIER, AT_COLLECTIVE, RETURNED };

struct Thread {
    Fiber *fiber; /* nullptr: it has not begun, or has returned */
    uint3 index;
    State state;
    Place place; /* where it waits */
    Collective kind;
    unsigned mask;
    int param, width;
    uint64_t value, result;
};

struct Piece {
    const void *site;
    void *memory;
    size_t bytes;
};

/* What runs now. */
static struct {
    const void *kernel;
    const std::function<void()> *body;
    std::vector<Thread> threads; /* as many as any block ever had */
    std::vector<Fiber *> idle;   /* for threads that have not begun */
    std::vector<Fiber *> done;   /* for those of later blocks */
    unsigned n, current, n_returned;
    std::vector<unsigned> ready; /* threads that can go on, in the order in which they could */
    size_t n_taken;              /* of ready, from its front */
    Order order;
    unsigned n_waiting[MAX_THREADS / WARP]; /* lanes of a warp at collectives */
    std::vector<Piece> pieces;              /* of static shared memory */
    void *dynamic;
    size_t dynamic_bytes, limit;
    char launch, barrier;
} run;

/* ---- messages ---- */

void die(const char *format, ...) {
    va_list args;
    va_start(args, format);
    fputs("emulation: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    abort();
}

const char *kernel_symbol(const void *kernel) {
    Dl_info info;
    return dladdr(kernel, &info) != 0 && info.dli_saddr == kernel ? info.dli_sname : nullptr;
}

const char *kernel_name(const void *kernel) {
    static char name[256];
    const char *const symbol = kernel_symbol(kernel);
    if (symbol == nullptr) return "a kernel";
    int status = 0;
    char *plain = abi::__cxa_demangle(symbol, nullptr, nullptr, &status);
    snprintf(name, sizeof name, "%s", status == 0 ? plain : symbol);
    free(plain);
    char *parameters = strchr(name, '(');
    if (parameters != nullptr && parameters != name) *parameters = '\0';
    return name;
}

static const char *describe(const Thread &t, char *out, size_t len) {
    static const char *const names[] = {"__syncwarp",       "__shfl_sync",     "__shfl_up_sync",
                                        "__shfl_down_sync", "__shfl_xor_sync", "a vote"};
    const int n = snprintf(out, len, "thread (%u,%u,%u) ", t.index.x, t.index.y, t.index.z);
    if (t.state == RETURNED)
        snprintf(out + n, len - (size_t)n, "has returned");
    else if (t.state == AT_BARRIER)
        snprintf(out + n, len - (size_t)n, "waits in __syncthreads at %s:%d", t.place.file, t.place.line);
    else
        snprintf(out + n, len - (size_t)n, "waits in %s for lanes %08x at %s:%d", names[t.kind], t.mask, t.place.file,
                 t.place.line);
    return out;
}

[[noreturn]] static void diverged(const Thread &a, const Thread &b) {
    char one[256], other[256];
    die("%s, block (%u,%u,%u): %s while %s", kernel_name(run.kernel), blockIdx.x, blockIdx.y, blockIdx.z,
        describe(a, one, sizeof one), describe(b, other, sizeof other));
}

static bool same(Place a, Place b) { return a.line == b.line && (a.file == b.file || strcmp(a.file, b.file) == 0); }

/* ---- shared memory ---- */

/* NaN as float and double, -1 as a whole number: what nobody wrote shows. */
static void *new_piece(size_t bytes) {
    void *memory = nullptr;
    if (posix_memalign(&memory, 16, bytes == 0 ? 16 : bytes) != 0) die("no memory for %zu shared bytes", bytes);
    memset(memory, 0xff, bytes);
    return memory;
}

void *shared(const void *site, size_t bytes) {
    size_t total = run.dynamic_bytes + bytes;
    for (const Piece &piece : run.pieces) {
        if (piece.site == site) {
            fiber_acquire(piece.memory);
            return piece.memory;
        }
        total += piece.bytes;
    }
    if (total - run.dynamic_bytes > MAX_SHARED || total > run.limit)
        die("%s wants %zu bytes of shared memory, a block has %zu", kernel_name(run.kernel), total,
            std::min<size_t>(run.limit, MAX_SHARED));
    run.pieces.push_back({site, new_piece(bytes), bytes});
    stats.shared_bytes = std::max(stats.shared_bytes, total);
    fiber_release(run.pieces.back().memory); /* it was there before the block was */
    return run.pieces.back().memory;
}

void *shared_dynamic() { return run.dynamic; }

static void free_shared() {
    for (const Piece &piece : run.pieces) free(piece.memory);
    run.pieces.clear();
    free(run.dynamic);
    run.dynamic = nullptr;
}

/* ---- threads ---- */

/* n threads from `first` on, of which the mask says which if it is not 0, can go on: in order, or shuffled. */
static void let_go(unsigned first, unsigned n, unsigned mask) {
    const size_t before = run.ready.size();
    for (unsigned i = 0; i < n; i++) {
        if (mask != 0 && (mask >> i & 1) == 0) continue;
        run.threads[first + i].state = READY;
        run.ready.push_back(first + i);
    }
    for (size_t k = run.ready.size(); run.order.random && k > before + 1; k--)
        std::swap(run.ready[k - 1], run.ready[before + run.order.below(k - before)]);
}

/* The next thread to go on. Every other seed lets those go first that came last, so that a warp runs as far ahead of
 * the others as it can; the rest take any. */
static unsigned take_ready() {
    if (!run.order.random) {
        const unsigned i = run.ready[run.n_taken++];
        if (run.n_taken == run.ready.size()) run.ready.clear(), run.n_taken = 0;
        return i;
    }
    if (!run.order.runs_ahead) std::swap(run.ready.back(), run.ready[run.order.below(run.ready.size())]);
    const unsigned i = run.ready.back();
    run.ready.pop_back();
    return i;
}

/* Makes the next thread that can go on the current one. */
static Thread &next_thread() {
    run.current = take_ready();
    threadIdx = run.threads[run.current].index;
    return run.threads[run.current];
}

static void thread_main(void *);

/* The thread that runs waits: another goes on, or run_block, if none can. Returns when it can itself. */
static void run_others() {
    if (run.ready.empty()) {
        fiber_switch(nullptr);
        return;
    }
    Thread &next = next_thread();
    if (next.fiber == nullptr) {
        if (run.idle.empty()) run.idle.push_back(fiber_new(thread_main, nullptr));
        next.fiber = run.idle.back();
        run.idle.pop_back();
    }
    fiber_switch(next.fiber);
}

/* A fiber takes one thread after the other, as long as the next one has not begun either: only what waits needs a stack
 * of its own. ThreadSanitizer, which knows threads by their fibers, sees one thread of a block on each. */
static void thread_main(void *) {
    for (;;) {
        fiber_acquire(&run.launch);
        (*run.body)();
        fiber_release(&run.launch);
        Thread &me = run.threads[run.current];
        Fiber *const mine = me.fiber;
        me.fiber = nullptr;
        me.state = RETURNED;
        run.n_returned++;
        if (!fiber_is_watched() && !run.ready.empty()) {
            Thread &next = next_thread();
            Fiber *const other = next.fiber;
            if (other == nullptr) next.fiber = mine;
            if (other == nullptr) continue;
            run.idle.push_back(mine);
            fiber_switch(other);
        } else {
            run.done.push_back(mine);
            run_others();
        }
    }
}

void syncthreads(Place place) {
    Thread &t = run.threads[run.current];
    t.state = AT_BARRIER;
    t.place = place;
    fiber_release(&run.barrier);
    run_others();
    fiber_acquire(&run.barrier);
}

/* The lane that lane i of a shuffle reads; its own where the other is outside its part of the warp. */
static unsigned source_lane(const Thread &t, unsigned i) {
    const int width = t.width, lane = (int)i, first = lane / width * width, last = first + width - 1;
    int from = lane;
    if (t.kind == SHFL) from = first + ((t.param % width) + width) % width;
    if (t.kind == SHFL_UP) from = lane - t.param;
    if (t.kind == SHFL_DOWN) from = lane + t.param;
    if (t.kind == SHFL_XOR) from = lane ^ t.param;
    return (unsigned)(from < first || from > last ? lane : from);
}

static void finish_collective(unsigned first, unsigned mask) {
    uint64_t votes = 0;
    for (unsigned i = 0; i < WARP; i++)
        if (mask >> i & 1) votes |= (run.threads[first + i].value & 1) << i;
    for (unsigned i = 0; i < WARP; i++) {
        if ((mask >> i & 1) == 0) continue;
        Thread &t = run.threads[first + i];
        const unsigned from = source_lane(t, i);
        if (t.kind >= SHFL && t.kind <= SHFL_XOR) {
            if ((mask >> from & 1) == 0) {
                char text[256];
                die("%s, block (%u,%u,%u): %s and reads lane %u, which is not among them", kernel_name(run.kernel),
                    blockIdx.x, blockIdx.y, blockIdx.z, describe(t, text, sizeof text), from);
            }
            t.result = run.threads[first + from].value;
        } else {
            t.result = votes;
        }
    }
    run.n_waiting[first / WARP] -= (unsigned)__builtin_popcount(mask);
    let_go(first, WARP, mask);
}

uint64_t collective(Collective kind, unsigned mask, uint64_t value, int param, int width, Place place) {
    const unsigned me = run.current, first = me / WARP * WARP;
    Thread &t = run.threads[me];
    t.state = AT_COLLECTIVE;
    t.place = place;
    t.kind = kind;
    t.mask = mask;
    t.param = param;
    t.width = width;
    t.value = value;
    if ((mask >> (me - first) & 1) == 0 || width < 1 || width > (int)WARP || (width & (width - 1)) != 0) {
        char text[256];
        die("%s, block (%u,%u,%u): %s, width %d: it must be one of those lanes, the width a power of two",
            kernel_name(run.kernel), blockIdx.x, blockIdx.y, blockIdx.z, describe(t, text, sizeof text), width);
    }
    bool complete = ++run.n_waiting[first / WARP] >= (unsigned)__builtin_popcount(mask);
    for (unsigned i = 0; i < WARP && complete; i++) {
        if ((mask >> i & 1) == 0) continue;
        const Thread *other = first + i < run.n ? &run.threads[first + i] : nullptr;
        complete = other != nullptr && other->state == AT_COLLECTIVE && other->kind == kind && other->mask == mask &&
                   same(other->place, place);
    }
    if (complete) finish_collective(first, mask);
    fiber_release(&run.barrier);
    run_others();
    fiber_acquire(&run.barrier);
    return run.threads[me].result;
}

/* ---- a block ---- */

/* Nobody can go on: either all are at one barrier, or they have parted. */
static void release_barrier() {
    const Thread &first = run.threads[0];
    for (unsigned i = 0; i < run.n; i++) {
        const Thread &t = run.threads[i];
        if (t.state == AT_COLLECTIVE) {
            for (unsigned lane = 0; lane < WARP; lane++) {
                const unsigned other = i / WARP * WARP + lane;
                if ((t.mask >> lane & 1) == 0) continue;
                if (other >= run.n)
                    die("%s, block (%u,%u,%u): a collective at %s:%d waits for lane %u, and the block has no such "
                        "thread",
                        kernel_name(run.kernel), blockIdx.x, blockIdx.y, blockIdx.z, t.place.file, t.place.line, lane);
                const Thread &o = run.threads[other];
                if (o.state != AT_COLLECTIVE || o.kind != t.kind || o.mask != t.mask || !same(o.place, t.place))
                    diverged(t, o);
            }
        }
        if (t.state != first.state || (t.state == AT_BARRIER && !same(t.place, first.place))) diverged(first, t);
    }
    let_go(0, run.n, 0);
}

static void run_block() {
    run.dynamic = new_piece(run.dynamic_bytes);
    stats.shared_bytes = std::max(stats.shared_bytes, run.dynamic_bytes);
    run.n_returned = 0;
    memset(run.n_waiting, 0, sizeof run.n_waiting);
    let_go(0, run.n, 0);
    fiber_release(&run.launch);
    while (run.n_returned < run.n) {
        if (run.ready.empty()) release_barrier();
        run_others();
    }
    fiber_acquire(&run.launch);
    run.idle.insert(run.idle.end(), run.done.begin(), run.done.end());
    run.done.clear();
    free_shared();
}

/* ---- a grid ---- */

uint64_t Order::below(uint64_t n) {
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (z ^ (z >> 31)) % n;
}

static void free_fibers() {
    for (Fiber *fiber : run.idle) fiber_free(fiber);
    run.idle.clear();
}

static void make_threads(dim3 block) {
    run.n = block.x * block.y * block.z;
    if (run.threads.empty()) (void)atexit(free_fibers);
    if (run.threads.size() < run.n) run.threads.resize(run.n);
    /* none of these grows while a fiber runs: ThreadSanitizer sees what allocates, and would take that for a race */
    run.idle.reserve(run.threads.size());
    run.done.reserve(run.threads.size());
    run.ready.reserve(run.threads.size());
    run.pieces.reserve(64);
    for (unsigned i = 0; i < run.n; i++)
        run.threads[i].index = {i % block.x, i / block.x % block.y, i / (block.x * block.y)};
}

void run_grid(const void *kernel, dim3 grid, dim3 block, size_t shared_bytes, size_t limit,
              const std::function<void()> &body, Order order) {
    if (run.kernel != nullptr) die("a kernel launches a kernel");
    run.kernel = kernel;
    run.body = &body;
    run.dynamic_bytes = shared_bytes;
    run.limit = limit;
    make_threads(block);
    blockDim = block;
    gridDim = grid;
    stats.shared_bytes = 0;
    std::vector<uint64_t> blocks((size_t)grid.x * grid.y * grid.z);
    for (size_t k = 0; k < blocks.size(); k++) blocks[k] = k;
    run.order = order;
    for (size_t k = blocks.size(); order.random && k > 1; k--) std::swap(blocks[k - 1], blocks[run.order.below(k)]);
    for (uint64_t k : blocks) {
        blockIdx = {(unsigned)(k % grid.x), (unsigned)(k / grid.x % grid.y),
                    (unsigned)(k / ((uint64_t)grid.x * grid.y))};
        run_block();
    }
    run.kernel = nullptr;
}

} // namespace emu
