/* tree.h - a directory for a test, which goes away again with all that is in it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_TESTS_TREE_H
#define WEFT_TESTS_TREE_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "tests/test.h"

enum { TREE_PATH_MAX = 64 };

static inline int tree_remove_one(const char *path, const struct stat *st, int type,
                                  struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

/* name: of the tests, so that it is known whose was left behind by a crash. */
static inline void tree_make(char ret_dir[TREE_PATH_MAX], const char *name)
{
    snprintf(ret_dir, TREE_PATH_MAX, "/tmp/weft-%s-XXXXXX", name);
    EXPECT(mkdtemp(ret_dir) != NULL);
    EXPECT_EQ(chmod(ret_dir, 0755), 0);
}

static inline void tree_remove(const char *dir)
{
    EXPECT_EQ(nftw(dir, tree_remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

#endif
