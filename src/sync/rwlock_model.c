/* rwlock_model.c - every interleaving of readers, writers, cancellers on a read-write lock's word.
 *
 * The steps of the word are the real ones (rwlockword.h); around them stands, in small, what
 * rwlock.c does.  Freed memory: who may free it writes POISON over the word and the lock; a step
 * that comes later shows in the end.
 *
 * SPDX-License-Identifier: MIT
 */
#include "sync/queue_probe.h"
#include "sync/rwlockword.h"

static ATOMIC(uintptr_t) rwlock;
static ATOMIC(uint32_t) readers, writers; /* the queues */
static ATOMIC(uint32_t) reading, writing, first, second, refs, done[TASKS];

static void rwlocks_reset(void)
{
    sleeps_reset();
    a_store(&rwlock, 0, relaxed);
    a_store(&readers, 0, relaxed);
    a_store(&writers, 0, relaxed);
    a_store(&reading, 0, relaxed);
    a_store(&writing, 0, relaxed);
    a_store(&first, 0, relaxed);
    a_store(&second, 0, relaxed);
    a_store(&refs, 2, relaxed);
    for (int i = 0; i < TASKS; i++) {
        a_store(&done[i], 0, relaxed);
    }
}

static uintptr_t task_of(int i)
{
    return (uintptr_t)(i + 1) << 2;
}

/* ---- as rwlock.c has it ---- */

static bool is_waited_for(void)
{
    return a_load(&readers, relaxed) != 0 || a_load(&writers, relaxed) != 0;
}

/* Claims all readers into a chain, a number like the queues. */
static uint32_t claim_readers(uintptr_t *n)
{
    uint32_t chain = 0;
    *n = 0;
    for (int next = queue_claim(&readers); next >= 0; next = queue_claim(&readers)) {
        chain = chain << DIGIT | (uint32_t)(next + 1);
        ++*n;
    }
    return chain;
}

static uint32_t let_readers(void)
{
    uintptr_t n;
    uint32_t chain = claim_readers(&n);
    if (chain) {
        rwlockword_let_readers(&rwlock, n, is_waited_for());
    }
    return chain;
}

static uint32_t let_writer(void)
{
    int next = queue_claim(&writers);
    if (next >= 0) {
        rwlockword_let_writer(&rwlock, task_of(next), is_waited_for());
    }
    return (uint32_t)(next + 1);
}

static void ready_all(uint32_t chain)
{
    for (; chain; chain >>= DIGIT) {
        make_ready((int)(chain & 15) - 1);
    }
}

static uint32_t close_gap(void)
{
    uint32_t chain = 0;
    uintptr_t n;
    if (a_load(&writers, relaxed) == 0 && a_load(&readers, relaxed) != 0 &&
        !rwlockword_writer(a_load(&rwlock, relaxed))) {
        chain = claim_readers(&n);
        rwlockword_join_readers(&rwlock, n);
    } else if (!is_waited_for()) {
        rwlockword_unwait(&rwlock);
    }
    return chain;
}

static bool rwlock_asleep(int i, ATOMIC(uint32_t) *queue)
{
    bool woken = asleep(i);
    if (!woken) {
        take(&queue_lock);
        (void)queue_remove(queue, i);
        uint32_t chain = close_gap();
        drop(&queue_lock);
        ready_all(chain);
    }
    return woken;
}

static bool read_lock(int i)
{
    uintptr_t w = a_load(&rwlock, relaxed);
    if (rwlockword_read(&rwlock, &w)) {
        return true;
    }
    take(&queue_lock);
    if (rwlockword_read_or_wait(&rwlock)) {
        drop(&queue_lock);
        return true;
    }
    queue_push(&readers, i);
    settle(i);
    return rwlock_asleep(i, &readers);
}

static bool write_lock(int i)
{
    uintptr_t w = a_load(&rwlock, relaxed);
    if (rwlockword_write(&rwlock, &w, task_of(i))) {
        return true;
    }
    take(&queue_lock);
    if (rwlockword_write_or_wait(&rwlock, task_of(i))) {
        drop(&queue_lock);
        return true;
    }
    queue_push(&writers, i);
    settle(i);
    return rwlock_asleep(i, &writers);
}

static void read_unlock(void)
{
    uintptr_t w = a_load(&rwlock, relaxed);
    uint32_t chain = 0;
    while (!chain && !rwlockword_read_done(&rwlock, &w)) {
        take(&queue_lock);
        if (rwlockword_is_mine_to_pass(&rwlock)) {
            chain = let_writer();
            chain = chain ? chain : let_readers();
            if (!chain) {
                rwlockword_unwait(&rwlock);
            }
        }
        drop(&queue_lock);
        w = chain ? 0 : a_load(&rwlock, relaxed);
    }
    ready_all(chain);
}

