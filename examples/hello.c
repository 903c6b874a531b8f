/* hello.c - three tasks say hello, each with its own words.
 *
 *   weft run examples/hello.c
 *
 * They may speak in any order; the scope waits for all of them, so the last line is always last.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>

#include <weft.h>

static int hello(void *arg) /* runs as a task */
{
    const char **whom = arg;

    printf("hello, %s\n", *whom);
    return 0;
}

static int app(void *arg)
{
    const char *names[] = {"world", "warp", "weft"};
    weft_scope scope;

    (void)arg;
    weft_scope_open(&scope);
    for (int i = 0; i < 3; i++)
        weft_go(&scope, hello, &names[i]); /* the argument is copied */
    int rc = weft_scope_close(&scope);
    printf("all have said hello\n");
    return rc;
}

int main(void)
{
    int rc = weft_run(app, NULL);

    if (rc < 0)
        fprintf(stderr, "hello: %s\n", weft_strerror(rc));
    return rc < 0 ? 1 : rc;
}
