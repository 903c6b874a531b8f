/* addr.c - addresses as text and back, without asking anybody.
 *
 * What stands here are functions of their arguments: no names, no sockets, no memory.  addr_fuzz.c
 * throws everything at them.
 *
 * The grammar is strict where leniency has hurt others.  A bare IPv6 address with a port behind it
 * ("::1:80") could mean two things, so brackets are demanded; 127.1, 0x7f.1 and 0127.0.0.1 are
 * names here, not numbers, because programs disagree about them; a port has at most five digits and
 * no sign.  A zone ("%2") is a number here: that of an interface's name is the resolver's matter.
 *
 * A Unix path that begins with '@' is written "./@...", since "@..." is an abstract name.  Bytes 0
 * within an abstract name are written as '@' as well, which cannot be read back; nor can a path of
 * the full 108 bytes that is longer by these two.
 *
 * SPDX-License-Identifier: MIT
 */
#include "io/addr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "base/text.h"
#include "weft/err.h"

#define ADDR_UNIX_HEAD offsetof(struct sockaddr_un, sun_path)
#define ADDR_UNIX_MAX  sizeof(((struct sockaddr_un *)0)->sun_path)

_Static_assert(sizeof(struct sockaddr_un) < sizeof(struct sockaddr_storage),
               "so that a byte 0 always stands behind the longest path");
_Static_assert(sizeof("unix:./") + ADDR_UNIX_MAX <= WEFT_ADDR_TEXT_MAX, "the longest text");

/* ---- numbers ---- */

/* Digits alone, up to max; -1: something else, or more. */
static int64_t addr_decimal(const char *text, size_t n, int64_t max)
{
    int64_t value = 0;
    if (n == 0) {
        return -1;
    }
    for (size_t i = 0; i < n; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return -1;
        }
        value = value * 10 + (text[i] - '0');
        if (value > max) {
            return -1;
        }
    }
    return value;
}

int weft__addr_port_number(const char *text)
{
    size_t n = strnlen(text, 6);
    int64_t port = n <= 5 ? addr_decimal(text, n, 65535) : -1;
    return port < 0 ? -WEFT_EINVAL : (int)port;
}

/* ---- IP ---- */

static void addr_set_ipv4(weft_addr *ret, struct in_addr ip, uint16_t port)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = ip};
    memset(ret, 0, sizeof *ret);
    memcpy(&ret->raw, &in, sizeof in);
    ret->size = sizeof in;
}

static void addr_set_ipv6(weft_addr *ret, const struct in6_addr *ip, uint32_t zone, uint16_t port)
{
    struct sockaddr_in6 in = {.sin6_family = AF_INET6,
                              .sin6_port = htons(port),
                              .sin6_addr = *ip,
                              .sin6_scope_id = zone};
    memset(ret, 0, sizeof *ret);
    memcpy(&ret->raw, &in, sizeof in);
    ret->size = sizeof in;
}

/* "fe80::1" or "fe80::1%2". */
static int addr_numeric_ipv6(const char *host, uint16_t port, weft_addr *ret)
{
    char digits[INET6_ADDRSTRLEN];
    struct in6_addr ip;
    const char *percent = strchr(host, '%');
    size_t n = percent ? (size_t)(percent - host) : strlen(host);
    int64_t zone = 0;
    if (n >= sizeof digits) {
        return -WEFT_EINVAL;
    }
    if (percent) {
        zone = addr_decimal(percent + 1, strlen(percent + 1), UINT32_MAX);
        if (zone <= 0) {
            return -WEFT_EINVAL;
        }
    }
    memcpy(digits, host, n);
    digits[n] = 0;
    if (inet_pton(AF_INET6, digits, &ip) != 1) {
        return -WEFT_EINVAL;
    }
    addr_set_ipv6(ret, &ip, (uint32_t)zone, port);
    return 0;
}

int weft__addr_numeric(const char *host, int family, uint16_t port, weft_addr *ret)
{
    struct in_addr ip;
    if (strchr(host, ':')) {
        return family == AF_INET ? -WEFT_EINVAL : addr_numeric_ipv6(host, port, ret);
    }
    if (family == AF_INET6 || inet_pton(AF_INET, host, &ip) != 1) {
        return -WEFT_EINVAL;
    }
    addr_set_ipv4(ret, ip, port);
    return 0;
}

