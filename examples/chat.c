/* chat.c - a room where all hear what one says; talk to it by `nc`.
 *
 *     chat [WHERE]        default: 127.0.0.1:0, which is any free port, until Ctrl-C
 *
 * A guest is two tasks on one stream: one reads lines and sends them to the broadcast, the other
 * writes what comes from its subscription.  Nobody waits for a guest who reads slowly: when 64
 * lines wait for it the oldest is dropped, and it is told how many it has missed.
 *
 * "/nick NAME" gives one a name, "/quit" leaves.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <string.h>

#include <weft.h>

enum { NAME_SIZE = 20, LINES_BEHIND = 64 };

struct line { int from; char text[500]; };
struct guest { int id; char name[NAME_SIZE]; weft_stream *stream; weft_chan *room; };

static weft_bcast *all;

static int announce(const struct guest *guest, const char *sign, const char *text)
{
    struct line line = {.from = guest->id};

    snprintf(line.text, sizeof line.text, "%s%s %.400s\n", guest->name, sign, text);
    int rc = weft_bcast_send(all, &line);
    return rc < 0 ? rc : 0;
}

/* What one says oneself is not told. */
static int tell(void *arg)
{
    struct guest *guest = *(struct guest **)arg;
    struct line line;
    int lost, rc = 0;

    while (rc == 0 && (rc = lost = weft_chan_recv(guest->room, &line)) >= 0) {
        rc = lost > 0 ? weft_stream_print(guest->stream, "* you missed %d lines\n", lost) : 0;
        if (rc == 0 && line.from != guest->id)
            rc = weft_stream_write(guest->stream, line.text, strlen(line.text), NULL);
        if (rc == 0 && weft_chan_len(guest->room) == 0)
            rc = weft_stream_flush(guest->stream);
    }
    return rc;
}

static int hear(struct guest *guest)
{
    char *line, news[NAME_SIZE + 20];
    int rc = 0;

    while (rc == 0 && weft_stream_line(guest->stream, &line) >= 0 && strcmp(line, "/quit") != 0) {
        if (strncmp(line, "/nick ", 6) == 0 && line[6] != '\0') {
            snprintf(news, sizeof news, "is now called %.*s", NAME_SIZE - 1, line + 6);
            rc = announce(guest, "", news);
            snprintf(guest->name, sizeof guest->name, "%.*s", NAME_SIZE - 1, line + 6);
        } else {
            rc = announce(guest, ":", line);
        }
    }
    return rc < 0 ? rc : announce(guest, "", "has left");
}

static int serve(void *arg)
{
    struct guest *guest = arg;
    weft_scope teller;

    int rc = announce(guest, "", "is here");
    if (rc == 0)
        rc = weft_stream_print(guest->stream, "* you are %s; /nick NAME, /quit\n", guest->name);
    if (rc == 0 && (rc = weft_stream_flush(guest->stream)) == 0) {
        weft_scope_open(&teller);
        weft_go(&teller, tell, &guest);
        hear(guest);
        weft_scope_cancel(&teller);
        weft_scope_close(&teller);
    }
    weft_stream_close(guest->stream);
    weft_chan_free(guest->room);
    return 0; /* whatever went wrong, the room goes on */
}

/* Subscribed before it is served: whoever comes later is heard by it. */
static void welcome(weft_scope *guests, int id, int fd)
{
    struct guest guest = {.id = id, .room = weft_bcast_subscribe(all)};

    snprintf(guest.name, sizeof guest.name, "guest%d", id);
    if (weft_stream_fd(fd, &guest.stream) < 0) {
        weft_chan_free(guest.room);
    } else if (guest.room == NULL || weft_go(guests, serve, &guest) < 0) {
        weft_stream_close(guest.stream);
        weft_chan_free(guest.room);
    }
}

static int app(void *arg)
{
    char text[WEFT_ADDR_TEXT_MAX];
    weft_scope guests;
    weft_addr here;
    int fd, listener = weft_listen(arg, NULL);

    if (listener < 0)
        return listener;
    if (weft_sock_here(listener, &here) == 0 && weft_addr_text(&here, text, sizeof text) > 0)
        printf("listening on %s\n", text);
    fflush(stdout);
    if ((all = weft_bcast_new(sizeof(struct line), LINES_BEHIND)) == NULL)
        return -WEFT_ENOMEM;
    weft_scope_open(&guests);
    for (int id = 1; (fd = weft_accept(listener, NULL)) >= 0; id++)
        welcome(&guests, id, fd);
    weft_close(listener);
    int rc = weft_scope_close(&guests);
    weft_bcast_free(all);
    return rc;
}

int main(int argc, char **argv)
{
    int rc = weft_run(app, argc > 1 ? argv[1] : "127.0.0.1:0");

    if (rc < 0)
        fprintf(stderr, "chat: %s\n", weft_strerror(rc));
    return rc < 0 ? 1 : rc;
}
