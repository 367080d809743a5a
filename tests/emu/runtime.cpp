/* Devices, errors, streams, launches and captured graphs. Work is done when it is submitted, or when it is replayed. */
#include <algorithm>
#include <map>
#include <set>

#include "tests/emu/emu.hpp"

/* A stream that does its work at once, or notes it down. */
struct CUstream_st {
    bool captured, broken;
    std::vector<std::function<void()>> work;
};
struct CUgraph_st {
    std::vector<std::function<void()>> work;
};
struct CUgraphExec_st {
    std::vector<std::function<void()>> work;
};

namespace emu {

EmuStats stats;

void set_device_bytes(size_t bytes);
size_t get_device_bytes();
void plugin_begins(int device);
void plugin_replays();

static int n_devices = 1, current_device, capability = 75;
static uint64_t order_seed, fail_at;
static int fail_code;
static cudaError_t last_error;
static std::set<cudaStream_t> streams;
static std::map<const void *, size_t> shared_limits;
static void (*watcher)(void *ctx, const EmuLaunch *launch);
static void *watcher_ctx;

bool is_watched() { return watcher != nullptr; }

void tell(const EmuLaunch &launch) {
    if (is_watched()) watcher(watcher_ctx, &launch);
}

int injected() {
    if (fail_at == 0 || --fail_at > 0) return 0;
    return fail_code;
}

cudaError_t fail(cudaError_t code) {
    last_error = code;
    return code;
}

bool is_stream(cudaStream_t stream) { return stream == nullptr || streams.count(stream) > 0; }

/* The null stream waits for all others: it must not be used while one of them is captured. */
bool is_captured(cudaStream_t stream) {
    if (stream != nullptr) return stream->captured;
    for (cudaStream_t other : streams)
        if (other->captured) return true;
    return false;
}

static cudaError_t break_captures(cudaError_t code) {
    for (cudaStream_t stream : streams)
        if (stream->captured) stream->broken = true;
    return fail(code);
}

cudaError_t check_no_capture() {
    return is_captured(nullptr) ? break_captures(cudaErrorStreamCaptureUnsupported) : cudaSuccess;
}

cudaError_t submit(cudaStream_t stream, std::function<void()> work) {
    if (!is_stream(stream)) return fail(cudaErrorInvalidResourceHandle);
    if (stream == nullptr && is_captured(stream)) return break_captures(cudaErrorStreamCaptureImplicit);
    if (!is_captured(stream))
        work();
    else if (stream->broken)
        return fail(cudaErrorStreamCaptureInvalidated);
    else
        stream->work.push_back(std::move(work));
    return cudaSuccess;
}

static bool is_valid(const cudaLaunchConfig_t &c, size_t parameter_bytes, size_t limit) {
    const dim3 g = c.gridDim, b = c.blockDim;
    const bool grid = g.x >= 1 && g.y >= 1 && g.z >= 1 && g.x <= MAX_GRID_X && g.y <= MAX_GRID_YZ && g.z <= MAX_GRID_YZ;
    const bool block = b.x >= 1 && b.y >= 1 && b.z >= 1 && b.x <= MAX_THREADS && b.y <= MAX_THREADS &&
                       b.z <= MAX_BLOCK_Z && (uint64_t)b.x * b.y * b.z <= MAX_THREADS;
    return grid && block && c.numAttrs == 0 && parameter_bytes <= MAX_PARAMETERS && c.dynamicSmemBytes <= limit;
}

cudaError_t launch(const cudaLaunchConfig_t *config, const void *kernel, size_t parameter_bytes,
                   std::function<void()> body) {
    EMU_CALL();
    const size_t limit = shared_limits.count(kernel) > 0 ? shared_limits[kernel] : (size_t)MAX_SHARED;
    const cudaLaunchConfig_t c = *config;
    if (!is_valid(c, parameter_bytes, limit)) return fail(cudaErrorInvalidConfiguration);
    if (is_watched()) /* names cost more than many a launch */
        tell({kernel_symbol(kernel),
              {c.gridDim.x, c.gridDim.y, c.gridDim.z},
              {c.blockDim.x, c.blockDim.y, c.blockDim.z},
              c.dynamicSmemBytes,
              0,
              0,
              0,
              0});
    return submit(c.stream, [=] {
        Order order = {order_seed + stats.n_launches * 0x2545f4914f6cdd1du, order_seed != 0, order_seed % 2 != 0};
        stats.n_launches++;
        run_grid(kernel, c.gridDim, c.blockDim, c.dynamicSmemBytes, limit, body, order);
        check_redzones(kernel);
    });
}

cudaError_t set_shared_limit(const void *kernel, int bytes) {
    EMU_CALL();
    if (bytes < 0 || bytes > (int)MAX_SHARED_ASKED_FOR) return fail(cudaErrorInvalidValue);
    shared_limits[kernel] = std::max<size_t>((size_t)bytes, MAX_SHARED);
    return cudaSuccess;
}

} // namespace emu

using namespace emu;

void emu_order(uint64_t seed) { order_seed = seed; }

void emu_devices(int n, size_t memory_bytes) {
    n_devices = n;
    current_device = 0;
    set_device_bytes(memory_bytes);
}

void emu_capability(int major_minor) { capability = major_minor; }

void emu_watch(void (*seen)(void *ctx, const EmuLaunch *launch), void *ctx) {
    watcher = seen;
    watcher_ctx = ctx;
}

void emu_fail_at(uint64_t k, int code) {
    fail_at = k;
    fail_code = code;
}

