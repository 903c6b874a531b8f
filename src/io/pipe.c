/* pipe.c - a pipe, whose ends do not wait by themselves.
 *
 * SPDX-License-Identifier: MIT
 */
#include "io/driver.h"
#include "weft/io.h"

int weft_pipe(int ret_fds[2])
{
    int fds[2];
    int rc = weft__outside()->pipe(fds);
    if (rc < 0) {
        return rc;
    }
    for (int i = 0; i < 2; i++) {
        weft__fd_made(fds[i]);
        ret_fds[i] = fds[i];
    }
    return 0;
}
