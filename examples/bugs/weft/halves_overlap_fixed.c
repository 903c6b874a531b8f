/* halves_overlap_fixed.c - the seats of a row: the left half enters by door 1, the right half by
 * door 2.
 *
 * A half ends before the seat with which the next one begins.
 *
 * expects: none
 *
 * SPDX-License-Identifier: MIT
 */
#include <assert.h>

#include <weft.h>

#define SEATS 4

struct seats { int *door, from, to, number; };

static int assign(void *arg)
{
    const struct seats *s = arg;

    for (int i = s->from; i < s->to; i++)
        s->door[i] = s->number;
    return 0;
}

static int app(void *arg)
{
    int door[SEATS] = {0}, middle = SEATS / 2;
    struct seats left = {door, 0, middle, 1}, right = {door, middle, SEATS, 2};
    weft_piece piece;

    (void)arg;
    weft_fork(&piece, assign, &right);
    int rc_left = assign(&left);
    int rc_right = weft_join(&piece);
    assert(rc_right < 0 || (door[middle - 1] == 1 && door[middle] == 2));
    return rc_left < 0 ? rc_left : rc_right;
}

int main(void)
{
    return weft_run(app, NULL) < 0;
}
