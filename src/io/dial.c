/* dial.c - connecting to a name that has several addresses ("happy eyeballs", RFC 8305).
 *
 * Each attempt is a task of one scope.  The caller starts the first, waits until it has failed or a
 * while has passed, starts the next, and so on.  The first attempt that connects leaves its socket
 * in the dial and, as the first success of the scope, cancels the others.  One that connected at
 * the same moment finds the place taken and closes its own.
 *
 * The families take turns, beginning with that of the first address: when one of the two leads
 * nowhere, the second attempt is already a good one.
 *
 * A plain OS thread tries one address after the other, since it has no tasks.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/sys.h"
#include "core/self.h"
#include "io/driver.h"
#include "io/resolve.h"
#include "io/sock.h"
#include "weft/err.h"
#include "weft/scope.h"
#include "weft/time.h"
#include "weft/wait.h"

#define DIAL_NEXT_NS       (250 * WEFT_MS) /* the Connection Attempt Delay of the RFC */
#define DIAL_RETRY_MIN_NS  (1 * WEFT_MS)
#define DIAL_RETRY_MAX_NS  (100 * WEFT_MS)
#define DIAL_NOBODY        (-1)

/* On the stack of who dials. */
struct dial {
    const weft_addr *addrs; /* in the order in which they are tried */
    size_t n;
    const void *site;
    ATOMIC(int) fd;           /* the winner's; DIAL_NOBODY: none yet */
    ATOMIC(int) first_code;   /* of the attempt that failed first */
    ATOMIC(int) first_absent; /* likewise, if this machine has no way there at all */
    ATOMIC(bool) was_cut;     /* a cancel has ended one before it was over */
    weft_event failed[WEFT__SOCK_ADDRS_MAX];
};

struct dial_attempt {
    struct dial *dial;
    size_t index;
};

/* ---- one address ---- */

/* The backlog of a Unix socket was full, and nobody tells when there is room again.  Sleeps, each
 * time twice as long. */
static int dial_wait_for_room(int64_t *delay_ns)
{
    *delay_ns = *delay_ns ? weft__min(2 * *delay_ns, DIAL_RETRY_MAX_NS) : DIAL_RETRY_MIN_NS;
    return weft_sleep(*delay_ns);
}

static int dial_do(int fd, const weft_addr *addr, const void *site)
{
    static const struct weft__wait_kind kind = {.what = "connect"};
    int64_t delay_ns = 0;
    for (;;) {
        int rc = (int)weft__io_do(&(struct weft__io_op){.code = WEFT__IO_CONNECT,
                                                        .fd = fd,
                                                        .buffer = (void *)(uintptr_t)&addr->raw,
                                                        .size = addr->size,
                                                        .kind = &kind,
                                                        .site = site});
        if (rc == -WEFT_EAGAIN && addr->raw.ss_family == AF_UNIX) {
            rc = dial_wait_for_room(&delay_ns);
            if (rc == 0) {
                continue;
            }
        }
        return rc;
    }
}

/* Sleeps.  The fd of a connected socket, or a code. */
static int dial_one(const weft_addr *addr, const void *site)
{
    int fd = weft__sock_open(addr->raw.ss_family, SOCK_STREAM);
    if (fd < 0) {
        return fd;
    }
    int rc = dial_do(fd, addr, site);
    if (rc < 0) {
        (void)weft__fd_close(fd);
        return rc;
    }
    weft__sock_no_delay(fd, addr->raw.ss_family);
    return fd;
}

int weft_connect_addr(const weft_addr *addr)
{
    return dial_one(addr, __builtin_return_address(0));
}

/* ---- several ---- */

static void dial_note(struct dial *dial, int code)
{
    int none = 0;
    if (code == -WEFT_ECANCELED) {
        a_store(&dial->was_cut, true, relaxed);
    } else if (weft__sock_is_absent(code) || code == -ENETUNREACH) {
        (void)a_cas(&dial->first_absent, &none, code, acq_rel, relaxed);
    } else {
        (void)a_cas(&dial->first_code, &none, code, acq_rel, relaxed);
    }
}

/* Why nobody has won.  That there is no IPv6 here explains nothing if IPv4 was refused. */
static int dial_code(const struct dial *dial)
{
    int code = a_load(&dial->first_code, acquire);
    if (a_load(&dial->was_cut, relaxed)) {
        code = -WEFT_ECANCELED;
    } else if (code == 0) {
        code = a_load(&dial->first_absent, acquire);
    }
    WEFT_CHECK(code < 0);
    return code;
}

