/* Threads of control that take turns on one OS thread. The scheduler resumes a fiber, which runs until it yields.
 * AddressSanitizer and ThreadSanitizer are told of each switch, where they are linked. */
#ifndef TESTS_EMU_FIBER_HPP
#define TESTS_EMU_FIBER_HPP

namespace emu {

struct Fiber;

/* A fiber that runs entry(arg), which must not return. Ends the program when there is no memory. */
Fiber *fiber_new(void (*entry)(void *arg), void *arg);
void fiber_free(Fiber *fiber);

void fiber_resume(Fiber *fiber); /* by the scheduler */
void fiber_yield();              /* by the fiber that runs */

/* ThreadSanitizer: what one fiber did before it released is seen by those that acquire after it. */
void fiber_release(void *at);
void fiber_acquire(void *at);

} // namespace emu

#endif
