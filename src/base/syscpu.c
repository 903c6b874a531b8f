/* syscpu.c - the door to the kernel's CPUs: how many are ours, and which one this is.
 *
 * Called by core, when a run begins and when pieces are taken.  Holds no state.  Written as sys.c
 * is, whose head says why the code is fetched by a function that is never inlined.
 *
 * The calls are made for the runtime's own knowledge, and pass no fault point: a fault loop counts
 * what the work needs, not what the machine is asked about.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/syscpu.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/sys.h"
#include "base/text.h"

enum {
    SYSCPU_PATH_MAX = 1024,   /* of the paths under /proc and /sys that are built here */
    SYSCPU_SMALL_FILE = 4096, /* /proc/self/cgroup, cpu.max */
    SYSCPU_BYTES = 1024,      /* affinity masks of up to 8192 CPUs */
};

/* One bit for each CPU. */
struct syscpu_set {
    unsigned long words[SYSCPU_BYTES / sizeof(unsigned long)];
    size_t size_bytes; /* as much of it as the kernel knows */
};

enum { SYSCPU_WORD_BITS = 8 * sizeof(unsigned long) };

static WEFT_NOINLINE WEFT_NO_SANITIZE int syscpu_code(void)
{
    return -errno;
}

/* ---- where we run ---- */

/* The calling thread's, as the next one. */
static int syscpu_affinity(struct syscpu_set *ret_set)
{
    long rc = syscall(SYS_sched_getaffinity, 0, sizeof ret_set->words, ret_set->words);

    ret_set->size_bytes = rc < 0 ? 0 : (size_t)rc;
    return rc < 0 ? syscpu_code() : 0;
}

static int syscpu_set_affinity(const struct syscpu_set *set)
{
    long rc = syscall(SYS_sched_setaffinity, 0, set->size_bytes, set->words);

    return rc < 0 ? syscpu_code() : 0;
}

static unsigned syscpu_count(const struct syscpu_set *set)
{
    unsigned count = 0;

    for (size_t i = 0; i < set->size_bytes / sizeof set->words[0]; i++)
        count += (unsigned)__builtin_popcountl(set->words[i]);
    return count;
}

static bool syscpu_has(const struct syscpu_set *set, size_t cpu)
{
    return cpu / 8 < set->size_bytes &&
           (set->words[cpu / SYSCPU_WORD_BITS] >> cpu % SYSCPU_WORD_BITS & 1);
}

int weft__sys_cpu(void)
{
    int cpu = sched_getcpu();

    return cpu < 0 ? syscpu_code() : cpu;
}

int weft__sys_leave_cpu(int cpu)
{
    struct syscpu_set set;
    int rc = syscpu_affinity(&set);
    size_t at = (size_t)cpu;

    if (rc < 0 || syscpu_count(&set) < 2 || !syscpu_has(&set, at))
        return rc;

    unsigned long *word = &set.words[at / SYSCPU_WORD_BITS], all = *word;
    *word &= ~(1ul << at % SYSCPU_WORD_BITS);
    rc = syscpu_set_affinity(&set);
    if (rc < 0)
        return rc;
    *word = all;
    return syscpu_set_affinity(&set);
}

/* ---- how many there are ---- */

/* Where one version of the cgroup interface keeps its quota. */
struct syscpu_quota_place {
    const char *mount;
    const char *quota_file;
    const char *period_file; /* NULL: the quota file holds both */
};

static long syscpu_quota_read_long(const char *root, const char *mount, const char *path,
                                   const char *file, long *ret_second)
{
    char name[SYSCPU_PATH_MAX], line[64];
    struct weft__text text;
    long first = -1;

    weft__text_init(&text, name, sizeof name);
    weft__text_add(&text, "%s%s%s/%s", root, mount, path, file);
    if (text.cut || weft__sys_read_file(name, line, sizeof line) < 0)
        return -1;
    /* "max 100000" reads no number at all, and stays -1 */
    sscanf(line, "%ld %ld", &first, ret_second);
    return first;
}