void weft__addr_any(int family, uint16_t port, weft_addr *ret)
{
    WEFT_CHECK(family == AF_INET || family == AF_INET6);
    if (family == AF_INET) {
        addr_set_ipv4(ret, (struct in_addr){htonl(INADDR_ANY)}, port);
    } else {
        addr_set_ipv6(ret, &in6addr_any, 0, port);
    }
}

void weft__addr_loopback(int family, uint16_t port, weft_addr *ret)
{
    WEFT_CHECK(family == AF_INET || family == AF_INET6);
    if (family == AF_INET) {
        addr_set_ipv4(ret, (struct in_addr){htonl(INADDR_LOOPBACK)}, port);
    } else {
        addr_set_ipv6(ret, &in6addr_loopback, 0, port);
    }
}

void weft__addr_unmap(weft_addr *addr)
{
    struct sockaddr_in6 in;
    struct in_addr ip;
    if (addr->raw.ss_family != AF_INET6 || addr->size < sizeof in) {
        return;
    }
    memcpy(&in, &addr->raw, sizeof in);
    if (IN6_IS_ADDR_V4MAPPED(&in.sin6_addr)) {
        memcpy(&ip, &in.sin6_addr.s6_addr[12], sizeof ip);
        addr_set_ipv4(addr, ip, ntohs(in.sin6_port));
    }
}

bool weft__addr_equal(const weft_addr *a, const weft_addr *b)
{
    return a->size == b->size && memcmp(&a->raw, &b->raw, a->size) == 0;
}

/* ---- Unix ---- */

/* What stands behind "unix:". */
static int addr_parse_unix(const char *path, weft_addr *ret)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    size_t n = strlen(path), size = 0; /* of no name: that of a socket not bound */
    if (n > ADDR_UNIX_MAX) {
        return -WEFT_EINVAL;
    }
    memcpy(un.sun_path, path, n);
    if (path[0] == '@') {
        un.sun_path[0] = 0;
        size = n;
    } else if (n > 0) {
        size = weft__min(n + 1, ADDR_UNIX_MAX);
    }
    memset(ret, 0, sizeof *ret);
    memcpy(&ret->raw, &un, sizeof un);
    ret->size = (socklen_t)(ADDR_UNIX_HEAD + size);
    return 0;
}

static void addr_text_unix(const weft_addr *addr, struct weft__text *text)
{
    struct sockaddr_un un;
    size_t n = addr->size > ADDR_UNIX_HEAD ? addr->size - ADDR_UNIX_HEAD : 0;
    n = weft__min(n, ADDR_UNIX_MAX);
    memcpy(&un, &addr->raw, sizeof un);
    weft__text_add(text, "unix:");
    if (n > 0 && un.sun_path[0] == 0) {
        for (size_t i = 0; i < n; i++) {
            weft__text_add_bytes(text, un.sun_path[i] ? &un.sun_path[i] : "@", 1);
        }
    } else if (n > 0) {
        weft__text_add(text, "%s", un.sun_path[0] == '@' ? "./" : "");
        weft__text_add_bytes(text, un.sun_path, strnlen(un.sun_path, n));
    }
}

/* ---- places ---- */

/* The text between the brackets or before the last colon; *ret_port is behind it. */
static int addr_split(const char *text, const char **ret_host, size_t *ret_size,
                      const char **ret_port)
{
    const char *colon = strrchr(text, ':'), *host = text;
    if (!colon) {
        return -WEFT_EINVAL;
    }
    size_t n = (size_t)(colon - text);
    if (text[0] == '[') {
        if (n < 2 || text[n - 1] != ']' || !memchr(text, ':', n)) {
            return -WEFT_EINVAL; /* no end, or something else than IPv6 between them */
        }
        host++;
        n -= 2;
    } else if (memchr(text, ':', n)) {
        return -WEFT_EINVAL; /* which of the colons is it? */
    }
    if (memchr(host, '[', n) || memchr(host, ']', n)) {
        return -WEFT_EINVAL;
    }
    *ret_host = host;
    *ret_size = n;
    *ret_port = colon + 1;
    return 0;
}

