/* resize.c - pictures go through a pipeline: read in order, shrunk side by side, shown in order.
 *
 *     draw ──▶ shrink  shrink  shrink ──▶ show
 *
 * The first stage makes pictures, one at a time.  The last one gets them in the same order.  There
 * are never more than FLIGHT of them in memory, so a slow end holds the beginning back.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <stdlib.h>

#include <weft.h>

#define PICTURES 6
#define FLIGHT   3
#define LARGE    64 /* dots on a side */
#define SMALL    8

struct picture {
    int number;
    unsigned char large[LARGE][LARGE], small[SMALL][SMALL];
};

/* A disc that wanders from left to right. */
static int draw(void **item, void *arg)
{
    int *drawn = arg;
    struct picture *p;

    if (*drawn == PICTURES)
        return 0; /* no more */
    if ((p = malloc(sizeof *p)) == NULL)
        return -WEFT_ENOMEM;
    p->number = ++*drawn;
    for (int y = 0; y < LARGE; y++) {
        for (int x = 0; x < LARGE; x++) {
            int dx = x - p->number * LARGE / (PICTURES + 1), dy = y - LARGE / 2;

            p->large[y][x] = dx * dx + dy * dy < LARGE * LARGE / 16 ? 255 : 0;
        }
    }
    *item = p;
    return 1;
}

static int shrink(void **item, void *arg)
{
    struct picture *p = *item;
    const int side = LARGE / SMALL;

    (void)arg;
    for (int at = 0; at < SMALL * SMALL; at++) {
        int y = at / SMALL, x = at % SMALL, sum = 0;

        for (int i = 0; i < side * side; i++)
            sum += p->large[y * side + i / side][x * side + i % side];
        p->small[y][x] = (unsigned char)(sum / (side * side));
    }
    return 0;
}

static int show(void **item, void *arg)
{
    struct picture *p = *item;
    (void)arg;
    printf("%d |", p->number);
    for (int x = 0; x < SMALL; x++)
        putchar(" .:-=+*#"[p->small[SMALL / 2][x] / 32]);
    puts("|");
    free(p);
    *item = NULL; /* not to be dropped */
    return 0;
}

static void drop(void *item, void *arg)
{
    (void)arg;
    free(item);
}

static int app(void *arg)
{
    int drawn = 0;
    const weft_stage stages[] = {{.fn = draw, .arg = &drawn, .serial = true},
                                 {.fn = shrink},
                                 {.fn = show, .serial = true}};

    (void)arg;
    return weft_pipeline(stages, 3, &(weft_pipeline_options){.items_max = FLIGHT, .drop = drop});
}

int main(void)
{
    int rc = weft_run(app, NULL);

    if (rc < 0)
        fprintf(stderr, "resize: %s\n", weft_strerror(rc));
    return rc < 0 ? 1 : rc;
}
