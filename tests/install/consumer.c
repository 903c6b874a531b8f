/* consumer.c - the smallest program of someone who uses the installed library; C99 and C++.
 *
 * SPDX-License-Identifier: MIT
 */
#include <weft.h>

static int consumer_answer(void *arg)
{
    return *(int *)arg;
}

int main(void)
{
    int answer = 42;
    return weft_run(consumer_answer, &answer) == answer ? 0 : 1;
}
