/* tlssleep.c - which functions of Weft may park the calling task.
 *
 * Those whose comment in the public headers begins with "Sleeps", and the two that end a WEFT_SCOPE
 * block.  tests/doctor_tls.sh compares the table with the headers and prints what is missing.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>
#include <string.h>

#include "tlsscan.h"

/* In the order of strcmp. */
const char *const tlssleep_names[] = {
    "weft_accept",
    "weft_barrier_wait",
    "weft_bcast_send",
    "weft_blocking",
    "weft_blocking_with",
    "weft_chan_recv",
    "weft_chan_send",
    "weft_check_print",
    "weft_check_program",
    "weft_cond_wait",
    "weft_connect",
    "weft_connect_addr",
    "weft_event_wait",
    "weft_explore",
    "weft_explore_report",
    "weft_filter",
    "weft_for",
    "weft_for_with",
    "weft_future_each_next",
    "weft_future_gather",
    "weft_future_get",
    "weft_future_wait",
    "weft_future_wait_any",
    "weft_hand_join",
    "weft_http_client_free",
    "weft_http_fetch",
    "weft_http_get",
    "weft_http_read",
    "weft_http_read_all",
    "weft_http_reply_all",
    "weft_http_reply_close",
    "weft_http_reply_read",
    "weft_http_send_file",
    "weft_http_send_path",
    "weft_http_serve",
    "weft_http_server_attend",
    "weft_join",
    "weft_latch_wait",
    "weft_limiter_take",
    "weft_listen",
    "weft_map",
    "weft_mutex_lock",
    "weft_once_call",
    "weft_open",
    "weft_pipeline",
    "weft_pread",
    "weft_proc_close",
    "weft_proc_run",
    "weft_proc_start",
    "weft_proc_stop",
    "weft_proc_wait",
    "weft_pwrite",
    "weft_rate_wait",
    "weft_read",
    "weft_read_file",
    "weft_reduce",
    "weft_replay_program",
    "weft_resolve",
    "weft_rmutex_lock",
    "weft_run",
    "weft_run_with",
    "weft_rwlock_read_lock",
    "weft_rwlock_write_lock",
    "weft_scan",
    "weft_sched_run",
    "weft_sched_run_due",
    "weft_sched_serve",
    "weft_scope_close",
    "weft_scope_end",
    "weft_scope_leave",
    "weft_select",
    "weft_sem_wait",
    "weft_sendfile",
    "weft_signals_next",
    "weft_sleep",
    "weft_sleep_until",
    "weft_sort",
    "weft_sort_by",
    "weft_start_with",
    "weft_stream_close",
    "weft_stream_close_write",
    "weft_stream_copy",
    "weft_stream_flush",
    "weft_stream_line",
    "weft_stream_peek",
    "weft_stream_print",
    "weft_stream_read",
    "weft_stream_read_full",
    "weft_stream_write",
    "weft_ticker_wait",
    "weft_tls_wrap",
    "weft_udp",
    "weft_wait_fd",
    "weft_walk_next",
    "weft_walk_open",
    "weft_write",
    "weft_yield",
    NULL,
};

static int tlssleep_compare(const void *key, const void *element)
{
    return strcmp(key, *(const char *const *)element);
}

bool tlssleep_has(const char *name)
{
    size_t n = sizeof tlssleep_names / sizeof tlssleep_names[0] - 1;
    return bsearch(name, tlssleep_names, n, sizeof tlssleep_names[0], tlssleep_compare) != NULL;
}
