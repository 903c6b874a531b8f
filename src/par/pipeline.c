/* pipeline.c - items that go through stages, so many at a time.
 *
 * An item is carried through all its stages by one task, a porter, which then comes back for the
 * next item; there are items_max porters, the caller among them.  So no item waits for another
 * task to take it up, and what one stage left in the cache the next one finds there.
 *
 * Items have numbers, in the order in which they were made.  A serial stage has a place for each
 * porter, a semaphore: number k waits at place k % porters, and who leaves the stage as number k
 * opens the next place.  Numbers that have not passed a serial stage yet follow one another without
 * a gap, each with a porter of its own, so no two of them share a place.
 *
 * A failure cancels the scope of the porters.  Who waits at a place then gets -WEFT_ECANCELED and
 * drops its item.  A porter whose stage has panicked (WEFT_PANIC_TASK) cancels, too, as it ends;
 * nobody knows what its item is by then, so that is not dropped.
 *
 * Rejected: a channel between each two stages; it orders nothing behind a parallel stage, and moves
 * each item from worker to worker.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/alloc.h"
#include "par/loop.h"
#include "weft/err.h"
#include "weft/loop.h"
#include "weft/scope.h"
#include "weft/sync.h"

struct pipeline {
    const weft_stage *stages;
    size_t n;
    const weft_pipeline_options *options;
    size_t porters;
    weft_scope scope;
    weft_mutex first;    /* who makes an item */
    uint64_t made;       /* under it: the next item's number */
    bool is_over;        /* under it */
    ATOMIC(int) code;    /* the first failure */
    weft_sem *places;    /* n rows of `porters`; those of serial stages are used */
};

struct pipeline_porter {
    struct pipeline *p;
    bool makes;     /* an item, so that it has `first` */
    bool has_ended; /* not by a panic */
};

static weft_sem *pipeline_place(const struct pipeline *p, size_t stage, uint64_t number)
{
    return &p->places[stage * p->porters + number % p->porters];
}

static int pipeline_fail(struct pipeline *p, int code)
{
    int none = 0;
    if (a_cas(&p->code, &none, code, relaxed, relaxed)) {
        weft_scope_cancel(&p->scope);
    }
    return code;
}

static void pipeline_drop(const struct pipeline *p, void *item)
{
    if (p->options->drop && item) {
        p->options->drop(item, p->options->drop_arg);
    }
}

/* 1: there is an item. */
static int pipeline_make(struct pipeline_porter *porter, void **ret_item, uint64_t *ret_number)
{
    struct pipeline *p = porter->p;
    int rc = weft_mutex_lock(&p->first);
    if (rc != 0) {
        return rc;
    }
    porter->makes = true;
    rc = p->is_over ? 0 : p->stages[0].fn(ret_item, p->stages[0].arg);
    if (rc > 0) {
        *ret_number = p->made++;
    } else {
        p->is_over = true;
    }
    porter->makes = false;
    weft_mutex_unlock(&p->first);
    return rc;
}

static int pipeline_stage(struct pipeline *p, size_t stage, void **item, uint64_t number)
{
    const weft_stage *s = &p->stages[stage];
    if (!s->serial) {
        int rc = weft__par_pause(1);
        return rc < 0 ? rc : s->fn(item, s->arg);
    }
    int rc = weft_sem_wait(pipeline_place(p, stage, number));
    if (rc == 0) {
        rc = s->fn(item, s->arg);
        if (rc >= 0) {
            weft_sem_post(pipeline_place(p, stage, number + 1));
        }
    }
    return rc;
}

/* Items from the first stage to the last, until there are no more. */
static int pipeline_carry(struct pipeline_porter *porter)
{
    struct pipeline *p = porter->p;
    for (;;) {
        void *item = NULL;
        uint64_t number = 0;
        int rc = pipeline_make(porter, &item, &number);
        if (rc == 0) {
            return 0;
        }
        for (size_t stage = 1; rc >= 0 && stage < p->n; stage++) {
            rc = pipeline_stage(p, stage, &item, number);
        }
        if (rc < 0) {
            rc = pipeline_fail(p, rc);
            pipeline_drop(p, item);
            return rc;
        }
    }
}

static void pipeline_porter_end(void *arg)
{
    const struct pipeline_porter *porter = arg;
    if (!porter->has_ended) {
        (void)pipeline_fail(porter->p, -WEFT_EPANIC);
    }
    if (porter->makes) {
        weft_mutex_unlock(&porter->p->first);
    }
}

static int pipeline_porter_run(void *arg)
{
    struct pipeline_porter porter = {.p = *(struct pipeline **)arg};
    weft_scope scope;
    int rc = 0;
    weft_scope_open(&scope);
    if (weft_defer(pipeline_porter_end, &porter) == 0) { /* else the others will do */
        rc = pipeline_carry(&porter);
    }
    porter.has_ended = true;
    (void)weft_scope_close(&scope);
    return rc;
}

static int pipeline_run(struct pipeline *p)
{
    weft_scope_open_with(&p->scope, &(weft_scope_options){.name = "pipeline",
                                                          .policy = WEFT_COLLECT});
    for (size_t i = 1; i < p->porters; i++) {
        if (weft_go(&p->scope, pipeline_porter_run, &p) != 0) {
            break; /* those that are there will do */
        }
    }
    (void)pipeline_carry(&(struct pipeline_porter){.p = p});
    (void)weft_scope_close(&p->scope);
    return a_load(&p->code, relaxed);
}

static bool pipeline_is_valid(const weft_stage *stages, size_t n,
                              const weft_pipeline_options *options)
{
    return stages && n >= 1 && n <= WEFT_PIPELINE_STAGES_MAX &&
           options->items_max <= WEFT_PIPELINE_ITEMS_MAX;
}

int weft_pipeline(const weft_stage *stages, size_t n, const weft_pipeline_options *options)
{
    static const weft_pipeline_options defaults;
    struct pipeline p = {.stages = stages, .n = n, .options = options ? options : &defaults};
    if (!pipeline_is_valid(stages, n, p.options)) {
        return -WEFT_EINVAL;
    }
    size_t width = weft__par_width();
    p.porters = p.options->items_max ? p.options->items_max : 2 * width;
    p.places = weft__alloc(n * p.porters * sizeof *p.places);
    if (!p.places) {
        return -WEFT_ENOMEM;
    }
    for (size_t i = 0; i < n * p.porters; i++) {
        weft_sem_init(&p.places[i], i % p.porters == 0); /* number 0 may pass */
    }
    int rc = pipeline_run(&p);
    for (size_t i = 0; i < n * p.porters; i++) {
        weft_sem_fini(&p.places[i]);
    }
    weft_mutex_fini(&p.first);
    weft__free(p.places);
    return rc;
}
