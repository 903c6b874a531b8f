/* ctx_test.c - tests of the stack switch, the same for every ctx_x.c and under every sanitizer.
 *
 * A `side` is a context with all that the protocol of sanitize.h wants.  The order that the real
 * caller has from its queues comes from one atomic here, else plain variables shared between two
 * contexts would be races to ThreadSanitizer.
 *
 * SPDX-License-Identifier: MIT
 */
#include "arch/ctx.h"

#include <elf.h>
#include <fcntl.h>
#include <fenv.h>
#include <signal.h>
#include <stdio.h>
#include <sys/auxv.h>
#include <sys/wait.h>
#include <unistd.h>
#include <unwind.h>

#include "arch/sanitize.h"
#include "base/atomic.h"
#include "base/sys.h"
#include "tests/test.h"

enum {
    SIDE_STACK_SIZE = 64 * 1024,
};

struct side {
    struct weft__ctx ctx;
    struct weft__san san;
    struct side *back; /* whom to switch to when done, or in between */
    void *stack;
    size_t stack_size;
};

static ATOMIC(uint64_t) side_order;

static void side_init_thread(struct side *s)
{
    *s = (struct side){.back = NULL};
    weft__san_init_thread(&s->san);
}

static void side_bind(struct side *s, void *stack, size_t size, void (*entry)(void *), void *arg)
{
    s->stack = stack;
    s->stack_size = size;
    weft__san_stack_reuse(stack, size);
    weft__ctx_make(&s->ctx, (char *)stack + size, entry, arg);
    weft__san_make(&s->san, stack, size);
}

static void side_make(struct side *s, struct side *back, void (*entry)(void *), void *arg)
{
    void *stack = NULL;
    EXPECT_EQ(weft__sys_map(SIDE_STACK_SIZE, &stack), 0);
    *s = (struct side){.back = back};
    side_bind(s, stack, SIDE_STACK_SIZE, entry, arg);
}

static void side_free(struct side *s)
{
    weft__san_free(&s->san);
    weft__sys_unmap(s->stack, s->stack_size);
}

/* At the start of each entry function. */
static void side_begin(struct side *me)
{
    weft__san_arrive(&me->san);
    a_load(&side_order, acquire);
}

static void *side_switch(struct side *from, struct side *to, void *pass)
{
    a_add(&side_order, 1, release);
    weft__san_leave(&from->san, &to->san, false);
    void *got = weft__ctx_switch(&from->ctx, &to->ctx, pass);
    weft__san_arrive(&from->san);
    a_load(&side_order, acquire);
    return got;
}

WEFT_NORETURN static void side_end(struct side *from, struct side *to, void *pass)
{
    a_add(&side_order, 1, release);
    weft__san_leave(&from->san, &to->san, true);
    weft__ctx_switch(&from->ctx, &to->ctx, pass);
    __builtin_unreachable();
}

/* ---- values -------------------------------------------------------------------------------- */

/* Adds one to what it gets and passes it back, until it gets NULL. */
static void echo_entry(void *arg)
{
    struct side *me = arg;
    side_begin(me);
    uintptr_t next = 1;
    for (;;) {
        void *got = side_switch(me, me->back, (void *)next);
        if (got == NULL) {
            side_end(me, me->back, NULL);
        }
        next = (uintptr_t)got + 1;
    }
}

TEST(ctx_ping_pong)
{
    struct side here, there;
    side_init_thread(&here);
    side_make(&there, &here, echo_entry, &there);
    EXPECT_EQ((uintptr_t)side_switch(&here, &there, NULL), 1);
    for (uintptr_t i = 1; i <= 1000000; i++) {
        uintptr_t got = (uintptr_t)side_switch(&here, &there, (void *)i);
        if (got != i + 1) {
            EXPECT_EQ(got, i + 1);
        }
    }
    EXPECT(side_switch(&here, &there, NULL) == NULL);
    side_free(&there);
}

