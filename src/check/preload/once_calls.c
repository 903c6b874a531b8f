/* once_calls.c - pthread_once, as a model.
 *
 * libc writes 2 into a control that is done.  We write the same, so that either side goes on where
 * the other one stopped.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/preload/calls.h"

#define ONCE_DONE 2

enum { ONCE_NEW, ONCE_RUNS };


static struct weft__model *once_model(const void *control)
{
    bool is_new;

    return weft__model_get(WEFT__MODEL_ONCE, control, 0, &is_new);
}

static bool once_can(const struct weft__strand *strand)
{
    return ((const struct weft__model *)strand->next.arg)->state != ONCE_RUNS;
}

/* True: the running strand is to do it now. */
static bool once_enter(const int *control, uintptr_t pc)
{
    struct weft__model *m = once_model(control);
    struct weft__operation op = weft__call(WEFT__OP_ONCE, control, pc);
    bool is_mine = m->state == ONCE_RUNS && m->owner == weft__strand_self()->id;

    op.can = is_mine ? NULL : once_can;
    op.arg = m;
    (void)weft__call_point(&op);
    if (is_mine)
        weft__self_deadlock(control, "waits for an initialisation that it is in the midst of");
    weft__happened_acquire((uintptr_t)control);
    if (*(const volatile int *)control == ONCE_DONE)
        return false;
    m->state = ONCE_RUNS;
    m->owner = weft__strand_self()->id;
    weft__changed((uintptr_t)control);
    return true;
}

static void once_leave(struct weft__model *m)
{
    m->state = ONCE_NEW;
    m->owner = WEFT__NOBODY;
    weft__happened_release(m->address);
    weft__changed(m->address);
}

static void once_undone(void *model)
{
    once_leave(model);
}

int weft__once(int *control, void (*fn)(void), uintptr_t pc)
{
    if (!once_enter(control, pc))
        return 0;
    struct weft__model *m = once_model(control);
    pthread_cleanup_push(once_undone, m);
    fn();
    pthread_cleanup_pop(0);
    *(volatile int *)control = ONCE_DONE;
    once_leave(m);
    return 0;
}

WEFT__EXPORT int pthread_once(pthread_once_t *control, void (*fn)(void))
{
    static int (*real)(pthread_once_t *, void (*)(void));

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "pthread_once")(control, fn);
    return weft__once(control, fn, WEFT__PC());
}
