/* sem.c - a semaphore: units that are given and taken.
 *
 * While somebody waits there is no unit: a post hands its unit to the longest-waiting one.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/panic.h"
#include "sync/gate.h"
#include "weft/err.h"
#include "weft/sync.h"

_Static_assert(sizeof(struct weft__gate) <= sizeof(weft_sem), "fits its public box");
_Static_assert(_Alignof(struct weft__gate) <= _Alignof(weft_sem), "lies well in its public box");
_Static_assert(WEFT_SEM_MAX == GATEWORD_VALUE, "the value has room for all units");

static struct weft__gate *sem_of(const weft_sem *sem)
{
    return (struct weft__gate *)(uintptr_t)sem;
}

static bool sem_has_units(uint64_t w)
{
    return w != 0 && !(w & GATEWORD_WAITED);
}

static const struct weft__gate_kind sem_kind = {
    .wait.what = "semaphore", .deed = WEFT__DEED_SEM_WAIT, .is_open = sem_has_units, .takes = 1};

void weft_sem_init(weft_sem *sem, uint32_t units)
{
    weft__gate_init(sem_of(sem), units);
}

int weft_sem_wait(weft_sem *sem)
{
    return weft__gate_wait(sem_of(sem), &sem_kind, __builtin_return_address(0));
}

int weft_sem_try_wait(weft_sem *sem)
{
    struct weft__gate *gate = sem_of(sem);
    weft__control_point(WEFT__DEED_SEM_TRY_WAIT, sem, __builtin_return_address(0));
    uint64_t w = a_load(&gate->word, relaxed);
    bool passed = gateword_pass(&gate->word, &w, sem_has_units, 1);
    return weft__control_result(passed ? 0 : -WEFT_EAGAIN);
}

void weft_sem_post(weft_sem *sem)
{
    struct weft__gate *gate = sem_of(sem);
    weft__control_point(WEFT__DEED_SEM_POST, sem, __builtin_return_address(0));
    uint64_t w = a_load(&gate->word, relaxed);
    for (;;) {
        if (WEFT_UNLIKELY(w & GATEWORD_WAITED)) {
            if (weft__gate_wake_one(gate)) {
                return;
            }
            w = a_load(&gate->word, relaxed); /* all who waited were cancelled */
        } else if (WEFT_UNLIKELY(w == WEFT_SEM_MAX)) {
            weft__panic("weft_sem_post: more than %u units", WEFT_SEM_MAX);
        } else if (gateword_replace(&gate->word, &w, w + 1)) {
            return;
        }
    }
}

uint32_t weft_sem_value(const weft_sem *sem)
{
    weft__control_point(WEFT__DEED_SEM_LOOK, sem, __builtin_return_address(0));
    return (uint32_t)weft__gate_value(sem_of(sem));
}

void weft_sem_fini(weft_sem *sem)
{
    if (sem) {
        weft__gate_fini(sem_of(sem), "weft_sem_fini", __builtin_return_address(0));
    }
}