/* CPUs granted by one cgroup, or UINT_MAX. */
static unsigned syscpu_quota_at(const char *root, const struct syscpu_quota_place *place,
                                const char *path)
{
    long period = 0, unused = 0;
    long quota = syscpu_quota_read_long(root, place->mount, path, place->quota_file, &period);

    if (quota > 0 && place->period_file != NULL)
        period = syscpu_quota_read_long(root, place->mount, path, place->period_file, &unused);
    if (quota <= 0 || period <= 0)
        return UINT_MAX;
    /* half a CPU is one worker */
    return (unsigned)weft__min((quota - 1) / period + 1, (long)INT_MAX);
}

/* The tightest quota on the way from our cgroup up to the root of the mount: a group is bound by
 * all groups above it.  In a container the path may name directories that only the host sees;
 * those are passed over and the walk ends at what the container sees as the root. */
static unsigned syscpu_quota_up(const char *root, const struct syscpu_quota_place *place,
                                char *path)
{
    unsigned best = UINT_MAX;

    for (;;) {
        unsigned here = syscpu_quota_at(root, place, path);
        char *cut = strrchr(path, '/');
        best = weft__min(best, here);
        if (cut == NULL)
            return best;
        *cut = '\0';
    }
}

/* Is "cpu" one of the comma-separated words? */
static bool syscpu_cgroup_has_cpu(const char *words)
{
    while (*words != '\0') {
        size_t n = strcspn(words, ",");
        if (n == 3 && memcmp(words, "cpu", 3) == 0)
            return true;
        words += n + (words[n] == ',');
    }
    return false;
}

/* The path of our cgroup from the lines "ID:WORDS:PATH" of `list`, which it breaks up.  Version 2
 * has an empty WORDS.  The root, "", when there is none. */
static void syscpu_cgroup_path(char *list, bool is_v2, char ret_path[SYSCPU_PATH_MAX])
{
    char *rest = NULL;

    ret_path[0] = '\0';
    for (char *line = strtok_r(list, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char *words = strchr(line, ':');
        char *path = words != NULL ? strchr(words + 1, ':') : NULL;
        if (path == NULL)
            continue;
        *path++ = '\0';
        words++;
        if (is_v2 ? words[0] != '\0' : !syscpu_cgroup_has_cpu(words))
            continue;
        /* ".." is above what this process may see; then only the visible root counts */
        if (path[0] == '/' && path[1] != '\0' && strlen(path) < SYSCPU_PATH_MAX &&
            strstr(path, "/..") == NULL)
            memcpy(ret_path, path, strlen(path) + 1);
        return;
    }
}

unsigned weft__sys_cpus_at(const char *root, unsigned affinity)
{
    static const struct syscpu_quota_place places[] = {
        {"/sys/fs/cgroup", "cpu.max", NULL},
        {"/sys/fs/cgroup/unified", "cpu.max", NULL},
        {"/sys/fs/cgroup/cpu", "cpu.cfs_quota_us", "cpu.cfs_period_us"},
        {"/sys/fs/cgroup/cpu,cpuacct", "cpu.cfs_quota_us", "cpu.cfs_period_us"},
    };
    char name[SYSCPU_PATH_MAX], list[SYSCPU_SMALL_FILE], path[SYSCPU_PATH_MAX];
    unsigned best = weft__max(affinity, 1u);
    struct weft__text text;

    weft__text_init(&text, name, sizeof name);
    weft__text_add(&text, "%s/proc/self/cgroup", root);
    for (size_t i = 0; i < WEFT_ARRAY_SIZE(places); i++) {
        unsigned quota;
        if (weft__sys_read_file(name, list, sizeof list) < 0)
            list[0] = '\0';
        syscpu_cgroup_path(list, places[i].period_file == NULL, path);
        quota = syscpu_quota_up(root, &places[i], path);
        best = weft__min(best, quota);
    }
    WEFT_CHECK(best >= 1);
    return best;
}

unsigned weft__sys_cpus(void)
{
    struct syscpu_set set;
    int rc = syscpu_affinity(&set);

    return weft__sys_cpus_at("", rc < 0 ? 1 : syscpu_count(&set));
}
