/* unmap.c - memory that goes back to the system, or becomes unreadable.
 *
 * The engine looks at what a strand wrote only when the strand comes to its next point; by then the
 * memory must still be there.
 *
 * SPDX-License-Identifier: MIT
 */
#include <dlfcn.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/shm.h>

#include "check/preload/preload.h"

static void unmap_settle(void)
{
    if (weft__engine != NULL && weft__busy == 0) {
        weft__busy++;
        weft__settle();
        weft__busy--;
    }
}

WEFT__EXPORT int munmap(void *address, size_t size)
{
    static int (*real)(void *, size_t);

    unmap_settle();
    return WEFT__REAL(real, "munmap")(address, size);
}

WEFT__EXPORT int mprotect(void *address, size_t size, int protection)
{
    static int (*real)(void *, size_t, int);

    unmap_settle();
    return WEFT__REAL(real, "mprotect")(address, size, protection);
}

WEFT__EXPORT void *mremap(void *address, size_t old_size, size_t new_size, int flags, ...)
{
    static void *(*real)(void *, size_t, size_t, int, ...);
    va_list ap;

    va_start(ap, flags);
    void *new_address = flags & MREMAP_FIXED ? va_arg(ap, void *) : NULL;
    va_end(ap);
    unmap_settle();
    return WEFT__REAL(real, "mremap")(address, old_size, new_size, flags, new_address);
}

WEFT__EXPORT int shmdt(const void *address)
{
    static int (*real)(const void *);

    unmap_settle();
    return WEFT__REAL(real, "shmdt")(address);
}

WEFT__EXPORT int dlclose(void *handle)
{
    static int (*real)(void *);

    unmap_settle();
    return WEFT__REAL(real, "dlclose")(handle);
}
