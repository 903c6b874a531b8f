/* weft.c - the store of examples/redis.c, as it stands there.
 *
 * Unfair to redis: it knows six commands and keeps no statistics, no expiry, no copy on disk, while
 * redis looks after all of these with each command, even when they are off.
 *
 * SPDX-License-Identifier: MIT
 */
#define main redis_main
#include "../../examples/redis.c"
#undef main

#include "common/bench.h"

int main(int argc, char **argv)
{
    struct bench_args args = bench_parse(argc, argv); /* WEFT_WORKERS is set as the case has it */
    char where[32];

    snprintf(where, sizeof where, "127.0.0.1:%ld", args.n);
    return redis_main(2, (char *[]){argv[0], where, NULL});
}
