/* chance.c - the system's random bytes, the same in each run.
 *
 * A program that seeds itself from the system would do other things in each run of one schedule.
 * Under control getrandom, getentropy, arc4random and the random devices give bytes from one fixed
 * sequence.
 *
 * Not covered: the processor's own instructions (rdrand), which nobody can stand before, and a
 * random device opened as a stream.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/preload/chance.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/rng.h"
#include "check/preload/hooks.h"

#define CHANCE_SEED 20260101
#define CHANCE_FDS  1024

static struct weft__rng chance_rng;
static bool chance_seeded;
static uint8_t chance_fds[CHANCE_FDS / 8];

static uint64_t chance_next(void)
{
    if (!chance_seeded)
        weft__rng_seed(&chance_rng, CHANCE_SEED);
    chance_seeded = true;
    return weft__rng_next(&chance_rng);
}

void weft__chance_fill(void *to, size_t size)
{
    uint64_t bytes;

    for (size_t at = 0; at < size; at += sizeof bytes) {
        bytes = chance_next();
        memcpy((char *)to + at, &bytes, weft__min(size - at, sizeof bytes));
    }
}

bool weft__chance_is(int fd)
{
    return fd >= 0 && fd < CHANCE_FDS && (chance_fds[fd / 8] >> (fd % 8) & 1) != 0;
}

void weft__chance_forget(int fd)
{
    if (fd >= 0 && fd < CHANCE_FDS)
        chance_fds[fd / 8] &= (uint8_t)~(1u << (fd % 8));
}

static int chance_opened(int fd, const char *path, bool controlled)
{
    if (fd >= 0 && fd < CHANCE_FDS && controlled && strncmp(path, "/dev/", 5) == 0 &&
        (strcmp(path + 5, "urandom") == 0 || strcmp(path + 5, "random") == 0)) {
        chance_fds[fd / 8] |= (uint8_t)(1u << (fd % 8));
    }
    return fd;
}

#define CHANCE_OPEN(name)                                                                          \
    WEFT__EXPORT int name(const char *path, int flags, ...);                                       \
    int name(const char *path, int flags, ...)                                                     \
    {                                                                                              \
        static int (*real)(const char *, int, ...);                                                \
        va_list arguments;                                                                         \
        mode_t mode = 0;                                                                           \
        if (flags & (O_CREAT | O_TMPFILE)) {                                                       \
            va_start(arguments, flags);                                                            \
            mode = va_arg(arguments, mode_t);                                                      \
            va_end(arguments);                                                                     \
        }                                                                                          \
        return chance_opened(WEFT__REAL(real, #name)(path, flags, mode), path,                     \
                             WEFT__CONTROLLED());                                                  \
    }

CHANCE_OPEN(open)
CHANCE_OPEN(open64)

WEFT__EXPORT ssize_t getrandom(void *to, size_t size, unsigned flags);
ssize_t getrandom(void *to, size_t size, unsigned flags)
{
    static ssize_t (*real)(void *, size_t, unsigned);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "getrandom")(to, size, flags);
    weft__hook_libc(WEFT__OP_WRITE, to, size, WEFT__PC());
    weft__chance_fill(to, size);
    return (ssize_t)size;
}

WEFT__EXPORT int getentropy(void *to, size_t size);
int getentropy(void *to, size_t size)
{
    static int (*real)(void *, size_t);

    if (!WEFT__CONTROLLED() || size > 256)
        return WEFT__REAL(real, "getentropy")(to, size);
    weft__chance_fill(to, size);
    return 0;
}

WEFT__EXPORT uint32_t arc4random(void);
uint32_t arc4random(void)
{
    static uint32_t (*real)(void);

    return WEFT__CONTROLLED() ? (uint32_t)chance_next() : WEFT__REAL(real, "arc4random")();
}

WEFT__EXPORT void arc4random_buf(void *to, size_t size);
void arc4random_buf(void *to, size_t size)
{
    static void (*real)(void *, size_t);

    if (WEFT__CONTROLLED())
        weft__chance_fill(to, size);
    else
        WEFT__REAL(real, "arc4random_buf")(to, size);
}

WEFT__EXPORT uint32_t arc4random_uniform(uint32_t n);
uint32_t arc4random_uniform(uint32_t n)
{
    static uint32_t (*real)(uint32_t);

    if (!WEFT__CONTROLLED())
        return WEFT__REAL(real, "arc4random_uniform")(n);
    return n < 2 ? 0 : (uint32_t)(chance_next() % n);
}
