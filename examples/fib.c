/* fib.c - Fibonacci's numbers in the worst way there is, and so the test of what a fork costs.
 *
 * Half of the 30 million calls fork, and nothing says when to stop forking.  That is affordable: a
 * piece is a plain call unless an idle worker has taken it.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <stdlib.h>

#include <weft.h>

/* Inlined: the piece in this frame, and no call but its own. */
WEFT_PIECE(int64_t, fib, int64_t, n)
{
    if (n < 2)
        return n;
    WEFT_FORK(left, fib, n - 1);
    int64_t right = WEFT_CALL(fib, n - 2);
    return WEFT_JOIN(left) + right;
}

/* The same by functions, for pieces that are known by their address only. */
static int fib_by_functions(void *arg)
{
    int n = *(int *)arg, one_less = n - 1, two_less = n - 2;
    weft_piece left;

    if (n < 2)
        return n;
    weft_fork(&left, fib_by_functions, &one_less);
    int right = fib_by_functions(&two_less);
    return weft_join(&left) + right;
}

static int app(void *arg)
{
    int n = *(int *)arg;

    printf("fib(%d) = %lld\n", n, (long long)fib(n));
    printf("fib(%d) = %d, by functions\n", n, fib_by_functions(&n));
    return 0;
}

int main(int argc, char **argv)
{
    int n = argc > 1 ? atoi(argv[1]) : 35;

    return weft_run(app, &n);
}
