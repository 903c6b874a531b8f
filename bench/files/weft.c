/* weft.c - files read by a task each, all started at once.
 *
 * SPDX-License-Identifier: MIT
 */
#include <weft.h>
#include <weft/io.h>

#include "common/files.h"

static int read_one(void *arg)
{
    const long i = *(const long *)arg;
    char path[FILES_PATH_MAX];
    void *data;
    size_t size;

    files_path(path, i);
    bench_ok(weft_read_file(path, 0, &data, &size), "weft_read_file");
    weft_file_free(data);
    return 0;
}

static void read_all(long n, void *arg)
{
    weft_scope scope;

    (void)arg;
    weft_scope_open(&scope);
    for (long i = 0; i < n; i++)
        weft_go(&scope, read_one, &i);
    bench_ok(weft_scope_close(&scope), "a task failed");
}

static int app(void *arg)
{
    files_measure(arg, read_all, NULL);
    return 0;
}

int main(int argc, char **argv)
{
    struct bench_args args = bench_parse(argc, argv);

    return weft_run_with(app, &args, &(weft_options){.workers = (size_t)args.workers});
}