struct entry_seen {
    struct side side;
    uintptr_t frame;
    void *argument;
    char text[32];
};

static void entry_look(struct entry_seen *seen, double number)
{
    seen->frame = (uintptr_t)__builtin_frame_address(0);
    /* Variable arguments with a double: libc stores vector registers, aligned, on this stack. */
    snprintf(seen->text, sizeof seen->text, "%.3f %.1f", number, 2 * number);
}

static void entry_entry(void *arg)
{
    struct entry_seen *seen = arg;
    side_begin(&seen->side);
    seen->argument = arg;
    entry_look(seen, 1.25);
    side_end(&seen->side, seen->side.back, seen->text);
}

TEST(ctx_entry_argument_and_alignment)
{
    struct side here;
    struct entry_seen seen = {.argument = NULL};
    side_init_thread(&here);
    side_make(&seen.side, &here, entry_entry, &seen);
    EXPECT(side_switch(&here, &seen.side, "dropped") == seen.text);
    EXPECT(seen.argument == &seen);
    EXPECT_EQ(seen.frame % 16, 0);
    EXPECT_STR(seen.text, "1.250 2.5");
    side_free(&seen.side);
}

/* Entry must not return; if it does the process dies there and then. */
static void return_entry(void *arg)
{
    struct side *me = arg;
    side_begin(me);
}

TEST(ctx_return_from_entry_traps)
{
    pid_t pid = fork();
    EXPECT(pid >= 0);
    if (pid == 0) {
        struct side here, there;
        signal(SIGILL, SIG_DFL);
        signal(SIGTRAP, SIG_DFL);
        side_init_thread(&here);
        side_make(&there, &here, return_entry, &there);
        side_switch(&here, &there, NULL);
        _exit(0);
    }
    int status = 0;
    EXPECT_EQ(waitpid(pid, &status, 0), pid);
    EXPECT(WIFSIGNALED(status));
    EXPECT(WTERMSIG(status) == SIGILL || WTERMSIG(status) == SIGTRAP);
}

PANIC_TEST(ctx_misaligned_stack_panics, "stack_top % 16 == 0")
{
    static WEFT_ALIGNED(16) char stack[SIDE_STACK_SIZE];
    struct weft__ctx ctx;
    weft__ctx_make(&ctx, stack + sizeof stack - 8, return_entry, NULL);
}

/* ---- registers ----------------------------------------------------------------------------- */

/* Fills every callee-saved register with seed + a number of its own, switches, and returns how many
 * of them came back changed.  Hidden from the compiler, which would move them about. */
uint64_t ctx_test_fill(struct weft__ctx *from, struct weft__ctx *to, uint64_t seed);

/* clang-format off */
#if defined(__x86_64__)
#define FILL_REG(n, reg) "lea " #n "(%rdx), %" reg "\n"
#define COMPARE_REG(n, reg) \
    "lea " #n "(%rdx), %rcx\n cmp %rcx, %" reg "\n setne %cl\n movzbl %cl, %ecx\n add %rcx, %rax\n"
#define EACH_REG(X) X(1, "rbx") X(2, "rbp") X(3, "r12") X(4, "r13") X(5, "r14") X(6, "r15")
__asm__(
    ".pushsection .text\n .globl ctx_test_fill\n .hidden ctx_test_fill\n"
    ".type ctx_test_fill, @function\n"
    "ctx_test_fill:\n"
    "push %rbp\n push %rbx\n push %r12\n push %r13\n push %r14\n push %r15\n push %rdx\n"
    EACH_REG(FILL_REG)
    "call weft__ctx_switch\n"
    "pop %rdx\n"
    "xor %eax, %eax\n"
    EACH_REG(COMPARE_REG)
    "pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbx\n pop %rbp\n"
    "ret\n"
    ".size ctx_test_fill, . - ctx_test_fill\n .popsection\n");
