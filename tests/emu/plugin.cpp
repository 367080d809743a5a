/* The emulated device as a refocus-cuda.so that the program opens, in a process that a test can only steer through its
 * environment:
 *   EMU_DEVICES, EMU_MEMORY, EMU_CONTEXT, EMU_CAPABILITY, EMU_ORDER, EMU_FAIL_MALLOC   as the functions of emu.h;
 *   EMU_LOG=FILE        a line "begin cuda:N" where a process takes hold of a device, "end cuda:N" where it lets go;
 *   EMU_HOLD=FILE       the third replay of a captured run waits until there is such a file;
 *   EMU_TOGETHER=N      nobody lets go before that file has N beginnings: N cells run at once, or the test fails. */
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <unistd.h>

#include "tests/emu/emu.hpp"

namespace emu {

static int held = -1;

static unsigned long long number(const char *name, unsigned long long otherwise) {
    const char *text = getenv(name);
    return text == nullptr ? otherwise : strtoull(text, nullptr, 10);
}

static void write_log(const char *word, int device) {
    const char *path = getenv("EMU_LOG");
    FILE *log = path == nullptr ? nullptr : fopen(path, "a");
    if (log == nullptr) return;
    fprintf(log, "%s cuda:%d\n", word, device);
    fclose(log);
}

static unsigned long long count_beginnings() {
    char line[64];
    unsigned long long n = 0;
    FILE *log = fopen(getenv("EMU_LOG"), "r");
    while (log != nullptr && fgets(line, sizeof line, log) != nullptr) n += strncmp(line, "begin", 5) == 0;
    if (log != nullptr) fclose(log);
    return n;
}

/* Waits, but not for ever: a test that fails must end. */
template <typename F> static void wait_until(F done) {
    const time_t until = time(nullptr) + 120;
    const timespec pause = {0, 20000000};
    while (!done() && time(nullptr) < until) nanosleep(&pause, nullptr);
}

void plugin_replays() {
    enum { HELD_REPLAY = 3 };
    const char *path = getenv("EMU_HOLD");
    if (path != nullptr && stats.n_replays + 1 == HELD_REPLAY) wait_until([=] { return access(path, F_OK) == 0; });
}

void plugin_begins(int device) {
    write_log("begin", device);
    held = device;
}

void plugin_ends() {
    const unsigned long long together = getenv("EMU_LOG") == nullptr ? 0 : number("EMU_TOGETHER", 0);
    if (together > 0) wait_until([=] { return count_beginnings() >= together; });
    write_log("end", held);
}

__attribute__((constructor)) static void read_environment() {
    if (getenv("EMU_DEVICES") != nullptr || getenv("EMU_MEMORY") != nullptr)
        emu_devices(static_cast<int>(number("EMU_DEVICES", 1)), number("EMU_MEMORY", 1ULL << 30));
    emu_context(number("EMU_CONTEXT", 0));
    emu_capability(static_cast<int>(number("EMU_CAPABILITY", 75)));
    emu_order(number("EMU_ORDER", 0));
    emu_fail_malloc_at(number("EMU_FAIL_MALLOC", 0));
}

} // namespace emu
