/* What the process runs on, from made-up /proc and /sys trees and from the real ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernels/machine.h"

static char root[] = "/tmp/refocus-machine-XXXXXX";

/* Writes root/path, making its folders. */
static void put(const char *path, const char *text) {
    char full[512];
    (void)snprintf(full, sizeof full, "%s%s", root, path);
    for (char *p = full + strlen(root) + 1; *p != '\0'; p++) {
        if (*p != '/') continue;
        *p = '\0';
        (void)mkdir(full, 0777);
        *p = '/';
    }
    FILE *file = fopen(full, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int remove_tree(void **state) {
    (void)state;
    char command[64];
    (void)snprintf(command, sizeof command, "rm -rf %s", root);
    return system(command);
}

static int start_tree(void **state) {
    (void)state;
    (void)snprintf(root, sizeof root, "/tmp/refocus-machine-XXXXXX");
    if (mkdtemp(root) == NULL) return -1;
    put("/proc/cpuinfo",
        "processor\t: 0\nmodel name\t: Made-up CPU 9000\nflags\t\t: fpu avx avx2f avx2 fma avx512_bf16\n");
    put("/proc/meminfo", "MemTotal:       16777216 kB\nMemFree: 1 kB\nMemAvailable:    8388608 kB\n");
    put("/etc/os-release", "NAME=\"x\"\nPRETTY_NAME=\"Made-up Linux 1\"\n");
    return 0;
}

static void without_limits(void **state) {
    (void)state;
    Machine m;
    machine_get_at(&m, root);
    assert_string_equal(m.cpu_model, "Made-up CPU 9000");
    assert_string_equal(m.instructions, "avx avx2 fma avx512_bf16");
    assert_string_equal(m.distribution, "Made-up Linux 1");
    assert_true(m.memory.bytes == 16ull << 30);
    assert_true(m.memory.limit_bytes == 16ull << 30);
    assert_true(m.memory.available_bytes == 8ull << 30);
    assert_true(m.n_cores >= 1 && m.n_cores <= m.n_cores_online);
}

static void cgroup_two(void **state) {
    (void)state;
    put("/proc/self/cgroup", "0::/user.slice/job\n");
    put("/sys/fs/cgroup/user.slice/job/cpu.max", "max 100000\n");
    put("/sys/fs/cgroup/user.slice/cpu.max", "50000 100000\n"); /* half a core, set above */
    put("/sys/fs/cgroup/user.slice/job/memory.max", "4294967296\n");
    put("/sys/fs/cgroup/user.slice/job/memory.current", "1073741824\n");
    Machine m;
    machine_get_at(&m, root);
    assert_int_equal(m.n_cores, 1);
    assert_true(m.memory.limit_bytes == 4ull << 30);
    assert_true(m.memory.available_bytes == 3ull << 30);
}

static void cgroup_one(void **state) {
    (void)state;
    put("/proc/self/cgroup", "3:cpuset:/\n2:cpu,cpuacct:/box\n4:memory:/box/inner\n0::/\n");
    put("/sys/fs/cgroup/cpu/box/cpu.cfs_quota_us", "-1\n");
    put("/sys/fs/cgroup/cpu/box/cpu.cfs_period_us", "100000\n");
    put("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "100000\n");
    put("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    put("/sys/fs/cgroup/memory/box/inner/memory.limit_in_bytes", "9223372036854771712\n"); /* none */
    put("/sys/fs/cgroup/memory/box/memory.limit_in_bytes", "2147483648\n");
    put("/sys/fs/cgroup/memory/box/memory.usage_in_bytes", "3147483648\n"); /* above its limit */
    Machine m;
    machine_get_at(&m, root);
    assert_int_equal(m.n_cores, 1);
    assert_true(m.memory.limit_bytes == 2ull << 30);
    assert_true(m.memory.available_bytes == 0);
}

static MachineMemory memory_of_tree(void) {
    MachineMemory memory;
    machine_memory_at(&memory, root);
    return memory;
}

/* The folder with the least left decides, wherever in the tree it is, whatever its own limit. */
static void tightest_ancestor(void **state) {
    (void)state;
    put("/proc/self/cgroup", "0::/a/b/c\n");
    put("/sys/fs/cgroup/a/b/c/memory.max", "1073741824\n");
    put("/sys/fs/cgroup/a/b/c/memory.current", "104857600\n");
    put("/sys/fs/cgroup/a/b/memory.max", "max\n");
    put("/sys/fs/cgroup/a/b/memory.current", "16000000000\n");
    put("/sys/fs/cgroup/a/memory.max", "4294967296\n");
    put("/sys/fs/cgroup/a/memory.current", "4194304000\n");
    MachineMemory m = memory_of_tree();
    assert_true(m.limit_bytes == 1ull << 30);
    assert_true(m.available_bytes == 4294967296ull - 4194304000ull);
    assert_string_equal(m.limited_by, "memory.max of /sys/fs/cgroup/a");
    put("/sys/fs/cgroup/memory.max", "2147483648\n"); /* the root of a container's own view */
    put("/sys/fs/cgroup/memory.current", "2147483648\n");
    m = memory_of_tree();
    assert_true(m.available_bytes == 0);
    assert_string_equal(m.limited_by, "memory.max of /sys/fs/cgroup");
}

/* Pages of files that were read go away when memory is asked for. */
static void file_caches_are_free(void **state) {
    (void)state;
    put("/proc/self/cgroup", "0::/job\n");
    put("/sys/fs/cgroup/job/memory.max", "1073741824\n");
    put("/sys/fs/cgroup/job/memory.current", "1073741824\n");
    put("/sys/fs/cgroup/job/memory.stat", "anon 100\nactive_file 5\ninactive_file 536870912\n");
    assert_true(memory_of_tree().available_bytes == 512u << 20);
    put("/proc/self/cgroup", "5:memory:/job\n");
    put("/sys/fs/cgroup/memory/job/memory.limit_in_bytes", "1073741824\n");
    put("/sys/fs/cgroup/memory/job/memory.usage_in_bytes", "1073741824\n");
    put("/sys/fs/cgroup/memory/job/memory.stat", "inactive_file 1\ntotal_inactive_file 268435456\n");
    MachineMemory m = memory_of_tree();
    assert_true(m.available_bytes == 256u << 20);
    assert_string_equal(m.limited_by, "memory.limit_in_bytes of /sys/fs/cgroup/memory/job");
}

/* A machine with both hierarchies: the memory controller is in one of them, and a limit in either holds. */
static void both_versions(void **state) {
    (void)state;
    put("/proc/self/cgroup", "4:memory:/old\n0::/new\n");
    put("/sys/fs/cgroup/new/memory.max", "3221225472\n");
    put("/sys/fs/cgroup/memory/old/memory.limit_in_bytes", "1073741824\n");
    put("/sys/fs/cgroup/memory/old/memory.usage_in_bytes", "0\n");
    assert_true(memory_of_tree().limit_bytes == 1ull << 30);
    assert_true(memory_of_tree().available_bytes == 1ull << 30);
    put("/sys/fs/cgroup/new/memory.current", "3221225470\n");
    assert_true(memory_of_tree().available_bytes == 2);
}

static void limits_that_are_none(void **state) {
    (void)state;
    put("/proc/self/cgroup", "0::/job\n");
    put("/sys/fs/cgroup/job/memory.max", "max\n");
    put("/sys/fs/cgroup/job/memory.current", "99999999999\n");
    MachineMemory m = memory_of_tree();
    assert_true(m.limit_bytes == 16ull << 30 && m.available_bytes == 8ull << 30);
    assert_string_equal(m.limited_by, "MemAvailable");
    put("/sys/fs/cgroup/job/memory.max", "17179869184\n"); /* all that the machine has */
    assert_string_equal(memory_of_tree().limited_by, "MemAvailable");
    put("/proc/self/cgroup", "no line of this is known\n:::\n");
    assert_true(memory_of_tree().available_bytes == 8ull << 30);
    put("/proc/self/cgroup", "0::/gone\n");
    assert_true(memory_of_tree().available_bytes == 8ull << 30);
}

static void nothing_to_read(void **state) {
    (void)state;
    Machine m;
    machine_get_at(&m, "/nonexistent");
    assert_string_equal(m.cpu_model, "unknown");
    assert_string_equal(m.instructions, "unknown");
    assert_true(m.memory.bytes == 0 && m.n_cores >= 1);
    assert_true(m.memory.available_bytes == MACHINE_UNBOUNDED); /* so that nothing is put off for want of a figure */
}

static void the_real_machine(void **state) {
    (void)state;
    Machine m;
    machine_get(&m);
    assert_true(m.memory.bytes > 0);
    assert_true(m.memory.available_bytes <= m.memory.bytes);
    assert_int_equal(machine_n_cores(), m.n_cores);
}

/* Only memory follows the variable, and only where it is asked for the whole machine. */
static void a_made_up_machine(void **state) {
    (void)state;
    Machine m;
    assert_int_equal(setenv("REFOCUS_MEMORY_ROOT", root, 1), 0);
    machine_get(&m);
    assert_true(m.memory.bytes == 16ull << 30 && m.memory.available_bytes == 8ull << 30);
    assert_string_not_equal(m.cpu_model, "Made-up CPU 9000");
    assert_true(machine_resident(0).now_bytes > 0);
    assert_int_equal(unsetenv("REFOCUS_MEMORY_ROOT"), 0);
}

static void resident_memory_follows_use(void **state) {
    (void)state;
    size_t bytes = (size_t)64 << 20;
    uint64_t before = machine_resident(0).now_bytes;
    char *block = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(block != MAP_FAILED);
    memset(block, 1, bytes);
    uint64_t during = machine_resident(0).now_bytes;
    assert_int_equal(munmap(block, bytes), 0);
    assert_true(during >= before + bytes / 2);
    assert_true(machine_resident(0).peak_bytes + ((size_t)1 << 20) >= during);
    assert_true(machine_resident(0).now_bytes < during);
    assert_true(machine_resident(getpid()).peak_bytes >= before);
    assert_true(machine_resident(INT32_MAX).now_bytes == 0);
    if (machine_reset_peak() == 0) assert_true(machine_resident(0).peak_bytes < during);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_limits, start_tree, remove_tree),
        cmocka_unit_test_setup_teardown(cgroup_two, start_tree, remove_tree),
        cmocka_unit_test_setup_teardown(cgroup_one, start_tree, remove_tree),
        cmocka_unit_test_setup_teardown(tightest_ancestor, start_tree, remove_tree),
        cmocka_unit_test_setup_teardown(file_caches_are_free, start_tree, remove_tree),
        cmocka_unit_test_setup_teardown(both_versions, start_tree, remove_tree),
        cmocka_unit_test_setup_teardown(limits_that_are_none, start_tree, remove_tree),
        cmocka_unit_test_setup_teardown(a_made_up_machine, start_tree, remove_tree),
        cmocka_unit_test(nothing_to_read),
        cmocka_unit_test(the_real_machine),
        cmocka_unit_test(resident_memory_follows_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