EmuStats emu_stats(void) { return stats; }

/* ---- devices ---- */

cudaError_t cudaGetDeviceCount(int *n) {
    EMU_CALL();
    *n = n_devices;
    return n_devices == 0 ? fail(cudaErrorNoDevice) : cudaSuccess;
}

cudaError_t cudaSetDevice(int device) {
    EMU_CALL();
    if (n_devices == 0) return fail(cudaErrorNoDevice);
    if (device < 0 || device >= n_devices) return fail(cudaErrorInvalidDevice);
    current_device = device;
    plugin_begins(device);
    return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp *out, int device) {
    EMU_CALL();
    if (device < 0 || device >= n_devices) return fail(cudaErrorInvalidDevice);
    *out = {"emulated device", get_device_bytes(), capability / 10, capability % 10, 2};
    return cudaSuccess;
}

cudaError_t cudaDriverGetVersion(int *version) {
    *version = 13000;
    return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int *version) {
    *version = 13000;
    return cudaSuccess;
}

/* ---- errors ---- */

cudaError_t cudaPeekAtLastError() { return last_error; }

cudaError_t cudaGetLastError() {
    const cudaError_t code = last_error;
    last_error = cudaSuccess;
    return code;
}

struct Text {
    cudaError_t code;
    const char *name, *text;
};
static const Text texts[] = {
    {cudaSuccess, "cudaSuccess", "no error"},
    {cudaErrorInvalidValue, "cudaErrorInvalidValue", "invalid argument"},
    {cudaErrorMemoryAllocation, "cudaErrorMemoryAllocation", "out of memory"},
    {cudaErrorInitializationError, "cudaErrorInitializationError", "initialization error"},
    {cudaErrorInvalidConfiguration, "cudaErrorInvalidConfiguration", "invalid configuration argument"},
    {cudaErrorInvalidMemcpyDirection, "cudaErrorInvalidMemcpyDirection", "invalid copy direction for memcpy"},
    {cudaErrorInsufficientDriver, "cudaErrorInsufficientDriver",
     "CUDA driver version is insufficient for CUDA runtime version"},
    {cudaErrorNoDevice, "cudaErrorNoDevice", "no CUDA-capable device is detected"},
    {cudaErrorInvalidDevice, "cudaErrorInvalidDevice", "invalid device ordinal"},
    {cudaErrorInvalidResourceHandle, "cudaErrorInvalidResourceHandle", "invalid resource handle"},
    {cudaErrorIllegalAddress, "cudaErrorIllegalAddress", "an illegal memory access was encountered"},
    {cudaErrorStreamCaptureUnsupported, "cudaErrorStreamCaptureUnsupported",
     "operation not permitted when stream is capturing"},
    {cudaErrorStreamCaptureInvalidated, "cudaErrorStreamCaptureInvalidated",
     "operation failed due to a previous error during capture"},
    {cudaErrorStreamCaptureImplicit, "cudaErrorStreamCaptureImplicit",
     "operation would make the legacy stream depend on a capturing blocking stream"}};

static const Text &text_of(cudaError_t code) {
    static const Text unknown = {cudaSuccess, "unrecognized error code", "unrecognized error code"};
    for (const Text &text : texts)
        if (text.code == code) return text;
    return unknown;
}

const char *cudaGetErrorString(cudaError_t code) { return text_of(code).text; }
const char *cudaGetErrorName(cudaError_t code) { return text_of(code).name; }

/* ---- streams ---- */

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *out, unsigned flags) {
    EMU_CALL();
    if (flags > cudaStreamNonBlocking) return fail(cudaErrorInvalidValue);
    *out = new CUstream_st{};
    streams.insert(*out);
    stats.n_live++;
    return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
    EMU_CALL();
    if (streams.erase(stream) == 0) return fail(cudaErrorInvalidResourceHandle);
    delete stream;
    stats.n_live--;
    return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
    EMU_CALL();
    if (!is_stream(stream)) return fail(cudaErrorInvalidResourceHandle);
    return is_captured(stream) ? break_captures(cudaErrorStreamCaptureUnsupported) : cudaSuccess;
}

/* ---- graphs ---- */

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
    EMU_CALL();
    if (stream == nullptr) return fail(cudaErrorStreamCaptureUnsupported);
    if (!is_stream(stream)) return fail(cudaErrorInvalidResourceHandle);
    if (stream->captured) return fail(cudaErrorInvalidValue);
    *stream = {true, false, {}};
    return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *out) {
    EMU_CALL();
    *out = nullptr;
    if (stream == nullptr || !is_stream(stream) || !stream->captured) return fail(cudaErrorInvalidValue);
    stream->captured = false;
    if (stream->broken) return fail(cudaErrorStreamCaptureInvalidated);
    *out = new CUgraph_st{std::move(stream->work)};
    stats.n_live++;
    return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *out, cudaGraph_t graph, unsigned long long) {
    EMU_CALL();
    *out = new CUgraphExec_st{graph->work};
    stats.n_live++;
    return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t stream) {
    EMU_CALL();
    plugin_replays();
    return submit(stream, [=] {
        stats.n_replays++;
        for (const auto &work : graph->work) work();
    });
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
    EMU_CALL();
    if (graph == nullptr) return fail(cudaErrorInvalidValue);
    delete graph;
    stats.n_live--;
    return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t graph) {
    EMU_CALL();
    if (graph == nullptr) return fail(cudaErrorInvalidValue);
    delete graph;
    stats.n_live--;
    return cudaSuccess;
}
