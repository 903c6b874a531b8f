/* agents.c - 100,000 agents on a grid, each a task that talks to its four neighbours.
 *
 *   weft run examples/agents.c [WIDTH HEIGHT]
 *
 * An agent has some heat.  In each round it gives an eighth of it to each neighbour and takes what
 * they give.  Nobody keeps step for all: an agent goes on when it has heard from its own four.  So
 * neighbours may be one round apart, but never two; a letter says whether its round is odd, and a
 * box with room for eight letters is never full.  In whatever order the agents run, the result
 * is the same.  A plain loop finds it, too, and far faster: a task is for what waits.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weft.h>

enum { ROUNDS = 5, SIDES = 4 };

struct letter { int odd, heat; };

static int width = 400, height = 250;
static int *heat; /* in a round, an agent's own element is touched by that agent alone */
static weft_chan **box;

static int neighbour(int me, int side) /* 0 left, 1 right, 2 above, 3 below */
{
    int x = me % width + (side == 0 ? width - 1 : side == 1);
    int y = me / width + (side == 2 ? height - 1 : side == 3);
    return y % height * width + x % width;
}

static int agent(void *arg)
{
    int me = *(int *)arg, heard[2] = {0}, got[2] = {0}, rc = 0;
    for (int round = 0; round < ROUNDS && rc == 0; round++) {
        struct letter letter = {round % 2, heat[me] / 8};
        int odd = letter.odd;
        for (int side = 0; side < SIDES && rc == 0; side++)
            rc = weft_chan_send(box[neighbour(me, side)], &letter);
        heat[me] -= SIDES * letter.heat;
        for (; heard[odd] < SIDES && rc == 0; heard[letter.odd] += rc == 0) {
            rc = weft_chan_recv(box[me], &letter); /* of this round or of the next */
            got[letter.odd] += rc == 0 ? letter.heat : 0;
        }
        heat[me] += got[odd];
        heard[odd] = got[odd] = 0;
    }
    return rc;
}

static int by_agents(void *arg)
{
    weft_scope scope;
    int count = *(int *)arg, made = 0;
    while (made < count && (box[made] = weft_chan_new(sizeof(struct letter), 2 * SIDES)) != NULL)
        made++;
    weft_scope_open(&scope);
    for (int i = 0; i < count && made == count; i++)
        weft_go(&scope, agent, &i);
    int rc = weft_scope_close(&scope);
    for (int i = 0; i < made; i++)
        weft_chan_free(box[i]);
    return made < count ? -WEFT_ENOMEM : rc;
}

static void by_loop(int *now, int *then, int count)
{
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < count; i++) {
            then[i] = now[i] - SIDES * (now[i] / 8);
            for (int side = 0; side < SIDES; side++)
                then[i] += now[neighbour(i, side)] / 8;
        }
        memcpy(now, then, (size_t)count * sizeof(int));
    }
}

int main(int argc, char **argv)
{
    width = argc == 3 ? atoi(argv[1]) : width;
    height = argc == 3 ? atoi(argv[2]) : height;
    int count = width * height;
    size_t size = (size_t)count * sizeof(int);
    unsigned digest = 0;
    heat = calloc(3, size); /* and behind it what the loop needs */
    box = calloc((size_t)count, sizeof(weft_chan *));
    for (int i = 0; i < count; i++)
        heat[i] = heat[count + i] = (int)((unsigned)i * 2654435761u >> 20);
    by_loop(heat + count, heat + 2 * count, count);
    int rc = weft_run(by_agents, &count);
    for (int i = 0; i < count; i++)
        digest = 31 * digest + (unsigned)heat[i];
    printf("%d agents, %d rounds: %08x\n", count, ROUNDS, digest);
    printf("a plain loop finds the same: %s\n", memcmp(heat, heat + count, size) ? "no" : "yes");
    free(heat);
    free(box);
    return rc == 0 ? 0 : 1;
}