int weft__where_parse(const char *text, struct weft__where *ret)
{
    const char *host, *port;
    size_t n;
    if (!text) {
        return -WEFT_EINVAL;
    }
    memset(ret, 0, sizeof *ret);
    if (strncmp(text, "unix:", 5) == 0) {
        ret->is_unix = true;
        return addr_parse_unix(text + 5, &ret->unix_addr);
    }
    if (addr_split(text, &host, &n, &port) < 0 || n >= WEFT__HOST_MAX || !*port ||
        strlen(port) >= WEFT__PORT_MAX) {
        return -WEFT_EINVAL;
    }
    memcpy(ret->host, host, n);
    memcpy(ret->port, port, strlen(port));
    return 0;
}

/* ---- the public ones ---- */

int weft_addr_parse(const char *text, weft_addr *ret_addr)
{
    struct weft__where where;
    int rc = weft__where_parse(text, &where);
    if (rc < 0) {
        return rc;
    }
    if (where.is_unix) {
        *ret_addr = where.unix_addr;
        return 0;
    }
    int port = weft__addr_port_number(where.port);
    if (port < 0) {
        return port;
    }
    if (!*where.host) {
        weft__addr_any(AF_INET6, (uint16_t)port, ret_addr);
        return 0;
    }
    return weft__addr_numeric(where.host, 0, (uint16_t)port, ret_addr);
}

static int addr_text_ip(const weft_addr *addr, struct weft__text *text)
{
    char digits[INET6_ADDRSTRLEN];
    if (addr->raw.ss_family == AF_INET && addr->size >= sizeof(struct sockaddr_in)) {
        struct sockaddr_in in;
        memcpy(&in, &addr->raw, sizeof in);
        WEFT_CHECK(inet_ntop(AF_INET, &in.sin_addr, digits, sizeof digits));
        weft__text_add(text, "%s:%u", digits, (unsigned)ntohs(in.sin_port));
        return 0;
    }
    if (addr->raw.ss_family == AF_INET6 && addr->size >= sizeof(struct sockaddr_in6)) {
        struct sockaddr_in6 in;
        memcpy(&in, &addr->raw, sizeof in);
        WEFT_CHECK(inet_ntop(AF_INET6, &in.sin6_addr, digits, sizeof digits));
        weft__text_add(text, "[%s", digits);
        if (in.sin6_scope_id != 0) {
            weft__text_add(text, "%%%u", (unsigned)in.sin6_scope_id);
        }
        weft__text_add(text, "]:%u", (unsigned)ntohs(in.sin6_port));
        return 0;
    }
    return -WEFT_EINVAL;
}

int weft_addr_text(const weft_addr *addr, char *ret_text, size_t size)
{
    char whole[WEFT_ADDR_TEXT_MAX];
    struct weft__text text;
    weft__text_init(&text, whole, sizeof whole);
    if (addr->raw.ss_family == AF_UNIX && addr->size >= ADDR_UNIX_HEAD) {
        addr_text_unix(addr, &text);
    } else if (addr_text_ip(addr, &text) < 0) {
        return -WEFT_EINVAL;
    }
    WEFT_CHECK(!text.cut);
    size_t n = weft__text_len(&text);
    if (n >= size) {
        return -ENOSPC;
    }
    memcpy(ret_text, whole, n + 1);
    return (int)n;
}

int weft_addr_port(const weft_addr *addr)
{
    if (addr->raw.ss_family == AF_INET && addr->size >= sizeof(struct sockaddr_in)) {
        struct sockaddr_in in;
        memcpy(&in, &addr->raw, sizeof in);
        return ntohs(in.sin_port);
    }
    if (addr->raw.ss_family == AF_INET6 && addr->size >= sizeof(struct sockaddr_in6)) {
        struct sockaddr_in6 in;
        memcpy(&in, &addr->raw, sizeof in);
        return ntohs(in.sin6_port);
    }
    return -WEFT_EINVAL;
}
