/* plain.h - directories and files by the calls of POSIX alone, without Weft.
 *
 * What the sequential strategy is made of, and the threads of the strategy with locks: those may
 * block in the kernel, that is what they are for.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef DEMO_PLAIN_H
#define DEMO_PLAIN_H

#include "job.h"

struct plain_entry {
    const char *path; /* valid until visit returns */
    bool regular;     /* else a link, FIFO, socket or device, or a directory with an error */
    int error;        /* 0, or why this directory could not be read */
};

/* Calls visit for all below root that is not a directory, and for directories that it cannot read.
 * A visit that does not return 0 ends the walk, which then returns the same.  Symbolic links are
 * not followed, other than root itself.  0, or a negative code: then root could not be read. */
int plain_walk(const char *root, int (*visit)(void *arg, const struct plain_entry *entry),
               void *arg);

/* How one file is read: by whom, with what, until when. */
struct plain_reader {
    struct job *job;
    void *buffer;            /* of JOB_PIECE_SIZE bytes */
    bool (*stopped)(void);   /* asked between pieces */
    bool compute;            /* false: the bytes are read and forgotten */
};

/* Reads a file and fills *ret_answer, all but its path; that it cannot be read is an answer too.
 * 0: there it is.  1: it was not a regular file after all.  -ECANCELED: stopped; no answer. */
int plain_read(struct plain_reader *reader, const char *path, struct answer *ret_answer);

#endif
