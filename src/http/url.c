/* url.c - the target of a request, taken apart and made safe; urls of the client.
 *
 * A path is decoded first and has its dots taken out then, so that "%2e%2e" and "%2f" lead nowhere
 * else than what they stand for; one that would go above the root is refused, and a byte 0, too.
 * "//" counts as "/".
 *
 * SPDX-License-Identifier: MIT
 */
#include "http/url.h"

#include "http/chars.h"
#include "weft/err.h"

/* ---- targets ---- */

/* In place; the new length, or -1. */
static ssize_t url_decode(char *path, size_t size)
{
    size_t to = 0;

    for (size_t from = 0; from < size; from++) {
        char c = path[from];
        if (c == '%') {
            int high = from + 2 < size ? chars_hex(path[from + 1]) : -1;
            int low = high >= 0 ? chars_hex(path[from + 2]) : -1;
            if (low < 0 || (c = (char)(high * 16 + low)) == '\0')
                return -1;
            from += 2;
        }
        path[to++] = c;
    }
    path[to] = '\0';
    return (ssize_t)to;
}

/* In place: takes out "//", "/./" and "/../".  False: it leads above the root. */
static bool url_take_out_dots(char *path, size_t size)
{
    size_t to = 0, from = 0;

    HTTP_CHECK(path[0] == '/');
    while (from < size) {
        size_t end = ++from; /* behind the slash */
        while (end < size && path[end] != '/')
            end++;
        size_t n = end - from;
        bool is_up = n == 2 && path[from] == '.' && path[from + 1] == '.';
        bool is_here = n == 0 || (n == 1 && path[from] == '.');
        if (is_up) {
            if (to == 0)
                return false;
            while (path[--to] != '/')
                ;
        } else if (!is_here) {
            path[to++] = '/';
            memmove(path + to, path + from, n);
            to += n;
        }
        if ((is_up || is_here) && end >= size)
            path[to++] = '/'; /* what names a directory goes on to do so */
        from = end;
    }
    path[to] = '\0';
    return true;
}

int weft__http_target(struct http_arena *arena, const char *target, bool is_options,
                      struct http_target *ret)
{
    const char *from = target;

    *ret = (struct http_target){.path = "*", .query = ""};
    if (strcmp(target, "*") == 0)
        return is_options ? 0 : 400;
    if (*from != '/') { /* absolute form, as sent to a proxy */
        const char *host = strstr(target, "://");
        if (host == NULL || (!chars_is_same(target, "http://", 7) &&
                             !chars_is_same(target, "https://", 8)))
            return 400;
        host += 3;
        from = host + strcspn(host, "/?");
        ret->host = weft__http_take_copy(arena, host, (size_t)(from - host));
        if (ret->host == NULL)
            return 503;
        if (*ret->host == '\0' || strchr(ret->host, '@') != NULL)
            return 400;
    }
    size_t size = strcspn(from, "?#");
    if (from[size] == '#')
        return 400;
    if (from[size] == '?') {
        ret->query = from + size + 1;
        if (strchr(ret->query, '#') != NULL)
            return 400;
    }
    char *path = size > 0 ? weft__http_take_copy(arena, from, size)
                          : weft__http_take_copy(arena, "/", 1);
    if (path == NULL)
        return 503;
    ssize_t decoded = url_decode(path, strlen(path));
    if (decoded < 0 || !url_take_out_dots(path, (size_t)decoded))
        return 400;
    ret->path = path;
    return 0;
}

/* ---- urls ---- */

static bool url_is_clean(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text <= ' ' || (unsigned char)*text >= 0x7f)
            return false;
    }
    return true;
}

/* Host and port of the authority; fills host and where. */
static int url_take_authority(struct http_arena *arena, const char *text, size_t size,
                              struct http_url *url)
{
    const char *end = text + size, *host = text, *host_end, *port;
    char *authority = weft__http_take_copy(arena, text, size);

