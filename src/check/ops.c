/* ops.c - what operations are called and what they do.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/ops.h"

#define EVENT_DOES(name, words, does)  [WEFT__OP_##name] = (does),
#define EVENT_WORDS(name, words, does) [WEFT__OP_##name] = (words),

static const uint16_t event_does[] = {WEFT__OPS(EVENT_DOES)};
static const char *const event_words[] = {WEFT__OPS(EVENT_WORDS)};

unsigned weft__op_does(enum weft__op op)
{
    WEFT_CHECK(op < WEFT__OP_COUNT);
    return event_does[op];
}

const char *weft__op_words(enum weft__op op)
{
    WEFT_CHECK(op < WEFT__OP_COUNT);
    return event_words[op];
}

bool weft__op_conflict(enum weft__op a, uint64_t a_object, enum weft__op b, uint64_t b_object)
{
    if (a_object != b_object || a_object == 0) {
        return false;
    }
    unsigned a_does = weft__op_does(a), b_does = weft__op_does(b);
    return ((a_does | b_does) & WEFT__OP_WRITES) && (a_does & WEFT__RW) && (b_does & WEFT__RW);
}
