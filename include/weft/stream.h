/* stream.h - bytes in order, whatever carries them: a descriptor, memory, TLS.
 *
 * A stream has a buffer on each side.  What is read ahead waits in one; what is written is gathered
 * in the other until it is full, flushed or closed.  A stream with its buffers empty holds no
 * memory for them, so one that waits for its peer costs less than 1 KB.
 *
 * One task may read while another writes; two that read at once, or write at once, is a mistake
 * that panics.  Calls return a count or a negative code.  After a write has failed the stream says
 * the same code to every further write (-WEFT_ECANCELED is not such a failure); what had been moved
 * is told through ret_done.
 *
 * Cancel: as io.h says.  A line or a block of which a part has come when a cancel arrives stays in
 * the buffer, and the next call gets it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_STREAM_H
#define WEFT_STREAM_H

#include "weft/api.h"

WEFT_BEGIN_DECLS

typedef struct weft_stream weft_stream;

/* What carries a stream.  `state` is its own.  Each but get_fd may sleep, and returns a count or a
 * code; NULL for those that it cannot do (-WEFT_ENOTSUP), but close is a must. */
typedef struct weft_stream_ops {
    const char *name; /* for reports: "fd", "tls" */
    ssize_t (*read)(void *state, void *buffer, size_t size); /* at least one byte; 0: the end */
    ssize_t (*write)(void *state, const void *data, size_t size); /* at least one byte */
    int (*flush)(void *state);       /* hands on what write has taken; NULL: write does so itself */
    int (*close_write)(void *state); /* no more will be written */
    int (*close)(void *state);       /* frees it in any case; if cancelled, without a farewell */
    int (*get_fd)(void *state);      /* what it stands on */
} weft_stream_ops;

typedef struct weft_stream_options {
    size_t buffer_size; /* of each side; 0: 16 KB */
    size_t line_max;    /* longest line that weft_stream_line takes; 0: 64 KB */
} weft_stream_options;

typedef struct weft_stream_counts {
    uint64_t reads, bytes_read;     /* calls of what carries it, and what they moved */
    uint64_t writes, bytes_written;
} weft_stream_counts;

/* Never sleeps.  A stream over anything; options may be NULL.  0 or -WEFT_ENOMEM; state is the
 * stream's from then on. */
WEFT_API WEFT_MUST_USE int weft_stream_open(const weft_stream_ops *ops, void *state,
                                            const weft_stream_options *options,
                                            weft_stream **ret_stream);

/* Never sleeps.  Over a descriptor of any kind, which is the stream's from then on (also when that
 * fails, and is then closed).  0 or -WEFT_ENOMEM; a negative fd is returned as it is, so that the
 * result of weft_connect or weft_open may be handed in unseen. */
WEFT_API WEFT_MUST_USE int weft_stream_fd(int fd, weft_stream **ret_stream);

/* Never sleeps.  Reads what lies at data (which stays the caller's), and then the end; gathers what
 * is written, for weft_stream_written.  0 or -WEFT_ENOMEM. */
WEFT_API WEFT_MUST_USE int weft_stream_mem(const void *data, size_t size, weft_stream **ret_stream);

/* Never sleeps.  What was written to a stream of weft_stream_mem so far; valid until the next
 * write. */
WEFT_API const void *weft_stream_written(weft_stream *stream, size_t *ret_size);

/* Never sleeps.  Two ends in memory: what is written to one is read from the other, at most
 * capacity bytes ahead (0: 16 KB).  0 or -WEFT_ENOMEM. */
WEFT_API WEFT_MUST_USE int weft_stream_pair(size_t capacity, weft_stream *ret_streams[2]);

/* ---- reading ---- */

/* Sleeps.  What is there, at least one byte and at most size.  0: the end. */
WEFT_API WEFT_MUST_USE ssize_t weft_stream_read(weft_stream *stream, void *buffer, size_t size);

/* Sleeps.  Exactly size bytes.  0; -EPIPE: the end came before; *ret_done (may be NULL) is what was
 * read in any case. */
WEFT_API WEFT_MUST_USE int weft_stream_read_full(weft_stream *stream, void *buffer, size_t size,
                                                 size_t *ret_done);

/* Sleeps.  The next line, without its "\n" or "\r\n" and with a byte 0 behind it; *ret_line is
 * valid until the next call that reads.  A last line without an end counts.
 *
 * n >= 0        its length
 * -EPIPE        the end
 * -EMSGSIZE     longer than line_max: nothing was taken
 */
WEFT_API WEFT_MUST_USE ssize_t weft_stream_line(weft_stream *stream, char **ret_line);

/* Sleeps.  Reads ahead until at least size bytes (at most the buffer's) are there, or the end.
 * *ret_data shows all that is there, and stays valid until the next call that reads; nothing is
 * taken.  Their number, 0 at the end, or a code. */
WEFT_API WEFT_MUST_USE ssize_t weft_stream_peek(weft_stream *stream, size_t size,
                                                const void **ret_data);

/* Never sleeps.  Takes so many bytes of what weft_stream_peek has shown. */
WEFT_API void weft_stream_skip(weft_stream *stream, size_t size);

/* ---- writing ---- */

/* Sleeps.  All of it, into the buffer or further.  0 or a code; *ret_done (may be NULL) is how many
 * of these bytes were taken. */
WEFT_API WEFT_MUST_USE int weft_stream_write(weft_stream *stream, const void *data, size_t size,
                                             size_t *ret_done);

/* Sleeps.  As printf; 0 or a code. */
WEFT_API WEFT_MUST_USE int weft_stream_print(weft_stream *stream, const char *format, ...)
    WEFT_PRINTF(2, 3);

/* Sleeps.  Hands on what is in the buffer. */
WEFT_API WEFT_MUST_USE int weft_stream_flush(weft_stream *stream);

/* Sleeps.  Flushes; the peer reads the end after that.  Reading goes on.  -WEFT_ENOTSUP: what
 * carries it has no such thing (a pipe's, a file's end is its close). */
WEFT_API WEFT_MUST_USE int weft_stream_close_write(weft_stream *stream);

/* ---- the rest ---- */

/* Sleeps.  Copies until the end of `from`, or size_max bytes (0: no limit); what has come is handed
 * on before more is waited for.  0 or a code; *ret_done (may be NULL) is how many bytes were
 * written, and so many were taken from `from`. */
WEFT_API WEFT_MUST_USE int weft_stream_copy(weft_stream *to, weft_stream *from, uint64_t size_max,
                                            uint64_t *ret_done);

/* Sleeps.  Flushes, closes what carries it, and frees the stream; NULL is allowed.  Not cancelled:
 * in a cancelled scope it flushes nothing, says no farewell, and closes all the same.  0, or the
 * code of the first thing that failed: then not all that was written may have arrived.  Panics when
 * another task is in a call on it. */
WEFT_API int weft_stream_close(weft_stream *stream);

/* Never sleeps.  The descriptor that it stands on, or -WEFT_ENOTSUP. */
WEFT_API int weft_stream_get_fd(const weft_stream *stream);

/* Never sleeps.  Any thread. */
WEFT_API void weft_stream_stats(const weft_stream *stream, weft_stream_counts *ret);

/* Never sleep.  What carries it: what weft_stream_open was given. */
WEFT_API void *weft_stream_state(const weft_stream *stream);
WEFT_API const weft_stream_ops *weft_stream_carrier(const weft_stream *stream);

WEFT_END_DECLS

#endif
