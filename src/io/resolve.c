/* resolve.c - names to addresses, by the system's own resolver.
 *
 * What needs no asking (a host that is a number, or none, with a port that is a number) is answered
 * in the caller's frame.  Everything else is a getaddrinfo on a thread of the blocking pool: only
 * the system knows all the places where names live (docs/decisions/0025).
 *
 * It may take half a minute if a name server is silent, and nothing ends it before.  So there are
 * two guards: at most eight are asked at once, so that the pool's other threads remain for files;
 * and a cancelled caller leaves at once.  Therefore question and answer lie on the heap, held by
 * the caller and by the call, and whoever lets go last frees them.
 *
 * The limit outlives a run, as an abandoned question does.  So who waits for a turn may wait for
 * questions that no task is behind any more; they end by themselves, and the run is told so, or it
 * would take this wait for a deadlock.
 *
 * SPDX-License-Identifier: MIT
 */
#include "io/resolve.h"

#include <netdb.h>
#include <netinet/in.h>

#include "base/alloc.h"
#include "core/offload.h"
#include "core/runtime.h"
#include "io/driver.h"
#include "weft/err.h"

struct resolve_call {
    ATOMIC(uint32_t) refs;
    int count; /* of addresses, or a code */
    size_t max;
    struct weft__question question;
    weft_addr addrs[];
};

static weft_limiter resolve_limiter = WEFT_LIMITER_INIT(WEFT__RESOLVE_AT_ONCE);

/* ---- what needs no asking ---- */

static int resolve_nobody(const weft_resolve_options *options, uint16_t port, weft_addr *ret_addrs,
                          size_t max)
{
    static const int families[] = {AF_INET6, AF_INET};
    size_t n = 0;
    for (size_t i = 0; i < WEFT_ARRAY_SIZE(families) && n < max; i++) {
        if (options->family != 0 && options->family != families[i]) {
            continue;
        }
        if (options->passive) {
            weft__addr_any(families[i], port, &ret_addrs[n++]);
        } else {
            weft__addr_loopback(families[i], port, &ret_addrs[n++]);
        }
    }
    return (int)n;
}

/* The number of addresses; or -WEFT_EAGAIN: somebody must be asked. */
static int resolve_here(const struct weft__question *question, const weft_resolve_options *options,
                        weft_addr *ret_addrs, size_t max)
{
    int port = *question->port ? weft__addr_port_number(question->port) : 0;
    if (port < 0) {
        return -WEFT_EAGAIN;
    }
    if (!*question->host) {
        return resolve_nobody(options, (uint16_t)port, ret_addrs, max);
    }
    if (weft__addr_numeric(question->host, 0, (uint16_t)port, &ret_addrs[0]) < 0) {
        return -WEFT_EAGAIN;
    }
    bool is_other = options->family != 0 && options->family != ret_addrs[0].raw.ss_family;
    return is_other ? -ENOENT : 1;
}

/* In the simulation there is one machine, and it has one name. */
static int resolve_simulated(const struct weft__question *question,
                             const weft_resolve_options *options, weft_addr *ret_addrs, size_t max)
{
    weft_resolve_options loopback = {.family = options->family};
    int port = weft__addr_port_number(question->port);
    if (strcmp(question->host, "localhost") != 0 || options->numeric) {
        return -ENOENT;
    }
    return port < 0 ? -WEFT_EINVAL
                    : resolve_nobody(&loopback, (uint16_t)port, ret_addrs, max);
}

/* ---- the system ---- */

static int resolve_code(int code)
{
    switch (code) {
    case EAI_NONAME:
    case EAI_NODATA:
    case EAI_ADDRFAMILY:
        return -ENOENT;
    case EAI_AGAIN:
        return -WEFT_EAGAIN;
    case EAI_MEMORY:
        return -WEFT_ENOMEM;
    case EAI_SERVICE:
    case EAI_FAMILY:
    case EAI_SOCKTYPE:
    case EAI_BADFLAGS:
        return -WEFT_EINVAL;
    default:
        return -EIO; /* EAI_FAIL, EAI_SYSTEM */
    }
}

/* Copies what is there and not yet among them: /etc/hosts may say a thing twice. */
static int resolve_copy(const struct addrinfo *first, weft_addr *ret_addrs, size_t max)
{
    size_t n = 0;
    for (const struct addrinfo *it = first; it && n < max; it = it->ai_next) {
        weft_addr *addr = &ret_addrs[n];
        bool is_new = it->ai_addrlen <= sizeof addr->raw;
        memset(addr, 0, sizeof *addr);
        if (is_new) {
            memcpy(&addr->raw, it->ai_addr, it->ai_addrlen);
            addr->size = it->ai_addrlen;
        }
        for (size_t i = 0; is_new && i < n; i++) {
            is_new = !weft__addr_equal(addr, &ret_addrs[i]);
        }
        n += is_new;
    }
    return n > 0 ? (int)n : -ENOENT;
}

