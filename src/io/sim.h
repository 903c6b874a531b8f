/* sim.h - the simulated machine: what its files share; see sim.c.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_IO_SIM_H
#define WEFT_IO_SIM_H

#include "base/rng.h"
#include "core/timer.h"
#include "io/driver.h"
#include "weft/check.h"
#include "weft/net.h"

#define WEFT__SIM_BUFFER       65536 /* bytes under way or not yet read, of a stream or a mailbox */
#define WEFT__SIM_SEGMENTS     8     /* sends of one stream that are in the air */
#define WEFT__SIM_DATAGRAM_MAX 65507
#define WEFT__SIM_BACKLOG_MAX  4096
#define WEFT__SIM_PORT_FIRST   32768 /* of those given to who asks for none */
#define WEFT__SIM_PORT_LAST    60999

/* ---- what there is; all of it under the lock of the machine ---- */

/* A send that is in the air. */
struct weft__sim_segment {
    struct weft__timer timer;
    struct weft__sim_flow *flow;
    int64_t at;    /* when it arrives; WEFT_NEVER: when the network is whole again */
    uint64_t upto; /* all bytes before it have arrived by then */
    bool ends;     /* and nothing comes after these */
    bool resets;
};

/* One direction of a connection, or a pipe. */
struct weft__sim_flow {
    struct weft__list link;          /* all flows */
    struct weft__sim_sock *from, *to; /* NULL: that end is closed */
    bool has_network;                /* TCP: goes through the air */
    bool has_ended, was_reset;       /* the receiver knows */
    bool is_dead;                    /* the sender knows that nobody will read */
    uint64_t sent, arrived, taken;   /* bytes since the beginning */
    uint32_t first, count;           /* segments in use */
    struct weft__sim_segment segments[WEFT__SIM_SEGMENTS];
    unsigned char bytes[WEFT__SIM_BUFFER]; /* byte n at n % WEFT__SIM_BUFFER */
};

enum weft__sim_kind {
    WEFT__SIM_FRESH = 1, /* a stream socket that is nothing yet */
    WEFT__SIM_LISTENER,
    WEFT__SIM_CONNECTING,
    WEFT__SIM_STREAM,
    WEFT__SIM_PIPE,
    WEFT__SIM_DATAGRAM
};

/* A socket, or an end of a pipe. */
struct weft__sim_sock {
    struct weft__list link; /* all sockets */
    struct weft__list dirty; /* linked: its operations are to be tried */
    enum weft__sim_kind kind;
    int fd; /* -1: nobody has accepted it */
    int domain, error; /* error: a code that the next operation is told */
    uint32_t number;
    bool is_bound, only_ipv6, reuse_port, is_shut_in, is_shut_out;
    weft_addr here, peer; /* size 0: none */
    struct weft__list ops; /* that wait, by their link */
    /* streams */
    struct weft__sim_flow *in, *out;
    /* while it connects */
    struct weft__timer timer;
    struct weft__sim_sock *twin; /* the other side, made beforehand */
    bool is_knocking;            /* in a backlog that is full */
    struct weft__list in_backlog;
    /* listeners */
    size_t backlog, waiting;     /* waiting: to be accepted */
    struct weft__list accepts, knocking;
    /* datagrams */
    struct weft__sim_sock *mate; /* of a pair */
    struct weft__list mail;
    size_t mail_bytes;
};

struct weft__sim_mail {
    struct weft__list link; /* in a mailbox, or in the air */
    struct weft__timer timer;
    struct weft__sim_sock *to; /* NULL: it is gone */
    weft_addr from;
    size_t size;
    unsigned char bytes[];
};

/* What an operation needs and what must not be made under the lock. */
struct weft__sim_ready {
    int fd; /* a spare one; -1: none */
    struct weft__sim_sock *twin;
    struct weft__sim_mail *mail;
};

#define WEFT__SIM_READY_NONE {.fd = -1}

/* What is let go under the lock and freed after it: a timer's last call may wait for the lock. */
struct weft__sim_debris {
    struct weft__list socks, flows, mails;
};

struct weft__sim {
    struct weft__lock lock; /* WEFT_RANK_SIM */
    struct weft__runtime *runtime; /* NULL: off */
    int64_t began;
    weft_sim_options options;
    bool is_set;   /* the options, by weft_sim_set */
    bool is_split; /* the network is in pieces */
    struct weft__rng rng;
    weft_sim_counts counts;
    uint64_t faults_left;
    uint32_t number_last;
    uint16_t port_next;
    struct weft__list socks, flows, air; /* air: mails under way */
    struct weft__list dirty;
    struct weft__sim_debris debris;
};

extern struct weft__sim weft__sim;

/* ---- sim.c ---- */

/* The lock; unlocking tries the operations of all sockets that were touched, and frees what was let
 * go, unless the caller is the call of a timer, for which that has to wait. */
void weft__sim_lock(void);
void weft__sim_unlock(bool is_timer);

/* All but `lock` of these are called under the lock.  Something has changed at the socket. */
void weft__sim_touch(struct weft__sim_sock *sock);

/* The socket of a descriptor, or NULL. */
struct weft__sim_sock *weft__sim_find(int fd);

/* A descriptor that nothing else will have; not under the lock. */
int weft__sim_fd_new(void);
void weft__sim_fd_free(int fd);

