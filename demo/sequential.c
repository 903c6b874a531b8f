/* sequential.c - the job by one thread, one file after the other: an honest base line.
 *
 * No Weft in here at all: this is the program one would have written without it.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "job.h"
#include "plain.h"

static bool sequential_stopped(void)
{
    return job_stop != 0;
}

static int sequential_visit(void *arg, const struct plain_entry *entry)
{
    struct plain_reader *reader = arg;
    struct answers *answers = reader->job->answers;
    struct answer answer;

    if (sequential_stopped())
        return -ECANCELED;
    if (entry->error < 0)
        return answers_add_error(answers, entry->path, entry->error);
    int rc = entry->regular ? plain_read(reader, entry->path, &answer) : 1;
    if (rc == 1)
        answers->skipped++;
    if (rc != 0)
        return rc == 1 ? 0 : rc;
    if (!reader->compute)
        return 0;
    answer.path = strdup(entry->path);
    return answer.path != NULL ? answers_add(answers, answer) : -ENOMEM;
}

static int sequential_run_reader(struct job *job, bool compute)
{
    struct plain_reader reader = {.job = job,
                                  .buffer = malloc(JOB_PIECE_SIZE),
                                  .stopped = sequential_stopped,
                                  .compute = compute};

    if (reader.buffer == NULL)
        return -ENOMEM;
    int rc = plain_walk(job->root, sequential_visit, &reader);
    free(reader.buffer);
    return rc;
}

int sequential_run(struct job *job)
{
    return sequential_run_reader(job, true);
}

int sequential_run_warm(struct job *job)
{
    return sequential_run_reader(job, false);
}
