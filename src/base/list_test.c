/* list_test.c - the intrusive list: ends, middle, removing while walking.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/list.h"

#include "tests/test.h"

struct list_item {
    int number;
    struct weft__list link;
};

static int list_number(struct weft__list *node)
{
    return container_of(node, struct list_item, link)->number;
}

static void list_fill(struct weft__list *head, struct list_item *items, int n)
{
    list_init(head);
    for (int i = 0; i < n; i++) {
        items[i].number = i;
        list_init(&items[i].link);
        list_push_back(head, &items[i].link);
    }
}

TEST(list_is_first_in_first_out)
{
    struct weft__list head;
    struct list_item items[5];

    list_fill(&head, items, 5);
    for (int i = 0; i < 5; i++)
        EXPECT_EQ(list_number(list_pop_front(&head)), i);
    EXPECT(list_empty(&head));
    EXPECT(list_pop_front(&head) == NULL);
}

TEST(list_pushes_at_the_front)
{
    struct weft__list head = LIST_INIT(head);
    struct list_item a = {.number = 1}, b = {.number = 2};

    list_push_front(&head, &a.link);
    list_push_front(&head, &b.link);
    EXPECT_EQ(list_number(list_pop_front(&head)), 2);
    EXPECT_EQ(list_number(list_pop_front(&head)), 1);
}

TEST(list_removes_from_the_middle_and_twice)
{
    struct weft__list head;
    struct list_item items[3];

    list_fill(&head, items, 3);
    EXPECT(list_is_linked(&items[1].link));
    list_remove(&items[1].link);
    EXPECT(!list_is_linked(&items[1].link));
    list_remove(&items[1].link);
    EXPECT_EQ(list_number(list_pop_front(&head)), 0);
    EXPECT_EQ(list_number(list_pop_front(&head)), 2);
    EXPECT(list_empty(&head));
}

TEST(list_walk_survives_removal_of_the_current)
{
    struct weft__list head;
    struct list_item items[6];
    int seen = 0;

    list_fill(&head, items, 6);
    LIST_FOR_EACH(&head, it) {
        EXPECT_EQ(list_number(it), seen++);
        if (list_number(it) % 2 == 0)
            list_remove(it);
    }
    EXPECT_EQ(seen, 6);
    for (int i = 1; i < 6; i += 2)
        EXPECT_EQ(list_number(list_pop_front(&head)), i);
    EXPECT(list_empty(&head));
}

TEST(list_splices_all_behind)
{
    struct weft__list a, b;
    struct list_item first[2], second[3];

    list_fill(&a, first, 2);
    list_fill(&b, second, 3);
    list_splice_back(&a, &b);
    EXPECT(list_empty(&b));
    list_splice_back(&a, &b);
    for (int i = 0; i < 5; i++)
        EXPECT_EQ(list_number(list_pop_front(&a)), i < 2 ? i : i - 2);
    EXPECT(list_empty(&a));
}
