/* homelock_model.c - every interleaving of home and guests: nobody is in at once, and each sees
 * what the others did.
 *
 * It is homelock.c itself; the lock proper is taken in one step and dropped in one (as in
 * core/core_model.h; lock_test.c has the real one).  The kernel's membarrier is played as a fence
 * in homelock_enter, which is where it takes effect: at some point between home's mark and its
 * look at `shared`.  What the lock guards is a counter, raised by a load and a store.
 *
 * SPDX-License-Identifier: MIT
 */
#include "tests/model.h"

#define WEFT_BASE_LOCK_H /* instead of base/lock.h */

#include "base/base.h"
#include "base/lockrank.h"

struct weft__lock {
    ATOMIC(uint32_t) word;
};

static inline void lock_init(struct weft__lock *l, enum weft__lockrank rank)
{
    (void)rank;
    a_store(&l->word, 0, relaxed);
}

static inline void lock_take(struct weft__lock *l)
{
    while (a_xchg(&l->word, 1, acquire) != 0) {
        model_block_while(&l->word, 1u);
    }
}

static inline void lock_drop(struct weft__lock *l)
{
    a_store(&l->word, 0, release);
}

static bool has_barrier;

#undef a_compiler_fence
#define a_compiler_fence() (has_barrier ? a_fence(seq_cst) : (void)0)

#include "base/homelock.c"

static struct weft__homelock lock;
static ATOMIC(uint32_t) guarded;
static uint32_t times;

int weft__sys_membarrier_register(void)
{
    return 0;
}

int weft__sys_membarrier(void)
{
    if (has_barrier) {
        a_fence(seq_cst);
    }
    return 0;
}

static void models_reset_all(bool with_barrier, uint32_t shared)
{
    has_barrier = with_barrier;
    homelock_barrier = HOMELOCK_HAS_BARRIER;
    weft__homelock_init(&lock, WEFT_RANK_NONE);
    lock.shared = shared;
    lock.calm = shared ? HOMELOCK_CALM - 1 : 0; /* so that home becomes its own at once */
    guarded = 0;
    times = 0;
}

static void models_reset(void)
{
    models_reset_all(true, HOMELOCK_OWN);
}

static void models_reset_shared(void)
{
    models_reset_all(true, HOMELOCK_SHARED);
}

static void models_reset_without_barrier(void)
{
    models_reset_all(false, HOMELOCK_OWN);
}

static void touch(void)
{
    uint32_t n = a_load(&guarded, relaxed);
    a_store(&guarded, n + 1, relaxed);
    times++;
}

static void home(void)
{
    bool has_lock = homelock_enter(&lock);
    touch();
    homelock_leave(&lock, has_lock);
}

static void home_twice(void)
{
    home();
    home();
}

static void guest(void)
{
    weft__homelock_take(&lock);
    touch();
    homelock_drop(&lock);
}

static void guest_twice(void)
{
    guest();
    guest();
}

static void all_counted(void)
{
    model_assert(guarded == times);
    model_assert(lock.lock.word == 0 && lock.inside == 0);
}

static const struct model models[] = {
    MODEL("homelock", models_reset, all_counted, home_twice, guest),
    MODEL("homelock_guests", models_reset, all_counted, home, guest, guest),
    MODEL("homelock_calm", models_reset_shared, all_counted, home_twice, guest_twice),
    MODEL_BROKEN("homelock_without_barrier", "home's mark is seen late: two are in",
                 models_reset_without_barrier, all_counted, home, guest),
};

static const struct model_spared spared[] = {
    {"weft__homelock_enter_shared", "&l->inside", "release -> relaxed",
     "the barrier orders it, too"},
};

int main(int argc, char **argv)
{
    return model_main(argc, argv, models, WEFT_ARRAY_SIZE(models), spared, WEFT_ARRAY_SIZE(spared));
}
