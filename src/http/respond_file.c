/* respond_file.c - a file as the reply: the part asked for, or word that it has not changed.
 *
 * RFC 9110: If-None-Match counts before If-Modified-Since (13.2.2); a Range of several parts may be
 * answered by all of it (14.2), and is; If-Range must name the very state of the file (13.1.5).
 *
 * A small file goes through the stream's buffer, together with the head, in one write.  A large one
 * goes from the file to the socket within the kernel, a piece at a time, so that the time limit is
 * for a piece.  Over TLS, or whatever else is not the plain socket, it is read and written.
 *
 * SPDX-License-Identifier: MIT
 */
#include "http/chars.h"
#include "http/exchange.h"
#include "http/http_server.h"
#include "weft/err.h"
#include "weft/io.h"

#define FILE_SMALL ((int64_t)16 * 1024)
#define FILE_PIECE ((int64_t)1024 * 1024)
#define FILE_TAG_MAX 40

struct respond_part {
    int64_t from, size;
    bool is_part;
};

/* A number at *at, which moves on; -1 if there is none or it is too large. */
static int64_t respond_number(const char **at)
{
    int64_t number = -1;

    for (; chars_is_digit(**at); ++*at) {
        if (number > INT64_MAX / 10 - 9)
            return -1;
        number = (number < 0 ? 0 : number * 10) + (**at - '0');
    }
    return number;
}

/* What of size bytes "bytes=a-b", "bytes=a-" or "bytes=-n" means.  206, 416; 200: what is not
 * understood counts as if it were not there. */
static int respond_range(const char *range, int64_t size, struct respond_part *part)
{
    const char *at = range + 6;

    if (!chars_is_same(range, "bytes=", weft__min(strlen(range) + 1, (size_t)6)))
        return 200;
    int64_t first = respond_number(&at);
    if (*at++ != '-')
        return 200;
    bool has_last = *at != '\0';
    int64_t last = respond_number(&at);
    if (*at != '\0' || (first < 0 && last < 0) || (has_last && last < 0))
        return 200;
    if (first < 0) { /* so many at the end */
        first = weft__max(size - last, INT64_C(0));
        last = last == 0 ? -1 : size - 1;
    } else if (!has_last) {
        last = size - 1;
    } else if (last < first) {
        return 200;
    }
    last = weft__min(last, size - 1);
    if (first >= size || last < first)
        return 416;
    *part = (struct respond_part){first, last - first + 1, true};
    return 206;
}

static bool respond_is_same_state(const char *text, const char *tag, const char *date)
{
    return strcmp(text, tag) == 0 || strcmp(text, date) == 0;
}

/* Does a list of tags hold this one, or a "*"?  W/ before a tag does not count. */
static bool respond_has_tag(const char *list, const char *tag)
{
    while (*list != '\0') {
        list += strspn(list, " \t,");
        if (strncmp(list, "W/", 2) == 0)
            list += 2;
        size_t n = strcspn(list, ",");
        while (n > 0 && (list[n - 1] == ' ' || list[n - 1] == '\t'))
            n--;
        if ((n == strlen(tag) && memcmp(list, tag, n) == 0) || (n == 1 && *list == '*'))
            return true;
        list += strcspn(list, ",");
    }
    return false;
}

static bool respond_is_unchanged(const weft_http_request *request, const char *tag, int64_t changed)
{
    const char *tags = weft_http_get_header(request, "If-None-Match");
    const char *since = weft_http_get_header(request, "If-Modified-Since");

    if (tags != NULL)
        return respond_has_tag(tags, tag);
    return since != NULL && weft_http_date_parse(since) >= changed;
}

/* Sleeps.  From the file to the client.  0 or a code; -EPIPE: the file has become shorter. */
static int respond_copy(struct http_conn *conn, int fd, int64_t from, int64_t size)
{
    char buffer[FILE_SMALL];

    while (size > 0) {
        ssize_t n = weft_pread(fd, buffer, (size_t)weft__min(size, FILE_SMALL), from);
        if (n <= 0)
            return n < 0 ? (int)n : -EPIPE;
        int rc = weft_http_write(&conn->request, buffer, (size_t)n);
        if (rc != 0)
            return rc;
        from += n;
        size -= n;
    }
    return 0;
}

