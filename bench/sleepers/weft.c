/* weft.c - very many tasks, all asleep on one event: memory and creation of each, then the wake of
 * all.
 *
 * The tasks are those of a plain weft_go: default stack size, guarded.  In the case "dense" they
 * have asked for dense stacks, and only the memory is told.  There is no warm-up with as many
 * tasks, since the first touch of their memory is what creation is about.
 *
 * SPDX-License-Identifier: MIT
 */
#include <weft.h>

#include "common/bench.h"

struct shared {
    weft_latch asleep;
    weft_event wake;
};

static int sleeper(void *arg)
{
    struct shared *const *s = arg;

    weft_latch_down(&(*s)->asleep, 1);
    return weft_event_wait(&(*s)->wake);
}

enum report { REPORT_NOTHING, REPORT_MEMORY, REPORT_ALL };

static void sleepers_run(long n, const weft_task_options *options, enum report report)
{
    struct shared shared = {WEFT_LATCH_INIT(n), WEFT_EVENT_INIT}, *s = &shared;
    weft_scope scope;
    double before = bench_memory_now(), asleep;
    int64_t start = bench_now(), created, woken;

    weft_scope_open(&scope);
    for (long i = 0; i < n; i++) {
        bench_ok(weft_go_with(&scope, sleeper, &s, sizeof s, options), "weft_go");
    }
    bench_ok(weft_latch_wait(&s->asleep), "weft_latch_wait");
    created = bench_now();
    asleep = bench_memory_now();
    woken = bench_now();
    weft_event_set(&s->wake);
    bench_ok(weft_scope_close(&scope), "a task failed");
    if (report != REPORT_NOTHING)
        bench_report("bytes", (asleep - before) / (double)n, "bytes");
    if (report == REPORT_ALL) {
        bench_report("create", (double)(created - start) / (double)n, "ns");
        bench_report("wake", (double)(bench_now() - woken) / (double)n, "ns");
    }
    weft_event_fini(&s->wake);
    weft_latch_fini(&s->asleep);
}

static int app(void *arg)
{
    static const weft_task_options dense = {.stack_size = WEFT_STACK_DENSE};
    const struct bench_args *args = arg;
    bool is_dense = bench_is(args, "dense");
    const weft_task_options *options = is_dense ? &dense : NULL;

    sleepers_run(1000, options, REPORT_NOTHING);
    sleepers_run(args->n, options, is_dense ? REPORT_MEMORY : REPORT_ALL);
    return 0;
}

int main(int argc, char **argv)
{
    struct bench_args args = bench_parse(argc, argv);

    return weft_run_with(app, &args, &(weft_options){.workers = (size_t)args.workers});
}
