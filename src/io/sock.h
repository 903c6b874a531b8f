/* sock.h - making sockets, for the files of this room.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_IO_SOCK_H
#define WEFT_IO_SOCK_H

#include "io/addr.h"
#include "weft/err.h"

#define WEFT__SOCK_ADDRS_MAX 16 /* that are tried of one name, to listen or to connect */

/* Never sleeps.  A socket of ours: close it by weft__fd_close.  The fd, or a code. */
WEFT_MUST_USE int weft__sock_open(int family, int type);

/* Never sleeps.  Bytes are sent when they are written, if it is a TCP socket. */
void weft__sock_no_delay(int fd, int family);

/* Is that the code of an address that this machine does not have, so that another may do? */
static inline bool weft__sock_is_absent(int code)
{
    return code == -EAFNOSUPPORT || code == -EADDRNOTAVAIL;
}

#endif
