/* owntls.c - tasks with thread-local memory of their own; see owntls.h.
 *
 * Called by task.c (new, run, free) and by every switch in worker.c.
 *
 * The C library is asked for a block as it makes one for pthread_create (_dl_allocate_tls, which
 * the dynamic linker exports for it).  A block holds thread-locals and libc's descriptor of a
 * thread.  What pthread_create writes into a descriptor we write, too, or else leave 0:
 *
 *     list      itself alone: the child of a fork takes its own descriptor off libc's list
 *     tid       a number that no thread has.  libc's recursive locks say with it who holds them; so
 *               they are the task's, on whichever thread it runs
 *     robust    an empty list; the kernel does not know of it
 *     specific  the first values of keys lie in the descriptor
 *     rseq      not registered, so that nobody takes 0 for the CPU
 *
 * Where these lie, libc says in tables for debuggers (_thread_db_…), except robust, which is looked
 * for by its pattern in a living descriptor.  All that is believed is compared with the descriptor
 * of the thread that asks first, and the first block is tried out.  Whatever is odd means
 * -WEFT_ENOTSUP for good.
 *
 * Weft's own word in a block (self.c) is set before the thread moves onto it, because a signal
 * handler may ask for it at once.
 *
 * A block that comes round again has the thread-locals of its last task.  They are set back to what
 * the objects' files say, but for those of libc, the dynamic linker and the heap's owner: there lie
 * malloc's cache and other memory that would be lost.  An object loaded meanwhile may have been
 * given a place in blocks that we do not know of, so blocks from before are not used again.
 *
 * Rejected: borrowing the descriptors of real threads that sleep (as weft check does; a kernel
 * thread and 8 KB of its stack for each task); freeing blocks (each leaves a malloc cache behind).
 *
 * SPDX-License-Identifier: MIT
 */
#include "core/owntls.h"

#include <ctype.h>
#include <dlfcn.h>
#include <link.h>
#include <locale.h>
#include <pthread.h>
#include <resolv.h>
#include <stdio.h>

#include "arch/tls.h"
#include "base/alloc.h"
#include "base/atomic.h"
#include "base/fault.h"
#include "base/lock.h"
#include "base/sys.h"
#include "core/control.h"
#include "weft/err.h"

#undef p_type /* a name of resolv.h's, and of a field in elf.h */

/* Absent from static programs, and from libc itself before 2.34. */
#pragma weak dlsym

enum {
    OWNTLS_TID_FIRST = 0x20000000, /* above all that the kernel gives, and within a futex's tid */
    OWNTLS_TID_MASK = 0x1fffffff,
    OWNTLS_KEYS_MAX = 4096,
    OWNTLS_DESTRUCTOR_ROUNDS = 4, /* PTHREAD_DESTRUCTOR_ITERATIONS, as libc does */
    OWNTLS_DISTANCE_MAX = 1 << 24,
    OWNTLS_RSEQ_FAILED = -2, /* its cpu_id: no registration */
};

enum owntls_state {
    OWNTLS_FRESH, /* as it was made */
    OWNTLS_IN_USE,
    OWNTLS_USED /* by a task that came to its end */
};

struct weft__owntls {
    struct weft__owntls *next; /* on a list */
    char *tp;
    void *home; /* while it is in use: the thread pointer of the thread below */
    struct weft__thread **self;
    unsigned long long loads; /* objects loaded when it was made */
    enum owntls_state state;
    struct __res_state resolver;
};

/* Of a C library's entry in the table of keys. */
struct owntls_key {
    uintptr_t seq; /* odd: in use */
    void (*destroy)(void *value);
};

enum { OWNTLS_KEPT = 3 };

