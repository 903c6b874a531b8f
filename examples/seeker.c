/* seeker.c - a search in a tower without a top: the first who finds the treasure calls all back.
 *
 * Each room has three corridors, each of which leads, in one millisecond, to a room on the floor
 * above.  The seeker splits at every corridor: a task goes down each.  There are more rooms than
 * any program could enter, so the search ends only because the scope races its tasks
 * (WEFT_FIRST_OK): the first success cancels all that are still on their way, and they come back.
 *
 * The clock is virtual, so a floor is finished before anyone reaches the next: no room above the
 * treasure's floor is ever entered.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>

#include <weft.h>

#define CORRIDORS 3
#define TREASURE  2024 /* the number of its room; rooms are numbered floor by floor, from 0 */

struct tower {
    weft_scope seekers;
    atomic_int entered;
    atomic_int found; /* the room, or 0 */
};

struct seeker {
    struct tower *tower;
    int room;
};

/* What is in the room?  0: the treasure; else a negative code, and seekers in its corridors. */
static int seek(void *arg)
{
    struct seeker *s = arg;

    if (weft_sleep(1 * WEFT_MS) < 0) /* the way through the corridor */
        return -WEFT_ECANCELED;      /* called back */
    atomic_fetch_add(&s->tower->entered, 1);
    if (s->room == TREASURE) {
        atomic_store(&s->tower->found, s->room);
        return 0;
    }
    for (int i = 1; i <= CORRIDORS; i++) {
        struct seeker next = {s->tower, CORRIDORS * s->room + i};
        int rc = weft_go(&s->tower->seekers, seek, &next);
        if (rc < 0)
            return rc;
    }
    return -ENOENT; /* not here */
}

/* The floor of a room, and how many rooms there are from the ground floor up to it. */
static int floor_of(int room, int *ret_rooms)
{
    int floor = 0, rooms = 1;

    for (int width = 1; room >= rooms; floor++) {
        width *= CORRIDORS;
        rooms += width;
    }
    *ret_rooms = rooms;
    return floor;
}

static int app(void *arg)
{
    struct tower tower = {.entered = 0};
    int rooms, floor = floor_of(TREASURE, &rooms);

    (void)arg;
    weft_scope_open_with(&tower.seekers, &(weft_scope_options){.policy = WEFT_FIRST_OK});
    weft_go(&tower.seekers, seek, &((struct seeker){&tower, 0}));
    int rc = weft_scope_close(&tower.seekers); /* returns when all are back */
    int found = atomic_load(&tower.found);

    if (found == 0)
        return rc < 0 ? rc : -ENOENT;
    printf("the treasure is in room %d, on floor %d\n", found, floor);
    printf("rooms entered: at most the %d up to that floor: %s\n", rooms,
           atomic_load(&tower.entered) <= rooms ? "yes" : "no");
    return 0;
}

int main(void)
{
    int rc = weft_run_with(app, NULL, &(weft_options){.virtual_clock = true});

    if (rc < 0)
        fprintf(stderr, "seeker: %s\n", weft_strerror(rc));
    return rc < 0 ? 1 : rc;
}
