/* pool.c - connections of a client, kept for the next request to the same place.
 *
 * The latest is used first, so that those too many grow old and are closed.  A server may close a
 * kept connection at any time; whether it has done so is looked at before it is used, and what that
 * look misses is made up for in client.c, where a request may be sent again.
 *
 * SPDX-License-Identifier: MIT
 */
#include "http/pool.h"

#include "http/arena.h"
#include "http/body.h"
#include "http/chars.h"
#include "weft/err.h"
#include "weft/net.h"
#include "weft/scope.h"
#include "weft/time.h"

#define POOL_IDLE_MAX      64
#define POOL_IDLE_PER_HOST 8
#define POOL_IDLE_NS       (30 * WEFT_SECOND)
#define POOL_HEADER_MAX    (64 * 1024)

int weft_http_client_new(const weft_http_client_options *options, weft_http_client **ret_client)
{
    weft_http_client *client = weft__http_alloc_zero(sizeof *client);

    if (client == NULL)
        return -WEFT_ENOMEM;
    weft_http_client_options *o = &client->options;
    if (options != NULL)
        *o = *options;
    o->idle_max = o->idle_max != 0 ? o->idle_max : POOL_IDLE_MAX;
    o->idle_per_host_max = o->idle_per_host_max != 0 ? o->idle_per_host_max : POOL_IDLE_PER_HOST;
    o->idle_ns = o->idle_ns != 0 ? o->idle_ns : POOL_IDLE_NS;
    o->header_size_max = o->header_size_max != 0 ? o->header_size_max : POOL_HEADER_MAX;
    o->user_agent = o->user_agent != NULL ? o->user_agent : "weft/" WEFT_VERSION;
    if (o->idle_ns < 0 || !chars_is_value_text(o->user_agent)) {
        weft__http_release(client);
        return -WEFT_EINVAL;
    }
    *ret_client = client;
    return 0;
}

void weft__http_link_abandon(struct http_link *link)
{
    if (link == NULL)
        return;
    weft__http_abandon(link->stream);
    weft__http_release(link);
}

static void pool_close_all(struct http_link *links)
{
    while (links != NULL) {
        struct http_link *next = links->next;
        weft_stream_close(links->stream); /* nothing waits in it to be flushed */
        weft__http_release(links);
        links = next;
    }
}

void weft_http_client_free(weft_http_client *client)
{
    if (client == NULL)
        return;
    pool_close_all(client->idle);
    weft_mutex_fini(&client->lock);
    weft__http_release(client);
}

/* The lock is taken whatever has been cancelled. */
static void pool_lock(weft_http_client *client)
{
    weft_scope shield;

    weft_scope_open_with(&shield, &(weft_scope_options){.name = "http pool", .shield = true});
    int rc = weft_mutex_lock(&client->lock);
    HTTP_CHECK(rc == 0);
    weft_scope_close(&shield);
}

static bool pool_leads_to(const struct http_link *link, const char *where, bool is_tls)
{
    return link->is_tls == is_tls && strcmp(link->where, where) == 0;
}

/* Takes the link at *at out of the list. */
static struct http_link *pool_take_out(weft_http_client *client, struct http_link **at)
{
    struct http_link *link = *at;

    *at = link->next;
    link->next = NULL;
    client->idle_count--;
    return link;
}

/* Never sleeps.  Has the server closed it, or said what nobody asked? */
static bool pool_is_dead(const struct http_link *link)
{
    int fd = weft_stream_get_fd(link->stream);
    char byte;

    if (fd < 0)
        return false;
    ssize_t n = weft_recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    /* TLS has words of its own after a reply; they wait for the next read. */
    return n == -WEFT_EAGAIN ? false : n > 0 ? !link->is_tls : true;
}

/* Sleeps, to close those that are too old.  One that is kept, or NULL. */
static struct http_link *pool_find(weft_http_client *client, const char *where, bool is_tls)
{
    int64_t since = weft_now() - client->options.idle_ns;
    struct http_link *found = NULL, *old = NULL;

    pool_lock(client);
    for (struct http_link **at = &client->idle; *at != NULL;) {
        if ((*at)->idle_since < since) {
            struct http_link *link = pool_take_out(client, at);
            link->next = old;
            old = link;
        } else if (found == NULL && pool_leads_to(*at, where, is_tls)) {
            found = pool_take_out(client, at);
        } else {
            at = &(*at)->next;
        }
    }
    weft_mutex_unlock(&client->lock);
    pool_close_all(old);
    return found;
}

static int pool_open(const weft_http_client_options *o, const struct http_url *url,
                     struct http_link **ret_link)
{
    size_t size = strlen(url->where) + 1;

    if (url->is_tls && o->tls == NULL)
        return -WEFT_ENOTSUP;
    struct http_link *link = weft__http_alloc_zero(sizeof *link + size);
    if (link == NULL)
        return -WEFT_ENOMEM;
    memcpy(link->where, url->where, size);
    link->is_tls = url->is_tls;
    int rc = weft_connect(url->where, NULL);
    if (rc >= 0)
        rc = weft_stream_fd(rc, &link->stream);
    if (rc == 0 && url->is_tls)
        rc = o->tls(o->tls_arg, link->stream, url->host, &link->stream);
    if (rc != 0) {
        weft__http_release(link);
        return rc;
    }
    *ret_link = link;
    return 0;
}

int weft__http_link_get(weft_http_client *client, const struct http_url *url, bool is_fresh,
                        struct http_link **ret_link)
{
    struct http_link *link;

    while (!is_fresh && (link = pool_find(client, url->where, url->is_tls)) != NULL) {
        if (!pool_is_dead(link)) {
            link->is_used = true;
            *ret_link = link;
            return 0;
        }
        weft__http_link_abandon(link);
    }
    return pool_open(&client->options, url, ret_link);
}

void weft__http_link_put(weft_http_client *client, struct http_link *link)
{
    const weft_http_client_options *o = &client->options;
    struct http_link **last = NULL, **last_of_host = NULL, *out = NULL;
    size_t of_host = 0;

    link->idle_since = weft_now();
    pool_lock(client);
    for (struct http_link **at = &client->idle; *at != NULL; at = &(*at)->next) {
        last = at;
        if (pool_leads_to(*at, link->where, link->is_tls)) {
            last_of_host = at;
            of_host++;
        }
    }
    if (of_host >= o->idle_per_host_max)
        out = pool_take_out(client, last_of_host);
    else if (client->idle_count >= o->idle_max)
        out = pool_take_out(client, last);
    link->next = client->idle;
    client->idle = link;
    client->idle_count++;
    weft_mutex_unlock(&client->lock);
    pool_close_all(out);
}
