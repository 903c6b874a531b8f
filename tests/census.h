/* census.h - counts what a process holds, so that a test can be told it left something behind.
 *
 * Descriptors, our allocations, threads, anonymous memory.  Memory is counted in bytes, and only
 * growth of 64 KiB and more counts: neighbouring mappings merge and libc maps small things when it
 * likes.  It is not counted at all under sanitizers, under an emulator, or while glibc caches the
 * stacks of ended threads.  test_main.c is the only user.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_TESTS_CENSUS_H
#define WEFT_TESTS_CENSUS_H

#include <stddef.h>

enum { CENSUS_FDS_MAX = 4096 };

struct census {
    char fd_is_open[CENSUS_FDS_MAX];
    size_t allocations;
    size_t threads;
    size_t anonymous_bytes;
};

/* Starts and joins a thread, because ThreadSanitizer starts one of its own with the first.  Returns
 * when the kernel has forgotten it, too: some tests count the threads of their process. */
void census_warm_up(void);
void census_take(struct census *census);
/* Fails the test at file:line if anything is there now that was not there before. */
void census_compare(const struct census *before, const char *file, int line);

#endif