static void write_unlock(int i)
{
    uint32_t chain = 0;
    while (!chain && !rwlockword_write_done(&rwlock, task_of(i))) {
        take(&queue_lock);
        chain = let_readers();
        chain = chain ? chain : let_writer();
        if (!chain) {
            rwlockword_unwait(&rwlock);
        }
        drop(&queue_lock);
    }
    ready_all(chain);
}

/* ---- what they do inside ---- */

static void read_it(void)
{
    (void)a_add(&reading, 1, relaxed);
    uint32_t seen = a_load(&first, relaxed);
    model_assert(a_load(&writing, relaxed) == 0);
    model_assert(a_load(&second, relaxed) == seen);
    (void)a_sub(&reading, 1, relaxed);
}

static void write_it(void)
{
    model_assert(a_load(&writing, relaxed) == 0);
    model_assert(a_load(&reading, relaxed) == 0);
    uint32_t seen = a_load(&first, relaxed);
    model_assert(a_load(&second, relaxed) == seen);
    a_store(&writing, 1, relaxed);
    a_store(&first, seen + 1, relaxed);
    a_store(&second, seen + 1, relaxed);
    a_store(&writing, 0, relaxed);
}

static void reader_use(int i)
{
    if (read_lock(i)) {
        read_it();
        read_unlock();
        a_store(&done[i], 1, release);
    }
}

static void writer_use(int i)
{
    if (write_lock(i)) {
        write_it();
        write_unlock(i);
        a_store(&done[i], 1, release);
    }
}

static void reader_0(void)
{
    reader_use(0);
}

static void reader_2(void)
{
    reader_use(2);
}

static void writer_0(void)
{
    writer_use(0);
}

static void writer_1(void)
{
    writer_use(1);
}

static void canceller_of_1(void)
{
    cancel(1);
}

static void is_free(void)
{
    model_assert(a_load(&rwlock, relaxed) == 0);
    model_assert(!is_waited_for());
    model_assert(a_load(&first, relaxed) ==
                 a_load(&done[0], relaxed) + a_load(&done[1], relaxed));
}

static void is_free_after_readers(void)
{
    model_assert(a_load(&rwlock, relaxed) == 0);
    model_assert(!is_waited_for());
}

/* ---- some are there already ---- */

static void reset_asleep(uintptr_t held, bool is_1_writer, bool has_2)
{
    rwlocks_reset();
    a_store(&rwlock, held | RWLOCKWORD_WAITED, relaxed);
    queue_push(is_1_writer ? &writers : &readers, 1);
    a_store(&wait[1], PARKED, relaxed);
    if (has_2) {
        queue_push(&readers, 2);
        a_store(&wait[2], PARKED, relaxed);
    }
}

/* 0 reads; writer 1 waits, and reader 2 behind it. */
static void reset_reader_writer_reader(void)
{
    reset_asleep(RWLOCKWORD_READER, true, true);
}

/* 0 reads; writer 1 waits. */
static void reset_reader_writer(void)
{
    reset_asleep(RWLOCKWORD_READER, true, false);
}

/* 0 writes; writer 1 and reader 2 wait. */
static void reset_writer_both(void)
{
    reset_asleep(task_of(0) | RWLOCKWORD_WRITER, true, true);
}

static void sleeper_1_writes(void)
{
    if (rwlock_asleep(1, &writers)) {
        write_it();
        write_unlock(1);
        a_store(&done[1], 1, release);
    }
}

static void sleeper_2_reads(void)
{
    bool woken = rwlock_asleep(2, &readers);
    model_assert(woken);
    read_it();
    read_unlock();
    a_store(&done[2], 1, release);
}

static void reader_leaves(void)
{
    read_it();
    read_unlock();
}

static void writer_leaves(void)
{
    write_it();
    write_unlock(0);
    a_store(&done[0], 1, release);
}

/* Cancels the writer that waits, and goes on reading until the reader behind it has read. */
static void reader_stays_till_2(void)
{
    cancel(1);
    model_block_while(&done[2], 0);
    read_unlock();
}


/* 0 writes; writer 1 waits, and reader 3, who goes in when 0 leaves.  Its part is played by thread
 * 0, which stays until reader 2 has read: that one comes after the writer of its own accord. */
