/* corridors.c - the shortest way through a maze, by a search that splits itself at every corridor.
 *
 * A walker is a task.  Where its corridor forks, a new walker takes each other way.  Who comes to a
 * place first marks it with where he came from, by one atomic compare-and-swap; who comes later
 * turns back.  The scope races its tasks (WEFT_FIRST_OK): the first success, a walker at the way
 * out, cancels all that are still on their way.
 *
 * A step takes a millisecond of a virtual clock, which jumps when all walkers walk.  So all go at
 * the same speed, and the first way found is the shortest.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdatomic.h>
#include <stdio.h>

#include <weft.h>

enum { WIDTH = 31, HEIGHT = 13, IN = WIDTH, OUT = 12 * WIDTH - 1 };

static const char maze[] = "###############################"
                           "    #   #       #   #   #     #"
                           "### # # ### ### # # # # # # # #"
                           "#   # #   #   #   #     # # # #"
                           "# # # ### # # ######### # # # #"
                           "#     #   # # #   #   # # # # #"
                           "####### # # # # # ### # ### # #"
                           "#     # #     # #     #     # #"
                           "# ### # # #####   ### ####### #"
                           "#   #   # #     #           # #"
                           "# # ##### # # ######### # ### #"
                           "#         # #                  "
                           "###############################";

static atomic_int came_from[WIDTH * HEIGHT]; /* 0: nobody has been there */
static weft_scope walkers;

static bool enter(int place, int from)
{
    int nobody = 0;

    return maze[place] == ' ' && atomic_compare_exchange_strong(&came_from[place], &nobody, from);
}

static int walk(void *arg) /* 0: found the way out; or a negative code */
{
    static const int steps[] = {1, -1, WIDTH, -WIDTH};

    for (int at = *(int *)arg, next; at != OUT; at = next) {
        if (weft_sleep(1 * WEFT_MS) < 0)
            return -WEFT_ECANCELED; /* somebody else has found it */
        next = 0;
        for (int i = 0; i < 4; i++) {
            int place = at + steps[i], rc = 0;
            if (!enter(place, at))
                continue;
            if (next == 0)
                next = place;
            else if ((rc = weft_go(&walkers, walk, &place)) < 0)
                return rc;
        }
        if (next == 0)
            return -ENOENT; /* a dead end, or others were there first */
    }
    return 0;
}

static int search(void *arg)
{
    weft_scope_open_with(&walkers, &(weft_scope_options){.policy = WEFT_FIRST_OK});
    weft_go(&walkers, walk, arg);
    return weft_scope_close(&walkers); /* returns when all are back */
}

int main(void)
{
    int in = IN, length = 0;
    char drawn[sizeof maze];

    enter(IN, IN);
    int rc = weft_run_with(search, &in, &(weft_options){.virtual_clock = true});
    if (rc < 0)
        return fprintf(stderr, "corridors: %s\n", weft_strerror(rc)), 1;
    for (int i = 0; i < WIDTH * HEIGHT; i++)
        drawn[i] = maze[i];
    for (int at = OUT; at != IN; at = came_from[at], length++)
        drawn[at] = '.';
    drawn[IN] = '.';
    for (int y = 0; y < HEIGHT; y++)
        printf("%.*s\n", WIDTH, drawn + y * WIDTH);
    printf("the shortest way has %d steps\n", length);
    return 0;
}
