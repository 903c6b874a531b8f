/* hooks.c - the functions that gcc and clang call before each access of memory.
 *
 * A program compiled with -fsanitize=thread calls __tsan_* before each load and store, at the entry
 * and exit of each function, and instead of each atomic operation (atomics.c).  We are what it is
 * linked with in place of the sanitizer's own library.
 *
 * The hook stands before the access and the access follows at once, so hook and access are one step
 * for the engine.
 *
 * The calls also give a stack of call sites for nothing, one for each thread.  It goes wrong when a
 * function is left by longjmp or pthread_exit, so each entry remembers where its frame was: a frame
 * at or below the one that is made now is dead.
 *
 * Rejected: one stack for each strand, found through the engine.  A strand has its own thread-local
 * memory anyway, and finding it there costs one instruction.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/preload/hooks.h"
#include "check/preload/tasks.h"

#include <execinfo.h>
#include <link.h>

#define CALLS_MAX   96 /* remembered; deeper ones are only counted */
#define MODULES_MAX 64

struct hook_call {
    uintptr_t pc;    /* of the call */
    uintptr_t frame; /* of the hook that was told */
};

struct hook_calls {
    uint32_t depth;
    struct hook_call call[CALLS_MAX];
};

struct hook_module {
    uintptr_t low, high;
};

static __thread struct hook_calls hook_calls;
static struct hook_module hook_modules[MODULES_MAX];
static unsigned hook_n_modules;
static int hook_no_walks;
static bool hook_walking;

bool weft__has_hooks(void)
{
    return hook_n_modules > 0;
}

bool weft__is_hooked(uintptr_t pc)
{
    for (unsigned i = 0; i < hook_n_modules; i++)
        if (pc - hook_modules[i].low < hook_modules[i].high - hook_modules[i].low)
            return true;
    return false;
}

/* The module that holds data->low: its bounds. */
static int hook_find_module(struct dl_phdr_info *info, size_t size, void *data)
{
    struct hook_module *module = data;
    uintptr_t low = UINTPTR_MAX;
    uintptr_t high = 0;

    (void)size;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        if (info->dlpi_phdr[i].p_type == PT_LOAD) {
            uintptr_t begin = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
            low = weft__min(low, begin);
            high = weft__max(high, begin + info->dlpi_phdr[i].p_memsz);
        }
    }
    if (module->low < low || module->low >= high)
        return 0;
    module->low = low;
    module->high = high;
    return 1;
}

/* Each object file compiled with the hooks calls this before main. */
WEFT__EXPORT void __tsan_init(void);
void __tsan_init(void)
{
    struct hook_module module = {WEFT__PC(), 0};

    if (weft__is_hooked(module.low) || hook_n_modules == MODULES_MAX)
        return;
    if (dl_iterate_phdr(hook_find_module, &module) == 1)
        hook_modules[hook_n_modules++] = module;
}

/* ---- ranges ---- */

void weft__hook_range(enum weft__op op, const void *address, size_t size, uintptr_t pc)
{
    uintptr_t at = (uintptr_t)address;

    while (size > 0) {
        size_t piece = weft__min(size, (size_t)HOOKS_PIECE);
        weft__hook_access(op, at, piece, 0, pc);
        at += piece;
        size -= piece;
    }
}

void weft__hook_libc(enum weft__op op, const void *address, size_t size, uintptr_t pc)
{
    if (HOOKS_ON() && weft__is_hooked(pc) && !weft__tasks_are_inside())
        weft__hook_range(op, address, size, pc);
}

/* ---- the stack of calls ---- */

WEFT__EXPORT void __tsan_func_entry(void *pc);
void __tsan_func_entry(void *pc)
{
    struct hook_calls *calls = &hook_calls;
    uintptr_t frame = (uintptr_t)__builtin_frame_address(0);

    if (WEFT_UNLIKELY(calls->depth >= CALLS_MAX)) {
        if (calls->call[CALLS_MAX - 1].frame > frame) {
            calls->depth++;
            return;
        }
        calls->depth = CALLS_MAX;
    }
    while (calls->depth > 0 && WEFT_UNLIKELY(calls->call[calls->depth - 1].frame <= frame))
        calls->depth--;
    calls->call[calls->depth].pc = (uintptr_t)pc;
    calls->call[calls->depth].frame = frame;
    calls->depth++;
}

/* Entries above the one that ends were left by longjmp.  The hook may be called in the frame of the
 * caller, as the last thing the function does; then it would return to where the function was
 * called. */
static void hook_exit_resync(struct hook_calls *calls, uintptr_t frame, uintptr_t pc)
{
    uint32_t before = calls->depth;

    while (calls->depth > 0 && calls->call[calls->depth - 1].frame < frame) {
        calls->depth--;
        if (calls->call[calls->depth].pc == pc)
            return;
    }
    if (calls->depth == 0)
        return;
    if (calls->depth == before || calls->call[calls->depth - 1].frame == frame)
        calls->depth--;
}

WEFT__EXPORT void __tsan_func_exit(void);
void __tsan_func_exit(void)
{
    struct hook_calls *calls = &hook_calls;
    uintptr_t frame = (uintptr_t)__builtin_frame_address(0);
    struct hook_call *top;

    if (WEFT_UNLIKELY(calls->depth == 0))
        return;
    if (WEFT_UNLIKELY(calls->depth > CALLS_MAX)) {
        calls->depth--;
        return;
    }
    top = &calls->call[calls->depth - 1];
    if (WEFT_LIKELY(top->frame == frame || top->pc == WEFT__PC()))
        calls->depth--;
    else
        hook_exit_resync(calls, frame, WEFT__PC());
}

size_t weft__calls_size(void)
{
    return sizeof(struct hook_calls);
}

