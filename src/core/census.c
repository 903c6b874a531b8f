/* census.c - the high-water mark of stacks, per spawn site.
 *
 * Each stack is emptied before it is bound (its pages read as zeroes then) and measured after the
 * last switch: the lowest byte that is not zero.  Exact but for frames that wrote only zeroes at
 * their end.  Costs a system call and a scan per task, so it runs only when asked for.
 *
 * SPDX-License-Identifier: MIT
 */
#include "core/census.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/symbol.h"
#include "base/sys.h"

#define CENSUS_SITES_MAX 256
#define CENSUS_CANARY    sizeof(uint64_t)

struct census_site {
    const void *site;
    int (*fn)(void *);
    size_t tasks, high_water, stack_size;
};

static ATOMIC(uint32_t) census_on;
static struct weft__lock census_lock = LOCK_INIT(WEFT_RANK_LOG);
static struct census_site census_sites[CENSUS_SITES_MAX];
static size_t census_count, census_lost;

void weft__census_start(void)
{
    const char *text = getenv("WEFT_STACK_CENSUS");
    census_count = census_lost = 0;
    a_store(&census_on, text && text[0] && strcmp(text, "0") != 0, relaxed);
}

bool weft__census_is_on(void)
{
    return a_load(&census_on, relaxed) != 0;
}

/* A dense one has no page of its own to give back, and a canary at its low end. */
static void census_empty(const struct weft__stack *stack)
{
    if (weft__stack_is_dense(stack)) {
        memset(stack->lo + CENSUS_CANARY, 0, stack->size - CENSUS_CANARY);
    } else {
        int rc = weft__sys_discard(stack->lo, stack->size);
        WEFT_CHECK(rc == 0);
    }
}

void weft__census_begin(struct weft__runtime *rt, const struct weft__stack *stack)
{
    (void)rt;
    if (WEFT_UNLIKELY(a_load(&census_on, relaxed))) {
        census_empty(stack);
    }
}

static WEFT_NO_SANITIZE size_t census_measure(const struct weft__stack *stack)
{
    const uint64_t *at = (const uint64_t *)(const void *)stack->lo;
    const uint64_t *end = (const uint64_t *)(const void *)(stack->lo + stack->size);
    at += weft__stack_is_dense(stack); /* the canary */
    while (at < end && *at == 0) {
        at++;
    }
    return (size_t)((const unsigned char *)end - (const unsigned char *)at);
}

static struct census_site *census_find(const struct weft__task *task)
{
    for (size_t i = 0; i < census_count; i++) {
        if (census_sites[i].site == task->site && census_sites[i].fn == task->fn) {
            return &census_sites[i];
        }
    }
    if (census_count == CENSUS_SITES_MAX) {
        census_lost++;
        return NULL;
    }
    struct census_site *site = &census_sites[census_count++];
    *site = (struct census_site){.site = task->site, .fn = task->fn};
    return site;
}

void weft__census_end(struct weft__runtime *rt, const struct weft__stack *stack,
                      const struct weft__task *task)
{
    (void)rt;
    if (WEFT_LIKELY(!a_load(&census_on, relaxed))) {
        return;
    }
    size_t used = census_measure(stack);
    lock_take(&census_lock);
    struct census_site *site = census_find(task);
    if (site) {
        site->tasks++;
        site->high_water = weft__max(site->high_water, used);
        site->stack_size = stack->size;
    }
    lock_drop(&census_lock);
}

void weft__census_report(void)
{
    char fn[160], site[160];
    if (!a_load(&census_on, relaxed)) {
        return;
    }
    weft__log("stack census: %zu spawn sites%s", census_count,
              census_lost ? ", and more that found no room" : "");
    for (size_t i = 0; i < census_count; i++) {
        const struct census_site *s = &census_sites[i];
        weft__symbol_name((const void *)(uintptr_t)s->fn, fn, sizeof fn);
        weft__symbol_site(s->site, site, sizeof site);
        weft__log("  %zu of %zu bytes used at most by %zu tasks of %s, started at %s",
                  s->high_water, s->stack_size, s->tasks, fn, site);
    }
}
