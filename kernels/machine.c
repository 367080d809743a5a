/* /proc, /sys/fs/cgroup and /etc/os-release, read with care and without allocation. */
#include "kernels/machine.h"

#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { TEXT_LEN = 1 << 15, PATH_LEN = 512, LIMIT_NONE_V1 = 62 };

/* At most len - 1 bytes of a file, ended by 0; false if it cannot be read. Files of /proc do not tell their size. */
static bool read_text(const char *root, const char *path, char *text, size_t len) {
    char full[2 * PATH_LEN];
    text[0] = '\0';
    if ((size_t)snprintf(full, sizeof full, "%s%s", root, path) >= sizeof full) return false;
    int fd = open(full, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    size_t n = 0;
    ssize_t got = 0;
    while (n < len - 1 && (got = read(fd, text + n, len - 1 - n)) > 0) n += (size_t)got;
    (void)close(fd);
    text[n] = '\0';
    return n > 0;
}

/* The rest of the line that begins with key, after blanks, ':' or '='; NULL if there is none. */
static const char *field(const char *text, const char *key) {
    size_t len = strlen(key);
    for (const char *line = text; *line != '\0';) {
        if (strncmp(line, key, len) == 0 && strchr(" \t:=", line[len]) != NULL)
            return line + len + strspn(line + len, " \t:=");
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
    return NULL;
}

/* Copies one line, without quotes around it. */
static void copy_line(char out[MACHINE_TEXT], const char *line) {
    if (line == NULL) {
        (void)snprintf(out, MACHINE_TEXT, "unknown");
        return;
    }
    line += *line == '"';
    (void)snprintf(out, MACHINE_TEXT, "%.*s", (int)strcspn(line, "\"\n"), line);
}

/* "  16384 kB" -> bytes. */
static uint64_t kib(const char *text) { return text == NULL ? 0 : strtoull(text, NULL, 10) * 1024; }

/* The process's folder in a cgroup hierarchy: the path on the line "N:controllers:PATH" of /proc/self/cgroup; the
 * line "0::PATH" for version 2 (controller ""). False if there is none. */
static bool cgroup_path(const char *text, const char *controller, char path[PATH_LEN]) {
    size_t len = strlen(controller);
    for (const char *line = text; *line != '\0';) {
        const char *names = strchr(line, ':'), *end = line + strcspn(line, "\n");
        const char *colon = names != NULL && names < end ? strchr(names + 1, ':') : NULL;
        if (colon == NULL || colon > end) return false;
        for (const char *p = names + 1; p <= colon;) {
            size_t word = strcspn(p, ",:");
            if (word == len && strncmp(p, controller, len) == 0 && (len > 0 || names + 1 == colon)) {
                (void)snprintf(path, PATH_LEN, "%.*s", (int)(end - colon - 1), colon + 1);
                return true;
            }
            p += word + 1;
        }
        line = end + (*end == '\n');
    }
    return false;
}

/* From a folder's path to the one above it; false when "" has been reached: the root of a hierarchy. */
static bool go_up(char *path) {
    char *slash = strrchr(path, '/');
    if (slash == NULL) return false;
    *slash = '\0';
    return true;
}

/* Reads file in the folder `path` of the hierarchy mounted at `mount` and in every folder above it, and keeps the least
 * of what `parse` makes of them (0 = no limit). A container may see only the mount's root. */
static uint64_t least_limit(const char *root, const char *mount, const char *path, const char *file,
                            uint64_t (*parse)(const char *root, const char *folder, const char *file)) {
    char folder[2 * PATH_LEN], at[PATH_LEN];
    uint64_t least = 0;
    (void)snprintf(at, sizeof at, "%s", path);
    do {
        (void)snprintf(folder, sizeof folder, "%s%s", mount, strcmp(at, "/") == 0 ? "" : at);
        uint64_t limit = parse(root, folder, file);
        if (limit > 0 && (least == 0 || limit < least)) least = limit;
    } while (go_up(at));
    return least;
}

static bool read_in(const char *root, const char *folder, const char *file, char *text, size_t len) {
    char path[3 * PATH_LEN];
    (void)snprintf(path, sizeof path, "%s/%s", folder, file);
    return read_text(root, path, text, len);
}

/* "max", a number of bytes, or version 1's "no limit", a number beyond any memory. */
static uint64_t parse_bytes(const char *root, const char *folder, const char *file) {
    char text[64];
    if (!read_in(root, folder, file, text, sizeof text)) return 0;
    uint64_t bytes = strtoull(text, NULL, 10);
    return bytes >> LIMIT_NONE_V1 != 0 ? 0 : bytes;
}

static uint64_t round_up(long long quota, long long period) {
    return quota > 0 && period > 0 ? (uint64_t)((quota + period - 1) / period) : 0;
}

/* Version 2: "QUOTA PERIOD" or "max PERIOD" -> cores, rounded up. */
static uint64_t parse_cpu_max(const char *root, const char *folder, const char *file) {
    char text[64];
    long long quota = 0, period = 0;
    if (!read_in(root, folder, file, text, sizeof text)) return 0;
    if (sscanf(text, "%lld %lld", &quota, &period) != 2) return 0;
    return round_up(quota, period);
}

/* Version 1: two files; a quota of -1 is none. */
static uint64_t parse_cfs(const char *root, const char *folder, const char *file) {
    char quota[64], period[64];
    if (!read_in(root, folder, file, quota, sizeof quota)) return 0;
    if (!read_in(root, folder, "cpu.cfs_period_us", period, sizeof period)) return 0;
    return round_up(strtoll(quota, NULL, 10), strtoll(period, NULL, 10));
}

/* The stricter of the two versions' limits; 0 = none. */
static uint64_t cgroup_cores(const char *root, const char *text) {
    char path[PATH_LEN];
    uint64_t v1 = 0, v2 = 0;
    if (cgroup_path(text, "", path)) v2 = least_limit(root, "/sys/fs/cgroup", path, "cpu.max", parse_cpu_max);
    if (cgroup_path(text, "cpu", path))
        v1 = least_limit(root, "/sys/fs/cgroup/cpu", path, "cpu.cfs_quota_us", parse_cfs);
    return v1 == 0 || (v2 != 0 && v2 < v1) ? v2 : v1;
}

/* ---- memory ---- */

typedef struct CgroupMemory {
    const char *controller, *mount, *limit, *usage;
    const char *cache; /* line of memory.stat: file pages that go away when memory is asked for */
} CgroupMemory;

static const CgroupMemory cgroup_memory[] = {
    {"", "/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"},
    {"memory", "/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"}};

/* Narrows *out to what one folder of a hierarchy allows. A limit that is not below the machine's memory is none. */
static void heed_folder(MachineMemory *out, const char *root, const char *folder, const CgroupMemory *files) {
    char stat[TEXT_LEN];
    uint64_t limit = parse_bytes(root, folder, files->limit), used = parse_bytes(root, folder, files->usage);
    if (limit == 0 || (out->bytes > 0 && limit >= out->bytes)) return;
    (void)read_in(root, folder, "memory.stat", stat, sizeof stat);
    const char *cached = field(stat, files->cache);
    uint64_t cache = cached != NULL ? strtoull(cached, NULL, 10) : 0;
    used -= cache < used ? cache : used;
    uint64_t left = used < limit ? limit - used : 0;
    if (out->limit_bytes == 0 || limit < out->limit_bytes) out->limit_bytes = limit;
    if (left >= out->available_bytes) return;
    out->available_bytes = left;
    (void)snprintf(out->limited_by, sizeof out->limited_by, "%s of %s", files->limit, folder);
}

/* The folder of the process and every one above it. A container may see only the mount's root. */
static void heed_cgroups(MachineMemory *out, const char *root, const char *text, const CgroupMemory *files) {
    char path[PATH_LEN], folder[2 * PATH_LEN];
    if (!cgroup_path(text, files->controller, path)) return;
    do {
        (void)snprintf(folder, sizeof folder, "%s%s", files->mount, strcmp(path, "/") == 0 ? "" : path);
        heed_folder(out, root, folder, files);
    } while (go_up(path));
}

void machine_memory_at(MachineMemory *out, const char *root) {
    char text[TEXT_LEN];
    (void)read_text(root, "/proc/meminfo", text, sizeof text);
    const char *available = field(text, "MemAvailable");
    *out = (MachineMemory){.bytes = kib(field(text, "MemTotal")), .available_bytes = MACHINE_UNBOUNDED};
    out->limit_bytes = out->bytes;
    if (available != NULL) out->available_bytes = kib(available);
    (void)snprintf(out->limited_by, sizeof out->limited_by, "%s", available != NULL ? "MemAvailable" : "nothing known");
    (void)read_text(root, "/proc/self/cgroup", text, sizeof text);
    for (size_t i = 0; i < sizeof cgroup_memory / sizeof cgroup_memory[0]; i++)
        heed_cgroups(out, root, text, &cgroup_memory[i]);
}

const char *machine_memory_root(void) {
    const char *root = getenv("REFOCUS_MEMORY_ROOT");
    return root != NULL ? root : "";
}

int64_t machine_oom_kills(void) {
    enum { VMSTAT_LEN = 1 << 14 };
    char text[VMSTAT_LEN];
    if (!read_text(machine_memory_root(), "/proc/vmstat", text, sizeof text)) return -1;
    const char *number = field(text, "oom_kill");
    return number != NULL ? (int64_t)strtoll(number, NULL, 10) : -1;
}

void machine_memory(MachineMemory *out) { machine_memory_at(out, machine_memory_root()); }

/* ---- cores ---- */

static int affinity_cores(void) {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0) return CPU_COUNT(&set);
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (int)online : 1;
}

static int usable_cores(const char *root, const char *cgroups) {
    int n = affinity_cores();
    uint64_t quota = cgroup_cores(root, cgroups);
    return quota > 0 && quota < (uint64_t)n ? (int)quota : n;
}

/* Those of the words that the CPU's flags hold, in this order. */
static void get_instructions(char out[MACHINE_TEXT], const char *cpuinfo) {
    static const char *const words[] = {"sse4_2",      "avx",         "avx2",     "fma",   "avx512f", "avx512bw",
                                        "avx512_vnni", "avx512_bf16", "amx_tile", "asimd", "asimddp", "sve"};
    const char *flags = field(cpuinfo, "flags");
    if (flags == NULL) flags = field(cpuinfo, "Features");
    size_t n = 0, len = flags != NULL ? strcspn(flags, "\n") : 0;
    out[0] = '\0';
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t word = strlen(words[i]);
        for (size_t at = 0; at < len; at += strcspn(flags + at, " \n") + 1) {
            if (strncmp(flags + at, words[i], word) != 0 || strchr(" \n", flags[at + word]) == NULL) continue;
            n += (size_t)snprintf(out + n, MACHINE_TEXT - n, "%s%s", n > 0 ? " " : "", words[i]);
            break;
        }
        if (n >= MACHINE_TEXT) break;
    }
    if (n == 0) copy_line(out, NULL);
}