static int dial_attempt(void *arg)
{
    struct dial_attempt *me = arg;
    struct dial *dial = me->dial;
    int nobody = DIAL_NOBODY;
    int fd = dial_one(&dial->addrs[me->index], dial->site);
    if (fd < 0) {
        dial_note(dial, fd);
        weft_event_set(&dial->failed[me->index]);
        return fd;
    }
    if (!a_cas(&dial->fd, &nobody, fd, acq_rel, relaxed)) {
        (void)weft__fd_close(fd);
    }
    return 0;
}

/* Sleeps, until the attempt has failed, or for so long.  0: the next one's turn.  -WEFT_ECANCELED:
 * somebody has won, or nobody wants it any more. */
static int dial_await(struct dial *dial, size_t index, int64_t next_ns)
{
    weft_scope patience;
    weft_scope_open_with(&patience, &(weft_scope_options){.name = "happy eyeballs",
                                                          .deadline = weft_after(next_ns)});
    int rc = weft_event_wait(&dial->failed[index]);
    int closed = weft_scope_close(&patience);
    return rc == 0 || closed == -WEFT_ETIMEDOUT ? 0 : rc;
}

static int dial_race(struct dial *dial, int64_t next_ns)
{
    static const weft_task_options how = {.name = "connect"};
    weft_scope scope;
    weft_scope_open_with(&scope,
                         &(weft_scope_options){.name = "connect", .policy = WEFT_FIRST_OK});
    int rc = 0;
    for (size_t i = 0; i < dial->n && rc == 0; i++) {
        struct dial_attempt attempt = {.dial = dial, .index = i};
        rc = weft_go_with(&scope, dial_attempt, &attempt, sizeof attempt, &how);
        if (rc == 0 && i + 1 < dial->n) {
            rc = dial_await(dial, i, next_ns);
        }
    }
    if (rc < 0) {
        dial_note(dial, rc);
    }
    (void)weft_scope_close(&scope);
    for (size_t i = 0; i < dial->n; i++) {
        weft_event_fini(&dial->failed[i]);
    }
    int fd = a_load(&dial->fd, acquire);
    return fd != DIAL_NOBODY ? fd : dial_code(dial);
}

static int dial_in_turn(struct dial *dial)
{
    for (size_t i = 0; i < dial->n; i++) {
        int rc = dial_one(&dial->addrs[i], dial->site);
        if (rc >= 0 || rc == -WEFT_ECANCELED) {
            return rc;
        }
        dial_note(dial, rc);
    }
    return dial_code(dial);
}

/* IPv4 and IPv6 take turns, as long as there are both; within each the order stays. */
static void dial_interleave(const weft_addr *from, weft_addr *ret_to, size_t n)
{
    size_t next[2] = {0, 0}; /* of the first one's family, and of the other */
    int family = from[0].raw.ss_family;
    for (size_t i = 0; i < n; i++) {
        while (next[0] < n && from[next[0]].raw.ss_family != family) {
            next[0]++;
        }
        while (next[1] < n && from[next[1]].raw.ss_family == family) {
            next[1]++;
        }
        size_t turn = next[i % 2] < n ? i % 2 : 1 - i % 2;
        ret_to[i] = from[next[turn]++];
    }
}

/* ---- the whole ---- */

static int dial_name(const struct weft__where *where, const weft_connect_options *options,
                     const void *site)
{
    weft_addr found[WEFT__SOCK_ADDRS_MAX], addrs[WEFT__SOCK_ADDRS_MAX];
    weft_resolve_options how = {.family = options->family};
    int n = weft__resolve(where->host, where->port, &how, found, WEFT_ARRAY_SIZE(found), site);
    if (n < 0) {
        return n;
    }
    WEFT_CHECK(n > 0);
    dial_interleave(found, addrs, (size_t)n);
    struct dial dial = {.addrs = addrs, .n = (size_t)n, .site = site, .fd = DIAL_NOBODY};
    if (n == 1 || !weft__self_task()->runtime) {
        return dial_in_turn(&dial);
    }
    return dial_race(&dial, options->next_after_ns > 0 ? options->next_after_ns : DIAL_NEXT_NS);
}

int weft_connect(const char *where, const weft_connect_options *options)
{
    static const weft_connect_options none;
    struct weft__where place;
    const void *site = __builtin_return_address(0);
    options = options ? options : &none;
    int rc = options->next_after_ns < 0 ? -WEFT_EINVAL : weft__where_parse(where, &place);
    if (rc < 0) {
        return rc;
    }
    return place.is_unix ? dial_one(&place.unix_addr, site) : dial_name(&place, options, site);
}
