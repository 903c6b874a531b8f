/* bank.c - money moves between accounts, and no cent is lost.
 *
 * Eight clerks move money at the same time.  Each account is guarded: it lies behind a lock, and
 * the compiler lets nobody reach it but in a block that holds this lock.  So a lock cannot be
 * forgotten, nor its unlock.  A transfer needs two accounts at once, and takes their locks in an
 * order that is the same for all: then no two clerks wait for each other for ever.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <stdlib.h>

#include <weft.h>

#define ACCOUNTS 5
#define CLERKS 8

static int transfers = 1000; /* of each clerk; or the argument */

struct account {
    long cents;
    int payments;
};

WEFT_GUARD_TYPE(guarded_account, struct account);

static guarded_account accounts[ACCOUNTS];

static int transfer(guarded_account *from, guarded_account *to, long cents)
{
    WEFT_GUARD2(payer, from, payee, to) {
        if (payer->cents < cents)
            return 0; /* both are unlocked on every way out of the block */
        payer->cents -= cents;
        payer->payments++;
        payee->cents += cents;
        return 1;
    }
    return -WEFT_ECANCELED; /* asked to stop while it waited: then the block is passed over */
}

/* Looks at one account after the other, so it is for when the clerks have gone home. */
static int add_up(long *cents, int *payments)
{
    for (int i = 0; i < ACCOUNTS; i++) {
        WEFT_GUARD(account, &accounts[i]) {
            *cents += account->cents;
            *payments += account->payments;
        } else {
            return -WEFT_ECANCELED;
        }
    }
    return 0;
}

static int work(void *arg)
{
    unsigned dice = *(unsigned *)arg; /* each clerk throws dice of its own */
    int rc = 0;

    for (int i = 0; i < transfers && rc >= 0; i++) {
        dice = dice * 1103515245 + 12345;
        unsigned from = dice / 65536 % ACCOUNTS, to = (from + 1 + dice / 512 % 4) % ACCOUNTS;
        rc = transfer(&accounts[from], &accounts[to], 1 + i % 100);
    }
    return rc < 0 ? rc : 0;
}

static int app(void *arg)
{
    weft_scope scope;
    int payments = 0;
    long cents = 0;

    (void)arg;
    for (int i = 0; i < ACCOUNTS; i++)
        weft_guard_init(&accounts[i], &(struct account){.cents = 1000000});
    weft_scope_open(&scope);
    for (unsigned i = 0; i < CLERKS; i++)
        weft_go(&scope, work, &i);
    int rc = weft_scope_close(&scope);
    if (rc == 0 && (rc = add_up(&cents, &payments)) == 0)
        printf("%d payments, %ld cents in the bank\n", payments, cents);
    return rc;
}

int main(int argc, char **argv)
{
    if (argc > 1)
        transfers = atoi(argv[1]);
    return weft_run(app, NULL) < 0;
}