#elif defined(__aarch64__)
#define FILL_X(n) "add x" #n ", x2, #" #n "\n"
#define FILL_D(n) "add x9, x2, #" #n "\n fmov d" #n ", x9\n"
#define COMPARE_X(n) "add x9, x2, #" #n "\n cmp x9, x" #n "\n cinc x0, x0, ne\n"
#define COMPARE_D(n) "add x9, x2, #" #n "\n fmov x10, d" #n "\n cmp x9, x10\n cinc x0, x0, ne\n"
#define EACH_X(X) X(19) X(20) X(21) X(22) X(23) X(24) X(25) X(26) X(27) X(28) X(29)
#define EACH_D(X) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)
__asm__(
    ".pushsection .text\n .globl ctx_test_fill\n .hidden ctx_test_fill\n"
    ".type ctx_test_fill, %function\n"
    "ctx_test_fill:\n"
    "hint #34\n"
    "sub sp, sp, #176\n"
    "stp x29, x30, [sp]\n stp x19, x20, [sp, #16]\n stp x21, x22, [sp, #32]\n"
    "stp x23, x24, [sp, #48]\n stp x25, x26, [sp, #64]\n stp x27, x28, [sp, #80]\n"
    "stp d8, d9, [sp, #96]\n stp d10, d11, [sp, #112]\n stp d12, d13, [sp, #128]\n"
    "stp d14, d15, [sp, #144]\n str x2, [sp, #160]\n"
    EACH_X(FILL_X) EACH_D(FILL_D)
    "bl weft__ctx_switch\n"
    "ldr x2, [sp, #160]\n"
    "mov x0, #0\n"
    EACH_X(COMPARE_X) EACH_D(COMPARE_D)
    "ldp x29, x30, [sp]\n ldp x19, x20, [sp, #16]\n ldp x21, x22, [sp, #32]\n"
    "ldp x23, x24, [sp, #48]\n ldp x25, x26, [sp, #64]\n ldp x27, x28, [sp, #80]\n"
    "ldp d8, d9, [sp, #96]\n ldp d10, d11, [sp, #112]\n ldp d12, d13, [sp, #128]\n"
    "ldp d14, d15, [sp, #144]\n"
    "add sp, sp, #176\n"
    "ret\n"
    ".size ctx_test_fill, . - ctx_test_fill\n .popsection\n");
#else
uint64_t ctx_test_fill(struct weft__ctx *from, struct weft__ctx *to, uint64_t seed)
{
    weft__ctx_switch(from, to, (void *)(uintptr_t)seed);
    return 0;
}
#endif
/* clang-format on */

struct fill_side {
    struct side side;
    uint64_t wrong;
    uint64_t seed;
};

static uint64_t fill_switch(struct side *from, struct side *to, uint64_t seed)
{
    a_add(&side_order, 1, release);
    weft__san_leave(&from->san, &to->san, false);
    uint64_t wrong = ctx_test_fill(&from->ctx, &to->ctx, seed);
    weft__san_arrive(&from->san);
    a_load(&side_order, acquire);
    return wrong;
}

static void fill_entry(void *arg)
{
    struct fill_side *me = arg;
    side_begin(&me->side);
    for (uint64_t i = 0; i < 100; i++) {
        me->wrong += fill_switch(&me->side, me->side.back, me->seed + 64 * i);
    }
    side_end(&me->side, me->side.back, NULL);
}

TEST(ctx_keeps_callee_saved_registers)
{
    struct side here;
    struct fill_side there = {.seed = 0x1111222233334444};
    uint64_t wrong = 0;
    side_init_thread(&here);
    side_make(&there.side, &here, fill_entry, &there);
    for (uint64_t i = 0; i < 101; i++) {
        wrong += fill_switch(&here, &there.side, 0xaaaabbbbccccdddd + 64 * i);
    }
    EXPECT_EQ(wrong, 0);
    EXPECT_EQ(there.wrong, 0);
    side_free(&there.side);
}

/* ---- floating point control ---------------------------------------------------------------- */

struct round_side {
    struct side side;
    int mode;
    int mode_at_start;
    int wrong;
};

