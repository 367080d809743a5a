/* What the parts of the emulation know of each other. */
#ifndef TESTS_EMU_EMU_HPP
#define TESTS_EMU_EMU_HPP

#include <cuda_runtime.h>

#include <vector>

#include "tests/emu/emu.h"

namespace emu {

/* The smallest devices that are compiled for: compute capability 7.5. */
enum : unsigned {
    WARP = 32,
    MAX_THREADS = 1024,
    MAX_BLOCK_Z = 64,
    MAX_GRID_X = 0x7fffffffu,
    MAX_GRID_YZ = 65535,
    MAX_SHARED = 48 << 10,
    MAX_SHARED_ASKED_FOR = 64 << 10,
    MAX_PARAMETERS = 4096
};

extern EmuStats stats;

/* Says what is wrong and where, and aborts. */
[[noreturn]] void die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The kernel's name, as far as the program exports it. Static storage. */
const char *kernel_name(const void *kernel);

/* As the linker knows it; NULL if the program does not export it. */
const char *kernel_symbol(const void *kernel);

/* Is somebody told of launches? Tells them of one. */
bool is_watched();
void tell(const EmuLaunch &launch);

/* A pseudo-random number generator for orders: SplitMix64. */
struct Order {
    uint64_t state;
    bool random, runs_ahead;
    uint64_t below(uint64_t n);
};

/* Runs all blocks. shared_bytes: dynamic; limit: of static and dynamic shared memory together. */
void run_grid(const void *kernel, dim3 grid, dim3 block, size_t shared_bytes, size_t limit,
              const std::function<void()> &body, Order order);

/* ---- memory ---- */

/* Are these bytes inside one allocation? */
bool on_device(const void *at, size_t bytes);
bool touches_device(const void *at);

/* Ends the program if anything was written beside an allocation. kernel: what may have done it; nullptr: anything. */
void check_redzones(const void *kernel);

/* ---- runtime ---- */

/* Counts a call; an injected failure is returned, else 0. */
int injected();

/* Keeps a code for cudaGetLastError and returns it. */
cudaError_t fail(cudaError_t code);

/* Runs the work now, or records it where the stream is captured. */
cudaError_t submit(cudaStream_t stream, std::function<void()> work);

bool is_stream(cudaStream_t stream);
bool is_captured(cudaStream_t stream);

/* What may not be called while a stream is captured: it breaks the capture. cudaSuccess where none is. */
cudaError_t check_no_capture();

} // namespace emu

#define EMU_CALL()                                                                                                     \
    do {                                                                                                               \
        if (int emu_code = emu::injected()) return emu::fail(static_cast<cudaError_t>(emu_code));                      \
    } while (0)

#endif
