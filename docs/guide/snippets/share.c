/* share.c - the code of the chapter "What if two use the same storage?"
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdatomic.h>
#include <stdio.h>

#include <weft.h>

#define TIMES 100

static int twice(int (*fn)(void *arg), void *arg)
{
    weft_scope scope;

    weft_scope_open(&scope);
    weft_go(&scope, fn, &arg);
    weft_go(&scope, fn, &arg);
    return weft_scope_close(&scope);
}

struct visitors { weft_mutex lock; int count; };

static int visit(void *arg)
{
    struct visitors *v = *(struct visitors **)arg;

    /* [mutex] */
    for (int i = 0; i < TIMES; i++) {
        int rc = weft_mutex_lock(&v->lock);
        if (rc < 0)
            return rc; /* cancelled: we do not hold it */
        v->count++;
        weft_mutex_unlock(&v->lock);
    }
    /* [/mutex] */
    return 0;
}

static int mutex(void)
{
    struct visitors visitors = {WEFT_MUTEX_INIT, 0};
    int rc = twice(visit, &visitors);

    printf("%d\n", visitors.count);
    return rc;
}

/* [guard] */
struct stock { int apples, pears; };
WEFT_GUARD_TYPE(guarded_stock, struct stock); /* a stock, and the lock it lies behind */

static guarded_stock shop = WEFT_GUARD_INIT({.apples = 200, .pears = 0});

static int swap_fruit(void *arg)
{
    (void)arg;
    for (int i = 0; i < TIMES; i++) {
        WEFT_GUARD(s, &shop) { /* s is a struct stock *, here and nowhere else */
            s->apples--;
            s->pears++;
        } else {
            return -WEFT_ECANCELED; /* the block was not entered */
        }
    }
    return 0;
}
/* [/guard] */

static int guard(void)
{
    int rc = twice(swap_fruit, NULL);

    WEFT_GUARD(s, &shop)
        printf("%d apples, %d pears\n", s->apples, s->pears);
    return rc;
}

/* [guard2] */
static guarded_stock cellar = WEFT_GUARD_INIT({.apples = 0, .pears = 0});

static int carry(guarded_stock *from, guarded_stock *to, int pears)
{
    WEFT_GUARD2(a, from, b, to) { /* both locks, always in the same order */
        if (a->pears < pears)
            return -ENODATA; /* any way out lets both go */
        a->pears -= pears;
        b->pears += pears;
    } else {
        return -WEFT_ECANCELED;
    }
    return 0;
}
/* [/guard2] */

static int guard2(void)
{
    int rc = carry(&shop, &cellar, 50);

    printf("%s\n", weft_strerror(carry(&shop, &cellar, 1000)));
    WEFT_GUARD(c, &cellar)
        printf("%d pears in the cellar\n", c->pears);
    return rc;
}

/* [condition] */
struct gate { weft_mutex lock; weft_cond opened; bool open; };

static int pass(struct gate *gate)
{
    int rc = weft_mutex_lock(&gate->lock);

    if (rc < 0)
        return rc;
    while (rc == 0 && !gate->open) /* look again after each waking */
        rc = weft_cond_wait(&gate->opened, &gate->lock);
    weft_mutex_unlock(&gate->lock); /* held again, cancelled or not */
    return rc;
}
/* [/condition] */

static int pass_task(void *arg)
{
    return pass(*(struct gate **)arg);
}

static int condition(void)
{
    struct gate gate = {WEFT_MUTEX_INIT, WEFT_COND_INIT, false}, *where = &gate;
    weft_scope scope;

    weft_scope_open(&scope);
    weft_go(&scope, pass_task, &where);
    weft_go(&scope, pass_task, &where);
    int rc = weft_mutex_lock(&gate.lock);
    if (rc == 0) {
        gate.open = true;
        weft_cond_broadcast(&gate.opened);
        weft_mutex_unlock(&gate.lock);
    }
    int closed = weft_scope_close(&scope);
    printf("%s\n", closed == 0 ? "all have passed" : weft_strerror(closed));
    return rc < 0 ? rc : closed;
}

