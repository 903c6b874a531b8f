/* addr.h - addresses and places as text, for the files of this room.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_IO_ADDR_H
#define WEFT_IO_ADDR_H

#include "base/base.h"
#include "weft/net.h"

#define WEFT__HOST_MAX 256 /* bytes, the 0 included: a name of DNS has 253 at most */
#define WEFT__PORT_MAX 64

/* A text "HOST:PORT" or "unix:PATH", taken apart; nothing has been looked up. */
struct weft__where {
    bool is_unix;
    weft_addr unix_addr;       /* if it is_unix; else: */
    char host[WEFT__HOST_MAX]; /* without brackets; "": none was named */
    char port[WEFT__PORT_MAX]; /* never "" */
};

/* Never sleeps.  0 or -WEFT_EINVAL. */
WEFT_MUST_USE int weft__where_parse(const char *text, struct weft__where *ret);

/* Never sleeps.  A port that is a number, or -WEFT_EINVAL. */
int weft__addr_port_number(const char *text);

/* Never sleeps.  The address of a host that is a number, of the family or of any (0).  0 or
 * -WEFT_EINVAL. */
WEFT_MUST_USE int weft__addr_numeric(const char *host, int family, uint16_t port, weft_addr *ret);

/* Never sleep.  Of every interface, and of the loopback; family is AF_INET or AF_INET6. */
void weft__addr_any(int family, uint16_t port, weft_addr *ret);
void weft__addr_loopback(int family, uint16_t port, weft_addr *ret);

/* Never sleeps.  An IPv4 address in the dress of IPv6 (::ffff:1.2.3.4) takes it off. */
void weft__addr_unmap(weft_addr *addr);

bool weft__addr_equal(const weft_addr *a, const weft_addr *b);

#endif
