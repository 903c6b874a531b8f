/* syscpu.c - the door to the kernel's CPUs: how many are ours.
 *
 * Called by core, when a run begins.  Holds no state.  Written as sys.c is.
 *
 * The calls are made for the runtime's own knowledge, and pass no fault point: a fault loop counts
 * what the work needs, not what the machine is asked about.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/syscpu.h"

#include <limits.h>
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

static unsigned syscpu_affinity(void)
{
    unsigned long mask[SYSCPU_BYTES / sizeof(unsigned long)];
    long bytes = syscall(SYS_sched_getaffinity, 0, sizeof mask, mask);
    unsigned count = 0;

    for (long i = 0; i < bytes / (long)sizeof mask[0]; i++)
        count += (unsigned)__builtin_popcountl(mask[i]);
    return weft__max(count, 1u);
}

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
    return weft__sys_cpus_at("", syscpu_affinity());
}