void machine_get_at(Machine *out, const char *root) {
    char text[TEXT_LEN];
    *out = (Machine){.n_cores = 1};
    (void)read_text(root, "/proc/cpuinfo", text, sizeof text);
    copy_line(out->cpu_model, field(text, "model name"));
    get_instructions(out->instructions, text);
    (void)read_text(root, "/etc/os-release", text, sizeof text);
    copy_line(out->distribution, field(text, "PRETTY_NAME"));
    struct utsname name;
    bool known = uname(&name) == 0;
    (void)snprintf(out->system, sizeof out->system, "%.30s %.60s %.30s", known ? name.sysname : "unknown",
                   known ? name.release : "", known ? name.machine : "");
    (void)snprintf(out->host, sizeof out->host, "%.120s", known ? name.nodename : "unknown");
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    out->n_cores_online = online > 0 ? (int)online : 1;
    (void)read_text(root, "/proc/self/cgroup", text, sizeof text);
    out->n_cores = usable_cores(root, text);
    machine_memory_at(&out->memory, root);
}

void machine_get(Machine *out) {
    machine_get_at(out, "");
    machine_memory(&out->memory);
}

int machine_n_cores(void) {
    char text[TEXT_LEN];
    (void)read_text("", "/proc/self/cgroup", text, sizeof text);
    return usable_cores("", text);
}

MachineResident machine_resident(int64_t pid) {
    char path[64], text[TEXT_LEN];
    if (pid == 0)
        (void)snprintf(path, sizeof path, "/proc/self/status");
    else
        (void)snprintf(path, sizeof path, "/proc/%lld/status", (long long)pid);
    if (!read_text("", path, text, sizeof text)) return (MachineResident){0, 0};
    return (MachineResident){.now_bytes = kib(field(text, "VmRSS")), .peak_bytes = kib(field(text, "VmHWM"))};
}

int machine_reset_peak(void) {
    int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    ssize_t written = write(fd, "5", 1);
    return close(fd) == 0 && written == 1 ? 0 : -1;
}
