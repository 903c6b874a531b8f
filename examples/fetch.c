/* fetch.c - downloads files by http or https, several at once; on a terminal each has its bar.
 *
 *     fetch [-s SECONDS] URL...        into this directory, each under the last part of its path
 *
 * A file is a task; four at once may load, by a limiter; one client keeps the connections.  That
 * one fails is told and the others go on.  What is late, or cut off by Ctrl-C, leaves no half file.
 * The bars are drawn by a service, a task that the scope cancels when all others have ended.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <weft.h>
#include <weft/http.h>
#include <weft/tls.h>

enum { AT_ONCE = 4, BAR = 30 };

struct file {
    const char *url, *name;
    _Atomic int64_t done, size; /* the bars look at them meanwhile; size -1: nobody knows */
    int status, result;         /* what the server said; 0, or why it failed */
    const char *why;            /* the same in words, if it was for TLS */
};

static struct file *files;
static size_t count;
static weft_http_client *client;
static weft_limiter limiter = WEFT_LIMITER_INIT(AT_ONCE);

static int save(struct file *file, weft_http_reply *reply)
{
    char buffer[32 << 10];
    weft_scope cleanup;
    ssize_t n;
    int rc = 0, fd = weft_open(file->name, O_WRONLY | O_CREAT | O_EXCL, 0666);

    if (fd < 0)
        return fd;
    file->size = reply->body_size;
    while (rc == 0 && (n = weft_http_reply_read(reply, buffer, sizeof buffer)) != 0) {
        rc = n < 0 ? (int)n : weft_write_all(fd, buffer, (size_t)n, NULL);
        file->done += rc < 0 ? 0 : n;
    }
    weft_close(fd);
    if (rc < 0) {
        weft_scope_open_with(&cleanup, &(weft_scope_options){.shield = true});
        if (weft_unlink(file->name) < 0)
            fprintf(stderr, "%s: is not complete, and stays\n", file->name);
        weft_scope_close(&cleanup);
    }
    return rc;
}

static int load(void *arg)
{
    struct file *file = *(struct file **)arg;
    weft_http_reply *reply = NULL;

    file->result = weft_limiter_take(&limiter);
    if (file->result < 0)
        return file->result;
    file->result = weft_http_fetch(client, &(weft_http_ask){.url = file->url}, &reply);
    file->why = weft_tls_wrap_error();
    if (file->result == 0) {
        file->status = reply->status;
        file->result = reply->status == 200 ? save(file, reply) : -ENOENT;
        weft_http_reply_close(reply);
    }
    weft_limiter_give(&limiter);
    return file->result == -WEFT_ECANCELED ? file->result : 0;
}

static void draw(void)
{
    for (struct file *file = files; file < files + count; file++) {
        int64_t done = file->done, size = file->size > 0 ? (int64_t)file->size : done + 1;
        int full = (int)(done * BAR / size);
        printf("%-20.20s [%.*s%*s] %lld KB\033[K\n", file->name, full,
               "##############################", BAR - full, "", (long long)done >> 10);
    }
    printf("\033[%zuA", count); /* back to the first */
    fflush(stdout);
}

static int draw_bars(void *arg)
{
    weft_ticker ticker;

    (void)arg;
    weft_ticker_init(&ticker, 100 * WEFT_MS);
    do
        draw();
    while (weft_ticker_wait(&ticker, NULL) == 0);
    draw();
    return 0;
}

static int load_all(double seconds)
{
    bool has_bars = isatty(STDOUT_FILENO);
    weft_scope scope;

    weft_scope_open(&scope);
    if (seconds > 0)
        weft_scope_deadline(&scope, weft_after((int64_t)(seconds * (double)WEFT_SECOND)));
    if (has_bars)
        weft_go_with(&scope, draw_bars, NULL, 0, &(weft_task_options){.service = true});
    for (struct file *file = files; file < files + count; file++)
        weft_go(&scope, load, &file);
    int rc = weft_scope_close(&scope);
    if (has_bars)
        printf("\033[%zuB", count);
    return rc;
}

static int app(void *arg)
{
    weft_http_client_options options = {.redirects_max = 5, .tls = weft_tls_wrap};
    weft_tls *tls = NULL;
    int rc = weft_tls_client(NULL, &tls, NULL); /* trusts whom the system trusts */

    options.tls_arg = tls;
    if (rc == 0)
        rc = weft_http_client_new(&options, &client);
    if (rc == 0)
        rc = load_all(*(double *)arg);
    weft_http_client_free(client);
    weft_tls_free(tls);
    return rc;
}

int main(int argc, char **argv)
{
    double seconds = 0;
    int first = 1, failed = 0;

    if (argc > 2 && strcmp(argv[1], "-s") == 0) {
        seconds = atof(argv[2]);
        first = 3;
    }
    count = (size_t)(argc - first);
    files = calloc(count + 1, sizeof *files);
    for (size_t i = 0; files && i < count; i++) {
        const char *url = argv[first + (int)i], *slash = strrchr(url, '/');
        files[i].url = url;
        files[i].name = slash && slash[1] ? slash + 1 : "index.html";
    }
    int rc = files ? weft_run(app, &seconds) : -WEFT_ENOMEM;
    for (struct file *file = files; file && file < files + count; file++) {
        if (file->result == 0)
            printf("%s: %lld bytes\n", file->name, (long long)file->done);
        else if (file->status != 0 && file->status != 200)
            printf("%s: %d %s\n", file->name, file->status, weft_http_reason(file->status));
        else
            printf("%s: %s\n", file->name, file->why ? file->why : weft_strerror(file->result));
        failed |= file->result != 0;
    }
    free(files);
    return rc != 0 || failed;
}
