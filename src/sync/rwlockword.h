/* rwlockword.h - the one word of a read-write lock, and every step that it may take.
 *
 * Two flags in the low bits, and above them the number of readers inside, or the writer's task:
 *
 *   WAITED   a queue is not empty
 *   WRITER   a writer is inside: above the flags stands its task
 *
 * Nobody goes in while WAITED stands, so that who waits is not passed.  Two states never stand,
 * since nobody would wake who waits:
 *
 *   free and WAITED
 *   readers inside, WAITED, and no writer in the queue
 *
 * So a writer, or the last reader, that sees WAITED goes to the queues and puts those whom it lets
 * in into its own place, in one step; and a writer that leaves the queue, cancelled, lets the
 * readers in that waited for it alone.
 *
 * Who may go in without waiting and who is not the last need no lock.  What says "the lock is held"
 * means that of the queues; with it nobody but the writer, or the last reader, can change a word
 * that is WAITED.
 *
 * Apart from rwlock.c so that rwlock_model.c explores these very steps.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_SYNC_RWLOCKWORD_H
#define WEFT_SYNC_RWLOCKWORD_H

#include "base/atomic.h"
#include "base/base.h"

#define RWLOCKWORD_WAITED ((uintptr_t)1)
#define RWLOCKWORD_WRITER ((uintptr_t)2)
#define RWLOCKWORD_FLAGS  (RWLOCKWORD_WAITED | RWLOCKWORD_WRITER)
#define RWLOCKWORD_READER ((uintptr_t)4) /* one of them */

/* 0: nobody writes. */
static inline uintptr_t rwlockword_writer(uintptr_t w)
{
    return w & RWLOCKWORD_WRITER ? w & ~RWLOCKWORD_FLAGS : 0;
}

static inline uintptr_t rwlockword_readers(uintptr_t w)
{
    return w & RWLOCKWORD_WRITER ? 0 : w / RWLOCKWORD_READER;
}

/* Goes in to read, if nobody writes and nobody waits.  *w is what the word is thought to be, and
 * becomes what it is; likewise below. */
static inline bool rwlockword_read(ATOMIC(uintptr_t) *word, uintptr_t *w)
{
    while (!(*w & RWLOCKWORD_FLAGS)) {
        /* pairs with the releases in rwlockword_write_done and rwlockword_let_readers */
        if (a_cas_weak(word, w, *w + RWLOCKWORD_READER, acquire, relaxed)) {
            return true;
        }
    }
    return false;
}

/* Goes in to write, if nobody is inside and nobody waits. */
static inline bool rwlockword_write(ATOMIC(uintptr_t) *word, uintptr_t *w, uintptr_t me)
{
    while (*w == 0) {
        /* pairs with the releases in rwlockword_read_done and rwlockword_write_done */
        if (a_cas_weak(word, w, me | RWLOCKWORD_WRITER, acquire, relaxed)) {
            return true;
        }
    }
    return false;
}

/* Goes in to read, or else notes that the caller waits.  The lock is held. */
static inline bool rwlockword_read_or_wait(ATOMIC(uintptr_t) *word)
{
    uintptr_t w = a_load(word, relaxed);
    for (;;) {
        if (rwlockword_read(word, &w)) {
            return true;
        }
        if ((w & RWLOCKWORD_WAITED) ||
            a_cas_weak(word, &w, w | RWLOCKWORD_WAITED, relaxed, relaxed)) {
            return false;
        }
    }
}

static inline bool rwlockword_write_or_wait(ATOMIC(uintptr_t) *word, uintptr_t me)
{
    uintptr_t w = a_load(word, relaxed);
    for (;;) {
        if (rwlockword_write(word, &w, me)) {
            return true;
        }
        if ((w & RWLOCKWORD_WAITED) ||
            a_cas_weak(word, &w, w | RWLOCKWORD_WAITED, relaxed, relaxed)) {
            return false;
        }
    }
}

/* Does the reader that leaves have to look at the queues? */
static inline bool rwlockword_is_last_waited(uintptr_t w)
{
    return w == (RWLOCKWORD_READER | RWLOCKWORD_WAITED);
}

/* A reader leaves.  False: it is the last, and must look at the queues.  It has not left then. */
static inline bool rwlockword_read_done(ATOMIC(uintptr_t) *word, uintptr_t *w)
{
    while (!rwlockword_is_last_waited(*w)) {
        /* pairs with the acquires of those who write next; from here on the lock may be gone */
        if (a_cas_weak(word, w, *w - RWLOCKWORD_READER, release, relaxed)) {
            return true;
        }
    }
    return false;
}

/* The writer leaves.  False: somebody waits, and it must look at the queues. */
static inline bool rwlockword_write_done(ATOMIC(uintptr_t) *word, uintptr_t me)
{
    uintptr_t w = me | RWLOCKWORD_WRITER;
    /* pairs with the acquires of whoever comes next; from here on the lock may be gone */
    return a_cas(word, &w, 0, release, relaxed);
}

/* The lock is held, and the caller is a reader: is it the last one, and waited for?  The acquire is
 * for those whom it lets in: the readers before it released. */
static inline bool rwlockword_is_mine_to_pass(ATOMIC(uintptr_t) *word)
{
    return rwlockword_is_last_waited(a_load(word, acquire));
}

/* The writer, or the last reader, lets n readers in, in its own place.  The lock is held.  Released
 * for the readers that come later, of their own accord. */
static inline void rwlockword_let_readers(ATOMIC(uintptr_t) *word, uintptr_t n, bool more)
{
    a_store(word, n * RWLOCKWORD_READER | (more ? RWLOCKWORD_WAITED : 0), release);
}

/* The same, for one writer.  Relaxed, because nobody else comes in before it has left. */
static inline void rwlockword_let_writer(ATOMIC(uintptr_t) *word, uintptr_t next, bool more)
{
    a_store(word, next | RWLOCKWORD_WRITER | (more ? RWLOCKWORD_WAITED : 0), relaxed);
}

/* The last waiting writer has gone, with readers inside: lets n more in, and nobody waits.  The
 * lock is held.  Acquires for these n what the writer before the readers inside has released. */
static inline void rwlockword_join_readers(ATOMIC(uintptr_t) *word, uintptr_t n)
{
    uintptr_t w = a_load(word, relaxed);
    while (!a_cas_weak(word, &w, (w & ~RWLOCKWORD_WAITED) + n * RWLOCKWORD_READER, acquire,
                       relaxed)) {
    }
}

/* The queues have become empty.  The lock is held. */
static inline void rwlockword_unwait(ATOMIC(uintptr_t) *word)
{
    (void)a_and(word, ~RWLOCKWORD_WAITED, relaxed);
}

#endif
