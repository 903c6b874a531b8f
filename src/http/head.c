/* head.c - the head of a message: where it ends, what it says, how its body is framed.
 *
 * Three steps.  The search for the end goes line by line over what has come so far and knows the
 * limits, so that a head is refused as soon as it is too much.  It is also stricter than llhttp
 * 8.1.0: a line ends in CR LF, neither stands anywhere else, no line is folded.  (Later releases of
 * llhttp were mended in just these places: CVE-2023-30589, CVE-2024-27982, CVE-2025-23167.)
 *
 * Then llhttp goes over the whole head in one call, which is why each of its spans comes in one
 * piece, and the bytes behind the spans, which are separators, become the ends of texts.
 *
 * Last, head_frame decides from the headers how the body is framed.  It asks llhttp's flags for
 * nothing: who frames must be one, and see the same headers as the handler.
 *
 * SPDX-License-Identifier: MIT
 */
#include "http/head.h"

#include <llhttp/llhttp.h>

#include "http/chars.h"
#include "weft/err.h"

/* ---- the end ---- */

/* A whole line of `size` bytes without its end.  0, or the negative status that refuses it. */
static int head_line(struct http_head_scan *scan, const char *line, size_t size,
                     const struct http_head_limits *limits)
{
    if (memchr(line, '\r', size) != NULL || (scan->lines == 0 && !chars_is_token(line[0])))
        return -400;
    if (scan->lines == 0)
        return size > limits->line_max ? -414 : 0;
    if (line[0] == ' ' || line[0] == '\t')
        return -400;
    return scan->lines > limits->count_max ? -431 : 0;
}

ssize_t weft__http_head_find(struct http_head_scan *scan, const char *data, size_t size,
                             const struct http_head_limits *limits)
{
    for (;;) {
        const char *line = data + scan->line;
        const char *lf = memchr(data + scan->seen, '\n', size - scan->seen);
        if (lf == NULL)
            break;
        if (lf == line || lf[-1] != '\r')
            return -400;
        size_t n = (size_t)(lf - line) - 1;
        scan->line = scan->seen = (size_t)(lf - data) + 1;
        if (scan->line - scan->skip > limits->size_max)
            return scan->lines == 0 ? -414 : -431;
        if (n == 0) {
            if (scan->lines > 0)
                return (ssize_t)scan->line;
            if (scan->skip > 0)
                return -400;
            scan->skip = scan->line; /* one empty line may precede (RFC 9112, 2.2) */
            continue;
        }
        int rc = head_line(scan, line, n, limits);
        if (rc != 0)
            return rc;
        scan->lines++;
    }
    scan->seen = size;
    if (scan->lines == 0 && size > scan->line) {
        /* What cannot become a request, TLS say, need not be waited for. */
        char first = data[scan->line];
        if (!chars_is_token(first) && first != '\r')
            return -400;
        if (size - scan->line > limits->line_max + 1)
            return -414;
    }
    return size - scan->skip > limits->size_max ? -431 : 0;
}

/* A head that comes in pieces: what has come so far, all of it taken out of the stream. */
struct head_pieces {
    char *text;
    size_t size, room;
};

static bool head_append(struct http_arena *arena, struct head_pieces *pieces, const char *data,
                        size_t size)
{
    if (size > pieces->room - pieces->size) {
        size_t room = 2 * (pieces->size + size);
        char *text = weft__http_take(arena, room);
        if (text == NULL)
            return false;
        if (pieces->size > 0)
            memcpy(text, pieces->text, pieces->size);
        pieces->text = text;
        pieces->room = room;
    }
    memcpy(pieces->text + pieces->size, data, size);
    pieces->size += size;
    return true;
}

int weft__http_head_take(weft_stream *stream, struct http_arena *arena,
                         const struct http_head_limits *limits, char **ret_text, size_t *ret_size)
{
    struct head_pieces pieces = {NULL, 0, 0};
    struct http_head_scan scan = {0};

    for (;;) {
        const void *data;
        ssize_t n = weft_stream_peek(stream, 1, &data);
        if (n <= 0)
            return n < 0 ? (int)n : pieces.size == scan.skip ? -EPIPE : 400;
        const char *all = data;
        size_t before = pieces.size, size = before + (size_t)n;
        ssize_t end = before == 0 ? weft__http_head_find(&scan, all, size, limits) : 0;
        if (before > 0 || end == 0) { /* nearly always all of it has come at once */
            if (!head_append(arena, &pieces, data, (size_t)n))
                return 503;
            all = pieces.text;
        }
        if (before > 0)
            end = weft__http_head_find(&scan, all, size, limits);
        if (end < 0)
            return (int)-end;
        weft_stream_skip(stream, end > 0 ? (size_t)end - before : (size_t)n);
        if (end > 0) {
            *ret_size = (size_t)end - scan.skip;
            *ret_text = before > 0 ? pieces.text + scan.skip
                                   : weft__http_take_copy(arena, all + scan.skip, *ret_size);
            return *ret_text != NULL ? 0 : 503;
        }
    }
}

