/* redis.c - a store of keys and values that redis-cli and redis-benchmark take for a Redis.
 *
 *     redis [WHERE]        default: 127.0.0.1:0, which is any free port, until Ctrl-C
 *
 * PING, GET, SET, DEL, EXISTS, INCR; many at once, or typed by hand; a command has at most 16 KB.
 * A client is a task.  It looks at what has come, answers each command where that lies in the
 * stream's buffer, and flushes when there are no more: that is what makes pipelining fast.  The
 * store is cut into shards, each behind its lock, so that clients seldom meet; nobody writes to a
 * client with a lock held, since who reads slowly would stop the others.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <weft.h>

enum { SHARDS = 256, ROWS = 4096, WORDS_MAX = 64, COMMAND_MAX = 16 << 10, NUMBER_MAX = 24 };

struct word { const char *at; size_t size; };
struct entry { struct entry *next; size_t key_size, size; char bytes[]; }; /* the key, the value */
struct shard { struct entry *rows[ROWS]; };
WEFT_GUARD_TYPE(guarded_shard, struct shard);
static guarded_shard shards[SHARDS];

struct client {
    struct word words[WORDS_MAX]; /* of the command; they lie in the stream's buffer */
    size_t count;
    char reply[COMMAND_MAX + NUMBER_MAX];
};

/* ---- commands: each writes its reply, and returns the size of that; `at` is where the entry of
 * its key hangs, or would, and the key's shard is locked ---- */

static size_t say(struct client *c, const char *text)
{
    return (size_t)(stpcpy(c->reply, text) - c->reply);
}

/* What sprintf would write for %zu, at a tenth of its price; returns the end. */
static char *add_size(char *to, size_t size)
{
    char text[NUMBER_MAX], *end = text + sizeof text, *at = end;

    do {
        *--at = (char)('0' + size % 10);
    } while ((size /= 10) > 0);
    memcpy(to, at, (size_t)(end - at));
    return to + (end - at);
}

static size_t get(struct client *c, struct entry **at)
{
    if (*at == NULL)
        return say(c, "$-1\r\n");
    char *value = stpcpy(add_size(stpcpy(c->reply, "$"), (*at)->size), "\r\n");
    memcpy(value, (*at)->bytes + (*at)->key_size, (*at)->size);
    return (size_t)(stpcpy(value + (*at)->size, "\r\n") - c->reply);
}

static bool put(struct entry **at, struct word key, struct word value)
{
    struct entry *old = *at;

    if (!old || old->size < value.size) {
        struct entry *entry = malloc(sizeof *entry + key.size + value.size);
        if (!entry)
            return false;
        *entry = (struct entry){old ? old->next : NULL, key.size, 0};
        memcpy(entry->bytes, key.at, key.size);
        free(old);
        *at = entry;
    }
    (*at)->size = value.size;
    memcpy((*at)->bytes + key.size, value.at, value.size);
    return true;
}

static size_t set(struct client *c, struct entry **at)
{
    return say(c, put(at, c->words[1], c->words[2]) ? "+OK\r\n" : "-ERR no memory\r\n");
}

static bool read_number(struct word word, long long *ret)
{
    bool is_minus = word.size > 0 && word.at[0] == '-';
    long long n = 0;

    if (word.size == is_minus)
        return false;
    for (size_t i = is_minus; i < word.size; i++) {
        int digit = word.at[i] - '0';
        if (digit < 0 || digit > 9 || __builtin_mul_overflow(n, 10, &n) ||
            __builtin_add_overflow(n, is_minus ? -digit : digit, &n))
            return false;
    }
    *ret = n;
    return true;
}

static size_t incr(struct client *c, struct entry **at)
{
    char text[NUMBER_MAX];
    long long n = 0;

    if ((*at && !read_number((struct word){(*at)->bytes + (*at)->key_size, (*at)->size}, &n)) ||
        __builtin_add_overflow(n, 1, &n))
        return say(c, "-ERR value is not an integer or out of range\r\n");
    size_t size = (size_t)sprintf(text, "%lld", n);
    if (!put(at, c->words[1], (struct word){text, size}))
        return say(c, "-ERR no memory\r\n");
    return (size_t)sprintf(c->reply, ":%lld\r\n", n);
}

static size_t exists(struct client *c, struct entry **at)
{
    return say(c, *at ? ":1\r\n" : ":0\r\n");
}

static size_t del(struct client *c, struct entry **at)
{
    size_t size = exists(c, at);
    struct entry *old = *at;

    if (old) {
        *at = old->next;
        free(old);
    }
    return size;
}

static const struct command {
    const char *name;
    size_t words;
    size_t (*fn)(struct client *c, struct entry **at);
} commands[] = {
    {"GET", 2, get}, {"SET", 3, set}, {"INCR", 2, incr}, {"EXISTS", 2, exists}, {"DEL", 2, del}};

