/* misc.c - how a program under control ends: exit, abort, a failed assertion.
 *
 * The functions registered with atexit run under control, with the other strands alive, as they
 * would; weft__program_end comes last.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/preload/misc.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "check/preload/delays.h"
#include "check/preload/hooks.h"
#include "check/preload/signals.h"
#include "check/preload/thread.h"

/* What a panic of Weft said, in a program that is linked with it; its abort follows. */
static char misc_panic[200];

bool weft__misc_heard(const char *text, size_t size)
{
    static const char prefix[] = "weft: panic: ";
    size_t skip = sizeof prefix - 1, length;
    const char *end;

    if (size <= skip || memcmp(text, prefix, skip) != 0 || misc_panic[0] != '\0')
        return misc_panic[0] != '\0';
    end = memchr(text + skip, '\n', size - skip);
    length = end != NULL ? (size_t)(end - text) - skip : size - skip;
    length = weft__min(length, sizeof misc_panic - 1);
    memcpy(misc_panic, text + skip, length);
    misc_panic[length] = '\0';
    return true;
}

/* The linker says where the section begins and ends. */
extern const struct weft__real __start_weft_reals[] __attribute__((visibility("hidden")));
extern const struct weft__real __stop_weft_reals[] __attribute__((visibility("hidden")));

/* Not all are there: C++'s in a program in C, those that this libc is too old for. */
static void misc_find_reals(void)
{
    for (const struct weft__real *real = __start_weft_reals; real < __stop_weft_reals; real++) {
        void **pointer = real->pointer;
        if (*pointer == NULL)
            *pointer = dlsym(RTLD_NEXT, real->name);
    }
}

void weft__misc_prepare(void)
{
    uintptr_t frames[1];

    misc_find_reals();
    weft__signals_prepare();
    weft__heap_reserve(weft__has_hooks());
    if (!weft__has_hooks())
        (void)weft__walk(frames, 1); /* the first call loads a library */
}

void weft__misc_start(void)
{
    weft__signals_start();
}

/* ---- the ways out ---- */

static void misc_exit_point(uintptr_t pc)
{
    struct weft__operation op = {.op = WEFT__OP_EXIT,
                                 .pc = pc,
                                 .caller = weft__caller(),
                                 .deadline = WEFT__NO_DEADLINE};

    weft__point(&op);
}

WEFT__EXPORT void exit(int status) WEFT_NORETURN;
void exit(int status)
{
    static void (*real)(int) WEFT_NORETURN;

    if (WEFT__CONTROLLED())
        misc_exit_point(WEFT__PC());
    WEFT__REAL(real, "exit")(status);
}

#define MISC_EXIT(name)                                                                            \
    WEFT__EXPORT void name(int status) WEFT_NORETURN;                                              \
    void name(int status)                                                                          \
    {                                                                                              \
        static void (*real)(int) WEFT_NORETURN;                                                    \
        if (!WEFT__CONTROLLED())                                                                   \
            WEFT__REAL(real, #name)(status);                                                       \
        misc_exit_point(WEFT__PC());                                                               \
        weft__program_end(status & 0xff);                                                          \
    }

MISC_EXIT(_exit)
MISC_EXIT(_Exit)
MISC_EXIT(quick_exit)

static WEFT_NORETURN void misc_crashed(const char *what, uintptr_t pc)
{
    struct weft__finding *finding;

    weft__busy++;
    finding = weft__found(WEFT__CLASS_CRASH, 0, "%s", what);
    finding->parties[0].site = weft__site_of(pc);
    finding->parties[0].op = WEFT__OP_NONE;
    finding->parties[0].object = 0;
    weft__engine_over();
}

WEFT__EXPORT void abort(void) WEFT_NORETURN;
void abort(void)
{
    static void (*real)(void) WEFT_NORETURN;

    if (weft__engine == NULL || weft__busy != 0)
        WEFT__REAL(real, "abort")();
    if (misc_panic[0] != '\0') {
        weft__busy++;
        (void)weft__found(WEFT__CLASS_MISUSE, 0, "%s", misc_panic);
        weft__engine_over();
    }
    misc_crashed("abort() was called", WEFT__PC());
}

WEFT__EXPORT void __stack_chk_fail(void) WEFT_NORETURN;
void __stack_chk_fail(void)
{
    static void (*real)(void) WEFT_NORETURN;

    if (weft__engine == NULL || weft__busy != 0)
        WEFT__REAL(real, "__stack_chk_fail")();
    misc_crashed("a function wrote behind its own variables on the stack", WEFT__PC());
}

/* ---- assertions ---- */

static void misc_asserted(const char *text, const char *file, unsigned line, const char *function,
                          uintptr_t pc)
{
    const char *slash = file != NULL ? strrchr(file, '/') : NULL;
    struct weft__finding *finding;

    weft__busy++;
    finding = weft__found(WEFT__CLASS_ASSERT, 0, "%s:%u: %s%sassertion `%s' failed",
                          slash != NULL ? slash + 1 : file, line,
                          function != NULL ? function : "", function != NULL ? ": " : "", text);
    finding->parties[0].site = weft__site_of(pc);
    finding->parties[0].op = WEFT__OP_NONE;
    finding->parties[0].object = 0;
    weft__engine_over();
}

WEFT__EXPORT void __assert_fail(const char *text, const char *file, unsigned line,
                                const char *function) WEFT_NORETURN;
void __assert_fail(const char *text, const char *file, unsigned line, const char *function)
{
    static void (*real)(const char *, const char *, unsigned, const char *) WEFT_NORETURN;

    if (weft__engine != NULL && weft__busy == 0)
        misc_asserted(text, file, line, function, WEFT__PC());
    weft__delays_note(text, file, line, function);
    WEFT__REAL(real, "__assert_fail")(text, file, line, function);
}

WEFT__EXPORT void __assert_perror_fail(int code, const char *file, unsigned line,
                                       const char *function) WEFT_NORETURN;
void __assert_perror_fail(int code, const char *file, unsigned line, const char *function)
{
    static void (*real)(int, const char *, unsigned, const char *) WEFT_NORETURN;

    if (weft__engine != NULL && weft__busy == 0)
        misc_asserted(strerrordesc_np(code), file, line, function, WEFT__PC());
    weft__delays_note(strerrordesc_np(code), file, line, function);
    WEFT__REAL(real, "__assert_perror_fail")(code, file, line, function);
}
