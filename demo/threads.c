/* threads.c - the job by threads that share a queue of paths behind a lock.
 *
 * One OS thread walks the directories and puts paths into a queue of fixed size; N others take
 * them out, read and count, and put the answers into the shared list.  One lock guards both, two
 * conditions say "there is a path" and "there is room".
 *
 * The threads are tasks of Weft with an OS thread of their own: the scope waits for them, and when
 * it is cancelled each wait on a condition returns.  They read files by the plain calls of POSIX.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>
#include <string.h>

#include <weft.h>

#include "job.h"
#include "plain.h"

#define THREADS_QUEUE_MAX 256

struct threads {
    struct job *job;
    weft_mutex lock;      /* of all below, and of the job's list of answers */
    weft_cond not_empty;
    weft_cond not_full;
    char *path[THREADS_QUEUE_MAX]; /* a ring: `waiting` paths from `first` on */
    size_t first;
    size_t waiting;
    bool walked; /* all paths have been put in */
};

/* Puts a path in, waiting for room.  The path is the queue's when it returns 0. */
static int threads_put(struct threads *threads, char *path)
{
    int rc = weft_mutex_lock(&threads->lock);

    if (rc < 0)
        return rc;
    while (rc == 0 && threads->waiting == THREADS_QUEUE_MAX)
        rc = weft_cond_wait(&threads->not_full, &threads->lock);
    if (rc == 0) {
        threads->path[(threads->first + threads->waiting++) % THREADS_QUEUE_MAX] = path;
        weft_cond_signal(&threads->not_empty);
    }
    weft_mutex_unlock(&threads->lock);
    return rc;
}

/* Takes a path out, waiting for one.  -WEFT_EPIPE: there will be no more. */
static int threads_take(struct threads *threads, char **ret_path)
{
    int rc = weft_mutex_lock(&threads->lock);

    if (rc < 0)
        return rc;
    while (rc == 0 && threads->waiting == 0 && !threads->walked)
        rc = weft_cond_wait(&threads->not_empty, &threads->lock);
    if (rc == 0 && threads->waiting == 0)
        rc = -WEFT_EPIPE;
    if (rc == 0) {
        *ret_path = threads->path[threads->first];
        threads->first = (threads->first + 1) % THREADS_QUEUE_MAX;
        threads->waiting--;
        weft_cond_signal(&threads->not_full);
    }
    weft_mutex_unlock(&threads->lock);
    return rc;
}

/* Adds an answer to the shared list, which takes its path over. */
static int threads_answer(struct threads *threads, struct answer answer)
{
    int rc = weft_mutex_lock(&threads->lock);

    if (rc < 0) {
        free(answer.path);
        return rc;
    }
    rc = answers_add(threads->job->answers, answer);
    weft_mutex_unlock(&threads->lock);
    return rc;
}

static int threads_skip(struct threads *threads)
{
    int rc = weft_mutex_lock(&threads->lock);

    if (rc < 0)
        return rc;
    threads->job->answers->skipped++;
    weft_mutex_unlock(&threads->lock);
    return 0;
}

static int threads_visit(void *arg, const struct plain_entry *entry)
{
    struct threads *threads = arg;

    if (weft_cancelled())
        return -WEFT_ECANCELED;
    if (!entry->regular && entry->error == 0)
        return threads_skip(threads);
    char *path = strdup(entry->path);
    if (path == NULL)
        return -WEFT_ENOMEM;
    if (entry->error < 0)
        return threads_answer(threads, (struct answer){.path = path, .error = entry->error});
    int rc = threads_put(threads, path);
    if (rc < 0)
        free(path);
    return rc;
}

/* The thread that walks. */
static int threads_walk(void *arg)
{
    struct threads *threads = *(struct threads **)arg;
    int rc = plain_walk(threads->job->root, threads_visit, threads);

    if (rc == 0)
        rc = weft_mutex_lock(&threads->lock);
    if (rc < 0)
        return rc;
    threads->walked = true;
    weft_cond_broadcast(&threads->not_empty);
    weft_mutex_unlock(&threads->lock);
    return 0;
}

static int threads_work_on(struct threads *threads, struct plain_reader *reader)
{
    for (;;) {
        struct answer answer;
        char *path = NULL;
        int rc = threads_take(threads, &path);
        if (rc < 0)
            return rc == -WEFT_EPIPE ? 0 : rc;
        rc = plain_read(reader, path, &answer);
        answer.path = path;
        if (rc == 0)
            rc = threads_answer(threads, answer);
        else
            free(path);
        if (rc == 1)
            rc = threads_skip(threads);
        if (rc < 0)
            return rc;
    }
}

/* A thread that reads and counts. */
static int threads_work(void *arg)
{
    struct threads *threads = *(struct threads **)arg;
    struct plain_reader reader = {.job = threads->job,
                                  .buffer = malloc(JOB_PIECE_SIZE),
                                  .stopped = weft_cancelled,
                                  .compute = true};

    if (reader.buffer == NULL)
        return -WEFT_ENOMEM;
    int rc = threads_work_on(threads, &reader);
    free(reader.buffer);
    return rc;
}

static int threads_app(void *arg)
{
    struct threads *threads = arg;
    weft_scope scope;

    weft_scope_open(&scope);
    weft_go_with(&scope, threads_walk, &threads, sizeof threads,
                 &(weft_task_options){.name = "walker", .on = WEFT_THREAD});
    for (size_t i = 0; i < threads->job->workers; i++) {
        weft_go_with(&scope, threads_work, &threads, sizeof threads,
                     &(weft_task_options){.name = "reader", .on = WEFT_THREAD});
    }
    int rc = weft_scope_close(&scope); /* what failed to start has failed the scope */
    while (threads->waiting > 0)       /* cancelled before they were taken? */
        free(threads->path[(threads->first + --threads->waiting) % THREADS_QUEUE_MAX]);
    return rc;
}

int threads_run(struct job *job)
{
    struct threads threads = {.job = job};

    /* All that Weft's own workers have to do is to wait for the threads: one is enough. */
    int rc = weft_run_with(threads_app, &threads, &(weft_options){.workers = 1});
    return rc > 0 ? -WEFT_ECANCELED : rc; /* 130 or 143: a signal cancelled it */
}
