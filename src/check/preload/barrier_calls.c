/* barrier_calls.c - barriers, as models: BARRIER_WAIT arrives, BARRIER_LEAVE goes on in the next
 * round.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/preload/calls.h"

struct barrier_wait {
    const struct weft__model *model;
    uint32_t round;
};

static struct weft__model *barrier_model(const pthread_barrier_t *barrier)
{
    bool is_new;
    struct weft__model *m = weft__model_get(WEFT__MODEL_BARRIER, barrier, 0, &is_new);

    if (is_new) /* made before it came under control: libc's third word */
        m->limit = ((const unsigned *)(const void *)barrier)[2];
    return m;
}

static bool barrier_can_leave(const struct weft__strand *strand)
{
    const struct barrier_wait *wait = strand->next.arg;

    return wait->model->round != wait->round;
}

static int barrier_arrive(pthread_barrier_t *barrier, uintptr_t pc)
{
    weft__call_simple(WEFT__OP_BARRIER_WAIT, barrier, pc);
    struct weft__model *m = barrier_model(barrier);
    struct barrier_wait wait = {.model = m, .round = m->round};
    weft__happened_release((uintptr_t)barrier);
    if (++m->count == m->limit) {
        m->count = 0;
        m->round++;
        weft__changed((uintptr_t)barrier);
        weft__happened_acquire((uintptr_t)barrier);
        weft__value(m->limit, 0);
        return PTHREAD_BARRIER_SERIAL_THREAD;
    }
    weft__value(m->count, 0);
    struct weft__operation op = weft__call(WEFT__OP_BARRIER_LEAVE, barrier, pc);
    op.can = barrier_can_leave;
    op.arg = &wait;
    m->waiting++;
    (void)weft__call_point(&op);
    m->waiting--;
    weft__happened_acquire((uintptr_t)barrier);
    return 0;
}

WEFT__EXPORT int pthread_barrier_init(pthread_barrier_t *barrier,
                                      const pthread_barrierattr_t *attr, unsigned count)
{
    static int (*real)(pthread_barrier_t *, const pthread_barrierattr_t *, unsigned);
    int rc = WEFT__REAL(real, "pthread_barrier_init")(barrier, attr, count);

    if (rc == 0 && WEFT__CONTROLLED()) {
        weft__call_simple(WEFT__OP_OBJECT_INIT, barrier, WEFT__PC());
        struct weft__model *m = barrier_model(barrier);
        if (m->count > 0)
            weft__misuse(barrier, "init of a barrier that %u threads wait at", m->count);
        m->limit = count;
    }
    return rc;
}

WEFT__EXPORT int pthread_barrier_destroy(pthread_barrier_t *barrier)
{
    static int (*real)(pthread_barrier_t *);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "pthread_barrier_destroy")(barrier);
    weft__call_simple(WEFT__OP_OBJECT_FINI, barrier, WEFT__PC());
    struct weft__model *m = barrier_model(barrier);
    if (m->count > 0)
        weft__misuse(barrier, "destroy of a barrier that %u threads wait at", m->count);
    return 0;
}

WEFT__EXPORT int pthread_barrier_wait(pthread_barrier_t *barrier)
{
    static int (*real)(pthread_barrier_t *);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "pthread_barrier_wait")(barrier);
    return barrier_arrive(barrier, WEFT__PC());
}
