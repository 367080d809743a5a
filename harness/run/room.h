/* Whether this machine can hold one more cell now: what the cell's process will take, against what is free and not
 * promised to cells that run already. Depends on survey, kernels/machine. */
#ifndef HARNESS_RUN_ROOM_H
#define HARNESS_RUN_ROOM_H

#include "harness/run/survey.h"
#include "kernels/machine.h"

/* What a cell's process takes at its peak. */
typedef struct RoomNeed {
    uint64_t plan_bytes;    /* the arena */
    uint64_t copies_bytes;  /* parameters and moments kept beside it: for the checkpoint, and the best */
    uint64_t reserve_bytes; /* memory.reserve */
    uint64_t process_bytes; /* measured: program, libraries, data; on a device, its context */
    bool is_context;        /* the last is a context's */
} RoomNeed;

RoomNeed room_need(const Survey *survey, uint64_t process_bytes);
uint64_t room_need_bytes(const RoomNeed *need);

typedef struct Room {
    MachineMemory memory;
    uint64_t promised_bytes; /* that running cells need and have not touched yet */
} Room;

/* The machine now, nothing promised. */
void room_look(Room *out);

/* Promises a running process (by its id) what it needs beyond what is resident of it. */
void room_promise(Room *room, const RoomNeed *need, int64_t pid);

/* The same, of which nothing has been taken that counts. */
void room_promise_all(Room *room, const RoomNeed *need);

/* What may still be taken. */
uint64_t room_left(const Room *room);
bool room_holds(const Room *room, const RoomNeed *need);

/* "needs 1045.6 MiB (plan 955.6 MiB, process 90.0 MiB); 512.0 MiB left by MemAvailable, ...". Returns buf. */
enum { ROOM_TEXT = 400 };
char *room_text(char buf[ROOM_TEXT], const Room *room, const RoomNeed *need);

#endif