/* Not under the lock.  NULL: no memory. */
struct weft__sim_sock *weft__sim_sock_new(enum weft__sim_kind kind, int domain);
struct weft__sim_flow *weft__sim_flow_new(bool has_network);

/* Puts a new socket on the machine, at the descriptor (-1: none yet), or gives it one. */
void weft__sim_sock_add(struct weft__sim_sock *sock, int fd);
void weft__sim_sock_place(struct weft__sim_sock *sock, int fd);
void weft__sim_flow_join(struct weft__sim_flow *flow, struct weft__sim_sock *from,
                         struct weft__sim_sock *to);

/* Takes it off, and lets it go. */
void weft__sim_sock_drop(struct weft__sim_sock *sock);
void weft__sim_flow_drop(struct weft__sim_flow *flow);
void weft__sim_mail_drop(struct weft__sim_mail *mail);

/* Ends all operations that wait at it. */
void weft__sim_end_all(struct weft__sim_sock *sock, ssize_t result);

/* Chance.  Does a fault of this probability happen? */
bool weft__sim_fault(double probability, enum weft__mishap mishap);
/* A part of n bytes, at least 1, or all of it. */
size_t weft__sim_part(size_t n, double probability, enum weft__mishap mishap);
/* When what is sent now arrives; now, if there is no delay. */
int64_t weft__sim_arrival(int64_t min_ns, int64_t max_ns);
int64_t weft__sim_now(void);
void weft__sim_arm(struct weft__timer *timer, int64_t at);

/* Something has happened, with these numbers: into the trace. */
void weft__sim_note(uint32_t what, uint64_t a, uint64_t b);

/* What the operation comes to now; -EAGAIN: it has to wait. */
ssize_t weft__sim_try(struct weft__sim_sock *sock, struct weft__io_op *op,
                      struct weft__sim_ready *ready);

/* ---- sim_net.c ---- */

ssize_t weft__sim_recv(struct weft__sim_sock *sock, struct weft__io_op *op);
ssize_t weft__sim_send(struct weft__sim_sock *sock, struct weft__io_op *op,
                       struct weft__sim_ready *ready);
int weft__sim_events(const struct weft__sim_sock *sock);
int weft__sim_shut(struct weft__sim_sock *sock, int how);
/* Its own end; the descriptor is the caller's. */
void weft__sim_leave(struct weft__sim_sock *sock);
/* The network is whole again: what was held up comes. */
void weft__sim_heal(void);
/* A mail for a send, not under the lock: 0, or a code. */
int weft__sim_mail_make(const struct weft__io_op *op, struct weft__sim_mail **ret);

/* ---- sim_name.c ---- */

int weft__sim_bind(struct weft__sim_sock *sock, const struct sockaddr *addr, socklen_t size);
int weft__sim_listen(struct weft__sim_sock *sock, int backlog);
ssize_t weft__sim_accept(struct weft__sim_sock *sock, struct weft__io_op *op,
                         struct weft__sim_ready *ready);
ssize_t weft__sim_connect(struct weft__sim_sock *sock, struct weft__io_op *op,
                          struct weft__sim_ready *ready);
/* Gives a socket that has no name one, if it has none; peer: who it is for, or NULL. */
int weft__sim_bind_any(struct weft__sim_sock *sock, const weft_addr *peer);
/* Where what it sends to `to` comes from, as a receiver of that family is told. */
weft_addr weft__sim_source(const struct weft__sim_sock *sock, const weft_addr *to, int domain);
/* The datagram socket of an address.  *ret_code: why there is none. */
struct weft__sim_sock *weft__sim_mailbox(const struct weft__sim_sock *from, const weft_addr *addr,
                                         int *ret_code);
/* It listens no more: who waits to be accepted is refused, who knocks, too. */
void weft__sim_deafen(struct weft__sim_sock *listener);
/* The network is whole again: if its connect was lost, it goes once more. */
void weft__sim_ask_again(struct weft__sim_sock *sock);
/* It does not connect any more. */
void weft__sim_give_up(struct weft__sim_sock *sock);
/* Nobody answers from there. */
bool weft__sim_is_silent(const weft_addr *addr);

/* ---- sim_call.c: weft__outside; none of them under the lock ---- */

int weft__sim_call_socket(int domain, int type, int protocol);
int weft__sim_call_socketpair(int domain, int type, int ret_fds[2]);
int weft__sim_call_pipe(int ret_fds[2]);
int weft__sim_call_bind(int fd, const struct sockaddr *addr, socklen_t size);
int weft__sim_call_listen(int fd, int backlog);
int weft__sim_call_shutdown(int fd, int how);
int weft__sim_call_sockname(int fd, struct sockaddr_storage *ret_addr, socklen_t *ret_size);
int weft__sim_call_peername(int fd, struct sockaddr_storage *ret_addr, socklen_t *ret_size);
int weft__sim_call_set_option(int fd, int level, int name, int value);
int weft__sim_call_get_option(int fd, int level, int name, int *ret_value);
int weft__sim_call_close(int fd);

/* ---- sim_disk.c: descriptors that are not of the machine ---- */

int weft__sim_disk_begin(struct weft__io_op *op);
void weft__sim_disk_cancel(struct weft__io_op *op);
ssize_t weft__sim_disk_attempt(struct weft__io_op *op);
void weft__sim_disk_stop(void);

#endif
