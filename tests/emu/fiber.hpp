/* Threads of control that take turns on one OS thread: whichever runs says who is next. AddressSanitizer and
 * ThreadSanitizer are told of each switch, where they are linked. */
#ifndef TESTS_EMU_FIBER_HPP
#define TESTS_EMU_FIBER_HPP

namespace emu {

struct Fiber;

/* A fiber that runs entry(arg), which must not return. Ends the program when there is no memory. */
Fiber *fiber_new(void (*entry)(void *arg), void *arg);
void fiber_free(Fiber *fiber);

/* Runs another fiber, or (nullptr) the thread that runs no fiber; returns when somebody switches back. */
void fiber_switch(Fiber *to);

/* Does ThreadSanitizer look? */
bool fiber_is_watched();

/* ThreadSanitizer: what one fiber did before it released is seen by those that acquire after it. */
void fiber_release(void *at);
void fiber_acquire(void *at);

} // namespace emu

#endif
