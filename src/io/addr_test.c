/* addr_test.c - addresses as text, there and back, and what is no address.
 *
 * SPDX-License-Identifier: MIT
 */
#include "io/addr.h"

#include <netinet/in.h>
#include <sys/un.h>

#include "tests/test.h"
#include "weft/err.h"

/* Parsed and written again it is the same text. */
static void addr_expect_same(const char *text)
{
    char again[WEFT_ADDR_TEXT_MAX];
    weft_addr addr;
    EXPECT_EQ(weft_addr_parse(text, &addr), 0);
    EXPECT_EQ(weft_addr_text(&addr, again, sizeof again), strlen(text));
    EXPECT_STR(again, text);
}

TEST(addr_texts_come_back)
{
    static const char *const texts[] = {
        "127.0.0.1:80",      "0.0.0.0:0",          "255.255.255.255:65535", "[::1]:80",
        "[::]:0",            "[fe80::1%2]:1",      "[2001:db8::ff]:443",    "[::ffff:1.2.3.4]:5",
        "unix:/run/x.sock",  "unix:relative",      "unix:@name",            "unix:./@odd",
        "unix:",             "unix:with:colon:80", "unix:80",               "unix:@",
        "[fe80::1%4294967295]:65535",
        "[1111:2222:3333:4444:5555:6666:7777:8888%4294967295]:65535",
    };
    for (size_t i = 0; i < WEFT_ARRAY_SIZE(texts); i++) {
        addr_expect_same(texts[i]);
    }
}

TEST(addr_texts_that_are_none)
{
    static const char *const texts[] = {
        "",           ":",           "80",           "127.0.0.1",      "127.0.0.1:",
        "::1:80",     "::1",         "[::1]",        "[::1]80",        "[::1:80",
        "[]:80",      "[1.2.3.4]:80", "[name]:80",   "localhost:80",   "127.1:80",
        "0x7f.1:80",  "1.2.3.4.5:1", "1.2.3:1",      "1.2.3.256:1",    "127.0.0.1:65536",
        "1.2.3.4:-1", "1.2.3.4:+1",  "1.2.3.4:1 ",   " 1.2.3.4:1",     "1.2.3.4:000080",
        "1.2.3.4:0x1", "1.2.3.4:http", "[fe80::1%]:1", "[fe80::1%0]:1", "[fe80::1%x]:1",
        "[fe80::1%4294967296]:1", "[::1]]:1", "[[::1]:1", "a]:1", "[1::2::3]:1", "unix",
        "[12345::]:1",
    };
    for (size_t i = 0; i < WEFT_ARRAY_SIZE(texts); i++) {
        weft_addr addr = {.size = 77};
        if (weft_addr_parse(texts[i], &addr) != -WEFT_EINVAL || addr.size != 77) {
            test_fail(__FILE__, __LINE__, "'%s' was taken for an address", texts[i]);
        }
    }
    weft_addr addr;
    EXPECT_EQ(weft_addr_parse(NULL, &addr), -WEFT_EINVAL);
}

TEST(addr_of_no_host_is_every_address)
{
    char text[WEFT_ADDR_TEXT_MAX];
    weft_addr addr;
    EXPECT_EQ(weft_addr_parse(":8080", &addr), 0);
    EXPECT_EQ(weft_addr_text(&addr, text, sizeof text), 9);
    EXPECT_STR(text, "[::]:8080");
    EXPECT_EQ(weft_addr_port(&addr), 8080);
}

TEST(addr_text_fits_or_says_so)
{
    char text[WEFT_ADDR_TEXT_MAX] = "untouched";
    weft_addr addr;
    EXPECT_EQ(weft_addr_parse("127.0.0.1:80", &addr), 0);
    EXPECT_EQ(weft_addr_text(&addr, text, 0), -ENOSPC);
    EXPECT_EQ(weft_addr_text(&addr, text, 12), -ENOSPC);
    EXPECT_STR(text, "untouched");
    EXPECT_EQ(weft_addr_text(&addr, text, 13), 12);
    EXPECT_STR(text, "127.0.0.1:80");
    addr.raw.ss_family = AF_UNSPEC;
    EXPECT_EQ(weft_addr_text(&addr, text, sizeof text), -WEFT_EINVAL);
    EXPECT_EQ(weft_addr_port(&addr), -WEFT_EINVAL);
    addr = (weft_addr){.size = 0};
    EXPECT_EQ(weft_addr_text(&addr, text, sizeof text), -WEFT_EINVAL);
}

