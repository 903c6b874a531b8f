/* syscpu.h - the door to the kernel's CPUs: how many are ours.  Any thread may call.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_BASE_SYSCPU_H
#define WEFT_BASE_SYSCPU_H

#include "base/base.h"

/* CPUs that affinity and cgroup quota really grant, at least 1. */
unsigned weft__sys_cpus(void);

/* The same for a file tree under `root` ("" is the real one) and a known affinity. */
unsigned weft__sys_cpus_at(const char *root, unsigned affinity);

#endif