/* ---- the grammar ---- */

struct head_span {
    char *at;
    size_t size;
};

struct head_parse {
    struct head_span method, target, name, value;
    bool is_whole;
    weft_http_header *headers;
    size_t count, count_max;
    int status; /* why it stopped, 0: see llhttp */
};

static int head_add(struct head_parse *parse)
{
    struct head_span *name = &parse->name, *value = &parse->value;

    if (name->at == NULL)
        return 0;
    if (name->size == 0 || parse->count == parse->count_max || name->at[name->size] != ':') {
        parse->status = 400;
        return -1;
    }
    while (value->size > 0 &&
           (value->at[value->size - 1] == ' ' || value->at[value->size - 1] == '\t'))
        value->size--;
    name->at[name->size] = '\0';
    if (value->size > 0)
        value->at[value->size] = '\0';
    parse->headers[parse->count++] =
        (weft_http_header){name->at, value->size > 0 ? value->at : ""};
    *name = *value = (struct head_span){NULL, 0};
    return 0;
}

static int head_on_method(llhttp_t *p, const char *at, size_t size)
{
    ((struct head_parse *)p->data)->method = (struct head_span){(char *)at, size};
    return 0;
}

static int head_on_target(llhttp_t *p, const char *at, size_t size)
{
    ((struct head_parse *)p->data)->target = (struct head_span){(char *)at, size};
    return 0;
}

static int head_on_name(llhttp_t *p, const char *at, size_t size)
{
    struct head_parse *parse = p->data;
    int rc = head_add(parse);

    parse->name = (struct head_span){(char *)at, size};
    return rc;
}

static int head_on_value(llhttp_t *p, const char *at, size_t size)
{
    ((struct head_parse *)p->data)->value = (struct head_span){(char *)at, size};
    return 0;
}

static int head_on_whole(llhttp_t *p)
{
    struct head_parse *parse = p->data;

    if (head_add(parse) != 0)
        return -1;
    parse->is_whole = true;
    return HPE_PAUSED;
}

static const llhttp_settings_t head_settings = {
    .on_method = head_on_method,
    .on_url = head_on_target,
    .on_header_field = head_on_name,
    .on_header_value = head_on_value,
    .on_headers_complete = head_on_whole,
};

static size_t head_count_lines(const char *text, size_t size)
{
    size_t n = 0;

    for (const char *at = text; (at = memchr(at, '\n', size - (size_t)(at - text))) != NULL; at++)
        n++;
    return n;
}

static int head_parse_text(struct http_arena *arena, char *text, size_t size, llhttp_type_t type,
                           llhttp_t *parser, struct head_parse *parse)
{
    /* All lines but the first and the empty one are headers. */
    *parse = (struct head_parse){.count_max = head_count_lines(text, size) - 2};
    parse->headers = weft__http_take(arena, parse->count_max * sizeof *parse->headers);
    if (parse->headers == NULL)
        return 503;
    llhttp_init(parser, type, &head_settings);
    parser->data = parse;
    llhttp_errno_t code = llhttp_execute(parser, text, size);
    if (parse->is_whole)
        return parse->count == parse->count_max ? 0 : 400;
    if (parse->status != 0)
        return parse->status;
    if (code == HPE_INVALID_METHOD)
        return 501;
    return code == HPE_PAUSED_H2_UPGRADE || code == HPE_INVALID_VERSION ? 505 : 400;
}

/* ---- what it says ---- */

struct head_framing {
    const char *length, *coding, *host;
    int lengths, codings, hosts; /* how often */
    bool says_close, says_keep, expects;
    const char *expect;
};

static void head_look(struct head_framing *framing, const weft_http_header *header)
{
    const char *name = header->name, *value = header->value;

    switch (strlen(name)) {
    case 4:
        if (chars_is_same(name, "host", 4)) {
            framing->host = value;
            framing->hosts++;
        }
        break;
    case 6:
        if (chars_is_same(name, "expect", 6)) {
            framing->expects = true;
            framing->expect = value;
        }
        break;
    case 10:
        if (chars_is_same(name, "connection", 10)) {
            framing->says_close |= chars_has_word(value, "close");
            framing->says_keep |= chars_has_word(value, "keep-alive");
        }
        break;
    case 14:
        if (chars_is_same(name, "content-length", 14)) {
            framing->length = value;
            framing->lengths++;
        }
        break;
    case 17:
        if (chars_is_same(name, "transfer-encoding", 17)) {
            framing->coding = value;
            framing->codings++;
        }
        break;
    default:
        break;
    }
}

