/* blocked.c - prints the wait graph of a runtime in which nothing can move.
 *
 * Called on the last worker that fell asleep: no task runs, so what the parked ones say of
 * themselves stands still.
 *
 *     weft: deadlock: all 2 tasks are blocked and nothing can wake one
 *     left   waits for mutex 0x7f.. at left (dine.c:21), held by right; started at app (dine.c:40)
 *     right  waits for mutex 0x7f.. at right (dine.c:30), held by left; started at app (dine.c:41)
 *
 * SPDX-License-Identifier: MIT
 */
#include "core/blocked.h"

#include "base/symbol.h"
#include "base/sys.h"
#include "base/text.h"
#include "core/park.h"
#include "core/task.h"

#define BLOCKED_TASKS_MAX 50  /* printed; the others are counted */
#define BLOCKED_KNOWN_MAX 256 /* that may be named as holders */

/* Who holds a lock is known by address alone, and may have ended without letting go: then nothing
 * of it may be read.  So the tasks that live are noted first; nothing moves, so they live on. */
struct blocked_visit {
    size_t seen;
    bool print;
    const struct weft__task *known[BLOCKED_KNOWN_MAX];
};

static bool blocked_knows(const struct blocked_visit *visit, const struct weft__task *task)
{
    for (size_t i = 0; i < BLOCKED_KNOWN_MAX && visit->known[i]; i++) {
        if (visit->known[i] == task) {
            return true;
        }
    }
    return false;
}

static void blocked_print_holder(struct weft__text *text, const struct blocked_visit *visit,
                                 const struct weft__task *holder)
{
    char label[96];
    if (blocked_knows(visit, holder)) {
        weft__text_add(text, ", held by %s", weft__task_label(holder, label, sizeof label));
    } else {
        weft__text_add(text, ", held by none of these: a plain thread, or a task that has ended");
    }
}

static void blocked_print_task(const struct blocked_visit *visit, const struct weft__task *task)
{
    char buffer[1024], label[96], site[160];
    struct weft__text text;
    const struct weft__parking *parking = task->parking;
    weft__text_init(&text, buffer, sizeof buffer);
    weft__text_add(&text, "  %s", weft__task_label(task, label, sizeof label));
    if (parking) {
        weft__text_add(&text, " waits for %s", parking->kind->what);
        if (parking->object) {
            weft__text_add(&text, " %p", parking->object);
        }
        if (parking->site) {
            weft__symbol_site(parking->site, site, sizeof site);
            weft__text_add(&text, " at %s", site);
        }
        const struct weft__task *holder =
            parking->kind->holder ? parking->kind->holder(parking->object) : NULL;
        if (holder) {
            blocked_print_holder(&text, visit, holder);
        }
    }
    if (task->site) {
        weft__symbol_site(task->site, site, sizeof site);
        weft__text_add(&text, "; started at %s", site);
    }
    weft__text_end_line(&text);
    weft__sys_say(buffer, weft__text_len(&text));
}

static void blocked_visit_task(struct weft__task *task, void *arg)
{
    struct blocked_visit *visit = arg;
    if (visit->print && visit->seen < BLOCKED_TASKS_MAX) {
        blocked_print_task(visit, task);
    }
    if (!visit->print && visit->seen < BLOCKED_KNOWN_MAX) {
        visit->known[visit->seen] = task;
    }
    visit->seen++;
}

void weft__blocked_print(struct weft__runtime *rt, const char *why)
{
    struct blocked_visit visit = {.print = false};
    char buffer[256];
    struct weft__text text;
    weft__owner_ops.visit(rt->root, blocked_visit_task, &visit);
    weft__text_init(&text, buffer, sizeof buffer);
    weft__text_add(&text, "weft: deadlock: %s (%zu blocked)\n", why, visit.seen);
    weft__sys_say(buffer, weft__text_len(&text));
    visit.print = true;
    visit.seen = 0;
    weft__owner_ops.visit(rt->root, blocked_visit_task, &visit);
    if (visit.seen > BLOCKED_TASKS_MAX) {
        weft__text_init(&text, buffer, sizeof buffer);
        weft__text_add(&text, "  and %zu more\n", visit.seen - BLOCKED_TASKS_MAX);
        weft__sys_say(buffer, weft__text_len(&text));
    }
}