/* The mode as the control words say it, and as both kinds of arithmetic show it. */
static bool round_is(int mode)
{
    volatile double one = 1, minus_one = -1, three = 3;
    volatile long double long_one = 1, long_minus_one = -1, long_three = 3;
    double third = one / three, minus = minus_one / three;
    long double long_third = long_one / long_three, long_minus = long_minus_one / long_three;
    /* The nearest double to 1/3 is below it, so only one mode leads past it on either side. */
    bool up = third > 0x1.5555555555555p-2, down = minus < -0x1.5555555555555p-2;
    bool long_apart = long_third + long_minus != 0;
    return fegetround() == mode && up == (mode == FE_UPWARD) && down == (mode == FE_DOWNWARD) &&
           long_apart == (mode != FE_TONEAREST);
}

static void round_entry(void *arg)
{
    struct round_side *me = arg;
    side_begin(&me->side);
    me->mode_at_start = fegetround();
    fesetround(me->mode);
    for (int i = 0; i < 100; i++) {
        side_switch(&me->side, me->side.back, NULL);
        me->wrong += !round_is(me->mode);
    }
    side_end(&me->side, me->side.back, NULL);
}

/* Valgrind computes in its own way: no flush to zero, long double as double. */
static void round_skip_under_valgrind(void)
{
#if WEFT__SAN_VALGRIND
    if (RUNNING_ON_VALGRIND) {
        SKIP("Valgrind does not keep the control words");
    }
#endif
}

TEST(ctx_float_control_is_private)
{
    round_skip_under_valgrind();
    struct side here;
    struct round_side up = {.mode = FE_UPWARD}, down = {.mode = FE_DOWNWARD};
    side_init_thread(&here);
    side_make(&up.side, &here, round_entry, &up);
    side_make(&down.side, &here, round_entry, &down);
    int wrong = 0;
    for (int i = 0; i < 101; i++) {
        side_switch(&here, &up.side, NULL);
        wrong += !round_is(FE_TONEAREST);
        side_switch(&here, &down.side, NULL);
        wrong += !round_is(FE_TONEAREST);
    }
    EXPECT_EQ(wrong + up.wrong + down.wrong, 0);
    side_free(&up.side);
    side_free(&down.side);
}

TEST(ctx_float_control_starts_as_default)
{
    round_skip_under_valgrind();
    struct side here;
    struct round_side there = {.mode = FE_TOWARDZERO, .mode_at_start = -1};
    if (strcmp(weft__ctx_name, "ucontext") == 0) {
        SKIP("the fall-back starts with the maker's");
    }
    side_init_thread(&here);
    fesetround(FE_UPWARD);
    side_make(&there.side, &here, round_entry, &there);
    side_switch(&here, &there.side, NULL);
    EXPECT(round_is(FE_UPWARD));
    fesetround(FE_TONEAREST);
    EXPECT_EQ(there.mode_at_start, FE_TONEAREST);
    weft__san_free(&there.side.san);
    weft__sys_unmap(there.side.stack, there.side.stack_size);
}

#if defined(__x86_64__)
/* What fesetround does not touch: the precision of x87, flush to zero of SSE. */
static void control_entry(void *arg)
{
    struct side *me = arg;
    side_begin(me);
    uint16_t word = 0x007f, word_back = 0;
    uint32_t mxcsr = 0x9f80, mxcsr_back = 0;
    __asm__ volatile("fldcw %0\n ldmxcsr %1" : : "m"(word), "m"(mxcsr));
    side_switch(me, me->back, NULL);
    __asm__ volatile("fnstcw %0\n stmxcsr %1" : "=m"(word_back), "=m"(mxcsr_back));
    bool same = word_back == word && (mxcsr_back & 0xffc0) == mxcsr;
    side_end(me, me->back, (void *)(uintptr_t)same);
}
#endif