/* Digits alone, and no more of them than surely fit; -1 if not. */
static int64_t head_length(const char *text)
{
    int64_t length = 0;
    size_t n = strlen(text);

    if (n == 0 || n > 18)
        return -1;
    for (; *text != '\0'; text++) {
        if (!chars_is_digit(*text))
            return -1;
        length = length * 10 + (*text - '0');
    }
    return length;
}

static bool head_is_host(const char *host)
{
    for (; *host != '\0'; host++) {
        if (!chars_is_letter(*host) && !chars_is_digit(*host) &&
            strchr(".-:[]_~%!$&'()*+;=", *host) == NULL)
            return false;
    }
    return true;
}

/* Fills how the body is framed and what becomes of the connection; `otherwise` is the size of a
 * body that no header speaks of.  0, 400 or 501. */
static int head_frame(struct http_head *head, int64_t otherwise, struct head_framing *framing)
{
    *framing = (struct head_framing){.length = NULL};
    for (size_t i = 0; i < head->count; i++)
        head_look(framing, &head->headers[i]);
    head->host = framing->host;
    head->body_size = otherwise;
    head->keeps = !framing->says_close && (head->minor >= 1 || framing->says_keep);
    if (framing->lengths + framing->codings > 1)
        return 400; /* two of them, or both: which one would the others have believed? */
    if (framing->lengths == 1) {
        head->body_size = head_length(framing->length);
        return head->body_size < 0 ? 400 : 0;
    }
    if (framing->codings == 0)
        return 0;
    if (head->minor == 0)
        return 400;
    head->body_size = HTTP_BODY_CHUNKED;
    return chars_is_word(framing->coding, "chunked") ? 0 : 501;
}

/* One space each between method, target and version, and none behind; llhttp takes more of them. */
static bool head_is_first_line(const struct head_parse *parse, size_t size)
{
    const struct head_span *method = &parse->method, *target = &parse->target;

    return method->size > 0 && target->size > 0 && target->at == method->at + method->size + 1 &&
           size > method->size + target->size + 12 &&
           memcmp(target->at + target->size, " HTTP/1.", 8) == 0 &&
           memcmp(target->at + target->size + 9, "\r\n", 2) == 0;
}

int weft__http_head_request(struct http_arena *arena, char *text, size_t size,
                            struct http_head *ret)
{
    struct head_parse parse;
    struct head_framing framing;
    llhttp_t parser;
    int rc = head_parse_text(arena, text, size, HTTP_REQUEST, &parser, &parse);

    if (rc != 0)
        return rc;
    if (parser.http_major != 1 || parser.http_minor > 1)
        return 505;
    if (!head_is_first_line(&parse, size - (size_t)(parse.method.at - text)))
        return 400;
    parse.method.at[parse.method.size] = '\0';
    parse.target.at[parse.target.size] = '\0';
    *ret = (struct http_head){.method = parse.method.at,
                              .target = parse.target.at,
                              .minor = parser.http_minor,
                              .headers = parse.headers,
                              .count = parse.count};
    rc = head_frame(ret, 0, &framing);
    if (rc != 0)
        return rc;
    if (framing.hosts > 1 || (framing.hosts == 0 && ret->minor >= 1) ||
        (framing.hosts == 1 && !head_is_host(framing.host)))
        return 400;
    if (framing.expects && ret->minor >= 1) {
        ret->expects_continue = chars_is_word(framing.expect, "100-continue");
        ret->expects_more = !ret->expects_continue;
    }
    return 0;
}

int weft__http_head_reply(struct http_arena *arena, char *text, size_t size, bool is_head,
                          struct http_head *ret)
{
    struct head_parse parse;
    struct head_framing framing;
    llhttp_t parser;
    int rc = head_parse_text(arena, text, size, HTTP_RESPONSE, &parser, &parse);

    if (rc != 0)
        return rc == 503 ? 503 : 400;
    if (parser.http_major != 1 || parser.http_minor > 1 || parser.status_code < 100)
        return 400;
    *ret = (struct http_head){.status = parser.status_code,
                              .minor = parser.http_minor,
                              .headers = parse.headers,
                              .count = parse.count};
    rc = head_frame(ret, HTTP_BODY_TO_CLOSE, &framing);
    if (rc != 0)
        return 400;
    if (is_head || ret->status < 200 || ret->status == 204 || ret->status == 304)
        ret->body_size = 0; /* whatever its headers say of the body that a GET would get */
    if (ret->body_size == HTTP_BODY_TO_CLOSE)
        ret->keeps = false;
    return 0;
}

const char *weft__http_header_find(const weft_http_header *headers, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (chars_is_word(headers[i].name, name))
            return headers[i].value;
    }
    return NULL;
}
