/* http_files.c - a server of the files below a directory.
 *
 *   http_files DIRECTORY [WHERE]       ":8080" if not said; Ctrl-C finishes what runs, and ends it
 *
 * GET and HEAD, parts of files (Range), "not modified", a directory's index.html.  No name leads
 * out of the directory, not by "..", not by a link.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <string.h>

#include <weft.h>
#include <weft/http.h>
#include <weft/net.h>

static int serve_file(weft_http_request *request, void *arg) /* runs in the connection's task */
{
    const int *root = arg;

    if (strcmp(request->path, "/health") == 0)
        return weft_http_send_text(request, 200, "well\n");
    return weft_http_send_path(request, *root);
}

static void log_event(void *arg, const weft_http_event *event)
{
    (void)arg;
    fprintf(stderr, "http_files: %s: %s (%d)%s%s\n", event->path, event->what, event->status,
            event->code != 0 ? ": " : "", event->code != 0 ? weft_strerror(event->code) : "");
}

static int app(void *arg)
{
    char **args = arg;
    const weft_http_options options = {.log = log_event, .drain_on_cancel = true};
    int root = weft_open(args[0], O_RDONLY | O_DIRECTORY, 0);
    int listener = root < 0 ? root : weft_listen(args[1] != NULL ? args[1] : ":8080", NULL);
    int rc = listener < 0 ? listener : weft_http_serve(listener, serve_file, &root, &options);

    if (listener >= 0)
        weft_close(listener);
    if (root >= 0)
        weft_close(root);
    return rc;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: http_files DIRECTORY [WHERE]\n");
        return 2;
    }
    int rc = weft_run(app, argv + 1);

    if (rc < 0)
        fprintf(stderr, "http_files: %s\n", weft_strerror(rc));
    return rc < 0 ? 1 : rc;
}
