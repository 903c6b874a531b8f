/* stream_core.h - what the carriers of this room know of streams beyond the public header.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_IO_STREAM_CORE_H
#define WEFT_IO_STREAM_CORE_H

#include "weft/stream.h"

/* Never sleeps.  As weft_stream_open; what is written goes to the carrier at once. */
WEFT_MUST_USE int weft__stream_open_unbuffered(const weft_stream_ops *ops, void *state,
                                               weft_stream **ret_stream);

#endif
