/* weft.c - fib with a piece for each other call, without a cut-off: by functions, and inlined.
 *
 * SPDX-License-Identifier: MIT
 */
#include <weft.h>

#include "common/par.h"

struct call {
    int64_t n, value;
};

static int fib_call(void *arg)
{
    struct call *call = arg, first = {call->n - 1, 0}, second = {call->n - 2, 0};
    weft_piece piece;

    if (call->n < 2) {
        call->value = call->n;
        return 0;
    }
    weft_fork(&piece, fib_call, &first);
    fib_call(&second);
    weft_join(&piece);
    call->value = first.value + second.value;
    return 0;
}

WEFT_PIECE(int64_t, fib, int64_t, n)
{
    if (n < 2)
        return n;
    WEFT_FORK(first, fib, n - 1);
    int64_t second = WEFT_CALL(fib, n - 2);
    return WEFT_JOIN(first) + second;
}

static void run(void *arg)
{
    const struct par_fib *wanted = arg;
    struct call call = {wanted->k, 0};

    fib_call(&call);
    bench_ok(call.value != wanted->value, "fib: a wrong answer");
}

static void run_inline(void *arg)
{
    const struct par_fib *wanted = arg;

    bench_ok(fib(wanted->k) != wanted->value, "fib: a wrong answer");
}

static int app(void *arg)
{
    const struct bench_args *args = arg;
    struct par_fib wanted = par_fib_of(args->n);
    double ns = par_mean_ns(bench_is(args, "inline") ? run_inline : run, &wanted);

    bench_report(args->name, ns / (double)wanted.calls, "ns");
    return 0;
}

int main(int argc, char **argv)
{
    struct bench_args args = bench_parse(argc, argv);

    return weft_run_with(app, &args, &(weft_options){.workers = (size_t)args.workers});
}