TEST(addr_of_unix_sockets)
{
    char longest[5 + 108 + 1] = "unix:", text[WEFT_ADDR_TEXT_MAX];
    const size_t head = offsetof(struct sockaddr_un, sun_path);
    weft_addr addr;
    memset(longest + 5, 'p', 108);
    EXPECT_EQ(weft_addr_parse(longest, &addr), 0);
    EXPECT_EQ(addr.size, sizeof(struct sockaddr_un));
    EXPECT_EQ(weft_addr_text(&addr, text, sizeof text), 113);
    EXPECT_STR(text, longest);
    EXPECT_EQ(weft_addr_port(&addr), -WEFT_EINVAL);

    EXPECT_EQ(weft_addr_parse("unix:/a", &addr), 0);
    EXPECT_EQ(addr.size, head + 3); /* with its byte 0 */
    EXPECT_EQ(weft_addr_parse("unix:@a", &addr), 0);
    EXPECT_EQ(addr.size, head + 2); /* without */
    EXPECT_EQ(weft_addr_parse("unix:", &addr), 0);
    EXPECT_EQ(addr.size, head); /* of nobody */

    struct sockaddr_un odd = {.sun_family = AF_UNIX, .sun_path = "@file"};
    memcpy(&addr.raw, &odd, sizeof odd);
    addr.size = sizeof odd;
    EXPECT_EQ(weft_addr_text(&addr, text, sizeof text), 12);
    EXPECT_STR(text, "unix:./@file");
    memset(odd.sun_path, '@', sizeof odd.sun_path);
    memcpy(&addr.raw, &odd, sizeof odd);
    EXPECT_EQ(weft_addr_text(&addr, text, sizeof text), 5 + 2 + 108);
}

TEST(addr_unix_path_too_long)
{
    char text[5 + 109 + 1] = "unix:";
    weft_addr addr;
    memset(text + 5, 'p', 109);
    EXPECT_EQ(weft_addr_parse(text, &addr), -WEFT_EINVAL);
}

TEST(addr_places_are_split_and_not_looked_up)
{
    struct weft__where where;
    EXPECT_EQ(weft__where_parse("example.org:http", &where), 0);
    EXPECT(!where.is_unix);
    EXPECT_STR(where.host, "example.org");
    EXPECT_STR(where.port, "http");
    EXPECT_EQ(weft__where_parse("[fe80::1%eth0]:80", &where), 0);
    EXPECT_STR(where.host, "fe80::1%eth0");
    EXPECT_EQ(weft__where_parse(":0", &where), 0);
    EXPECT_STR(where.host, "");
    EXPECT_EQ(weft__where_parse("unix:/a:b", &where), 0);
    EXPECT(where.is_unix);
    EXPECT_EQ(weft__where_parse("http://x/:80", &where), -WEFT_EINVAL);

    char text[WEFT__HOST_MAX + 4];
    memset(text, 'h', WEFT__HOST_MAX);
    memcpy(text + WEFT__HOST_MAX, ":1", 3);
    EXPECT_EQ(weft__where_parse(text, &where), -WEFT_EINVAL);
    EXPECT_EQ(weft__where_parse(text + 1, &where), 0);
}

TEST(addr_ipv4_in_the_dress_of_ipv6)
{
    weft_addr addr, plain;
    EXPECT_EQ(weft_addr_parse("[::ffff:1.2.3.4]:5", &addr), 0);
    EXPECT_EQ(weft_addr_parse("1.2.3.4:5", &plain), 0);
    EXPECT(!weft__addr_equal(&addr, &plain));
    weft__addr_unmap(&addr);
    EXPECT(weft__addr_equal(&addr, &plain));
    weft__addr_unmap(&addr);
    EXPECT(weft__addr_equal(&addr, &plain));
    EXPECT_EQ(weft_addr_parse("[::1]:5", &addr), 0);
    plain = addr;
    weft__addr_unmap(&addr);
    EXPECT(weft__addr_equal(&addr, &plain));
}
