/* local.c - task-locals: an immutable array of key and value, shared by reference.
 *
 * A child takes its parent's array as it is; setting a value makes a new array for the setter
 * alone.  So inheriting costs one increment, whatever the number of values, and needs no lock.
 *
 * SPDX-License-Identifier: MIT
 */
#include "core/local.h"

#include "base/alloc.h"
#include "core/core.h"
#include "core/self.h"
#include "weft/err.h"

struct local_entry {
    const weft_local *key;
    void *value;
};

struct weft__locals {
    ATOMIC(uint32_t) refs;
    uint32_t count;
    struct local_entry entries[];
};

struct weft__locals *weft__locals_ref(struct weft__locals *locals)
{
    if (locals) {
        a_add(&locals->refs, 1, relaxed);
    }
    return locals;
}

void weft__locals_unref(struct weft__locals *locals)
{
    /* acq_rel: who frees has seen the last use of everybody else */
    if (locals && a_sub(&locals->refs, 1, acq_rel) == 1) {
        weft__free(locals);
    }
}

void *weft_local_get(const weft_local *key)
{
    const struct weft__locals *locals = weft__self_task()->locals;
    for (uint32_t i = 0; locals && i < locals->count; i++) {
        if (locals->entries[i].key == key) {
            return locals->entries[i].value;
        }
    }
    return NULL;
}

int weft_local_set(const weft_local *key, void *value)
{
    struct weft__task *task = weft__self_task();
    struct weft__locals *old = task->locals;
    uint32_t old_count = old ? old->count : 0;
    if (!key) {
        return -WEFT_EINVAL;
    }
    struct weft__locals *made =
        weft__alloc(sizeof *made + (old_count + 1) * sizeof(struct local_entry));
    if (!made) {
        return -WEFT_ENOMEM;
    }
    a_store(&made->refs, 1, relaxed);
    made->count = 0;
    for (uint32_t i = 0; i < old_count; i++) {
        if (old->entries[i].key != key) {
            made->entries[made->count++] = old->entries[i];
        }
    }
    made->entries[made->count++] = (struct local_entry){key, value};
    task->locals = made;
    weft__locals_unref(old);
    return 0;
}
