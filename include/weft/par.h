/* par.h - work for the CPU, in pieces: fork and join.
 *
 *     weft_piece left;
 *     weft_fork(&left, sum_tree, node->left);
 *     int rc_right = sum_tree(node->right);
 *     int rc_left = weft_join(&left);
 *
 * A piece lies in its forker's frame and costs a few nanoseconds.  It is run by the forker itself
 * when it is joined, as a plain call, unless an idle worker has taken it meanwhile.  Then it runs
 * as a task of the scope that the forker was in, and the join sleeps until it has ended.  Loops,
 * reductions and the like: weft/loop.h.  Sorting: weft/sort.h.
 *
 * In plain OS threads, and in tasks on threads of their own, nobody takes anything: all is run at
 * its join.
 *
 * From Lace's split deque (van Dijk and van de Pol, "Lace: Non-blocking Split Deque for
 * Work-Stealing", 2014); but a join that must wait lets its worker do something else, and the stack
 * on which it waits runs nothing foreign.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_PAR_H
#define WEFT_PAR_H

#include "weft/api.h"

WEFT_BEGIN_DECLS

/* A piece of work that has been forked and not yet joined. */
typedef struct weft_piece {
    void (*run)(struct weft_piece *piece);
    void *scope;
    uint64_t opaque[6];
} weft_piece;

/* Never sleeps.  fn(arg) may run from now on, on any worker; what arg points to is the piece's
 * until the join.  Each fork must be joined by the same task, the last forked first, before the
 * frame that `piece` lies in ends, and before a scope closes that was open at the fork.  There is
 * nothing that could fail: what cannot be given away is run by the join. */
WEFT_API void weft_fork(weft_piece *piece, int (*fn)(void *arg), void *arg);

/* Sleeps, if another worker runs the piece; a cancel does not cut that short, it reaches the piece
 * instead.  Otherwise runs it here.  Returns what fn returned, which is told to nobody else: a
 * negative code does not fail the scope.  -WEFT_ECANCELED also when the scope was cancelled before
 * fn began: then it has not run.  Panics when another piece was forked later and not joined. */
WEFT_API int weft_join(weft_piece *piece);

/* ---- the same, inlined: for pieces so small that a call is much ----
 *
 *     WEFT_PIECE(int64_t, fib, int64_t, n)
 *     {
 *         if (n < 2)
 *             return n;
 *         WEFT_FORK(left, fib, n - 1);
 *         int64_t right = WEFT_CALL(fib, n - 2);
 *         return WEFT_JOIN(left) + right;
 *     }
 *
 * defines fib(n) for all the world.  Within the braces WEFT_CALL does the same with less ado, and
 * WEFT_FORK declares a piece of the block it stands in, to be joined there.  A piece has one
 * argument and one result, neither of which may be void.  It always runs: a long computation asks
 * weft_cancelled() now and then, and leaves.  The result of one that has panicked (WEFT_PANIC_TASK)
 * has no value. */
#define WEFT_PIECE(type, name, arg_type, arg)                                              \
    struct name##_piece {                                                                  \
        weft_piece piece;                                                                  \
        arg_type value;                                                                    \
        type ret;                                                                          \
    };                                                                                     \
    static type name##_run(weft_piece **weft_at, arg_type arg);                            \
    static __attribute__((unused)) void name##_stolen(weft_piece *piece)                   \
    {                                                                                      \
        struct name##_piece *p = (struct name##_piece *)piece;                             \
        weft_piece **at = weft_hand_take();                                                \
        p->ret = name##_run(at, p->value);                                                 \
        weft_hand_give(at);                                                                \
    }                                                                                      \
    static WEFT_HAND_INLINE type name##_join(weft_piece ***at, struct name##_piece *p)     \
    {                                                                                      \
        return weft_hand_pop(at, &p->piece) ? name##_run(*at, p->value) : p->ret;          \
    }                                                                                      \
    typedef type name##_join_fn(weft_piece ***at, struct name##_piece *p);                 \
    static inline type name(arg_type value)                                                \
    {                                                                                      \
        weft_piece **at = weft_hand_take();                                                \
        type ret = name##_run(at, value);                                                  \
        weft_hand_give(at);                                                                \
        return ret;                                                                        \
    }                                                                                      \
    static type name##_run(__attribute__((unused)) weft_piece **weft_at, arg_type arg)

#define WEFT_FORK(var, name, arg)                                                          \
    struct name##_piece var;                                                               \
    name##_join_fn *const var##_join = name##_join;                                        \
    var.value = (arg);                                                                     \
    var.piece.run = name##_stolen;                                                         \
    weft_at = weft_hand_push(weft_at, &var.piece)

#define WEFT_CALL(name, arg) name##_run(weft_at, (arg))
#define WEFT_JOIN(var)       var##_join(&weft_at, &var)

/* What these are made of; no promise of its own.  A hand is where the calling task's next piece
 * goes.  It lies in a block of WEFT_HAND_SIZE bytes that begins with its bounds. */
struct weft_hand {
    volatile uintptr_t fork_to, join_from;
    weft_piece **head;
    void *const *scope;
};

#define WEFT_HAND_SIZE   ((uintptr_t)128 * 1024)
#define WEFT_HAND_COLD   __attribute__((cold))
#define WEFT_HAND_INLINE inline __attribute__((always_inline))

WEFT_API weft_piece **weft_hand_take(void);
WEFT_API void weft_hand_give(weft_piece **at);

/* Never sleeps.  Where an inlined fork ends that is not short. */
WEFT_API WEFT_HAND_COLD weft_piece **weft_hand_fork(weft_piece **at, weft_piece *piece);

/* Sleeps, as weft_join does.  Where an inlined join ends that is not short.  Leaves in piece->run
 * whether the caller must run the piece: NULL. */
WEFT_API WEFT_HAND_COLD weft_piece **weft_hand_join(weft_piece **at, weft_piece *piece);

#if defined(__SANITIZE_THREAD__)
#define WEFT_HAND_SHORT(condition) 0 /* ThreadSanitizer is to see each access as what it is */
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WEFT_HAND_SHORT(condition) 0
#endif
#endif
#ifndef WEFT_HAND_SHORT
#define WEFT_HAND_SHORT(condition) __builtin_expect((condition), 1)
#endif

static WEFT_HAND_INLINE struct weft_hand *weft_hand_of(weft_piece **at)
{
    return (struct weft_hand *)((uintptr_t)at & ~(WEFT_HAND_SIZE - 1));
}

static WEFT_HAND_INLINE weft_piece **weft_hand_push(weft_piece **at, weft_piece *piece)
{
    struct weft_hand *hand = weft_hand_of(at);
    if (WEFT_HAND_SHORT((uintptr_t)at < hand->fork_to)) {
        piece->scope = *hand->scope;
        *at = piece;
        hand->head = at + 1;
        return at + 1;
    }
    return weft_hand_fork(at, piece);
}

static WEFT_HAND_INLINE bool weft_hand_pop(weft_piece ***at, weft_piece *piece)
{
    struct weft_hand *hand = weft_hand_of(*at);
    if (WEFT_HAND_SHORT((uintptr_t)*at > hand->join_from)) {
        *at -= 1;
        hand->head = *at;
        return true;
    }
    *at = weft_hand_join(*at, piece);
    return !piece->run;
}

WEFT_END_DECLS

#endif