static int resolve_by_system(const struct weft__question *question, weft_addr *ret_addrs,
                             size_t max)
{
    struct addrinfo *list = NULL;
    struct addrinfo hints = {.ai_family = question->family,
                             .ai_socktype = SOCK_STREAM, /* or each address comes three times */
                             .ai_flags = (question->is_passive ? AI_PASSIVE : 0) |
                                         (question->is_numeric ? AI_NUMERICHOST : 0)};
    const char *host = *question->host ? question->host : NULL;
    const char *port = *question->port ? question->port : NULL;
    int rc = getaddrinfo(host, port, &hints, &list);
    if (rc == EAI_SERVICE) { /* one that only UDP has */
        hints.ai_socktype = SOCK_DGRAM;
        rc = getaddrinfo(host, port, &hints, &list);
    }
    if (rc != 0) {
        return resolve_code(rc);
    }
    int n = resolve_copy(list, ret_addrs, max);
    freeaddrinfo(list);
    return n;
}

int (*weft__resolve_how)(const struct weft__question *question, weft_addr *ret_addrs,
                         size_t max) = resolve_by_system;

/* ---- asking ---- */

static void resolve_unref(void *arg)
{
    struct resolve_call *call = arg;
    if (a_sub(&call->refs, 1, acq_rel) == 1) {
        weft__free(call);
    }
}

static int resolve_run(void *arg)
{
    struct resolve_call *call = arg;
    call->count = weft__resolve_how(&call->question, call->addrs, call->max);
    return 0;
}

/* From here to the end somebody outside will wake the caller.  Its run, or NULL. */
static struct weft__runtime *resolve_wait_begin(void)
{
    struct weft__thread *self = weft__enter();
    struct weft__runtime *rt = self->task->runtime;
    if (rt) {
        weft__runtime_external_begin(rt);
    }
    weft__leave(self);
    return rt;
}

static void resolve_wait_end(struct weft__runtime *rt)
{
    if (rt) {
        struct weft__thread *self = weft__enter();
        weft__runtime_external_end(rt);
        weft__leave(self);
    }
}

static int resolve_ask(const struct weft__question *question, weft_addr *ret_addrs, size_t max,
                       const void *site)
{
    static const struct weft__wait_kind kind = {.what = "name"};
    const weft_blocking_options how = {
        .limiter = &resolve_limiter, .abandon = true, .release = resolve_unref};
    struct resolve_call *call;
    max = weft__min(max, (size_t)WEFT__RESOLVE_MAX);
    call = weft__alloc_zero(sizeof *call + max * sizeof call->addrs[0]);
    if (!call) {
        return -WEFT_ENOMEM;
    }
    call->question = *question;
    call->max = max;
    a_store(&call->refs, 2, relaxed);
    struct weft__runtime *rt = resolve_wait_begin();
    int rc = weft__offload(resolve_run, call, &how, &kind, site);
    resolve_wait_end(rt);
    if (rc == 0) {
        rc = call->count;
        WEFT_CHECK(rc != 0);
        WEFT_CHECK(rc < 0 || (size_t)rc <= max);
        if (rc > 0) {
            memcpy(ret_addrs, call->addrs, (size_t)rc * sizeof ret_addrs[0]);
        }
    }
    resolve_unref(call);
    return rc;
}

static int resolve_question(const char *host, const char *port,
                            const weft_resolve_options *options, struct weft__question *ret)
{
    host = host ? host : "";
    port = port ? port : "";
    if (!*host && !*port) {
        return -WEFT_EINVAL;
    }
    if (strlen(port) >= sizeof ret->port) {
        return -WEFT_EINVAL;
    }
    if (strlen(host) >= sizeof ret->host) {
        return -ENOENT;
    }
    if (options->family != 0 && options->family != AF_INET && options->family != AF_INET6) {
        return -WEFT_EINVAL;
    }
    memset(ret, 0, sizeof *ret);
    ret->family = options->family;
    ret->is_passive = options->passive;
    ret->is_numeric = options->numeric;
    memcpy(ret->host, host, strlen(host));
    memcpy(ret->port, port, strlen(port));
    return 0;
}

/* A call like any other: it counts, and does nothing in a cancelled scope. */
static int resolve_begin(const void *site)
{
    struct weft__thread *self = weft__op_begin(WEFT__DEED_IO, NULL, site);
    if (weft__op_cancelled(self)) {
        return weft__op_refuse(self);
    }
    weft__leave(self);
    return 0;
}

int weft__resolve(const char *host, const char *port, const weft_resolve_options *options,
                  weft_addr *ret_addrs, size_t max, const void *site)
{
    static const weft_resolve_options none;
    struct weft__question question;
    options = options ? options : &none;
    int rc = max == 0 ? -WEFT_EINVAL : resolve_question(host, port, options, &question);
    if (rc == 0) {
        rc = resolve_begin(site);
    }
    if (rc < 0) {
        return rc;
    }
    rc = resolve_here(&question, options, ret_addrs, max);
    if (rc != -WEFT_EAGAIN) {
        return rc;
    }
    if (weft__resolve_how == resolve_by_system && weft__outside() == &weft__outside_sim) {
        return resolve_simulated(&question, options, ret_addrs, max);
    }
    return resolve_ask(&question, ret_addrs, max, site);
}

int weft_resolve(const char *host, const char *port, const weft_resolve_options *options,
                 weft_addr *ret_addrs, size_t max)
{
    return weft__resolve(host, port, options, ret_addrs, max, __builtin_return_address(0));
}