static void reset_writer_writer_reader(void)
{
    reset_asleep(task_of(0) | RWLOCKWORD_WRITER, true, false);
    queue_push(&readers, 3);
    a_store(&wait[3], PARKED, relaxed);
}

static void writer_0_reads_till_2(void)
{
    a_store(&first, 1, relaxed);
    a_store(&second, 1, relaxed);
    write_unlock(0);
    model_block_while(&done[2], 0);
    read_unlock();
}

/* Two readers are inside, and writer 1 waits: it must come after both, whoever is the last. */
static void reset_readers_writer(void)
{
    reset_asleep(2 * RWLOCKWORD_READER, true, false);
}

/* 0 reads, nobody waits.  Who comes does nothing inside: it is only to get in. */
static void reset_reader(void)
{
    rwlocks_reset();
    a_store(&rwlock, RWLOCKWORD_READER, relaxed);
}

static void writer_1_passes(void)
{
    bool in = write_lock(1);
    model_assert(in);
    write_unlock(1);
}

static void reader_2_passes(void)
{
    bool in = read_lock(2);
    model_assert(in);
    read_unlock();
}

/* 0 writes, nobody waits.  It leaves and reads, all at once; writer 1 comes, is cancelled, and lets
 * reader 2 in, who must see what 0 wrote. */
static void reset_writer(void)
{
    rwlocks_reset();
    a_store(&rwlock, task_of(0) | RWLOCKWORD_WRITER, relaxed);
}

static void writer_0_reads(void)
{
    uintptr_t w = 0;
    a_store(&first, 1, relaxed);
    if (rwlockword_write_done(&rwlock, task_of(0)) && rwlockword_read(&rwlock, &w)) {
        model_block_while(&done[2], 0);
        read_unlock();
    }
}

static void writer_1_after_0(void)
{
    uintptr_t w = RWLOCKWORD_READER;
    if (!a_cas(&rwlock, &w, RWLOCKWORD_READER | RWLOCKWORD_WAITED, relaxed, relaxed)) {
        return;
    }
    take(&queue_lock);
    queue_push(&writers, 1);
    settle(1);
    (void)rwlock_asleep(1, &writers);
}

static void reader_2_after_1(void)
{
    take(&queue_lock);
    if (a_load(&rwlock, relaxed) != (RWLOCKWORD_READER | RWLOCKWORD_WAITED) ||
        a_load(&writers, relaxed) == 0) {
        drop(&queue_lock);
        a_store(&done[2], 1, relaxed);
        return;
    }
    queue_push(&readers, 2);
    settle(2);
    bool woken = rwlock_asleep(2, &readers);
    model_assert(woken);
    model_assert(a_load(&first, relaxed) == 1);
    read_unlock();
    a_store(&done[2], 1, relaxed);
}

/* ---- freeing what it lies in: the last of two users does ---- */

static void poison(void)
{
    a_store(&rwlock, POISON, relaxed);
    a_store(&queue_lock, POISON, relaxed);
}

static void is_poisoned(void)
{
    model_assert(a_load(&rwlock, relaxed) == POISON);
    model_assert(a_load(&queue_lock, relaxed) == POISON);
}

static void unref(int i)
{
    bool locked = write_lock(i);
    model_assert(locked);
    uint32_t left = a_load(&refs, relaxed) - 1;
    a_store(&refs, left, relaxed);
    write_unlock(i);
    if (left == 0) {
        poison();
    }
}

/* It is inside already. */
static void unref_0_inside(void)
{
    uint32_t left = a_load(&refs, relaxed) - 1;
    a_store(&refs, left, relaxed);
    write_unlock(0);
    if (left == 0) {
        poison();
    }
}

static void unref_0(void)
{
    unref(0);
}

static void read_and_unref_1(void)
{
    bool locked = read_lock(1);
    model_assert(locked);
    read_unlock();
    unref(1);
}

static void reader_1_done(void)
{
    if (read_lock(1)) {
        read_unlock();
    }
    a_store(&done[1], 1, release);
}

static void cancel_1_unref_2(void)
{
    cancel(1);
    model_block_while(&done[1], 0);
    unref(2);
}

/* ---- broken ones ---- */

/* A cancelled writer leaves its queue, and nothing else. */
static void sleeper_1_leaves_gap(void)
{
    if (asleep(1)) {
        write_unlock(1);
        return;
    }
    take(&queue_lock);
    (void)queue_remove(&writers, 1);
    if (!is_waited_for()) {
        rwlockword_unwait(&rwlock);
    }
    drop(&queue_lock);
}

