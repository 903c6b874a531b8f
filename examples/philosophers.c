/* philosophers.c - five philosophers, five forks, and nobody starves.
 *
 * Each thinks, takes the two forks beside the plate, eats, and lays them down.  If each took the
 * left fork first, all might hold one and wait for the other for ever.  Here each takes the fork
 * with the lower number first, so that no circle of waiting can close.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>

#include <weft.h>

#define SEATS 5
#define MEALS 1000

struct fork {
    weft_mutex lock;
    bool in_use; /* by whoever holds the lock */
    int clashes; /* how often it was in use already when somebody took it: never */
};

struct table {
    struct fork forks[SEATS];
    int meals[SEATS];
};

struct philosopher {
    struct table *table;
    int seat;
};

static int take(struct fork *fork)
{
    int rc = weft_mutex_lock(&fork->lock);

    if (rc < 0)
        return rc;
    fork->clashes += fork->in_use;
    fork->in_use = true;
    return 0;
}

static void lay_down(struct fork *fork)
{
    fork->in_use = false;
    weft_mutex_unlock(&fork->lock);
}

static int eat(struct philosopher *p)
{
    int left = p->seat, right = (p->seat + 1) % SEATS;
    struct fork *first = &p->table->forks[left < right ? left : right];
    struct fork *second = &p->table->forks[left < right ? right : left];
    int rc = take(first);

    if (rc < 0)
        return rc;
    if ((rc = take(second)) == 0) {
        rc = weft_yield(); /* the meal takes its time, and others run meanwhile */
        p->table->meals[p->seat] += rc == 0;
        lay_down(second);
    }
    lay_down(first);
    return rc;
}

static int dine(void *arg)
{
    struct philosopher *p = arg;
    int rc = 0;

    for (int i = 0; i < MEALS && rc == 0; i++)
        rc = weft_yield() == 0 ? eat(p) : -WEFT_ECANCELED; /* thinks, then eats */
    return rc;
}

static int app(void *arg)
{
    weft_scope scope;

    weft_scope_open(&scope);
    for (int i = 0; i < SEATS; i++)
        weft_go(&scope, dine, &((struct philosopher){arg, i}));
    return weft_scope_close(&scope);
}

int main(void)
{
    static struct table table; /* all zero: five free forks */
    int clashes = 0, rc = weft_run(app, &table);

    for (int i = 0; i < SEATS; i++) {
        printf("philosopher %d ate %d meals\n", i, table.meals[i]);
        clashes += table.forks[i].clashes;
    }
    printf("forks in two hands: %d\n", clashes);
    if (rc < 0)
        fprintf(stderr, "philosophers: %s\n", weft_strerror(rc));
    return rc < 0 ? 1 : rc;
}