static int respond_hand_over(struct http_conn *conn, int fd, int64_t from, int64_t size)
{
    int rc = weft__http_flush(conn);

    while (rc == 0 && size > 0) {
        uint64_t done = 0;
        weft__http_conn_phase(conn, CONN_WRITE, conn->server->options.write_ns);
        rc = weft_sendfile(conn->request.fd, fd, from, (uint64_t)weft__min(size, FILE_PIECE),
                           &done);
        weft__http_conn_phase(conn, CONN_HANDLER, -1);
        from += (int64_t)done;
        size -= (int64_t)done;
        conn->left -= (int64_t)done;
        if (rc == 0 && done == 0)
            return -EPIPE;
    }
    return rc;
}

static int respond_part_head(struct http_conn *conn, int status, const char *type,
                             const struct respond_part *part, int64_t size)
{
    char text[72], *at = CHARS_PUT(text, "bytes ");

    if (part->is_part) {
        at = chars_put_number(at, (uint64_t)part->from);
        *at++ = '-';
        at = chars_put_number(at, (uint64_t)(part->from + part->size - 1));
    } else {
        *at++ = '*';
    }
    *at++ = '/';
    at = chars_put_number(at, (uint64_t)size);
    *at = '\0';
    int rc = status == 200 ? 0 : weft_http_add_header(&conn->request, "Content-Range", text);
    if (rc != 0)
        return rc;
    return weft_http_begin(&conn->request, status, status == 416 ? NULL : type,
                           status == 416 ? 0 : part->size);
}

/* The state of a file as a tag: when it was changed, and its size. */
static void respond_tag(const struct stat *st, char *ret_tag)
{
    char *at = ret_tag;

    *at++ = '"';
    at = chars_put_number(at, (uint64_t)st->st_mtim.tv_sec * 1000000 +
                                  (uint64_t)st->st_mtim.tv_nsec / 1000);
    *at++ = '-';
    at = chars_put_number(at, (uint64_t)st->st_size & UINT32_MAX);
    *at++ = '"';
    *at = '\0';
}

int weft_http_send_file(weft_http_request *request, int fd, const char *type)
{
    struct http_conn *conn = container_of(request, struct http_conn, request);
    char date[WEFT_HTTP_DATE_MAX], tag[FILE_TAG_MAX];
    struct stat st;
    int rc = weft_fstat(fd, &st);

    if (rc != 0 || !S_ISREG(st.st_mode))
        return rc != 0 ? rc : -WEFT_EINVAL;
    respond_tag(&st, tag);
    weft_http_date(st.st_mtim.tv_sec, date);
    rc = weft_http_add_header(request, "Last-Modified", date);
    if (rc == 0)
        rc = weft_http_add_header(request, "ETag", tag);
    if (rc == 0 && respond_is_unchanged(request, tag, st.st_mtim.tv_sec))
        return weft_http_send(request, 304, NULL, NULL, 0);
    if (rc == 0)
        rc = weft_http_add_header(request, "Accept-Ranges", "bytes");
    if (rc != 0)
        return rc;
    struct respond_part part = {0, st.st_size, false};
    const char *range = weft_http_get_header(request, "Range");
    const char *only_if = weft_http_get_header(request, "If-Range");
    int status = 200;
    if (range != NULL && strcmp(request->method, "GET") == 0 &&
        (only_if == NULL || respond_is_same_state(only_if, tag, date)))
        status = respond_range(range, st.st_size, &part);
    rc = respond_part_head(conn, status, type, &part, st.st_size);
    if (rc != 0 || status == 416)
        return rc;
    if (!conn->has_body) {
        conn->left = 0;
        return 0;
    }
    return part.size <= FILE_SMALL || !conn->is_plain
               ? respond_copy(conn, fd, part.from, part.size)
               : respond_hand_over(conn, fd, part.from, part.size);
}
