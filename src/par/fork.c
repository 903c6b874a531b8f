/* fork.c - fork and join; what is behind them is core's: core/forks.c.
 *
 * SPDX-License-Identifier: MIT
 */
#include "par/fork.h"

#include "core/forks.h"
#include "core/park.h"
#include "weft/err.h"
#include "weft/par.h"

_Static_assert(sizeof(struct weft__piece) <= sizeof(weft_piece), "the public type has the room");
_Static_assert(WEFT_HAND_SIZE == WEFT__FORKS_SIZE, "known to par.h");

#define FORK_SAME_PLACE(inner, field, outer, public_field) \
    _Static_assert(offsetof(inner, field) == offsetof(outer, public_field), "known to par.h")

FORK_SAME_PLACE(struct weft__piece, run, weft_piece, run);
FORK_SAME_PLACE(struct weft__piece, scope, weft_piece, scope);
FORK_SAME_PLACE(struct weft__split, fork_to, struct weft_hand, fork_to);
FORK_SAME_PLACE(struct weft__split, join_from, struct weft_hand, join_from);
FORK_SAME_PLACE(struct weft__split, head, struct weft_hand, head);
FORK_SAME_PLACE(struct weft__split, note, struct weft_hand, scope);

/* ---- offers ---- */

void weft__par_offer(weft_piece *piece, int (*fn)(void *arg), void *arg)
{
    struct weft__piece *p = (struct weft__piece *)piece;
    p->run = weft__forks_run;
    p->fn = fn;
    p->arg = arg;
    weft__forks_offer(p);
}

bool weft__par_take_back(weft_piece *piece, int *ret_code)
{
    struct weft__piece *p = (struct weft__piece *)piece;
    if (weft__forks_take_back(p)) {
        return true;
    }
    *ret_code = (int)p->rc;
    return false;
}

/* ---- by functions: all that is not short is behind a call that comes last, so that the short way
 * has no registers to save ---- */

static WEFT_NOINLINE void fork_slowly(struct weft__piece *piece)
{
    const struct weft__task *task = weft__self_task();
    piece->scope = task->scope;
    weft__forks_push(task->forks, piece);
}

static WEFT_NOINLINE int fork_join_slowly(struct weft__piece *piece)
{
    const struct weft__task *task = weft__self_task();
    return weft__forks_take(task->forks, piece) ? weft__forks_call(task, piece) : (int)piece->rc;
}

void weft_fork(weft_piece *piece, int (*fn)(void *arg), void *arg)
{
    struct weft__piece *p = (struct weft__piece *)piece;
    const struct weft__task *task = weft__self_task_or_null();
    struct weft__forks *forks = WEFT_LIKELY(task != NULL) ? task->forks : NULL;
    p->run = weft__forks_run;
    p->fn = fn;
    p->arg = arg;
    if (WEFT_LIKELY(forks != NULL)) {
        p->scope = *(void **)forks->split.note;
        if (WEFT_LIKELY(split_push(&forks->split, (uintptr_t)p))) {
            return;
        }
    }
    fork_slowly(p);
}

int weft_join(weft_piece *piece)
{
    struct weft__piece *p = (struct weft__piece *)piece;
    const struct weft__task *task = weft__self_task_or_null();
    struct weft__forks *forks = WEFT_LIKELY(task != NULL) ? task->forks : NULL;
    if (WEFT_LIKELY(forks != NULL) && WEFT_LIKELY(split_pop(&forks->split, (uintptr_t)p))) {
        return weft__forks_call(task, p);
    }
    return fork_join_slowly(p);
}

/* ---- by what is inlined ---- */

weft_piece **weft_hand_take(void)
{
    struct weft__forks *forks = weft__forks_get();
    if (!forks) {
        return (weft_piece **)weft__forks_none()->slots;
    }
    forks->held++;
    return (weft_piece **)forks->split.head;
}

void weft_hand_give(weft_piece **at)
{
    struct weft__forks *forks = weft__forks_of_slot(at);
    if (forks != weft__forks_none()) {
        WEFT_CHECK((weft_piece **)forks->split.head == at);
        forks->held--;
    }
}

weft_piece **weft_hand_fork(weft_piece **at, weft_piece *piece)
{
    struct weft__forks *forks = weft__forks_of_slot(at);
    struct weft__piece *p = (struct weft__piece *)piece;
    struct weft__task *task = weft__self_task();
    p->scope = task->scope;
    if (forks == weft__forks_none()) {
        weft__forks_push_nowhere(p);
        return at;
    }
    WEFT_CHECK((weft_piece **)forks->split.head == at);
    if (!split_push(&forks->split, (uintptr_t)p)) {
        weft__forks_push(forks, p);
    }
    return (weft_piece **)forks->split.head;
}

weft_piece **weft_hand_join(weft_piece **at, weft_piece *piece)
{
    struct weft__forks *forks = weft__forks_of_slot(at);
    struct weft__piece *p = (struct weft__piece *)piece;
    if (forks == weft__forks_none()) {
        forks = NULL;
    }
    if ((forks && split_pop(&forks->split, (uintptr_t)p)) || weft__forks_take(forks, p)) {
        p->run = NULL;
    }
    return forks ? (weft_piece **)forks->split.head : at;
}
