/* table.c - see table.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/table.h"

void *weft__arena_take(struct weft__arena *arena, size_t size)
{
    size = (size + 63) & ~(size_t)63;
    if ((size_t)(arena->high - arena->at) < size)
        return NULL;
    void *taken = arena->at;
    arena->at += size;
    return memset(taken, 0, size);
}

void weft__table_init(struct weft__table *table, struct weft__arena *arena)
{
    *table = (struct weft__table){.capacity = WEFT__TABLE_FIRST};
    table->slots = weft__arena_take(arena, WEFT__TABLE_FIRST * sizeof *table->slots);
    WEFT_CHECK(table->slots != NULL);
}

static struct weft__table_slot *table_slot(const struct weft__table *table, uint64_t stored)
{
    uint32_t mask = table->capacity - 1;

    for (uint32_t i = (uint32_t)weft__mix(stored) & mask;; i = (i + 1) & mask) {
        struct weft__table_slot *slot = &table->slots[i];
        if (slot->key == stored || slot->key == 0)
            return slot;
    }
}

static bool table_grow(struct weft__table *table, struct weft__arena *arena)
{
    struct weft__table old = *table;

    table->slots = weft__arena_take(arena, 2 * (size_t)old.capacity * sizeof *table->slots);
    if (table->slots == NULL) {
        table->slots = old.slots;
        return false;
    }
    table->capacity = 2 * old.capacity;
    for (uint32_t i = 0; i < old.capacity; i++) {
        if (old.slots[i].key != 0)
            *table_slot(table, old.slots[i].key) = old.slots[i];
    }
    return true;
}

uint64_t *weft__table_at(struct weft__table *table, struct weft__arena *arena, uint64_t key)
{
    struct weft__table_slot *slot = table_slot(table, key + 1);

    if (slot->key != 0)
        return &slot->value;
    if (table->n >= table->capacity / 4 * 3) {
        if (!table_grow(table, arena))
            return NULL;
        slot = table_slot(table, key + 1);
    }
    table->n++;
    slot->key = key + 1;
    return &slot->value;
}

bool weft__table_add(struct weft__table *table, struct weft__arena *arena, uint64_t key)
{
    uint64_t *value = weft__table_at(table, arena, key);

    if (value == NULL || *value != 0)
        return false;
    *value = 1;
    return true;
}

uint64_t *weft__table_find(const struct weft__table *table, uint64_t key)
{
    struct weft__table_slot *slot = table_slot(table, key + 1);

    return slot->key != 0 ? &slot->value : NULL;
}