static void hook_copy_calls(struct hook_calls *to, const struct hook_calls *from)
{
    to->depth = from->depth;
    memcpy(to->call, from->call,
           weft__min(from->depth, (uint32_t)CALLS_MAX) * sizeof from->call[0]);
}

void weft__calls_save(void *to)
{
    hook_copy_calls(to, &hook_calls);
}

void weft__calls_load(const void *from)
{
    hook_copy_calls(&hook_calls, from);
}

uintptr_t weft__caller(void)
{
    const struct hook_calls *calls = &hook_calls;

    return calls->depth > 0 ? calls->call[weft__min(calls->depth, (uint32_t)CALLS_MAX) - 1].pc : 0;
}

uint32_t weft__walk(uintptr_t *ret, uint32_t n)
{
    static int (*real)(void **, int);
    void *frames[64];
    uint32_t found = 0;
    int n_frames;

    weft__busy++;
    hook_walking = true;
    n_frames = WEFT__REAL(real, "backtrace")(frames, (int)WEFT_ARRAY_SIZE(frames));
    hook_walking = false;
    weft__busy--;
    for (int i = 0; i < n_frames && found < n; i++)
        if (!weft__is_system((uintptr_t)frames[i]))
            ret[found++] = (uintptr_t)frames[i];
    return found;
}

bool weft__is_walking(void)
{
    return hook_walking;
}

uint32_t weft__stack(uintptr_t *ret, uint32_t n)
{
    const struct hook_calls *calls = &hook_calls;
    uint32_t depth = weft__min(calls->depth, (uint32_t)CALLS_MAX);
    uint32_t found = 0;

    if (hook_n_modules == 0) {
        uintptr_t walked[1 + WEFT__STACK_MAX];
        if (hook_no_walks == 0)
            found = weft__walk(walked, weft__min(n, (uint32_t)WEFT__STACK_MAX) + 1);
        if (found > 1) /* the first is the operation's own site, not a caller's */
            memcpy(ret, walked + 1, (found - 1) * sizeof *ret);
        return found > 1 ? found - 1 : 0;
    }
    while (found < n && found < depth) {
        ret[found] = calls->call[depth - 1 - found].pc;
        if (weft__is_system(ret[found])) /* who calls main */
            break;
        found++;
    }
    return found;
}

void weft__stack_shallow(bool begin)
{
    hook_no_walks += begin ? 1 : -1;
}

/* ---- plain accesses ---- */

#define HOOK(name, op, size)                                                                       \
    WEFT__EXPORT void __tsan_##name(void *address);                                                \
    void __tsan_##name(void *address)                                                              \
    {                                                                                              \
        if (HOOKS_ON())                                                                            \
            weft__hook_access(op, (uintptr_t)address, size, 0, WEFT__PC());                        \
    }

#define HOOK_BOTH(name, size)                                                                      \
    WEFT__EXPORT void __tsan_##name(void *address);                                                \
    void __tsan_##name(void *address)                                                              \
    {                                                                                              \
        if (HOOKS_ON()) {                                                                          \
            weft__hook_access(WEFT__OP_READ, (uintptr_t)address, size, 0, WEFT__PC());             \
            weft__hook_access(WEFT__OP_WRITE, (uintptr_t)address, size, 0, WEFT__PC());            \
        }                                                                                          \
    }

#define HOOKS(prefix, size)                                                                        \
    HOOK(prefix##read##size, WEFT__OP_READ, size)                                                  \
    HOOK(prefix##write##size, WEFT__OP_WRITE, size)

HOOKS(, 1)
HOOKS(, 2)
HOOKS(, 4)
HOOKS(, 8)
HOOKS(, 16)
HOOKS(unaligned_, 2)
HOOKS(unaligned_, 4)
HOOKS(unaligned_, 8)
HOOKS(unaligned_, 16)
HOOKS(volatile_, 1)
HOOKS(volatile_, 2)
HOOKS(volatile_, 4)
HOOKS(volatile_, 8)
HOOKS(volatile_, 16)
HOOKS(unaligned_volatile_, 2)
HOOKS(unaligned_volatile_, 4)
HOOKS(unaligned_volatile_, 8)
HOOKS(unaligned_volatile_, 16)
HOOK_BOTH(read_write1, 1)
HOOK_BOTH(read_write2, 2)
HOOK_BOTH(read_write4, 4)
HOOK_BOTH(read_write8, 8)
HOOK_BOTH(read_write16, 16)
HOOK_BOTH(unaligned_read_write2, 2)
HOOK_BOTH(unaligned_read_write4, 4)
HOOK_BOTH(unaligned_read_write8, 8)
HOOK_BOTH(unaligned_read_write16, 16)
HOOK(vptr_read, WEFT__OP_READ, sizeof(void *))

#define HOOK_RANGE(name, op)                                                                       \
    WEFT__EXPORT void __tsan_##name(void *address, size_t size);                                   \
    void __tsan_##name(void *address, size_t size)                                                 \
    {                                                                                              \
        if (HOOKS_ON())                                                                            \
            weft__hook_range(op, address, size, WEFT__PC());                                       \
    }

HOOK_RANGE(read_range, WEFT__OP_READ)
HOOK_RANGE(write_range, WEFT__OP_WRITE)

/* A constructor or destructor sets the table of an object.  Setting it to what it is already, as
 * each destructor of a class without heirs does, changes nothing that anyone could see. */
WEFT__EXPORT void __tsan_vptr_update(void **address, void *value);
void __tsan_vptr_update(void **address, void *value)
{
    if (HOOKS_ON() && *address != value)
        weft__hook_access(WEFT__OP_WRITE, (uintptr_t)address, sizeof(void *), 0, WEFT__PC());
}
