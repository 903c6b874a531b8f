/* signals.h - signals of a program under control.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CHECK_SIGNALS_H
#define WEFT_CHECK_SIGNALS_H

#include "check/preload/preload.h"

/* In the server: what the program wished before it came under control. */
void weft__signals_prepare(void);

/* In the child, before main: crashes are findings from now on. */
void weft__signals_start(void);

/* Signals have been sent, and not all of them delivered. */
extern bool weft__signals_waiting;

/* Would a handler run now, were the strand at a place where it can? */
bool weft__signals_has(const struct weft__strand *strand);

/* Runs the handlers that are due for the running strand.  Between points only: whoever blocks calls
 * it before and after. */
void weft__signals_deliver(uintptr_t pc);

/* A signal for a strand, or for any (NULL). */
void weft__signals_send(struct weft__strand *strand, int number, uintptr_t pc);

#endif
