/* answers_mixed.c - two tasks ask one server over one stream.
 *
 * Each writes its question under the lock, so the questions are whole; but each reads its answer
 * by itself. Who comes second while the first still waits reads from a stream that is being read.
 *
 * expects: misuse|crash
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <stdlib.h>

#include <weft.h>

static weft_mutex lock;
static weft_stream *near_end, *far_end;

static int ask(int number, int *ret_answer)
{
    char *line;
    int rc = weft_mutex_lock(&lock);

    if (rc < 0)
        return rc;
    rc = weft_stream_print(near_end, "%d\n", number);
    if (rc == 0)
        rc = weft_stream_flush(near_end);
    weft_mutex_unlock(&lock);
    if (rc < 0)
        return rc;
    ssize_t n = weft_stream_line(near_end, &line);
    if (n < 0)
        return (int)n;
    *ret_answer = atoi(line);
    return 0;
}

static int asker(void *arg)
{
    int number = *(int *)arg, answer = 0;
    int rc = ask(number, &answer);

    assert(rc < 0 || answer == 2 * number);
    return rc;
}

static int serve(void *arg)
{
    char *line;

    (void)arg;
    for (int i = 0; i < 2; i++) {
        ssize_t n = weft_stream_line(far_end, &line);
        int rc = n < 0 ? (int)n : weft_stream_print(far_end, "%d\n", 2 * atoi(line));
        if (rc == 0)
            rc = weft_stream_flush(far_end);
        if (rc < 0)
            return rc;
    }
    return 0;
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
    weft_go(&scope, serve, NULL);
    for (int i = 1; i <= 2; i++)
        weft_go(&scope, asker, &i);
    rc = weft_scope_close(&scope);
    weft_stream_close(near_end);
    weft_stream_close(far_end);
    return rc;
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