/* What was found out.  Distances are from the thread pointer, offsets within the descriptor. */
struct owntls_libc {
    void *(*allocate)(void *);
    void (*deallocate)(void *, bool);
    void (*call_destructors)(void);
    void (*init_ctype)(void);
    const struct owntls_key *keys;
    uint32_t key_count;
    ptrdiff_t handle, resolver, rseq;
    bool has_resolver, has_rseq;
    uint32_t size, tid, list, specific, robust;
    uintptr_t robust_futex, first_specific; /* the latter an offset, too */
    const void *kept[OWNTLS_KEPT]; /* addresses in objects whose thread-locals are not set back */
};

enum owntls_answer { OWNTLS_UNKNOWN = 0, OWNTLS_FOUND, OWNTLS_WORKS, OWNTLS_DOES_NOT };

static ATOMIC(uint32_t) owntls_answer;
static struct owntls_libc owntls_libc; /* written once, before the answer is OWNTLS_FOUND */
static struct weft__lock owntls_lock = LOCK_INIT(WEFT_RANK_STACKS);
static struct weft__owntls *owntls_idle, *owntls_heads; /* the latter without a block */
static size_t owntls_made, owntls_idle_count;
static ATOMIC(uint32_t) owntls_tids;

/* ---- what the C library says ---- */

/* One of its entries for debuggers: size in bits (0: any), elements, offset in bytes. */
static bool owntls_entry(const char *name, uint32_t bits, uint32_t *ret_offset)
{
    const uint32_t *entry = dlsym(RTLD_DEFAULT, name);
    if (!entry || (bits && entry[0] != bits)) {
        return false;
    }
    *ret_offset = entry[2];
    return true;
}

static bool owntls_find_functions(struct owntls_libc *libc)
{
    libc->allocate = (void *(*)(void *))dlsym(RTLD_DEFAULT, "_dl_allocate_tls");
    libc->deallocate = (void (*)(void *, bool))dlsym(RTLD_DEFAULT, "_dl_deallocate_tls");
    libc->call_destructors = (void (*)(void))dlsym(RTLD_DEFAULT, "__call_tls_dtors");
    libc->init_ctype = (void (*)(void))dlsym(RTLD_DEFAULT, "__ctype_init");
    libc->kept[0] = (const void *)(uintptr_t)libc->init_ctype;
    libc->kept[1] = (const void *)(uintptr_t)libc->allocate;
    libc->kept[2] = dlsym(RTLD_DEFAULT, "malloc");
    return libc->allocate && libc->deallocate && libc->call_destructors && libc->init_ctype;
}

static bool owntls_find_keys(struct owntls_libc *libc)
{
    const uint32_t *size = dlsym(RTLD_DEFAULT, "_thread_db_sizeof_pthread_key_struct");
    const uint32_t *table = dlsym(RTLD_DEFAULT, "_thread_db___pthread_keys");
    uint32_t destroy;
    libc->keys = dlsym(RTLD_DEFAULT, "__pthread_keys");
    if (!libc->keys || !size || *size != sizeof *libc->keys || !table ||
        !owntls_entry("_thread_db_pthread_key_struct_destr", 64, &destroy)) {
        return false;
    }
    libc->key_count = table[1];
    return destroy == offsetof(struct owntls_key, destroy) && libc->key_count <= OWNTLS_KEYS_MAX;
}

/* An empty list of robust mutexes points to itself, and the word before it there, too. */
static bool owntls_find_robust(struct owntls_libc *libc, const char *handle)
{
    for (uint32_t at = libc->tid; at + 3 * sizeof(uintptr_t) <= libc->size; at += 4) {
        const uintptr_t *words = (const uintptr_t *)(handle + at);
        if ((uintptr_t)words % sizeof *words == 0 && words[0] == (uintptr_t)&words[1] &&
            words[1] == (uintptr_t)&words[1]) {
            libc->robust = at + (uint32_t)sizeof *words;
            libc->robust_futex = words[2];
            return true;
        }
    }
    return false;
}

