/* calls.h - what the files that stand in for pthread functions share.
 *
 * Each public function is a thin one: not under control, the real one; else the weft__ function of
 * the same meaning with the place of the call, which the C11 names use as well.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_CHECK_CALLS_H
#define WEFT_CHECK_CALLS_H

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <time.h>

#include "check/preload/fiber.h"
#include "check/preload/model.h"
#include "check/preload/preload.h"
#include "check/preload/thread.h"

/* The running one. */
struct weft__thread *weft__thread_self(void);
struct weft__thread *weft__thread_of_strand(uint16_t id);

/* In the server: what need not be done in each child. */
void weft__threads_prepare(void);

/* The main thread becomes a thread of strand 0; the engine has just been made. */
void weft__threads_begin(void);

/* How often one strand was left for another, so far. */
extern uint32_t weft__moves;

static inline struct weft__operation weft__call(enum weft__op op, const void *object, uintptr_t pc)
{
    return (struct weft__operation){.op = op,
                                    .object = (uintptr_t)object,
                                    .pc = pc,
                                    .caller = weft__caller(),
                                    .deadline = WEFT__NO_DEADLINE};
}

/* The point of a call.  Also a place for asynchronous cancellation. */
enum weft__go weft__call_point(const struct weft__operation *op);

/* A point that never waits, of an operation without anything special. */
void weft__call_simple(enum weft__op op, const void *object, uintptr_t pc);

/* What came of it, as libc's error number: 0 is success. */
int weft__call_done(int code);

/* A wrong use of an object by the running strand: adds the finding, ends the schedule. */
void weft__misuse(const void *object, const char *format, ...) WEFT_PRINTF(2, 3)
    __attribute__((noreturn));

/* The running strand waits for itself, for ever. */
void weft__self_deadlock(const void *object, const char *text) __attribute__((noreturn));

/* ---- time (clock_calls.c) ---- */

bool weft__time_is_valid(const struct timespec *time);
/* When virtual time will have come to that. */
int64_t weft__deadline_at(clockid_t clock, const struct timespec *time);
int64_t weft__deadline_in(const struct timespec *time);
/* nanosleep, but for the error number that it returns. */
int weft__nap(const struct timespec *time, struct timespec *ret_left, uintptr_t pc);

/* ---- what the C11 names share ---- */

int weft__thread_create(pthread_t *ret, const pthread_attr_t *attr, void *(*fn)(void *),
                        int (*fn_c11)(void *), void *arg, uintptr_t pc);
int weft__thread_join(pthread_t thread, void **ret_result, bool wait, int64_t deadline,
                      uintptr_t pc);
int weft__thread_detach(pthread_t thread, uintptr_t pc);
void weft__thread_exit(void *result) __attribute__((noreturn));
int weft__key_create(pthread_key_t *ret, void (*destructor)(void *));

int weft__mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attr, uintptr_t pc);
int weft__mutex_destroy(pthread_mutex_t *mutex, uintptr_t pc);
int weft__mutex_lock(pthread_mutex_t *mutex, int64_t deadline, uintptr_t pc);
int weft__mutex_try_lock(pthread_mutex_t *mutex, uintptr_t pc);
int weft__mutex_unlock(pthread_mutex_t *mutex, uintptr_t pc);

/* For a wait: gives the mutex, however deep it is held; its record.  Misuse if it is not held. */
struct weft__model *weft__mutex_leave(pthread_mutex_t *mutex, uint32_t *ret_depth);
bool weft__mutex_is_free(const struct weft__model *model);
void weft__mutex_enter(pthread_mutex_t *mutex, struct weft__model *model, uint32_t depth);

int weft__cond_init(pthread_cond_t *cond, const pthread_condattr_t *attr, uintptr_t pc);
int weft__cond_destroy(pthread_cond_t *cond, uintptr_t pc);
int weft__cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t deadline, uintptr_t pc);
int weft__cond_signal(pthread_cond_t *cond, bool all, uintptr_t pc);

int weft__once(int *control, void (*fn)(void), uintptr_t pc);

/* The robust mutexes of a strand that ends go to whoever asks next. */
void weft__mutexes_orphan(const struct weft__strand *strand);

/* Destructors of the running strand's keys. */
void weft__keys_run_destructors(void);

/* Around main: what it returned, unless it left by pthread_exit. */
int weft__thread_run_main(int (*fn)(int, char **, char **), int argc, char **argv, char **env);

#endif