    if (size > 0 && *text == '[') {
        host++;
        host_end = memchr(text, ']', size);
        if (host_end == NULL)
            return -WEFT_EINVAL;
        port = host_end + 1;
    } else {
        host_end = memchr(text, ':', size);
        host_end = host_end != NULL ? host_end : end;
        port = host_end;
    }
    if (host_end == host || memchr(text, '@', size) != NULL || (port < end && *port != ':'))
        return -WEFT_EINVAL;
    for (const char *p = port + 1; p < end; p++) {
        if (!chars_is_digit(*p))
            return -WEFT_EINVAL;
    }
    url->authority = authority;
    url->host = weft__http_take_copy(arena, host, (size_t)(host_end - host));
    char *where = weft__http_take(arena, size + 8);
    if (authority == NULL || url->host == NULL || where == NULL)
        return -WEFT_ENOMEM;
    url->where = where;
    where = chars_put(where, text, size);
    if (end - port <= 1) { /* none, or nothing behind the colon */
        where -= end - port;
        where = url->is_tls ? CHARS_PUT(where, ":443") : CHARS_PUT(where, ":80");
    }
    *where = '\0';
    return 0;
}

int weft__http_url(struct http_arena *arena, const char *text, struct http_url *ret)
{
    struct http_url url = {.is_tls = false};
    size_t scheme = 7;

    if (text == NULL || !url_is_clean(text))
        return -WEFT_EINVAL;
    if (strlen(text) > 8 && chars_is_same(text, "https://", 8)) {
        url.is_tls = true;
        scheme = 8;
    } else if (strlen(text) < 8 || !chars_is_same(text, "http://", 7)) {
        return -WEFT_EINVAL;
    }
    const char *authority = text + scheme;
    size_t size = strcspn(authority, "/?#");
    int rc = url_take_authority(arena, authority, size, &url);
    if (rc != 0)
        return rc;
    const char *rest = authority + size;
    size_t rest_size = strcspn(rest, "#");
    char *target = weft__http_take(arena, rest_size + 2);
    url.whole = weft__http_take_copy(arena, text, (size_t)(rest - text) + rest_size);
    if (target == NULL || url.whole == NULL)
        return -WEFT_ENOMEM;
    url.target = target;
    if (*rest != '/')
        *target++ = '/';
    *chars_put(target, rest, rest_size) = '\0';
    *ret = url;
    return 0;
}

/* "gopher:", not "a/b:c". */
static bool url_has_scheme(const char *text)
{
    size_t n = 0;

    while (chars_is_letter(text[n]) || (n > 0 && (chars_is_digit(text[n]) ||
                                                  (text[n] != '\0' && strchr("+-.", text[n])))))
        n++;
    return n > 0 && text[n] == ':';
}

int weft__http_url_from(struct http_arena *arena, const struct http_url *base, const char *location,
                        struct http_url *ret)
{
    const char *scheme = base->is_tls ? "https:" : "http:";
    size_t kept = 0; /* bytes of the base's target that stay */

    if (url_has_scheme(location))
        return weft__http_url(arena, location, ret);
    size_t path = strcspn(base->target, "?");
    if (location[0] == '?') {
        kept = path;
    } else if (location[0] != '/') {
        while (path > 0 && base->target[path - 1] != '/')
            path--;
        kept = path;
    }
    bool is_host = location[0] == '/' && location[1] == '/';
    size_t size = strlen(scheme) + 2 + strlen(base->authority) + kept + strlen(location) + 1;
    char *text = weft__http_take(arena, size);
    if (text == NULL)
        return -WEFT_ENOMEM;
    char *at = chars_put(text, scheme, strlen(scheme));
    if (!is_host) {
        at = CHARS_PUT(at, "//");
        at = chars_put(at, base->authority, strlen(base->authority));
        at = chars_put(at, base->target, kept);
    }
    *chars_put(at, location, strlen(location)) = '\0';
    return weft__http_url(arena, text, ret);
}
