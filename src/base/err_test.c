/* err_test.c - words for codes.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <string.h>

#include "tests/test.h"
#include "weft/err.h"

TEST(err_every_code_begins_with_its_name)
{
    for (int code = 1; code < 200; code++) {
        const char *name = strerrorname_np(code);
        const char *text = weft_strerror(-code);
        EXPECT(text != NULL);
        EXPECT(text == weft_strerror(code));
        if (name && strcmp(name, "EAGAIN") != 0 && strcmp(name, "EOPNOTSUPP") != 0 &&
            strcmp(name, "EDEADLK") != 0) {
            EXPECT(strncmp(text, name, strlen(name)) == 0);
        }
    }
}

TEST(err_own_codes_and_others)
{
    EXPECT(strncmp(weft_strerror(-WEFT_EPANIC), "EPANIC: ", 8) == 0);
    EXPECT(strncmp(weft_strerror(-WEFT_ENOTSUP), "ENOTSUP: ", 9) == 0);
    EXPECT_STR(weft_strerror(0), "0: no error");
    EXPECT_STR(weft_strerror(99999), "an unknown error");
}

TEST(err_errno_is_the_threads_own)
{
    errno = 7;
    EXPECT(&errno == weft_errno_location());
    EXPECT_EQ(errno, 7);
}
