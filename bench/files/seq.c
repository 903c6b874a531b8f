/* seq.c - files read one after another by plain system calls.
 *
 * SPDX-License-Identifier: MIT
 */
#include "common/files.h"

static void read_all(long n, void *arg)
{
    (void)arg;
    for (long i = 0; i < n; i++)
        files_read_plainly(i);
}

int main(int argc, char **argv)
{
    struct bench_args args = bench_parse(argc, argv);

    files_measure(&args, read_all, NULL);
    return 0;
}