/* A writer leaves first, and looks afterwards for who waits. */
static void unref_0_leaves_first(void)
{
    bool locked = write_lock(0);
    model_assert(locked);
    a_store(&refs, a_load(&refs, relaxed) - 1, relaxed);
    uintptr_t w = a_and(&rwlock, RWLOCKWORD_WAITED, release);
    uint32_t chain = 0;
    if (w & RWLOCKWORD_WAITED) {
        take(&queue_lock);
        chain = let_readers();
        chain = chain ? chain : let_writer();
        if (!chain) {
            rwlockword_unwait(&rwlock);
        }
        drop(&queue_lock);
    }
    ready_all(chain);
}

/* A reader notes that it waits, without looking whether it still has to. */
static void reader_2_waits_blindly(void)
{
    uintptr_t w = a_load(&rwlock, relaxed);
    if (rwlockword_read(&rwlock, &w)) {
        read_unlock();
        return;
    }
    take(&queue_lock);
    (void)a_or(&rwlock, RWLOCKWORD_WAITED, relaxed);
    queue_push(&readers, 2);
    settle(2);
    (void)rwlock_asleep(2, &readers);
    read_unlock();
}

static const struct model models[] = {
    MODEL("rwlock_two_writers", rwlocks_reset, is_free, writer_0, writer_1),
    MODEL("rwlock_reader_writer", rwlocks_reset, is_free_after_readers, reader_0, writer_1),
    MODEL_NIGHT("rwlock_two_newcomers", reset_reader, is_free_after_readers, read_unlock,
                writer_1_passes, reader_2_passes),
    MODEL("rwlock_read_phase_ends", reset_reader_writer_reader, is_free_after_readers,
          reader_leaves, sleeper_1_writes, sleeper_2_reads),
    MODEL("rwlock_write_phase_ends", reset_writer_both, is_free, writer_leaves, sleeper_1_writes,
          sleeper_2_reads),
    MODEL("rwlock_newcomer", reset_reader_writer, is_free_after_readers, reader_leaves,
          sleeper_1_writes, reader_2),
    MODEL("rwlock_cancel_gap", reset_reader_writer_reader, is_free_after_readers,
          reader_stays_till_2, sleeper_1_writes, sleeper_2_reads),
    MODEL("rwlock_cancel_read_leave", reset_reader_writer_reader, is_free_after_readers,
          reader_leaves, sleeper_1_writes, sleeper_2_reads, canceller_of_1),
    MODEL("rwlock_cancel_write_leave", reset_writer_both, is_free, writer_leaves,
          sleeper_1_writes, sleeper_2_reads, canceller_of_1),
    MODEL("rwlock_last_of_two", reset_readers_writer, is_free_after_readers, reader_leaves,
          sleeper_1_writes, reader_leaves),
    MODEL("rwlock_cancel_sees", reset_writer, NULL, writer_0_reads, writer_1_after_0,
          reader_2_after_1, canceller_of_1),
    MODEL("rwlock_newcomer_sees", reset_writer_writer_reader, is_free_after_readers,
          writer_0_reads_till_2, sleeper_1_writes, reader_2, canceller_of_1),
    MODEL("rwlock_cancel_alone", reset_reader_writer, is_free_after_readers, reader_leaves,
          sleeper_1_writes, canceller_of_1),
    MODEL("rwlock_free", rwlocks_reset, is_poisoned, unref_0, read_and_unref_1),
    MODEL("rwlock_free_cancel", reset_writer, is_poisoned, unref_0_inside, reader_1_done,
          cancel_1_unref_2),
    MODEL_BROKEN("rwlock_leaves_gap",
                 "a cancelled writer that only leaves lets the readers behind it sleep",
                 reset_reader_writer_reader, NULL, reader_stays_till_2, sleeper_1_leaves_gap,
                 sleeper_2_reads),
    MODEL_BROKEN("rwlock_leaves_first",
                 "a writer that leaves before it looks takes a lock that is gone", rwlocks_reset,
                 is_poisoned, unref_0_leaves_first, reader_1_done, cancel_1_unref_2),
    MODEL_BROKEN("rwlock_waits_blindly",
                 "a reader that does not look again sleeps beside a free lock", rwlocks_reset, NULL,
                 writer_0, reader_2_waits_blindly),
};

int main(int argc, char **argv)
{
    return model_main(argc, argv, models, WEFT_ARRAY_SIZE(models), NULL, 0);
}
