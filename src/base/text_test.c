/* text_test.c - a text never leaves its buffer.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/text.h"

#include "tests/test.h"

TEST(text_appends)
{
    char buf[64];
    struct weft__text t;

    weft__text_init(&t, buf, sizeof buf);
    EXPECT_STR(buf, "");
    weft__text_add(&t, "%d and %s", 7, "eight");
    weft__text_add_bytes(&t, "!?", 1);
    weft__text_end_line(&t);
    EXPECT_STR(buf, "7 and eight!\n");
    EXPECT_EQ(weft__text_len(&t), 13);
    EXPECT(!t.cut);
}

/* Every size, every split: the byte behind the buffer stays, the zero is there. */
TEST(text_is_cut_at_the_end)
{
    for (size_t size = 1; size < 20; size++) {
        char buf[32];
        struct weft__text t;
        memset(buf, '#', sizeof buf);
        weft__text_init(&t, buf, size);
        weft__text_add(&t, "%s", "0123456");
        weft__text_add_bytes(&t, "789", 3);
        weft__text_add(&t, "%s", "abc");
        EXPECT_EQ(buf[size], '#');
        EXPECT_EQ(strlen(buf), weft__min(size - 1, (size_t)13));
        EXPECT_EQ(weft__text_len(&t), strlen(buf));
        EXPECT_EQ(memcmp(buf, "0123456789abc", strlen(buf)), 0);
        EXPECT_EQ(t.cut, size - 1 < 13);
    }
}

TEST(text_ends_its_line_when_full)
{
    char buf[6];
    struct weft__text t;

    weft__text_init(&t, buf, sizeof buf);
    weft__text_add(&t, "abcdefgh");
    weft__text_end_line(&t);
    EXPECT_STR(buf, "abcd\n");
}
