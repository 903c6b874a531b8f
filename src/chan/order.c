/* order.c - channels that are no plain ring: stacks, and queues by priority.
 *
 * Called by chan.c under the channel's lock, when there is room, or a value.
 *
 * The heap orders small entries (priority, age, place) and moves no values: each value stays in
 * its place from its send to its receive.  The entries lie behind the places; those beyond the
 * length name the free places, so that no other list is needed.  `put` counts all sends, and gives
 * each value its age: of equal priorities the oldest comes first.
 *
 * The priority is a field of the value.  Rejected: a function of the caller's to compare two
 * values; it would run under the channel's lock, where it must neither park nor take long, and one
 * that is no order would break the heap.  One lane per priority: as many queues as there are
 * numbers.
 *
 * SPDX-License-Identifier: MIT
 */
#include "chan/chan.h"

struct order_entry {
    int64_t key;   /* smallest first */
    uint64_t age;
    size_t place;
};

static struct order_entry *order_entries(const weft_chan *ch)
{
    size_t bytes = (ch->capacity * ch->element_size + 7) / 8 * 8;
    return (struct order_entry *)(void *)((uintptr_t)ch->places + bytes);
}

size_t weft__order_bytes(const weft_chan *ch)
{
    size_t bytes = (ch->capacity * ch->element_size + 7) / 8 * 8;
    if (ch->order == WEFT_CHAN_PRIORITY) {
        bytes += ch->capacity * sizeof(struct order_entry);
    }
    return bytes;
}

void weft__order_init(weft_chan *ch)
{
    if (ch->order != WEFT_CHAN_PRIORITY) {
        return;
    }
    struct order_entry *entries = order_entries(ch);
    for (size_t i = 0; i < ch->capacity; i++) {
        entries[i] = (struct order_entry){.place = i};
    }
}

static void *order_place(weft_chan *ch, size_t i)
{
    WEFT_CHECK(i < ch->capacity);
    return ch->places + i * ch->element_size;
}

/* ~ turns the order of all signed numbers around, without the one that - has no answer for. */
static int64_t order_key(const weft_chan *ch, const void *value)
{
    const unsigned char *at = (const unsigned char *)value + ch->priority_offset;
    int32_t narrow;
    int64_t key;
    if (ch->priority_size == sizeof narrow) {
        memcpy(&narrow, at, sizeof narrow);
        key = narrow;
    } else {
        memcpy(&key, at, sizeof key);
    }
    return ch->largest_first ? ~key : key;
}

static bool order_before(const struct order_entry *a, const struct order_entry *b)
{
    return a->key != b->key ? a->key < b->key : a->age < b->age;
}

/* entries[i] may be too small for its place; it wanders up. */
static void order_sift_up(struct order_entry *entries, size_t i)
{
    struct order_entry moved = entries[i];
    while (i > 0 && order_before(&moved, &entries[(i - 1) / 2])) {
        entries[i] = entries[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    entries[i] = moved;
}

static void order_sift_down(struct order_entry *entries, size_t len)
{
    struct order_entry moved = entries[0];
    size_t i = 0, child;
    while ((child = 2 * i + 1) < len) {
        if (child + 1 < len && order_before(&entries[child + 1], &entries[child])) {
            child++;
        }
        if (!order_before(&entries[child], &moved)) {
            break;
        }
        entries[i] = entries[child];
        i = child;
    }
    entries[i] = moved;
}

void weft__order_put(weft_chan *ch, const void *value)
{
    size_t len = weft__chan_len(ch), place = len;
    if (ch->order == WEFT_CHAN_PRIORITY) {
        struct order_entry *entries = order_entries(ch);
        place = entries[len].place;
        entries[len].key = order_key(ch, value);
        entries[len].age = ch->put;
        order_sift_up(entries, len);
    }
    weft__chan_copy(ch, order_place(ch, place), value);
    ch->put++;
    if (len >= ch->len_max) {
        ch->len_max = (uint32_t)weft__min(len + 1, (size_t)UINT32_MAX);
    }
}

void weft__order_take(weft_chan *ch, void *ret_value)
{
    size_t len = weft__chan_len(ch), place = len - 1;
    if (ch->order == WEFT_CHAN_PRIORITY) {
        struct order_entry *entries = order_entries(ch);
        place = entries[0].place;
        entries[0] = entries[len - 1];
        entries[len - 1].place = place; /* free again */
        order_sift_down(entries, len - 1);
    }
    weft__chan_copy(ch, ret_value, order_place(ch, place));
    ch->taken++;
}

void weft__order_check(const weft_chan *ch)
{
    if (ch->order != WEFT_CHAN_PRIORITY) {
        return;
    }
    const struct order_entry *entries = order_entries(ch);
    for (size_t i = 1; i < weft__chan_len(ch); i++) {
        WEFT_CHECK(order_before(&entries[(i - 1) / 2], &entries[i]));
    }
}
