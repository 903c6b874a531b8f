/* chan_fault_test.c - no memory for a channel.
 *
 * SPDX-License-Identifier: MIT
 */
#include <weft.h>

#include "base/alloc.h"
#include "base/fault.h"
#include "tests/test.h"

TEST(chan_new_without_memory)
{
    size_t live = weft__alloc_live();
    weft__fault_arm(WEFT_FAULT_MASK(WEFT_FAULT_ALLOC), 1);
    EXPECT(weft_chan_new(8, 16) == NULL);
    EXPECT_EQ(weft__fault_disarm(), 1);
    EXPECT_EQ(weft__alloc_live(), live);
    weft_chan *ch = weft_chan_new(8, 16);
    EXPECT(ch != NULL);
    EXPECT_EQ(weft__alloc_live(), live + 1);
    weft_chan_free(ch);
    EXPECT_EQ(weft__alloc_live(), live);
}
