/* hooked.c - a program with hooks, from its sources or from the cache.
 *
 * SPDX-License-Identifier: MIT
 */
#include "hooked.h"

#include <errno.h>

#include "cache.h"
#include "hook.h"
#include "out.h"
#include "report.h"

#define HOOKED_LEVEL "1" /* accesses are merged above it, and slow below */

int hooked_program(struct compiler_order *order, bool no_cache, const char **ret_program,
                   const char **ret_library)
{
    struct cache cache;
    struct cache_program program;
    if (!order->hooked)
        order->hooked = HOOKED_LEVEL;
    if (compiler_ready(order) != 0)
        return OUT_COULD_NOT;
    order->hook_library = hook_library(order->home.library);
    if (!order->hook_library)
        return report_refusal("", -ELIBACC);
    if (cache_open(&cache, order) != 0)
        return OUT_COULD_NOT;
    bool look = !no_cache && !order->takes_files;
    if (!look || !cache_find(&cache, &program)) {
        if (cache_make(&cache, order, &program) != 0)
            return OUT_COULD_NOT;
    }
    *ret_program = program.path;
    *ret_library = order->hook_library;
    return 0;
}
