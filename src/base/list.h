/* list.h - a doubly linked list whose nodes live inside the things listed.
 *
 * Circular with a head of the same type, so that removing needs no head and no branch.  A node
 * that is on no list points at itself; list_remove leaves it so, and removing it twice is
 * harmless.  Nothing here allocates and nothing locks: the owner of the head says which lock.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_BASE_LIST_H
#define WEFT_BASE_LIST_H

#include "base/base.h"

struct weft__list {
    struct weft__list *next, *prev;
};

/* For a head with static lifetime: struct weft__list all = LIST_INIT(all); */
#define LIST_INIT(name)                                                                            \
    {                                                                                              \
        &(name), &(name)                                                                           \
    }

/* Makes an empty head, or a node that is on no list. */
static inline void list_init(struct weft__list *node)
{
    node->next = node;
    node->prev = node;
}

static inline bool list_empty(const struct weft__list *head)
{
    return head->next == head;
}

static inline bool list_is_linked(const struct weft__list *node)
{
    return node->next != node;
}

static inline void list_insert_between(struct weft__list *node, struct weft__list *prev,
                                       struct weft__list *next)
{
    node->prev = prev;
    node->next = next;
    prev->next = node;
    next->prev = node;
}

static inline void list_push_back(struct weft__list *head, struct weft__list *node)
{
    list_insert_between(node, head->prev, head);
}

static inline void list_push_front(struct weft__list *head, struct weft__list *node)
{
    list_insert_between(node, head, head->next);
}

static inline void list_remove(struct weft__list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

/* The first node, taken off; NULL when there is none. */
static inline struct weft__list *list_pop_front(struct weft__list *head)
{
    struct weft__list *node = head->next;

    if (node == head)
        return NULL;
    list_remove(node);
    return node;
}

/* Moves all of `from` behind what `head` holds; `from` is empty afterwards. */
static inline void list_splice_back(struct weft__list *head, struct weft__list *from)
{
    if (list_empty(from))
        return;
    from->next->prev = head->prev;
    head->prev->next = from->next;
    from->prev->next = head;
    head->prev = from->prev;
    list_init(from);
}

/* The body may remove `it`, but no other node of the list. */
#define LIST_FOR_EACH(head, it)                                                                    \
    for (struct weft__list *it = (head)->next, *it##_next = it->next; it != (head);                \
         it = it##_next, it##_next = it->next)

#endif
