/* The device's memory. Without AddressSanitizer each allocation lies between two redzones that are looked at after
 * each launch; with it, each is exactly as large as was asked for, and the sanitizer sees every access beside it. */
#include <cstdlib>
#include <map>

#include "tests/emu/emu.hpp"

namespace emu {

#if defined(__SANITIZE_ADDRESS__) || defined(EMU_ASAN)
enum : size_t { REDZONE = 0 };
#else
enum : size_t { REDZONE = 256 };
#endif
enum : size_t { ALIGN = 256 }; /* as cudaMalloc gives */
enum { REDZONE_BYTE = 0x7b };

static std::map<const char *, size_t> blocks; /* address -> bytes */
static size_t device_bytes = (size_t)1 << 30, context_bytes;
static uint64_t fail_malloc_at;

static std::map<const char *, size_t>::const_iterator block_of(const void *at) {
    auto after = blocks.upper_bound(static_cast<const char *>(at));
    if (after == blocks.begin()) return blocks.end();
    auto block = std::prev(after);
    return static_cast<const char *>(at) < block->first + block->second ? block : blocks.end();
}

bool touches_device(const void *at) { return block_of(at) != blocks.end(); }

bool on_device(const void *at, size_t bytes) {
    if (bytes == 0) return true;
    auto block = block_of(at);
    return block != blocks.end() && bytes <= block->second - (size_t)(static_cast<const char *>(at) - block->first);
}

static bool all_redzone(const char *at) {
    static const std::vector<char> intact(REDZONE, REDZONE_BYTE);
    return REDZONE == 0 || memcmp(at, intact.data(), REDZONE) == 0;
}

void check_redzones(const void *kernel) {
    for (const auto &block : blocks)
        if (!all_redzone(block.first - REDZONE) || !all_redzone(block.first + block.second))
            die("%s wrote beside an allocation of %zu bytes",
                kernel == nullptr ? "something before cudaFree" : kernel_name(kernel), block.second);
}

void set_device_bytes(size_t bytes) { device_bytes = bytes; }
size_t get_device_bytes() { return device_bytes; }

static size_t left() {
    const size_t held = stats.live_bytes + context_bytes;
    return held < device_bytes ? device_bytes - held : 0;
}

} // namespace emu

using namespace emu;

void emu_context(size_t bytes) { context_bytes = bytes; }

void emu_fail_malloc_at(uint64_t k) { fail_malloc_at = k; }

cudaError_t cudaMalloc(void **out, size_t bytes) {
    EMU_CALL();
    *out = nullptr;
    if (const cudaError_t code = check_no_capture()) return code;
    if (bytes == 0) return cudaSuccess;
    if (fail_malloc_at > 0 && --fail_malloc_at == 0) return fail(cudaErrorMemoryAllocation);
    if (bytes > left()) return fail(cudaErrorMemoryAllocation);
    void *memory = nullptr;
    if (posix_memalign(&memory, ALIGN, bytes + 2 * REDZONE) != 0) return fail(cudaErrorMemoryAllocation);
    memset(memory, REDZONE_BYTE, bytes + 2 * REDZONE);
    *out = static_cast<char *>(memory) + REDZONE;
    memset(*out, 0xff, bytes); /* nobody may rely on zeros */
    blocks[static_cast<char *>(*out)] = bytes;
    stats.n_live++;
    stats.live_bytes += bytes;
    if (stats.live_bytes > stats.peak_bytes) stats.peak_bytes = stats.live_bytes;
    return cudaSuccess;
}

cudaError_t cudaFree(void *block) {
    EMU_CALL();
    if (block == nullptr) return cudaSuccess;
    if (const cudaError_t code = check_no_capture()) return code;
    auto found = blocks.find(static_cast<char *>(block));
    if (found == blocks.end()) return fail(cudaErrorInvalidValue);
    check_redzones(nullptr);
    stats.n_live--;
    stats.live_bytes -= found->second;
    blocks.erase(found);
    free(static_cast<char *>(block) - REDZONE);
    return cudaSuccess;
}

cudaError_t cudaMemGetInfo(size_t *free_bytes, size_t *total) {
    EMU_CALL();
    *free_bytes = left();
    *total = device_bytes;
    return cudaSuccess;
}

/* The host's side must not be on the device, the device's side must lie inside one allocation. */
static cudaError_t check_copy(const void *dst, const void *src, size_t bytes, cudaMemcpyKind kind) {
    const bool to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
    const bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
    if (bytes == 0) return cudaSuccess;
    if (kind < cudaMemcpyHostToHost || kind > cudaMemcpyDeviceToDevice) return cudaErrorInvalidMemcpyDirection;
    if (to_device ? !on_device(dst, bytes) : touches_device(dst)) return cudaErrorInvalidValue;
    if (from_device ? !on_device(src, bytes) : touches_device(src)) return cudaErrorInvalidValue;
    return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void *dst, const void *src, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
    EMU_CALL();
    if (const cudaError_t code = check_copy(dst, src, bytes, kind)) return fail(code);
    return submit(stream, [=] { memmove(dst, src, bytes); });
}

cudaError_t cudaMemcpy(void *dst, const void *src, size_t bytes, cudaMemcpyKind kind) {
    return cudaMemcpyAsync(dst, src, bytes, kind, nullptr);
}

cudaError_t cudaMemsetAsync(void *dst, int value, size_t bytes, cudaStream_t stream) {
    EMU_CALL();
    if (!on_device(dst, bytes)) return fail(cudaErrorInvalidValue);
    return submit(stream, [=] { memset(dst, value, bytes); });
}

cudaError_t cudaMemset(void *dst, int value, size_t bytes) { return cudaMemsetAsync(dst, value, bytes, nullptr); }
