/* timeout.c - a report in 50 ms: what is late is given up, what is there is saved, and tidied up.
 *
 * A deadline belongs to a scope.  When it passes, every call that sleeps in the scope returns
 * -WEFT_ECANCELED, and the functions go home by their ordinary returns.  Nobody is killed in the
 * middle of something, so each can tidy up.  Two things help:
 *
 *   a deferred call    is made when the scope is closed, on whatever way out
 *   a shield           hides the passed deadline from what has to be done all the same
 *
 * The clock is virtual: it jumps when all tasks wait, and the times below are exact.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>

#include <weft.h>

struct part {
    const char *name;
    int64_t takes_ms;
    bool *ret_done;
};

static int64_t started;

static void say(const char *who, const char *what)
{
    printf("%3d ms  %s %s\n", (int)((weft_now() - started) / WEFT_MS), who, what);
}

static int compute(void *arg)
{
    struct part *part = arg;
    int rc = weft_sleep(part->takes_ms * WEFT_MS); /* stands for work that waits for others */

    say(part->name, rc == 0 ? "is ready" : "is given up");
    *part->ret_done = rc == 0;
    return rc;
}

/* Takes 20 ms, and must not be left half done: its own scope has a shield, and a later deadline. */
static int save(int parts)
{
    weft_scope scope;
    char what[64];

    weft_scope_open_with(&scope, &(weft_scope_options){
        .shield = true, .deadline = weft_after(1 * WEFT_SECOND)});
    if (weft_sleep(20 * WEFT_MS) == 0) {
        snprintf(what, sizeof what, "is saved, with %d of 3 parts", parts);
        say("the report", what);
    }
    return weft_scope_close(&scope);
}

static void unlock(void *arg) { say(arg, "is unlocked"); }

static int report(void)
{
    bool done[3] = {false};
    weft_scope scope, parts;

    weft_scope_open(&scope);
    weft_scope_deadline(&scope, weft_after(50 * WEFT_MS));
    say("the folder", "is locked");
    int rc = weft_defer(unlock, (void *)"the folder"); /* whatever happens from here on */

    weft_scope_open(&parts); /* lies within the other, and so within its deadline */
    weft_go(&parts, compute, &((struct part){"the title", 10, &done[0]}));
    weft_go(&parts, compute, &((struct part){"the table", 30, &done[1]}));
    weft_go(&parts, compute, &((struct part){"the graph", 80, &done[2]}));
    weft_scope_close(&parts); /* waits for all three; the late one comes back at once */

    if (rc == 0)
        rc = save(done[0] + done[1] + done[2]);
    int closed = weft_scope_close(&scope); /* calls what was deferred */
    return closed < 0 ? closed : rc;
}

static int app(void *arg)
{
    (void)arg;
    started = weft_now();
    int rc = report();
    say("the result is:", weft_strerror(rc));
    return rc == -WEFT_ETIMEDOUT ? 0 : rc;
}

int main(void)
{
    return weft_run_with(app, NULL, &(weft_options){.virtual_clock = true}) == 0 ? 0 : 1;
}