/* [rwlock] */
struct prices { weft_rwlock lock; int net, gross; };

static int read_prices(void *arg) /* many may be here at the same time */
{
    struct prices *p = *(struct prices **)arg;
    int rc = weft_rwlock_read_lock(&p->lock);

    if (rc < 0)
        return rc;
    bool fits = p->gross == p->net + p->net / 5;
    weft_rwlock_read_unlock(&p->lock);
    return fits ? 0 : -EPROTO;
}

static int raise_prices(void *arg) /* one alone, and no reader with it */
{
    struct prices *p = *(struct prices **)arg;
    int rc = weft_rwlock_write_lock(&p->lock);

    if (rc < 0)
        return rc;
    p->net += 10;
    p->gross = p->net + p->net / 5;
    weft_rwlock_write_unlock(&p->lock);
    return 0;
}
/* [/rwlock] */

static int rwlock(void)
{
    struct prices prices = {WEFT_RWLOCK_INIT, 100, 120}, *where = &prices;
    weft_scope scope;

    weft_scope_open(&scope);
    for (int i = 0; i < 2; i++) {
        weft_go(&scope, read_prices, &where);
        weft_go(&scope, raise_prices, &where);
    }
    int rc = weft_scope_close(&scope);
    printf("%d %d\n", prices.net, prices.gross);
    return rc;
}

/* [once] */
static weft_once table_made = WEFT_ONCE_INIT;
static int table[10];

static int make_table(void *arg)
{
    (void)arg;
    for (int i = 0; i < 10; i++)
        table[i] = i * i;
    return 0;
}

static int look_up(void *arg)
{
    int rc = weft_once_call(&table_made, make_table, NULL); /* by whoever comes first */

    (void)arg;
    return rc < 0 ? rc : table[7] == 49 ? 0 : -EPROTO;
}
/* [/once] */

static int once(void)
{
    int rc = twice(look_up, NULL);

    printf("7 times 7 is %d\n", table[7]);
    return rc;
}

/* [atomic] */
static atomic_int served; /* one number, one step: no lock needed */

static int serve(void *arg)
{
    (void)arg;
    for (int i = 0; i < TIMES; i++)
        atomic_fetch_add(&served, 1);
    return 0;
}
/* [/atomic] */

static int atomics(void)
{
    int rc = twice(serve, NULL);

    printf("%d\n", atomic_load(&served));
    return rc;
}

/* [permits] */
struct printers { weft_sem free; atomic_int busy, busy_most; };

static int print_job(void *arg)
{
    struct printers *p = *(struct printers **)arg;
    int rc = weft_sem_wait(&p->free); /* two printers: the third waits */

    if (rc < 0)
        return rc;
    int busy = atomic_fetch_add(&p->busy, 1) + 1, most = atomic_load(&p->busy_most);
    while (busy > most && !atomic_compare_exchange_weak(&p->busy_most, &most, busy))
        continue;
    rc = weft_sleep(10 * WEFT_MS);
    atomic_fetch_sub(&p->busy, 1);
    weft_sem_post(&p->free);
    return rc;
}
/* [/permits] */

static int permits(void)
{
    struct printers printers = {.free = WEFT_SEM_INIT(2)}, *where = &printers;
    weft_scope scope;

    weft_scope_open(&scope);
    for (int i = 0; i < 6; i++)
        weft_go(&scope, print_job, &where);
    int rc = weft_scope_close(&scope);
    printf("%d at a time\n", atomic_load(&printers.busy_most));
    return rc;
}

static int app(void *arg)
{
    static const struct { const char *name; int (*run)(void); } parts[] = {
        {"mutex", mutex}, {"guard", guard}, {"guard2", guard2}, {"condition", condition},
        {"rwlock", rwlock}, {"once", once}, {"atomic", atomics}, {"permits", permits}};
    int rc = 0;

    (void)arg;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0] && rc == 0; i++) {
        printf("-- %s\n", parts[i].name);
        rc = parts[i].run();
    }
    return rc;
}

int main(void)
{
    return weft_run_with(app, NULL, &(weft_options){.virtual_clock = true}) < 0;
}
