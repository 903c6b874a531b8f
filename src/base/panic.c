/* panic.c - the end of a process that made a mistake.
 *
 * Called from any thread on any stack.  All text is built in static memory, which belongs to the
 * first thread that panics; a second one waits for the end, and the first one, should it panic
 * again while it prints, ends at once.
 *
 * The stack that it stands on is unknown here (a task's, a thread's, a signal's): the backtrace
 * stays inside the mapping that holds the current frame.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/panic.h"

#include <stdlib.h>

#include "base/symbol.h"
#include "base/sys.h"
#include "base/text.h"

enum { PANIC_TEXT_MAX = 2048, PANIC_FRAMES_MAX = 48, PANIC_NAME_MAX = 256 };

ATOMIC(weft__panic_extra_fn *) weft__panic_extra;
ATOMIC(weft__panic_catch_fn *) weft__panic_catch;

static ATOMIC(uint32_t) panic_owner; /* thread id of the first; 0: nobody yet */
static char panic_buf[PANIC_TEXT_MAX];
static char panic_name[PANIC_NAME_MAX];
static void *panic_frames[PANIC_FRAMES_MAX];

/* Returns for the first thread only. */
static void panic_begin(struct weft__text *text)
{
    static const char again[] = "weft: panic: once more, while printing the first\n";
    uint32_t me = (uint32_t)weft__sys_gettid(), owner = 0;

    if (!a_cas(&panic_owner, &owner, me, acquire, relaxed)) {
        if (owner != me)
            weft__sys_pause();
        weft__sys_say(again, sizeof again - 1);
        abort();
    }
    weft__text_init(text, panic_buf, sizeof panic_buf);
    weft__text_add(text, "weft: panic: ");
}

static void panic_backtrace(const void *fp)
{
    uintptr_t low, high;
    size_t n = 0;

    if (weft__sys_mapping_of(fp, &low, &high) == 0)
        n = weft__symbol_walk(fp, NULL, fp, (const void *)high, panic_frames, PANIC_FRAMES_MAX);
    /* one write a frame: should naming one fail hard, those before it are out */
    for (size_t i = 0; i < n; i++) {
        struct weft__text text;
        weft__text_init(&text, panic_buf, sizeof panic_buf);
        weft__symbol_frame(&text, i, panic_frames[i], true);
        weft__sys_say(text.start, weft__text_len(&text));
    }
}

/* `fp` is the frame of the function that was called from outside, so that its first return
 * address is the place of the mistake. */
static WEFT_NORETURN void panic_end(struct weft__text *text, const void *fp)
{
    weft__panic_extra_fn *extra = a_load(&weft__panic_extra, acquire);
    weft__panic_catch_fn *catch = a_load(&weft__panic_catch, acquire);

    if (catch != NULL) {
        uint32_t owner = a_xchg(&panic_owner, 0, relaxed); /* another one may panic from here on */
        catch(text->start);
        a_store(&panic_owner, owner, relaxed);
    }
    weft__text_end_line(text);
    weft__sys_say(text->start, weft__text_len(text));
    panic_backtrace(fp);
    if (extra != NULL)
        extra();
    abort();
}

WEFT_NOINLINE void weft__panic(const char *fmt, ...)
{
    struct weft__text text;
    va_list ap;

    panic_begin(&text);
    va_start(ap, fmt);
    weft__text_add_va(&text, fmt, ap);
    va_end(ap);
    panic_end(&text, __builtin_frame_address(0));
}

static void panic_site(struct weft__text *text, const char *label, const void *addr)
{
    if (addr != NULL)
        weft__symbol_site(addr, panic_name, sizeof panic_name);
    weft__text_add(text, "\n  %s  %s", label, addr != NULL ? panic_name : "unknown");
}

WEFT_NOINLINE void weft__panic_sites(const char *what, const char *a_label, const void *a_addr,
                                     const char *b_label, const void *b_addr)
{
    struct weft__text text;

    panic_begin(&text);
    weft__text_add(&text, "%s", what);
    panic_site(&text, a_label, a_addr);
    panic_site(&text, b_label, b_addr);
    panic_end(&text, __builtin_frame_address(0));
}

/* File names are unique in src/, so the path says nothing more. */
WEFT_NOINLINE void weft__check_failed(const char *file, int line, const char *fact)
{
    const char *slash = strrchr(file, '/');
    struct weft__text text;

    panic_begin(&text);
    weft__text_add(&text, "%s:%d: check failed: %s", slash != NULL ? slash + 1 : file, line, fact);
    panic_end(&text, __builtin_frame_address(0));
}