static size_t apply(struct client *c, const struct command *command)
{
    size_t hash = 0xcbf29ce484222325, size = 0; /* FNV-1a */
    struct word key = c->words[1];

    for (size_t i = 0; i < key.size; i++)
        hash = (hash ^ (unsigned char)key.at[i]) * 0x100000001b3;
    hash ^= hash >> 32;
    WEFT_GUARD(shard, &shards[hash % SHARDS]) {
        struct entry **at = &shard->rows[hash / SHARDS % ROWS];
        while (*at && ((*at)->key_size != key.size || memcmp((*at)->bytes, key.at, key.size) != 0))
            at = &(*at)->next;
        size = command->fn(c, at);
    }
    return size; /* 0: cancelled, and flushing will say so */
}

static size_t answer(struct client *c)
{
    struct word name = c->words[0];

    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (strlen(commands[i].name) == name.size &&
            strncasecmp(name.at, commands[i].name, name.size) == 0)
            return commands[i].words == c->count ? apply(c, &commands[i])
                                                 : say(c, "-ERR wrong number of arguments\r\n");
    bool is_ping = name.size == 4 && strncasecmp(name.at, "PING", 4) == 0;
    return say(c, is_ping ? "+PONG\r\n" : "-ERR unknown command\r\n");
}

/* ---- clients ---- */

/* Cuts off the line at *at, without its end; *at goes behind it.  False: it is not all there. */
static bool cut_line(const char **at, const char *end, struct word *ret_line)
{
    const char *stop = memchr(*at, '\n', (size_t)(end - *at));

    if (stop == NULL)
        return false;
    *ret_line = (struct word){*at, (size_t)(stop - *at) - (stop > *at && stop[-1] == '\r')};
    *at = stop + 1;
    return true;
}

static bool add_word(struct client *c, const char *at, size_t size)
{
    if (c->count == WORDS_MAX)
        return false;
    c->words[c->count++] = (struct word){at, size};
    return true;
}

/* Cuts the command at `from` into words.  How many bytes it has; 0: not all of it is there; -1:
 * that is no command. */
static ssize_t cut(struct client *c, const char *from, const char *end)
{
    long long count, size;
    const char *at = from;
    struct word line;

    c->count = 0;
    if (!cut_line(&at, end, &line))
        return 0;
    if (line.size == 0 || line.at[0] != '*') { /* typed by hand */
        for (size_t i = 0, begin = 0; i <= line.size; i++) {
            if (i < line.size && line.at[i] != ' ')
                continue;
            if (i > begin && !add_word(c, line.at + begin, i - begin))
                return -1;
            begin = i + 1;
        }
        return at - from;
    }
    if (!read_number((struct word){line.at + 1, line.size - 1}, &count))
        return -1;
    for (; count > 0; count--, at += size + 2) {
        if (!cut_line(&at, end, &line))
            return 0;
        if (line.size == 0 || line.at[0] != '$' ||
            !read_number((struct word){line.at + 1, line.size - 1}, &size) || size < 0 ||
            size > COMMAND_MAX || !add_word(c, at, (size_t)size))
            return -1;
        if (end - at < size + 2)
            return 0;
    }
    return at - from;
}

static int serve(void *arg)
{
    weft_stream *stream = NULL;
    struct client c;
    const void *data;
    ssize_t n, size = 0, rest = 0; /* what is there; a command; the part of one at the end */
    int rc = weft_stream_fd(*(int *)arg, &stream);

    while (rc == 0 && size >= 0 && (n = weft_stream_peek(stream, (size_t)rest + 1, &data)) > rest) {
        const char *at = data, *end = at + n;
        while (rc == 0 && (size = cut(&c, at, end)) > 0) {
            at += size;
            if (c.count > 0)
                rc = weft_stream_write(stream, c.reply, answer(&c), NULL);
        }
        rest = end - at;
        weft_stream_skip(stream, (size_t)(n - rest));
        rc = rc == 0 ? weft_stream_flush(stream) : rc;
    }
    weft_stream_close(stream);
    return 0; /* what goes wrong with a client is nobody else's business */
}

static int app(void *arg)
{
    char text[WEFT_ADDR_TEXT_MAX];
    weft_scope clients;
    weft_addr here;
    int fd, listener = weft_listen(arg, NULL);

    if (listener < 0)
        return listener;
    if (weft_sock_here(listener, &here) == 0 && weft_addr_text(&here, text, sizeof text) > 0)
        printf("listening on %s\n", text);
    fflush(stdout);
    weft_scope_open(&clients);
    while ((fd = weft_accept(listener, NULL)) >= 0)
        if (weft_go(&clients, serve, &fd) < 0)
            weft_close(fd);
    weft_close(listener);
    return weft_scope_close(&clients);
}

int main(int argc, char **argv)
{
    int rc = weft_run(app, argc > 1 ? argv[1] : "127.0.0.1:0");

    if (rc < 0)
        fprintf(stderr, "redis: %s\n", weft_strerror(rc));
    return rc < 0 ? 1 : rc;
}
