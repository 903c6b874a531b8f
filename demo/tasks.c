/* tasks.c - the job by tasks that hand values on through channels; nothing shared, nothing locked.
 *
 *     walker ──paths──▶ readers ──answers──▶ collector
 *
 * Both channels are bounded: a walker that is faster than the readers waits, and memory stays small
 * whatever the directory holds.  Who fills a channel closes it when all has been sent, and that is
 * how the next ones learn that they are done.
 *
 * There are more readers than workers, so that a worker whose reader waits for the disk finds
 * another one that does not.
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include <weft.h>

#include "job.h"

#define TASKS_PER_WORKER   4
#define TASKS_CHANNEL_SIZE 256

static_assert(JOB_DEPTH_MAX == WEFT_WALK_DEPTH_MAX, "the strategies would see different trees");

/* Every answer for the collector; one with neither a path nor an error says "skipped". */
struct tasks {
    struct job *job;
    weft_chan *paths;   /* of char *, which the receiver frees */
    weft_chan *answers; /* of struct answer, likewise */
};

static int tasks_send_answer(struct tasks *tasks, struct answer answer)
{
    int rc = weft_chan_send(tasks->answers, &answer);

    if (rc < 0)
        free(answer.path);
    return rc;
}

static int tasks_send_entry(struct tasks *tasks, const weft_walk_entry *entry)
{
    if (entry->type == WEFT_FILE_DIR && entry->error == 0)
        return 0;
    if (entry->type != WEFT_FILE_DIR && entry->type != WEFT_FILE_REGULAR)
        return tasks_send_answer(tasks, (struct answer){0});
    char *path = strdup(entry->path);
    if (path == NULL)
        return -WEFT_ENOMEM;
    if (entry->error < 0)
        return tasks_send_answer(tasks, (struct answer){.path = path, .error = entry->error});
    int rc = weft_chan_send(tasks->paths, &path);
    if (rc < 0)
        free(path);
    return rc;
}

/* Sends the path of every regular file, and closes the channel. */
static int tasks_walk(void *arg)
{
    struct tasks *tasks = *(struct tasks **)arg;
    weft_walk *walk;
    weft_walk_entry entry;
    int rc = weft_walk_open(tasks->job->root, &walk);

    if (rc < 0)
        return rc;
    while ((rc = weft_walk_next(walk, &entry)) > 0) {
        rc = tasks_send_entry(tasks, &entry);
        if (rc < 0)
            break;
    }
    weft_walk_close(walk);
    weft_chan_close(tasks->paths);
    return rc;
}

/* Reads the open file to its end.  0 or a negative code. */
static int tasks_read_all(struct tasks *tasks, int fd, void *buffer, struct tally *tally)
{
    ssize_t n;

    while ((n = weft_read(fd, buffer, JOB_PIECE_SIZE)) > 0) {
        tally_add(tally, buffer, (size_t)n);
        job_progress_bytes(tasks->job, (uint64_t)n);
    }
    return (int)n;
}

/* Fills *ret_answer, all but its path.  0.  1: it was not a regular file after all.  Or
 * -WEFT_ECANCELED. */
static int tasks_read(struct tasks *tasks, const char *path, void *buffer,
                      struct answer *ret_answer)
{
    struct stat st;
    struct tally tally;
    int fd = weft_open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0);
    int rc = fd < 0 ? fd : weft_fstat(fd, &st);

    if (rc == -ELOOP || (rc == 0 && !S_ISREG(st.st_mode))) { /* no longer a regular file? */
        if (fd >= 0)
            weft_close(fd);
        return 1;
    }
    tally_init(&tally);
    if (rc == 0)
        rc = tasks_read_all(tasks, fd, buffer, &tally);
    if (fd >= 0)
        weft_close(fd);
    if (rc == -WEFT_ECANCELED)
        return rc;
    *ret_answer = (struct answer){.error = rc};
    if (rc == 0) {
        tally_done(&tally, ret_answer);
        job_progress_file(tasks->job);
    }
    return 0;
}

/* Takes paths until there are no more, and sends the answers. */
static int tasks_reader(void *arg)
{
    struct tasks *tasks = *(struct tasks **)arg;
    void *buffer = malloc(JOB_PIECE_SIZE);
    char *path;
    int rc = buffer != NULL ? 0 : -WEFT_ENOMEM;

    while (rc == 0 && (rc = weft_chan_recv(tasks->paths, &path)) == 0) {
        struct answer answer = {0};
        rc = tasks_read(tasks, path, buffer, &answer);
        if (rc == 0)
            answer.path = path;
        else
            free(path);
        if (rc >= 0)
            rc = tasks_send_answer(tasks, answer);
    }
    free(buffer);
    return rc == -WEFT_EPIPE ? 0 : rc;
}

/* Runs the readers, and closes their channel after the last one. */
static int tasks_readers(void *arg)
{
    struct tasks *tasks = *(struct tasks **)arg;
    weft_scope scope;

    weft_scope_open(&scope);
    for (size_t i = 0; i < TASKS_PER_WORKER * tasks->job->workers; i++) {
        weft_go_with(&scope, tasks_reader, &tasks, sizeof tasks,
                     &(weft_task_options){.name = "reader"});
    }
    int rc = weft_scope_close(&scope);
    weft_chan_close(tasks->answers);
    return rc;
}

static int tasks_keep(struct tasks *tasks, struct answer answer)
{
    if (answer.path != NULL)
        return answers_add(tasks->job->answers, answer);
    tasks->job->answers->skipped++;
    return 0;
}

/* The collector: the only one that touches the list of answers. */
static int tasks_collect(struct tasks *tasks)
{
    struct answer answer;
    weft_scope scope;
    int rc;

    weft_scope_open(&scope);
    weft_go(&scope, tasks_walk, &tasks);
    weft_go(&scope, tasks_readers, &tasks);
    while ((rc = weft_chan_recv(tasks->answers, &answer)) == 0) {
        rc = tasks_keep(tasks, answer);
        if (rc < 0)
            break;
    }
    if (rc != -WEFT_EPIPE)
        weft_scope_cancel(&scope);
    int failure = weft_scope_close(&scope);
    return rc == -WEFT_EPIPE || rc == -WEFT_ECANCELED ? failure : rc;
}

static int tasks_app(void *arg)
{
    struct tasks *tasks = arg;
    struct answer answer;
    char *path;
    int rc = tasks->paths != NULL && tasks->answers != NULL ? tasks_collect(tasks) : -WEFT_ENOMEM;

    /* A cancel leaves values in the channels: the answers count, the paths do not. */
    while (tasks->answers != NULL && weft_chan_try_recv(tasks->answers, &answer) == 0)
        (void)tasks_keep(tasks, answer);
    while (tasks->paths != NULL && weft_chan_try_recv(tasks->paths, &path) == 0)
        free(path);
    return rc;
}

int tasks_run(struct job *job)
{
    struct tasks tasks = {.job = job,
                          .paths = weft_chan_new(sizeof(char *), TASKS_CHANNEL_SIZE),
                          .answers = weft_chan_new(sizeof(struct answer), TASKS_CHANNEL_SIZE)};
    /* Hashing a large file is a long turn; that is the job, and no news. */
    int rc = weft_run_with(tasks_app, &tasks,
                           &(weft_options){.workers = job->workers, .quiet = true});

    weft_chan_free(tasks.paths);
    weft_chan_free(tasks.answers);
    return rc > 0 ? -WEFT_ECANCELED : rc; /* 130 or 143: a signal cancelled it */
}
