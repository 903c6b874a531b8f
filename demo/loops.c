/* loops.c - the job by a parallel loop over the list of files.
 *
 * First one task makes the list; then the file of each index is read and counted by whoever is free
 * next, and its answer put where the index says.  Nobody else touches that place: no lock.
 *
 * Files are very unequal.  So the loop hands them out one by one (WEFT_FOR_DYNAMIC): in a part of
 * the list that one worker has before it, small files would wait behind a large one.  Rejected: to
 * ask for all sizes and begin with the largest; asking took longer than that saved.
 *
 * Files are read by the plain calls of POSIX, as by the sequential strategy: nothing else wants the
 * workers meanwhile.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>
#include <string.h>

#include <weft.h>

#include "job.h"
#include "plain.h"

/* What stands in place of an answer's error until there is an answer. */
enum loops_state {
    LOOPS_UNREAD = 1,
    LOOPS_SKIPPED = 2 /* it was no regular file after all */
};

static int loops_visit(void *arg, const struct plain_entry *entry)
{
    struct answers *answers = arg;

    if (weft_cancelled())
        return -WEFT_ECANCELED;
    if (!entry->regular && entry->error == 0) {
        answers->skipped++;
        return 0;
    }
    return answers_add_error(answers, entry->path, entry->regular ? LOOPS_UNREAD : entry->error);
}

/* The body: reads and counts the files of these numbers. */
static int loops_read(int64_t from, int64_t to, void *arg)
{
    struct job *job = arg;
    struct plain_reader reader = {.job = job,
                                  .buffer = malloc(JOB_PIECE_SIZE),
                                  .stopped = weft_cancelled,
                                  .compute = true};
    int rc = reader.buffer != NULL ? 0 : -WEFT_ENOMEM;

    for (int64_t i = from; i < to && rc >= 0; i++) {
        struct answer *answer = &job->answers->at[i], done;
        if (answer->error != LOOPS_UNREAD)
            continue;
        rc = plain_read(&reader, answer->path, &done);
        if (rc == 0) {
            done.path = answer->path;
            *answer = done;
        } else if (rc == 1) {
            answer->error = LOOPS_SKIPPED;
        }
    }
    free(reader.buffer);
    return rc;
}

/* Takes out of the list what is not an answer: after a cancel many have not been read. */
static void loops_tidy(struct answers *answers)
{
    size_t kept = 0;

    for (size_t i = 0; i < answers->n; i++) {
        struct answer answer = answers->at[i];
        if (answer.error <= 0)
            answers->at[kept++] = answer;
        else
            free(answer.path);
        answers->skipped += answer.error == LOOPS_SKIPPED;
    }
    answers->n = kept;
}

static int loops_app(void *arg)
{
    struct job *job = arg;
    int rc = plain_walk(job->root, loops_visit, job->answers);

    if (rc == 0) {
        rc = weft_for_with(0, (int64_t)job->answers->n, loops_read, job,
                           &(weft_for_options){.schedule = WEFT_FOR_DYNAMIC});
    }
    loops_tidy(job->answers);
    return rc;
}

int loops_run(struct job *job)
{
    /* Hashing a large file is a long turn; that is the job, and no news. */
    int rc = weft_run_with(loops_app, job, &(weft_options){.workers = job->workers, .quiet = true});

    return rc > 0 ? -WEFT_ECANCELED : rc; /* 130 or 143: a signal cancelled it */
}
