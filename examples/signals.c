/* signals.c - on SIGHUP reads again what may have changed, on SIGTERM leaves in order.
 *
 *     signals FILE        says its first line once a second
 *
 * Two tasks: one works; the other, a service, receives signals as one receives from a channel.  So
 * the file is read by ordinary code, not in a handler.  SIGTERM cancels the scope of both, and each
 * call that sleeps returns.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <string.h>

#include <weft.h>

struct config { char greeting[100]; };
WEFT_GUARD_TYPE(guarded_config, struct config);
static guarded_config config;

static int load(const char *path)
{
    void *text;
    size_t size;
    int rc = weft_read_file(path, 4096, &text, &size);

    if (rc < 0)
        return rc; /* the old one stays */
    WEFT_GUARD(c, &config)
        snprintf(c->greeting, sizeof c->greeting, "%.*s", (int)strcspn(text, "\n"), (char *)text);
    weft_file_free(text);
    return 0;
}

static int work(void *arg)
{
    weft_ticker ticker;
    int rc = 0;

    (void)arg;
    weft_ticker_init(&ticker, WEFT_SECOND);
    do {
        WEFT_GUARD(c, &config) {
            printf("%s\n", c->greeting);
            fflush(stdout);
        }
    } while ((rc = weft_ticker_wait(&ticker, NULL)) == 0);
    return rc;
}

static int app(void *arg)
{
    static const int numbers[] = {SIGHUP, SIGTERM};
    weft_signals *signals;
    weft_signal_info info;
    weft_scope scope;
    int rc = load(arg);

    if (rc < 0 || (rc = weft_signals_open(numbers, 2, &signals)) < 0)
        return rc;
    weft_scope_open(&scope);
    weft_go(&scope, work, NULL);
    while ((rc = weft_signals_next(signals, &info)) == 0 && info.signo != SIGTERM) {
        rc = load(arg);
        printf("%s: %s\n", (char *)arg, rc == 0 ? "read again" : weft_strerror(rc));
        fflush(stdout);
    }
    weft_scope_cancel(&scope);
    weft_scope_close(&scope);
    weft_signals_close(signals);
    printf("leaving\n");
    return rc;
}

int main(int argc, char **argv)
{
    int rc = argc == 2 ? weft_run(app, argv[1]) : -WEFT_EINVAL;

    if (rc < 0)
        fprintf(stderr, "signals: %s\n", weft_strerror(rc));
    return rc < 0 ? 1 : rc;
}
