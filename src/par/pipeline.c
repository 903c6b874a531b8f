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
 * drops its item.
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
static int pipeline_make(struct pipeline *p, void **ret_item, uint64_t *ret_number)
{
    int rc = weft_mutex_lock(&p->first);
    if (rc != 0) {
        return rc;
    }
    rc = p->is_over ? 0 : p->stages[0].fn(ret_item, p->stages[0].arg);
    if (rc > 0) {
        *ret_number = p->made++;
    } else {
        p->is_over = true;
    }
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
static int pipeline_carry(struct pipeline *p)
{
    for (;;) {
        void *item = NULL;
        uint64_t number = 0;
        int rc = pipeline_make(p, &item, &number);
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

static int pipeline_porter(void *arg)
{
    return pipeline_carry(*(struct pipeline **)arg);
}

static int pipeline_run(struct pipeline *p)
{
    weft_scope_open_with(&p->scope, &(weft_scope_options){.name = "pipeline",
                                                          .policy = WEFT_COLLECT});
    for (size_t i = 1; i < p->porters; i++) {
        if (weft_go(&p->scope, pipeline_porter, &p) != 0) {
            break; /* those that are there will do */
        }
    }
    (void)pipeline_carry(p);
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
