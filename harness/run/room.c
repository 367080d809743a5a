/* Adding up. */
#include "harness/run/room.h"

#include <stdio.h>

RoomNeed room_need(const Survey *survey, uint64_t process_bytes) {
    int64_t reserve = settings_int(survey->settings, "memory.reserve");
    return (RoomNeed){.plan_bytes = survey->peak_bytes,
                      .copies_bytes = survey->copies_bytes,
                      .reserve_bytes = (uint64_t)reserve,
                      .process_bytes = process_bytes};
}

uint64_t room_need_bytes(const RoomNeed *need) {
    return need->plan_bytes + need->copies_bytes + need->reserve_bytes + need->process_bytes;
}

void room_look(Room *out) {
    out->promised_bytes = 0;
    machine_memory(&out->memory);
}

void room_promise(Room *room, const RoomNeed *need, int64_t pid) {
    uint64_t all = room_need_bytes(need), touched = machine_resident(pid).now_bytes;
    if (touched < all) room->promised_bytes += all - touched;
}

void room_promise_all(Room *room, const RoomNeed *need) { room->promised_bytes += room_need_bytes(need); }

uint64_t room_left(const Room *room) {
    uint64_t free_bytes = room->memory.available_bytes;
    if (free_bytes == MACHINE_UNBOUNDED) return free_bytes;
    return room->promised_bytes < free_bytes ? free_bytes - room->promised_bytes : 0;
}

bool room_holds(const Room *room, const RoomNeed *need) { return room_need_bytes(need) <= room_left(room); }

static double mib(uint64_t bytes) { return (double)bytes / (1 << 20); }

/* All in one unit: the figures are compared. */
char *room_text(char buf[ROOM_TEXT], const Room *room, const RoomNeed *need) {
    int n = snprintf(buf, ROOM_TEXT, "needs %.1f MiB", mib(room_need_bytes(need)));
    const struct {
        uint64_t bytes;
        const char *what;
    } parts[] = {{need->plan_bytes, " (plan "},
                 {need->copies_bytes, ", kept parameters "},
                 {need->reserve_bytes, ", reserve "},
                 {need->process_bytes, need->is_context ? ", context " : ", process "}};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (parts[i].bytes > 0)
            n += snprintf(buf + n, (size_t)(ROOM_TEXT - n), "%s%.1f MiB", parts[i].what, mib(parts[i].bytes));
    n += snprintf(buf + n, (size_t)(ROOM_TEXT - n), "); %.1f MiB left by %s", mib(room->memory.available_bytes),
                  room->memory.limited_by);
    if (room->promised_bytes > 0)
        (void)snprintf(buf + n, (size_t)(ROOM_TEXT - n), ", %.1f MiB of it promised to running cells",
                       mib(room->promised_bytes));
    return buf;
}