/* The living descriptor must hold what the tables say. */
static bool owntls_find_descriptor(struct owntls_libc *libc, const char *tp)
{
    const char *handle = (const char *)(uintptr_t)pthread_self();
    const uint32_t *size = dlsym(RTLD_DEFAULT, "_thread_db_sizeof_pthread");
    libc->handle = handle - tp;
    if (!size || !weft__tls_looks_right(tp, handle) ||
        !owntls_entry("_thread_db_pthread_tid", 32, &libc->tid) ||
        !owntls_entry("_thread_db_pthread_list", 128, &libc->list) ||
        !owntls_entry("_thread_db_pthread_specific", 0, &libc->specific)) {
        return false;
    }
    libc->size = *size;
    if (libc->tid + sizeof(pid_t) > libc->size || libc->specific + sizeof(void *) > libc->size) {
        return false;
    }
    uintptr_t first = *(const uintptr_t *)(handle + libc->specific) - (uintptr_t)handle;
    libc->first_specific = first;
    return *(const pid_t *)(handle + libc->tid) == weft__sys_gettid() && first < libc->size &&
           owntls_find_robust(libc, handle);
}

static void owntls_find_locals(struct owntls_libc *libc, const char *tp)
{
    const char *resolver = dlsym(RTLD_DEFAULT, "__resp");
    const ptrdiff_t *rseq = dlsym(RTLD_DEFAULT, "__rseq_offset");
    libc->has_resolver = resolver != NULL;
    libc->resolver = resolver ? resolver - tp : 0;
    libc->has_rseq = rseq != NULL;
    libc->rseq = rseq ? *rseq : 0;
}

/* A program that was compiled for a sanitizer, which we were not. */
static bool owntls_is_sanitized(void)
{
    static const char *const names[] = {"__asan_init", "__tsan_init", "__msan_init",
                                        "__hwasan_init"};
    for (size_t i = 0; i < WEFT_ARRAY_SIZE(names); i++) {
        if (dlsym(RTLD_DEFAULT, names[i])) {
            return true;
        }
    }
    return false;
}

static bool owntls_find(struct owntls_libc *libc)
{
    const char *tp = weft__tls_get();
    if (!dlsym || !weft__tls_can_set() || owntls_is_sanitized() || !owntls_find_functions(libc) ||
        !owntls_find_keys(libc) || !owntls_find_descriptor(libc, tp)) {
        return false;
    }
    owntls_find_locals(libc, tp);
    return true;
}

static uint32_t owntls_settle(enum owntls_answer from, enum owntls_answer to,
                              const struct owntls_libc *libc)
{
    lock_take(&owntls_lock);
    uint32_t answer = a_load(&owntls_answer, relaxed);
    if (answer == (uint32_t)from) {
        if (libc) {
            owntls_libc = *libc;
        }
        answer = (uint32_t)to;
        a_store(&owntls_answer, answer, release); /* pairs with the acquire in weft__owntls_new */
    }
    lock_drop(&owntls_lock);
    return answer;
}

/* ---- blocks ---- */

static int owntls_count_loads(struct dl_phdr_info *info, size_t size, void *arg)
{
    (void)size;
    *(unsigned long long *)arg = info->dlpi_adds;
    return 1; /* it is the same for each */
}

static unsigned long long owntls_loads(void)
{
    unsigned long long loads = 0;
    dl_iterate_phdr(owntls_count_loads, &loads);
    return loads;
}

/* A page of heads without blocks. */
static int owntls_more_heads(void)
{
    void *page;
    size_t size = weft__sys_page_size();
    int rc = weft__sys_map(size, &page);
    if (rc < 0) {
        return -WEFT_ENOMEM;
    }
    struct weft__owntls *heads = page;
    lock_take(&owntls_lock);
    for (size_t i = 0; i < size / sizeof *heads; i++) {
        heads[i].next = owntls_heads;
        owntls_heads = &heads[i];
    }
    lock_drop(&owntls_lock);
    return 0;
}

