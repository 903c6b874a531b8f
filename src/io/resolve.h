/* resolve.h - names to addresses, for the files of this room and their tests.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_IO_RESOLVE_H
#define WEFT_IO_RESOLVE_H

#include "io/addr.h"

#define WEFT__RESOLVE_MAX      64 /* addresses of one answer; more are not asked for */
#define WEFT__RESOLVE_AT_ONCE  8  /* questions: so many threads of the pool, not more */

/* What the system is asked. */
struct weft__question {
    int family;      /* 0: any */
    bool is_passive; /* for listening, if there is no host */
    bool is_numeric; /* the host is no name */
    char host[WEFT__HOST_MAX]; /* "": none */
    char port[WEFT__PORT_MAX]; /* "": none; the name of a service, or a number */
};

/* Sleeps, the OS thread.  Who is asked: the system, or what a test has put here before its run.
 * The number of addresses in ret_addrs (at most max), or a code of weft_resolve. */
extern int (*weft__resolve_how)(const struct weft__question *question, weft_addr *ret_addrs,
                                size_t max);

/* Sleeps.  weft_resolve, called by `site`. */
WEFT_MUST_USE int weft__resolve(const char *host, const char *port,
                                const weft_resolve_options *options, weft_addr *ret_addrs,
                                size_t max, const void *site);

#endif
