/* server.h - how the searcher speaks to the fork server inside a program.
 *
 * The searcher starts the program with libweft-check.so preloaded, address randomisation off, and
 * in its environment
 *
 *     WEFT_CHECK_SERVER=MEMORY,SOCKET,NAME
 *
 * MEMORY is the descriptor of a shared memory object that holds a struct weft__exchange, SOCKET one
 * end of a SOCK_SEQPACKET pair, NAME the base name of the program that is meant: in any other
 * program (a shell, `timeout`, `env`) the library does nothing but pass the variable on.  The
 * server stops at main, fills exchange.modules, says hello, and then forks a child for each RUN;
 * the child runs main by the plan in the memory.  The server ends when the socket is closed.
 *
 *     searcher                     server (the program, stopped at main)
 *                                  HELLO value = WEFT__SERVER_VERSION
 *     RUN                          STARTED value = the child's pid; not of a child that ends soon
 *                                  ENDED value = the status of waitpid
 *     (kills the child when it takes too long, and then still gets ENDED)
 *                                  FAILED value = -code: no child could be made
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CHECK_SERVER_H
#define WEFT_CHECK_SERVER_H

#include "check/plan.h"

#define WEFT__SERVER_VERSION 2
#define WEFT__SERVER_ENV     "WEFT_CHECK_SERVER"

enum weft__server_word {
    WEFT__SERVER_HELLO = 1,
    WEFT__SERVER_RUN,
    WEFT__SERVER_STARTED,
    WEFT__SERVER_ENDED,
    WEFT__SERVER_FAILED
};

struct weft__server_message {
    int32_t word;
    int32_t value;
};

/* How the child ends itself once the outcome is DONE. */
#define WEFT__SERVER_EXIT_STATUS 99

#endif
