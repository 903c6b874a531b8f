/* halves_overlap.c - the seats of a row: the left half enters by door 1, the right half by door 2.
 *
 * The left half goes one seat too far. As long as nobody takes the piece, the right half comes
 * after it and puts that seat right; in another task it may come first.
 *
 * expects: assertion|data-race
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

    for (int i = s->from; i <= s->to; i++)
        s->door[i] = s->number;
    return 0;
}

static int app(void *arg)
{
    int door[SEATS] = {0}, middle = SEATS / 2;
    struct seats left = {door, 0, middle, 1}, right = {door, middle, SEATS - 1, 2};
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
