/* weft.h - all of Weft's public interface.
 *
 * Read in this order: run (start the runtime), task (start tasks), scope (wait for them, cancel
 * them), chan (let them talk), future (results to come), sync and guard (let them share), wait (for
 * units, flags, counts, each other), sched (at a time), par (work for the CPU, in pieces), loop
 * and sort (made of such pieces), io (files, pipes), net (sockets, names), stream (bytes in order,
 * lines), proc (other programs), signal, time (the clock, rates, tickers), err.  Apart from these,
 * and not included here: check, for tests; tls and http, which are libraries of their own.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_H
#define WEFT_H

#include "weft/api.h"
#include "weft/chan.h"
#include "weft/err.h"
#include "weft/future.h"
#include "weft/guard.h"
#include "weft/io.h"
#include "weft/loop.h"
#include "weft/net.h"
#include "weft/par.h"
#include "weft/proc.h"
#include "weft/run.h"
#include "weft/sched.h"
#include "weft/scope.h"
#include "weft/signal.h"
#include "weft/sort.h"
#include "weft/stream.h"
#include "weft/sync.h"
#include "weft/task.h"
#include "weft/time.h"

#endif
