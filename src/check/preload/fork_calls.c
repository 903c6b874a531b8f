/* fork_calls.c - fork in a program under control: the new process goes on without us.
 *
 * libc's fork would stop at other threads' locks and take their stacks for its own, so its work is
 * done here: the program's handlers, under control, and a bare fork between.  The models keep the
 * bytes of mutexes as libc would have them, so the child's real calls find what they expect.
 *
 * vfork is fork: its child may not touch our books.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/preload/calls.h"

#include <unistd.h>

#include "check/preload/block.h"
#include "check/preload/serve.h"

#define FORK_HANDLERS_MAX 64

struct fork_handlers {
    void (*prepare)(void);
    void (*parent)(void);
    void (*child)(void);
};

static struct fork_handlers fork_handlers[FORK_HANDLERS_MAX];
static unsigned fork_n_handlers;

WEFT__EXPORT int __register_atfork(void (*prepare)(void), void (*parent)(void),
                                   void (*child)(void), void *dso);

/* What pthread_atfork calls, which is linked into each program.  libc hears of it, too, for the
 * processes that are out of control. */
int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void), void *dso)
{
    static int (*real)(void (*)(void), void (*)(void), void (*)(void), void *);

    if (!weft__is_libc(WEFT__PC())) {
        if (fork_n_handlers == FORK_HANDLERS_MAX)
            return ENOMEM;
        fork_handlers[fork_n_handlers++] = (struct fork_handlers){prepare, parent, child};
    }
    return WEFT__REAL(real, "__register_atfork")(prepare, parent, child, dso);
}

static pid_t fork_controlled(uintptr_t pc)
{
    static pid_t (*real)(void);

    weft__call_simple(WEFT__OP_SYSTEM, NULL, pc);
    for (unsigned i = fork_n_handlers; i-- > 0;) {
        if (fork_handlers[i].prepare != NULL)
            fork_handlers[i].prepare();
    }
    weft__block_forked();
    pid_t pid = WEFT__REAL(real, "_Fork")();
    if (pid == 0)
        weft__server_forget();
    for (unsigned i = 0; i < fork_n_handlers; i++) {
        if (pid != 0 && fork_handlers[i].parent != NULL)
            fork_handlers[i].parent();
        if (pid == 0 && fork_handlers[i].child != NULL)
            fork_handlers[i].child();
    }
    return pid;
}

WEFT__EXPORT pid_t fork(void)
{
    static pid_t (*real)(void);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "fork")();
    return fork_controlled(WEFT__PC());
}

WEFT__EXPORT pid_t vfork(void)
{
    static pid_t (*real)(void);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "fork")(); /* real vfork cannot be wrapped: it returns twice */
    return fork_controlled(WEFT__PC());
}
