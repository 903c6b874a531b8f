/* syscpu.h - the door to the kernel's CPUs: how many are ours, and which one this is.
 *
 * Any thread may call.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_BASE_SYSCPU_H
#define WEFT_BASE_SYSCPU_H

#include "base/base.h"

/* The CPU that the caller runs on, or did a moment ago; a code if that cannot be known. */
WEFT_MUST_USE int weft__sys_cpu(void);

/* Has the calling thread run elsewhere, if it may: it is forbidden the CPU, and allowed it again.
 * Whoever else changes its affinity at that moment may find it undone. */
int weft__sys_leave_cpu(int cpu);

/* CPUs that affinity and cgroup quota really grant, at least 1. */
unsigned weft__sys_cpus(void);

/* The same for a file tree under `root` ("" is the real one) and a known affinity. */
unsigned weft__sys_cpus_at(const char *root, unsigned affinity);

#endif