static struct weft__owntls *owntls_take(struct weft__owntls **list, size_t *count)
{
    lock_take(&owntls_lock);
    struct weft__owntls *block = *list;
    if (block) {
        *list = block->next;
        *count -= list == &owntls_idle;
    }
    lock_drop(&owntls_lock);
    return block;
}

/* What pthread_create would write; see the head of this file. */
static void owntls_fill(struct weft__owntls *block)
{
    const struct owntls_libc *libc = &owntls_libc;
    char *handle = block->tp + libc->handle;
    void **list = (void **)(handle + libc->list);
    uintptr_t *robust = (uintptr_t *)(handle + libc->robust);
    uint32_t number = a_add(&owntls_tids, 1, relaxed) & OWNTLS_TID_MASK;
    weft__tls_fill_head(block->tp, handle, weft__tls_get());
    list[0] = list[1] = list;
    *(pid_t *)(handle + libc->tid) = (pid_t)(OWNTLS_TID_FIRST | number);
    robust[-1] = robust[0] = (uintptr_t)robust;
    robust[1] = libc->robust_futex;
    *(char **)(handle + libc->specific) = handle + libc->first_specific;
    if (libc->has_rseq) {
        int32_t *rseq = (int32_t *)(block->tp + libc->rseq);
        rseq[1] = OWNTLS_RSEQ_FAILED;
    }
    if (libc->has_resolver) {
        *(struct __res_state **)(block->tp + libc->resolver) = &block->resolver;
    }
}

/* Weft's own word lies in every block, and in every thread's, at one distance from its pointer. */
static void owntls_place_word(struct weft__owntls *block, struct weft__thread **place)
{
    ptrdiff_t distance = (char *)place - (char *)weft__tls_get();
    WEFT_CHECK(distance > -OWNTLS_DISTANCE_MAX);
    WEFT_CHECK(distance < OWNTLS_DISTANCE_MAX);
    block->self = (struct weft__thread **)(block->tp + distance);
}

static int owntls_make(struct weft__thread **place, struct weft__owntls **ret)
{
    struct weft__owntls *block;
    size_t none = 0;
    while ((block = owntls_take(&owntls_heads, &none)) == NULL) {
        int rc = owntls_more_heads();
        if (rc < 0) {
            return rc;
        }
    }
    memset(block, 0, sizeof *block);
    block->loads = owntls_loads();
    block->tp = weft__fault(WEFT_FAULT_ALLOC) ? NULL : owntls_libc.allocate(NULL);
    lock_take(&owntls_lock);
    if (!block->tp) {
        block->next = owntls_heads;
        owntls_heads = block;
    } else {
        owntls_made++;
    }
    lock_drop(&owntls_lock);
    if (!block->tp) {
        return -WEFT_ENOMEM;
    }
    owntls_fill(block);
    owntls_place_word(block, place);
    *ret = block;
    return 0;
}

/* What libc hangs on its own thread-locals is lost: a few hundred bytes if the task used malloc. */
static void owntls_unmake(struct weft__owntls *block)
{
    owntls_libc.deallocate(block->tp, true);
    lock_take(&owntls_lock);
    block->next = owntls_heads;
    owntls_heads = block;
    owntls_made--;
    lock_drop(&owntls_lock);
}

void weft__owntls_free(struct weft__owntls *block)
{
    if (!block) {
        return;
    }
    if (block->state == OWNTLS_IN_USE) { /* its task was ended in the middle */
        owntls_unmake(block);
        return;
    }
    lock_take(&owntls_lock);
    block->next = owntls_idle;
    owntls_idle = block;
    owntls_idle_count++;
    lock_drop(&owntls_lock);
}

void weft__owntls_count(size_t *ret_made, size_t *ret_idle)
{
    lock_take(&owntls_lock);
    *ret_made = owntls_made;
    *ret_idle = owntls_idle_count;
    lock_drop(&owntls_lock);
}

