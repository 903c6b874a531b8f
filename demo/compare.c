/* compare.c - the proof that all strategies gave the same answers.
 *
 * Each strategy left its answers sorted by path in a file, so that comparing them is like merging:
 * the smallest path that is next in any of them should be next in all of them.  Only one answer of
 * each is in memory, whatever the directory held.
 *
 * SPDX-License-Identifier: MIT
 */
#include "compare.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* One strategy's answers while they are read. */
struct compare_lane {
    struct trial *trial;
    struct answer next; /* path NULL: no more */
    struct sha256 sha;
};

static int compare_advance(struct compare_lane *lane)
{
    int rc = answer_read(lane->trial->answers, &lane->next);

    return rc < 0 ? rc : 0;
}

/* The smallest path that is next somewhere, or NULL at the end of all. */
static const char *compare_smallest(const struct compare_lane *lanes, size_t n)
{
    const char *smallest = NULL;

    for (size_t i = 0; i < n; i++) {
        const char *path = lanes[i].next.path;
        if (path != NULL && (smallest == NULL || strcmp(path, smallest) < 0))
            smallest = path;
    }
    return smallest;
}

static bool compare_is_at(const struct compare_lane *lane, const char *path)
{
    return lane->next.path != NULL && strcmp(lane->next.path, path) == 0;
}

/* Counts one answer of the first strategy. */
static void compare_count(struct verdict *verdict, const struct answer *answer)
{
    if (answer->error == 0) {
        verdict->files++;
        verdict->bytes += answer->bytes;
        if (answer->bytes > verdict->largest)
            verdict->largest = answer->bytes;
        return;
    }
    verdict->unreadable++;
    if (verdict->troubles < COMPARE_TROUBLES_MAX) {
        struct answer *trouble = &verdict->trouble[verdict->troubles];
        *trouble = (struct answer){.path = strdup(answer->path), .error = answer->error};
        verdict->troubles += trouble->path != NULL;
    }
}

/* Notes what the strategies say differently about the path; only the first such is kept. */
static void compare_judge(struct verdict *verdict, const struct compare_lane *lanes, size_t n,
                          const char *path)
{
    bool first_has = compare_is_at(&lanes[0], path);

    for (size_t i = 1; i < n && verdict->identical; i++) {
        const char *what = "whether it is there";
        if (first_has == compare_is_at(&lanes[i], path))
            what = first_has ? answer_difference(&lanes[0].next, &lanes[i].next) : NULL;
        if (what == NULL)
            continue;
        verdict->identical = false;
        verdict->path = strdup(path);
        verdict->what = what;
        verdict->a = lanes[0].trial;
        verdict->b = lanes[i].trial;
    }
}

/* Takes the path out of each lane that is at it. */
static int compare_pass(struct compare_lane *lanes, size_t n, const char *path)
{
    int rc = 0;

    for (size_t i = n; i > 0 && rc == 0; i--) {
        struct compare_lane *lane = &lanes[i - 1];
        if (!compare_is_at(lane, path))
            continue;
        answer_fold(&lane->next, &lane->sha);
        rc = compare_advance(lane);
    }
    return rc;
}

static int compare_lanes(struct compare_lane *lanes, size_t n, FILE *file, struct verdict *verdict)
{
    const char *smallest;
    int rc = 0;

    for (size_t i = 0; i < n && rc == 0; i++)
        rc = compare_advance(&lanes[i]);
    while (rc == 0 && (smallest = compare_smallest(lanes, n)) != NULL) {
        if (compare_is_at(&lanes[0], smallest)) {
            compare_count(verdict, &lanes[0].next);
            if (file != NULL && lanes[0].next.error == 0)
                answer_print(&lanes[0].next, file);
        }
        compare_judge(verdict, lanes, n, smallest);
        char *path = strdup(smallest); /* its owner is about to advance */
        rc = path != NULL ? compare_pass(lanes, n, path) : -ENOMEM;
        free(path);
    }
    return rc;
}

int compare(struct trial *trials, size_t n, FILE *file, struct verdict *ret_verdict)
{
    struct compare_lane *lanes = calloc(n, sizeof *lanes);
    size_t used = 0;

    *ret_verdict = (struct verdict){.identical = true};
    if (lanes == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        if (trials[i].state == TRIAL_FAILED && ret_verdict->identical) {
            ret_verdict->identical = false;
            ret_verdict->b = &trials[i];
        }
        if (trials[i].state == TRIAL_DONE) {
            lanes[used].trial = &trials[i];
            sha256_init(&lanes[used++].sha);
        }
    }
    int rc = used > 0 ? compare_lanes(lanes, used, file, ret_verdict) : 0;
    for (size_t i = 0; i < used; i++) {
        sha256_done(&lanes[i].sha, lanes[i].trial->digest);
        free(lanes[i].next.path);
    }
    free(lanes);
    return rc;
}

void verdict_free(struct verdict *verdict)
{
    for (size_t i = 0; i < verdict->troubles; i++)
        free(verdict->trouble[i].path);
    free(verdict->path);
    *verdict = (struct verdict){0};
}
