/* Whether one more cell fits: sums, promises to running processes, and the words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/run/room.h"

#define MIB(n) ((uint64_t)(n) << 20)

static Room room_with(uint64_t available) {
    Room room = {.memory = {.bytes = MIB(8192), .limit_bytes = MIB(8192), .available_bytes = available}};
    (void)snprintf(room.memory.limited_by, sizeof room.memory.limited_by, "MemAvailable");
    return room;
}

static void test_sums(void **state) {
    (void)state;
    const RoomNeed need = {
        .plan_bytes = MIB(100), .copies_bytes = MIB(20), .reserve_bytes = MIB(8), .process_bytes = 1};
    Room room = room_with(MIB(128));
    assert_true(room_need_bytes(&need) == MIB(128) + 1);
    assert_false(room_holds(&room, &need));
    room.memory.available_bytes++;
    assert_true(room_holds(&room, &need));
    room.promised_bytes = 1;
    assert_false(room_holds(&room, &need));
    room.promised_bytes = MIB(1000);
    assert_true(room_left(&room) == 0);
    room.memory.available_bytes = MACHINE_UNBOUNDED; /* a machine that tells nothing holds everything */
    assert_true(room_holds(&room, &need));
}

/* What a process has touched is no promise any more: the machine's own figure has it. */
static void test_promises(void **state) {
    (void)state;
    const RoomNeed need = {.plan_bytes = MIB(1000)}, little = {.plan_bytes = 1};
    Room room = room_with(MIB(4000));
    uint64_t resident = machine_resident(getpid()).now_bytes;
    room_promise(&room, &need, getpid());
    assert_true(room.promised_bytes < MIB(1000) && room.promised_bytes + 2 * resident > MIB(1000));
    uint64_t before = room.promised_bytes;
    room_promise(&room, &little, getpid()); /* has taken more than it needs */
    assert_true(room.promised_bytes == before);
    room_promise(&room, &need, INT32_MAX); /* has just begun, or is gone */
    assert_true(room.promised_bytes == before + MIB(1000));
}

static void test_words(void **state) {
    (void)state;
    char text[ROOM_TEXT];
    Room room = room_with(MIB(64));
    const RoomNeed small = {.plan_bytes = MIB(90), .process_bytes = MIB(10)};
    assert_string_equal(room_text(text, &room, &small),
                        "needs 100.0 MiB (plan 90.0 MiB, process 10.0 MiB); 64.0 MiB left by MemAvailable");
    const RoomNeed on_device = {.plan_bytes = MIB(90), .process_bytes = MIB(10), .is_context = true};
    room_promise_all(&room, &on_device);
    assert_false(room_holds(&room, &(const RoomNeed){.plan_bytes = 1}));
    assert_string_equal(
        room_text(text, &room, &on_device),
        "needs 100.0 MiB (plan 90.0 MiB, context 10.0 MiB); 64.0 MiB left by MemAvailable, 100.0 MiB of "
        "it promised to running cells");
    const RoomNeed all = {MIB(90), MIB(20), MIB(30), MIB(10), false};
    room.promised_bytes = MIB(60);
    assert_string_equal(
        room_text(text, &room, &all),
        "needs 150.0 MiB (plan 90.0 MiB, kept parameters 20.0 MiB, reserve 30.0 MiB, process 10.0 MiB); "
        "64.0 MiB left by MemAvailable, 60.0 MiB of it promised to running cells");
    const RoomNeed huge = {UINT64_MAX / 4, UINT64_MAX / 4, UINT64_MAX / 4, UINT64_MAX / 4, true};
    room = (Room){.memory = {.available_bytes = UINT64_MAX - 1}, .promised_bytes = UINT64_MAX};
    memset(room.memory.limited_by, 'x', sizeof room.memory.limited_by - 1);
    assert_true(strlen(room_text(text, &room, &huge)) < ROOM_TEXT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_promises),
        cmocka_unit_test(test_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
