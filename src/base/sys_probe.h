/* sys_probe.h - for tests of the doors: a tree of files that goes away again.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_BASE_SYS_PROBE_H
#define WEFT_BASE_SYS_PROBE_H

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/tree.h"

static char sys_root[TREE_PATH_MAX];

static inline void sys_root_make(void)
{
    tree_make(sys_root, "sys");
}

static inline void sys_root_remove(void)
{
    tree_remove(sys_root);
}

/* Makes the directories on the way too. */
static inline void sys_root_file(const char *path, const char *text)
{
    char full[300];
    FILE *f;

    snprintf(full, sizeof full, "%s%s", sys_root, path);
    for (char *slash = full + strlen(sys_root) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        EXPECT(mkdir(full, 0700) == 0 || access(full, X_OK) == 0);
        *slash = '/';
    }
    f = fopen(full, "we");
    EXPECT(f != NULL);
    EXPECT(fputs(text, f) >= 0);
    EXPECT_EQ(fclose(f), 0);
}

#endif