/* ---- the switch ---- */

void weft__owntls_change(struct weft__owntls *from, struct weft__owntls *to,
                         struct weft__thread *self)
{
    void *home = from ? from->home : weft__tls_get();
    if (!to) {
        weft__tls_set(home);
        return;
    }
    to->home = home;
    *to->self = self;
    a_compiler_fence(); /* against our own signal handlers, which ask who they are */
    weft__tls_set(to->tp);
}

/* ---- a task's life on its block ---- */

static bool owntls_holds(const struct dl_phdr_info *info, const void *address)
{
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        uintptr_t low = info->dlpi_addr + part->p_vaddr;
        if (part->p_type == PT_LOAD && (uintptr_t)address - low < part->p_memsz) {
            return true;
        }
    }
    return false;
}

static bool owntls_is_kept(const struct dl_phdr_info *info)
{
    for (size_t i = 0; i < OWNTLS_KEPT; i++) {
        if (owntls_libc.kept[i] && owntls_holds(info, owntls_libc.kept[i])) {
            return true;
        }
    }
    return false;
}

/* Never touches Weft's own word, for which a signal handler may ask meanwhile. */
static void owntls_write(char *to, const char *from, size_t n, const struct weft__owntls *block)
{
    char *word = (char *)block->self;
    for (size_t i = 0; i < n;) {
        size_t part = n - i;
        if (to + i == word) {
            i += sizeof *block->self;
            continue;
        }
        if (to + i < word && to + n > word) {
            part = (size_t)(word - (to + i));
        }
        if (from) {
            memcpy(to + i, from + i, part);
        } else {
            memset(to + i, 0, part);
        }
        i += part;
    }
}

/* One object's thread-locals of the calling thread become what they are in its file. */
static int owntls_set_back(struct dl_phdr_info *info, size_t size, void *arg)
{
    struct weft__owntls *block = arg;
    (void)size;
    if (!info->dlpi_tls_data || owntls_is_kept(info)) {
        return 0;
    }
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type == PT_TLS) {
            char *data = info->dlpi_tls_data;
            owntls_write(data, (const char *)(info->dlpi_addr + part->p_vaddr), part->p_filesz,
                         block);
            owntls_write(data + part->p_filesz, NULL, part->p_memsz - part->p_filesz, block);
        }
    }
    return 0;
}

static WEFT_NOINLINE void owntls_begin(struct weft__owntls *block)
{
    WEFT_CHECK(weft__tls_get() == block->tp);
    if (block->state == OWNTLS_USED) {
        dl_iterate_phdr(owntls_set_back, block);
        uselocale(LC_GLOBAL_LOCALE);
    }
    block->state = OWNTLS_IN_USE;
    owntls_libc.init_ctype();
    *weft_errno_location() = 0;
}

/* One value each; a destructor may set others, hence the rounds. */
static bool owntls_destroy_values(void)
{
    bool any = false;
    for (uint32_t key = 0; key < owntls_libc.key_count; key++) {
        const struct owntls_key *entry = &owntls_libc.keys[key];
        void *value = entry->seq & 1 ? pthread_getspecific(key) : NULL;
        if (!value) {
            continue;
        }
        void (*destroy)(void *) = entry->destroy;
        int rc = pthread_setspecific(key, NULL);
        WEFT_CHECK(rc == 0);
        if (destroy) {
            destroy(value);
            any = true;
        }
    }
    return any;
}

static WEFT_NOINLINE void owntls_end(struct weft__owntls *block)
{
    WEFT_CHECK(weft__tls_get() == block->tp);
    owntls_libc.call_destructors();
    for (int round = 0; round < OWNTLS_DESTRUCTOR_ROUNDS && owntls_destroy_values(); round++) {
    }
    block->state = OWNTLS_USED;
}

int weft__owntls_run(struct weft__owntls *block, int (*fn)(void *), void *arg)
{
    owntls_begin(block);
    int rc = fn(arg);
    owntls_end(block);
    return rc;
}