TEST(ctx_x87_and_mxcsr_control_words)
{
#if defined(__x86_64__)
    round_skip_under_valgrind();
    struct side here, there;
    uint16_t word = 0;
    uint32_t mxcsr = 0;
    side_init_thread(&here);
    side_make(&there, &here, control_entry, &there);
    side_switch(&here, &there, NULL);
    __asm__ volatile("fnstcw %0\n stmxcsr %1" : "=m"(word), "=m"(mxcsr));
    EXPECT_EQ(word, 0x037f);
    EXPECT_EQ(mxcsr & 0xffc0, 0x1f80);
    EXPECT(side_switch(&here, &there, NULL) != NULL);
    side_free(&there);
#else
    SKIP("not x86-64");
#endif
}

/* ---- many and deep ------------------------------------------------------------------------- */

struct ring_side {
    struct side side;
    struct side *next;
    long *count;
};

static void ring_entry(void *arg)
{
    struct ring_side *me = arg;
    side_begin(&me->side);
    for (int i = 0; i < 3; i++) {
        ++*me->count;
        side_switch(&me->side, me->next, NULL);
    }
    side_end(&me->side, me->next, NULL);
}

/* Each switches straight to the next, the last one back to us: three rounds and one to die. */
TEST(ctx_ten_thousand)
{
    const size_t n = WEFT__SAN_THREAD ? 500 : 10000;
    const size_t stack_size = 16 * 1024;
    void *stacks = NULL, *memory = NULL;
    struct side here;
    long count = 0;
    EXPECT(n <= WEFT__SAN_CONTEXTS_MAX);
    EXPECT_EQ(weft__sys_map(n * stack_size, &stacks), 0);
    EXPECT_EQ(weft__sys_map(n * sizeof(struct ring_side), &memory), 0);
    struct ring_side *ring = memory;
    side_init_thread(&here);
    for (size_t i = 0; i < n; i++) {
        ring[i].count = &count;
        ring[i].next = i + 1 < n ? &ring[i + 1].side : &here;
        side_bind(&ring[i].side, (char *)stacks + i * stack_size, stack_size, ring_entry, &ring[i]);
    }
    for (int round = 0; round < 4; round++) {
        side_switch(&here, &ring[0].side, NULL);
    }
    EXPECT_EQ(count, 3 * (long)n);
    for (size_t i = 0; i < n; i++) {
        weft__san_free(&ring[i].side.san);
    }
    weft__sys_unmap(memory, n * sizeof(struct ring_side));
    weft__sys_unmap(stacks, n * stack_size);
}

/* Switches away and back at the bottom.  The sum proves that the frames on the way were kept. */
WEFT_NOINLINE static long deep_sum(struct side *me, int depth)
{
    volatile char frame[512];
    frame[0] = (char)depth;
    if (depth == 0) {
        side_switch(me, me->back, NULL);
        return 0;
    }
    long below = deep_sum(me, depth - 1);
    return below + (frame[0] == (char)depth);
}

static void deep_entry(void *arg)
{
    struct side *me = arg;
    side_begin(me);
    long sum = deep_sum(me, 1000);
    side_end(me, me->back, (void *)sum);
}

TEST(ctx_deep_recursion)
{
    const size_t size = 8 * 1024 * 1024;
    struct side here, there = {.back = &here};
    void *stack = NULL;
    side_init_thread(&here);
    EXPECT_EQ(weft__sys_map(size, &stack), 0);
    side_bind(&there, stack, size, deep_entry, &there);
    side_switch(&here, &there, NULL);
    EXPECT_EQ((long)side_switch(&here, &there, NULL), 1000);
    side_free(&there);
}

/* ---- threads ------------------------------------------------------------------------------- */

struct move_side {
    struct side side;
    pid_t tids[4];
    int seen;
};

static void move_entry(void *arg)
{
    struct move_side *me = arg;
    side_begin(&me->side);
    for (me->seen = 0; me->seen < 3; me->seen++) {
        me->tids[me->seen] = weft__sys_gettid();
        side_switch(&me->side, me->side.back, NULL);
    }
    me->tids[me->seen++] = weft__sys_gettid();
    side_end(&me->side, me->side.back, me);
}

