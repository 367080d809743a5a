/* Fibers: on x86-64 a switch of the registers that a call preserves, 15 ns; elsewhere ucontext, two system calls.
 * Built without sanitizers: it leaves and enters stacks behind their backs. */
#include "tests/emu/fiber.hpp"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <sys/mman.h>

#if !defined(__x86_64__) || defined(EMU_UCONTEXT)
#include <ucontext.h>
#define USES_UCONTEXT 1
#else
#define USES_UCONTEXT 0
#endif

extern "C" {
void __sanitizer_start_switch_fiber(void **fake_stack, const void *bottom, size_t size) __attribute__((weak));
void __sanitizer_finish_switch_fiber(void *fake_stack, const void **bottom, size_t *size) __attribute__((weak));
void *__tsan_get_current_fiber(void) __attribute__((weak));
void *__tsan_create_fiber(unsigned flags) __attribute__((weak));
void __tsan_destroy_fiber(void *fiber) __attribute__((weak));
void __tsan_switch_to_fiber(void *fiber, unsigned flags) __attribute__((weak));
void __tsan_acquire(void *at) __attribute__((weak));
void __tsan_release(void *at) __attribute__((weak));
}

namespace emu {

enum : size_t { PAGE = 4096, STACK = 32 * PAGE };

struct Fiber {
    void (*entry)(void *arg);
    void *arg;
    char *map;        /* a protected page, then the stack */
    void *fake_stack; /* AddressSanitizer's, while another fiber runs */
    void *tsan;
#if USES_UCONTEXT
    ucontext_t context;
#else
    void *sp;
#endif
};

/* The thread itself, as far as it must be known. */
static Fiber outside;
static Fiber *running = &outside;
static const void *outside_bottom;
static size_t outside_size;

#if USES_UCONTEXT
static void switch_to(Fiber *from, Fiber *to) { (void)swapcontext(&from->context, &to->context); }
#else
extern "C" void emu_switch_stack(void **save, void *sp);
asm(R"(
    .text
    .p2align 4
    .type emu_switch_stack, @function
emu_switch_stack:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
    .size emu_switch_stack, .-emu_switch_stack
)");
static void switch_to(Fiber *from, Fiber *to) { emu_switch_stack(&from->sp, to->sp); }
#endif

static void arrived(Fiber *here) {
    if (__sanitizer_finish_switch_fiber == nullptr) return;
    const bool first = outside_bottom == nullptr; /* which comes from outside */
    __sanitizer_finish_switch_fiber(here->fake_stack, first ? &outside_bottom : nullptr,
                                    first ? &outside_size : nullptr);
}

void fiber_switch(Fiber *to) {
    Fiber *from = running;
    if (to == nullptr) to = &outside;
    if (to == from) return;
    running = to;
    if (__sanitizer_start_switch_fiber != nullptr) {
        if (to == &outside)
            __sanitizer_start_switch_fiber(&from->fake_stack, outside_bottom, outside_size);
        else
            __sanitizer_start_switch_fiber(&from->fake_stack, to->map + PAGE, STACK);
    }
    if (__tsan_switch_to_fiber != nullptr) {
        if (from == &outside) outside.tsan = __tsan_get_current_fiber();
        __tsan_switch_to_fiber(to->tsan, 1);
    }
    switch_to(from, to);
    arrived(from);
}

static void begin() {
    arrived(running);
    running->entry(running->arg);
    abort(); /* an entry never returns */
}

static void prepare(Fiber *fiber) {
    char *top = fiber->map + PAGE + STACK;
#if USES_UCONTEXT
    (void)getcontext(&fiber->context);
    fiber->context.uc_stack.ss_sp = fiber->map + PAGE;
    fiber->context.uc_stack.ss_size = STACK;
    fiber->context.uc_link = nullptr;
    makecontext(&fiber->context, begin, 0);
    (void)top;
#else
    /* As if `begin` had been called from nowhere: a return address of 0, then its own, then six saved registers. */
    void **sp = reinterpret_cast<void **>(top);
    *--sp = nullptr;
    *--sp = reinterpret_cast<void *>(begin);
    for (int i = 0; i < 6; i++) *--sp = nullptr;
    fiber->sp = sp;
#endif
}

Fiber *fiber_new(void (*entry)(void *arg), void *arg) {
    Fiber *fiber = static_cast<Fiber *>(calloc(1, sizeof(Fiber)));
    void *map = mmap(nullptr, PAGE + STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (fiber == nullptr || map == MAP_FAILED || mprotect(map, PAGE, PROT_NONE) != 0) {
        fputs("emulation: no memory for a thread's stack\n", stderr);
        abort();
    }
    fiber->entry = entry;
    fiber->arg = arg;
    fiber->map = static_cast<char *>(map);
    if (__tsan_create_fiber != nullptr) fiber->tsan = __tsan_create_fiber(0);
    prepare(fiber);
    return fiber;
}

void fiber_free(Fiber *fiber) {
    if (fiber == nullptr) return;
    if (__tsan_destroy_fiber != nullptr) __tsan_destroy_fiber(fiber->tsan);
    (void)munmap(fiber->map, PAGE + STACK);
    free(fiber);
}

bool fiber_is_watched() { return __tsan_switch_to_fiber != nullptr; }

void fiber_release(void *at) {
    if (__tsan_release != nullptr) __tsan_release(at);
}

void fiber_acquire(void *at) {
    if (__tsan_acquire != nullptr) __tsan_acquire(at);
}

} // namespace emu
