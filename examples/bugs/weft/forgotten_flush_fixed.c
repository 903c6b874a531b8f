/* forgotten_flush_fixed.c - a reader of a gauge answers whoever asks.
 *
 * Who waits for an answer flushes the question.
 *
 * expects: none
 *
 * SPDX-License-Identifier: MIT
 */
#include <string.h>

#include <weft.h>

static weft_mutex lock;
static weft_stream *near_end, *far_end;

static int say(const char *what, bool now)
{
    int rc = weft_mutex_lock(&lock);

    if (rc < 0)
        return rc;
    rc = weft_stream_print(near_end, "%s\n", what);
    if (rc == 0 && now)
        rc = weft_stream_flush(near_end);
    weft_mutex_unlock(&lock);
    return rc;
}

static int ask(void *arg)
{
    char *line;

    (void)arg;
    int rc = say("value?", true);
    ssize_t n = rc < 0 ? rc : weft_stream_line(near_end, &line);
    return n < 0 ? (int)n : 0;
}

static int note(void *arg)
{
    (void)arg;
    return say("here is the night shift", true);
}

static int gauge(void *arg)
{
    char *line;
    ssize_t n;

    (void)arg;
    while ((n = weft_stream_line(far_end, &line)) >= 0) {
        if (strcmp(line, "value?") != 0)
            continue;
        int rc = weft_stream_print(far_end, "42\n");
        return rc < 0 ? rc : weft_stream_flush(far_end);
    }
    return (int)n;
}

static int app(void *arg)
{
    weft_scope scope;
    weft_stream *ends[2];

    (void)arg;
    int rc = weft_stream_pair(0, ends);
    if (rc < 0)
        return rc;
    near_end = ends[0];
    far_end = ends[1];
    weft_scope_open(&scope);
    weft_go(&scope, gauge, NULL);
    weft_go(&scope, ask, NULL);
    weft_go(&scope, note, NULL);
    rc = weft_scope_close(&scope);
    weft_stream_close(near_end);
    weft_stream_close(far_end);
    return rc;
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