/* ---- the first one ---- */

static bool owntls_try_mutex(void)
{
    pthread_mutexattr_t kind;
    pthread_mutex_t mutex;
    bool is_right = pthread_mutexattr_init(&kind) == 0 &&
                    pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_RECURSIVE) == 0 &&
                    pthread_mutex_init(&mutex, &kind) == 0;
    if (!is_right) {
        return false;
    }
    for (int i = 0; i < 2; i++) {
        is_right = pthread_mutex_lock(&mutex) == 0 && is_right;
    }
    for (int i = 0; i < 2; i++) {
        is_right = pthread_mutex_unlock(&mutex) == 0 && is_right;
    }
    return is_right && pthread_mutex_destroy(&mutex) == 0;
}

/* Some of what a task does in the C library.  1: as it should be. */
static int owntls_try(void *arg)
{
    const struct weft__owntls *block = arg;
    char text[16];
    char *place = (char *)weft_errno_location();
    *weft_errno_location() = 0;
    void *memory = weft__alloc(100); /* may fail; must not crash */
    weft__free(memory);
    return place > (char *)block->tp - OWNTLS_DISTANCE_MAX &&
           place < (char *)block->tp + OWNTLS_DISTANCE_MAX &&
           (char *)(uintptr_t)pthread_self() == block->tp + owntls_libc.handle && isalpha('a') &&
           snprintf(text, sizeof text, "%d", 42) == 2 && strcmp(text, "42") == 0 &&
           owntls_try_mutex();
}

static int owntls_try_first(struct weft__thread **place)
{
    struct weft__owntls *block;
    struct weft__thread *self = *place;
    ptrdiff_t distance = (char *)weft_errno_location() - (char *)weft__tls_get();
    int rc = owntls_make(place, &block);
    if (rc < 0) {
        return rc; /* the next one will ask again */
    }
    weft__owntls_change(NULL, block, self);
    bool works = weft__owntls_run(block, owntls_try, block) == 1 &&
                 (char *)weft_errno_location() - block->tp == distance && *block->self == self;
    weft__owntls_change(block, NULL, self);
    weft__owntls_free(block);
    owntls_settle(OWNTLS_FOUND, works ? OWNTLS_WORKS : OWNTLS_DOES_NOT, NULL);
    return 0;
}

static WEFT_NOINLINE int owntls_find_out(struct weft__thread **place)
{
    struct owntls_libc libc;
    memset(&libc, 0, sizeof libc);
    bool found = owntls_find(&libc);
    uint32_t answer = owntls_settle(OWNTLS_UNKNOWN, found ? OWNTLS_FOUND : OWNTLS_DOES_NOT, &libc);
    int rc = answer == OWNTLS_FOUND ? owntls_try_first(place) : 0;
    if (rc < 0) {
        return rc;
    }
    return a_load(&owntls_answer, acquire) == OWNTLS_WORKS ? 0 : -WEFT_ENOTSUP;
}

int weft__owntls_new(struct weft__thread **place, struct weft__owntls **ret)
{
    struct weft__owntls *block;
    if (weft__control && weft__control->thread_wait) {
        return -WEFT_ENOTSUP; /* what lies below the program keeps its books in thread-locals */
    }
    /* pairs with the release in owntls_settle */
    if (WEFT_UNLIKELY(a_load(&owntls_answer, acquire) != OWNTLS_WORKS)) {
        int rc = owntls_find_out(place);
        if (rc < 0) {
            return rc;
        }
    }
    unsigned long long loads = owntls_loads();
    while ((block = owntls_take(&owntls_idle, &owntls_idle_count)) != NULL) {
        if (block->loads == loads) {
            owntls_place_word(block, place);
            *ret = block;
            return 0;
        }
        owntls_unmake(block);
    }
    return owntls_make(place, ret);
}