/* Resumes the context for one step. */
static void *move_step(void *arg)
{
    struct move_side *mover = arg;
    struct side here;
    side_init_thread(&here);
    mover->side.back = &here;
    return side_switch(&here, &mover->side, NULL);
}

/* Made here, run by four threads in turn. */
TEST(ctx_moves_between_threads)
{
    struct move_side mover = {.seen = 0};
    pid_t tids[4] = {0};
    side_make(&mover.side, NULL, move_entry, &mover);
    for (int i = 0; i < 4; i++) {
        pthread_t thread;
        EXPECT_EQ(weft__sys_thread_start(move_step, &mover, 256 * 1024, "step", &thread), 0);
        weft__sys_thread_join(thread);
        tids[i] = mover.tids[i];
    }
    EXPECT_EQ(mover.seen, 4);
    for (int i = 0; i < 4; i++) {
        EXPECT(tids[i] > 0 && tids[i] != weft__sys_gettid());
    }
    side_free(&mover.side);
}

/* ---- unwinding ----------------------------------------------------------------------------- */

/* The names here are known to tests/gdb_backtrace.sh. */
struct trace {
    int n;
    uintptr_t last;
    volatile int returned; /* written after each call, so that none is a tail call */
};

static struct weft__ctx *volatile trace_parked;

static _Unwind_Reason_Code trace_frame(struct _Unwind_Context *context, void *arg)
{
    struct trace *trace = arg;
    uintptr_t pc = _Unwind_GetIP(context);
    if (pc != 0) {
        trace->n++;
        trace->last = pc;
    }
    return trace->n < 100 ? _URC_NO_REASON : _URC_END_OF_STACK;
}

WEFT_NOINLINE static void trace_leaf(struct trace *trace)
{
    _Unwind_Backtrace(trace_frame, trace);
    trace->returned = 1;
}

WEFT_NOINLINE static void trace_middle(struct trace *trace)
{
    trace_leaf(trace);
    trace->returned = 2;
}

WEFT_NOINLINE static void trace_entry(void *arg)
{
    struct side *me = arg;
    side_begin(me);
    static struct trace trace;
    trace_parked = &me->back->ctx;
    trace_middle(&trace);
    side_end(me, me->back, &trace);
}

TEST(ctx_backtrace)
{
    struct side here, there;
    side_init_thread(&here);
    side_make(&there, &here, trace_entry, &there);
    struct trace *trace = side_switch(&here, &there, NULL);
    if (strcmp(weft__ctx_name, "ucontext") != 0) {
        extern void weft__ctx_start(void) __attribute__((weak)); /* the fall-back has none */
        uintptr_t start = (uintptr_t)weft__ctx_start;
        EXPECT(trace->last > start && trace->last < start + 32);
        EXPECT_EQ(trace->n, 4); /* leaf, middle, entry, weft__ctx_start */
    }
    EXPECT(trace->n >= 3);
    EXPECT(trace->n < 100);
    side_free(&there);
}

/* ---- the program's header ------------------------------------------------------------------ */

TEST(ctx_stack_is_not_executable)
{
    Elf64_Ehdr file;
    Elf64_Phdr segment;
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), found = 0;
    EXPECT(fd >= 0);
    EXPECT_EQ(pread(fd, &file, sizeof file, 0), sizeof file);
    for (size_t i = 0; i < file.e_phnum; i++) {
        off_t at = (off_t)(file.e_phoff + i * file.e_phentsize);
        EXPECT_EQ(pread(fd, &segment, sizeof segment, at), sizeof segment);
        if (segment.p_type == PT_GNU_STACK) {
            EXPECT_EQ(segment.p_flags, PF_R | PF_W);
            found++;
        }
    }
    EXPECT_EQ(found, 1);
    close(fd);
}
