/* engine_probe.h - little threads on the engine, for tests: contexts, a lock, a condition.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CHECK_ENGINE_PROBE_H
#define WEFT_CHECK_ENGINE_PROBE_H

#include <setjmp.h>

#include "arch/ctx.h"
#include "arch/sanitize.h"
#include "base/alloc.h"
#include "check/engine.h"
#include "tests/test.h"

#define PROBE_STRANDS    24
#define PROBE_STACK_SIZE (64 * 1024)
/* A site of its own for each place: where the macro is used. */
#define PROBE_HERE       ((uintptr_t)probe_here())

struct probe_strand {
    struct weft__ctx ctx;
    struct weft__strand *strand;
    void (*fn)(void *);
    void *arg;
    _Alignas(16) unsigned char stack[PROBE_STACK_SIZE];
};

struct probe_lock {
    struct weft__strand *owner;
};

struct probe_cond {
    uint32_t waiting, permits;
};

static struct probe_strand *probe_strands;
static uint32_t probe_n;
static struct weft__ctx probe_main, probe_over;
static jmp_buf probe_end;

static WEFT_NOINLINE WEFT_UNUSED void *probe_here(void)
{
    __asm__ volatile(""); /* or two calls in a row would be taken for one */
    return __builtin_return_address(0);
}

static struct weft__ctx *probe_ctx(struct weft__strand *s)
{
    return s->id == 0 ? &probe_main : &((struct probe_strand *)s->carrier)->ctx;
}

static void probe_move(struct weft__strand *from, struct weft__strand *to)
{
    if (weft__ctx_switch(probe_ctx(from), probe_ctx(to), NULL) != NULL)
        longjmp(probe_end, 1);
}

/* Back to probe_run, whose stack still stands. */
static WEFT_NORETURN void probe_is_over(void)
{
    if (weft__strand_self()->id == 0)
        longjmp(probe_end, 1);
    weft__ctx_switch(&probe_over, &probe_main, "over");
    __builtin_unreachable();
}

static const struct weft__executor probe_executor = {.move = probe_move, .over = probe_is_over};

static void probe_entry(void *arg)
{
    struct probe_strand *me = arg;
    me->fn(me->arg);
    weft__strand_end();
}

static void probe_point(enum weft__op op, const void *object, uintptr_t pc)
{
    weft__point(&(struct weft__operation){
        .op = op, .object = (uintptr_t)object, .pc = pc, .deadline = WEFT__NO_DEADLINE});
}

static struct weft__strand *probe_spawn(void (*fn)(void *), void *arg, uintptr_t pc)
{
    WEFT_CHECK(probe_n < PROBE_STRANDS);
    struct probe_strand *s = &probe_strands[probe_n++];
    weft__san_stack_reuse(s->stack, sizeof s->stack); /* its last strand may never have returned */
    s->fn = fn;
    s->arg = arg;
    weft__ctx_make(&s->ctx, s->stack + sizeof s->stack, probe_entry, s);
    s->strand = weft__strand_new(NULL, (uintptr_t)fn, pc, s);
    probe_point(WEFT__OP_SPAWN, (void *)((uintptr_t)s->strand->id + 1), pc);
    return s->strand;
}

static bool probe_has_ended(const struct weft__strand *s)
{
    return ((const struct weft__strand *)s->next.arg)->state == WEFT__STRAND_ENDED;
}

static void probe_join(struct weft__strand *other, uintptr_t pc)
{
    weft__point(&(struct weft__operation){.op = WEFT__OP_JOIN,
                                          .object = (uintptr_t)other->id + 1,
                                          .pc = pc,
                                          .can = probe_has_ended,
                                          .arg = other,
                                          .deadline = WEFT__NO_DEADLINE});
    weft__happened_join(other);
}

static bool probe_is_free(const struct weft__strand *s)
{
    return ((const struct probe_lock *)s->next.arg)->owner == NULL;
}

static WEFT_UNUSED void probe_lock(struct probe_lock *lock, uintptr_t pc)
{
    weft__point(&(struct weft__operation){.op = WEFT__OP_MUTEX_LOCK,
                                          .object = (uintptr_t)lock,
                                          .pc = pc,
                                          .can = probe_is_free,
                                          .arg = lock,
                                          .deadline = WEFT__NO_DEADLINE});
    lock->owner = weft__strand_self();
    weft__changed((uintptr_t)lock);
    weft__lock_taken((uintptr_t)lock, false, false);
}

static WEFT_UNUSED void probe_unlock(struct probe_lock *lock, uintptr_t pc)
{
    probe_point(WEFT__OP_MUTEX_UNLOCK, lock, pc);
    weft__lock_given((uintptr_t)lock);
    lock->owner = NULL;
    weft__changed((uintptr_t)lock);
}

static bool probe_has_permit(const struct weft__strand *s)
{
    return ((const struct probe_cond *)s->next.arg)->permits > 0;
}

static WEFT_UNUSED enum weft__go probe_wait(struct probe_cond *cond, struct probe_lock *lock,
                                            int64_t deadline, uintptr_t pc)
{
    probe_point(WEFT__OP_COND_WAIT, cond, pc);
    cond->waiting++;
    weft__lock_given((uintptr_t)lock);
    lock->owner = NULL;
    weft__changed((uintptr_t)lock);
    enum weft__go go = weft__point(&(struct weft__operation){.op = WEFT__OP_COND_WAKE,
                                                             .object = (uintptr_t)cond,
                                                             .pc = pc + 1,
                                                             .can = probe_has_permit,
                                                             .arg = cond,
                                                             .deadline = deadline});
    cond->waiting--;
    if (go == WEFT__GO)
        cond->permits--;
    weft__changed((uintptr_t)cond);
    probe_lock(lock, pc + 2);
    return go;
}

static WEFT_UNUSED void probe_signal(struct probe_cond *cond, uintptr_t pc)
{
    probe_point(WEFT__OP_COND_SIGNAL, cond, pc);
    if (cond->waiting > cond->permits)
        cond->permits++;
    weft__changed((uintptr_t)cond);
}

/* *x as a hooked program would access it. */
static WEFT_UNUSED int probe_read(const int *x, uintptr_t pc)
{
    weft__access(WEFT__OP_READ, (uintptr_t)x, sizeof *x, 0, pc);
    return *x;
}

static WEFT_UNUSED void probe_write(int *x, int value, uintptr_t pc)
{
    weft__access(WEFT__OP_WRITE, (uintptr_t)x, sizeof *x, 0, pc);
    *x = value;
}

/* Runs body as main, by the plan in the exchange. */
static void probe_run(struct weft__exchange *exchange, void (*body)(void))
{
    weft__modules_fill(&exchange->modules);
    probe_n = 0;
    EXPECT_EQ(weft__engine_init(exchange, &probe_executor), 0);
    if (setjmp(probe_end) == 0) {
        body();
        weft__engine_finish(0);
    }
    weft__engine = NULL;
}

#endif
