/* cache.c - programs that `weft run` has compiled before.
 *
 *   DIR/<order>.reads    which files the compiler read when this order was last carried out;
 *                        <order> is the digest of source path, flags, compiler, library, directory
 *   DIR/<content>/hello  the program; <content> is the digest of the order, those paths, and what
 *                        the files held
 *   DIR/new-XXXXXX/      a program that is being made
 *
 * A program never changes: whoever finds a path may run it.  Any number of runs may share the
 * directory without a lock, because everything appears in it by rename, and whoever is second finds
 * that the same thing is there already.
 *
 * The danger is a file that is edited while the compiler runs: the new text would be filed under
 * the old program.  So the file system's own clock is read before the compiler starts (the change
 * time of a fresh file), and a program of which a source has changed since is run but not filed.
 *
 * Rejected: comparing change times instead of contents (a fresh checkout would compile everything
 * anew); a lock file (a killed run would have to be found out).
 *
 * SPDX-License-Identifier: MIT
 */
#include "cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "disk.h"
#include "out.h"

#define CACHE_FORMAT "weft cache 1" /* another number makes all that is older unknown */
#define CACHE_TICK_NS 10000000      /* file times may lag the true time by so much */
#define CACHE_STALE_S 3600          /* a program so long in the making was abandoned */
#define CACHE_PUBLISH_TRIES 8

/* ---- the directory ---- */

/* NULL, or why programs cannot be kept and run there. */
static const char *cache_objection(const char *dir)
{
    struct stat st;
    struct statvfs fs;
    int rc = disk_make_dirs(dir);
    if (rc < 0)
        return disk_reason(rc);
    if (lstat(dir, &st) != 0)
        return disk_reason(errno);
    if (S_ISLNK(st.st_mode) && stat(dir, &st) != 0)
        return disk_reason(errno);
    if (!S_ISDIR(st.st_mode))
        return "not a directory";
    if (access(dir, R_OK | W_OK | X_OK) != 0)
        return disk_reason(errno);
    if (st.st_uid != geteuid() || (st.st_mode & S_IWOTH))
        return "others can change what is in it";
    if (statvfs(dir, &fs) == 0 && (fs.f_flag & ST_NOEXEC))
        return "its file system does not let programs run";
    return NULL;
}

static const char *cache_absolute(const char *variable)
{
    const char *value = getenv(variable);
    return value && value[0] == '/' ? value : NULL;
}

static bool cache_try(const char *dir, struct cache *ret_cache, const char **ret_objection)
{
    *ret_objection = cache_objection(dir);
    if (!*ret_objection)
        ret_cache->dir = disk_real_path(dir);
    return !*ret_objection && ret_cache->dir;
}

static int cache_choose(struct cache *ret_cache)
{
    const char *objection;
    const char *given = getenv("WEFT_CACHE");
    if (given && *given) {
        if (cache_try(given, ret_cache, &objection))
            return 0;
        out_note("WEFT_CACHE=%s: %s; using another place", given, objection);
    }
    const char *cache_home = cache_absolute("XDG_CACHE_HOME"), *home = cache_absolute("HOME");
    if (cache_home && cache_try(words_print("%s/weft", cache_home), ret_cache, &objection))
        return 0;
    if (home && cache_try(words_print("%s/.cache/weft", home), ret_cache, &objection))
        return 0;
    const char *temporary = cache_absolute("TMPDIR");
    const char *last = words_print("%s/weft-%ld", temporary ? temporary : "/tmp", (long)geteuid());
    if (cache_try(last, ret_cache, &objection))
        return 0;
    return out_error("%s: %s; set WEFT_CACHE to a directory of your own", last, objection);
}

int cache_open(struct cache *ret_cache, const struct compiler_order *order)
{
    ret_cache->name = words_stem(order->sources.at[0]);
    ret_cache->order = digest_begin();
    digest_word(&ret_cache->order, CACHE_FORMAT);
    compiler_digest(order, &ret_cache->order);
    return cache_choose(ret_cache);
}

/* ---- finding ---- */

static const char *cache_path(const struct cache *cache, const struct digest *content)
{
    return words_print("%s/%s/%s", cache->dir, digest_name(content), cache->name);
}

static const char *cache_reads_path(const struct cache *cache)
{
    return words_print("%s/%s.reads", cache->dir, digest_name(&cache->order));
}

/* ret_changed: the latest change of any of the files. */
static int cache_content(const struct cache *cache, const struct words *reads,
                         struct digest *ret_content, struct timespec *ret_changed)
{
    struct digest content = cache->order;
    struct timespec changed = {0, 0};
    for (size_t i = 0; i < reads->n; i++) {
        struct stat st;
        digest_word(&content, reads->at[i]);
        int rc = disk_digest(reads->at[i], &content, &st);
        if (rc < 0)
            return rc;
        digest_bytes(&content, &st.st_size, sizeof st.st_size);
        bool later = st.st_ctim.tv_sec > changed.tv_sec ||
                     (st.st_ctim.tv_sec == changed.tv_sec && st.st_ctim.tv_nsec > changed.tv_nsec);
        if (later)
            changed = st.st_ctim;
    }
    *ret_content = content;
    *ret_changed = changed;
    return 0;
}

/* Paths, each ended by a byte 0. */
static int cache_load_reads(const char *path, struct words *ret_reads)
{
    char *data;
    size_t size;
    int rc = disk_read(path, &data, &size);
    if (rc < 0)
        return rc;
    if (!size || data[size - 1])
        return -EINVAL;
    for (const char *at = data; at < data + size; at += strlen(at) + 1)
        words_push(ret_reads, at);
    return 0;
}

/* Makes it the youngest, for cache_trim.  Where that is not allowed it will go a little earlier. */
static void cache_touch(const char *path)
{
    (void)utimensat(AT_FDCWD, path, NULL, 0);
}

bool cache_find(const struct cache *cache, struct cache_program *ret_program)
{
    struct words reads = {0};
    struct digest content;
    struct timespec changed;
    const char *reads_path = cache_reads_path(cache);
    if (cache_load_reads(reads_path, &reads) != 0)
        return false;
    if (cache_content(cache, &reads, &content, &changed) != 0)
        return false;
    const char *path = cache_path(cache, &content);
    int fd = disk_open(path);
    if (fd < 0)
        return false;
    cache_touch(reads_path);
    cache_touch(words_print("%s/%s", cache->dir, digest_name(&content)));
    *ret_program = (struct cache_program){path, fd};
    return true;
}

/* ---- dropping ---- */

struct cache_entry {
    const char *path;
    struct timespec used;
};

static int cache_older(const void *one, const void *other)
{
    const struct cache_entry *a = one, *b = other;
    if (a->used.tv_sec != b->used.tv_sec)
        return a->used.tv_sec < b->used.tv_sec ? -1 : 1;
    if (a->used.tv_nsec != b->used.tv_nsec)
        return a->used.tv_nsec < b->used.tv_nsec ? -1 : 1;
    return 0;
}

/* What a run leaves that is making a program, or was killed while it did. */
static void cache_sweep(const char *scratch)
{
    disk_remove(words_print("%s/program", scratch));
    disk_remove(scratch);
}

static size_t cache_limit(void)
{
    const char *given = getenv("WEFT_CACHE_MAX");
    unsigned long limit = given ? strtoul(given, NULL, 10) : 0;
    return limit ? limit : CACHE_PROGRAMS_MAX;
}

/* The limit's worth of the youngest stay. */
static void cache_trim_kind(struct cache_entry *entries, size_t n)
{
    size_t limit = cache_limit();
    qsort(entries, n, sizeof *entries, cache_older);
    for (size_t i = 0; n > limit && i < n - limit; i++)
        disk_remove(entries[i].path);
}

/* Who runs a program that is dropped keeps it, and who has found it has it open. */
static void cache_trim(const struct cache *cache)
{
    struct words names = {0};
    if (disk_list(cache->dir, &names) != 0)
        return;
    struct cache_entry *programs = words_alloc((names.n + 1) * sizeof *programs);
    struct cache_entry *reads = words_alloc((names.n + 1) * sizeof *reads);
    size_t programs_n = 0, reads_n = 0;
    time_t now = time(NULL);
    for (size_t i = 0; i < names.n; i++) {
        struct stat st;
        const char *name = names.at[i], *path = words_print("%s/%s", cache->dir, name);
        if (lstat(path, &st) != 0)
            continue;
        bool hashed = strspn(name, "0123456789abcdef") == 32;
        if (hashed && !name[32])
            programs[programs_n++] = (struct cache_entry){path, st.st_mtim};
        else if (hashed && strcmp(name + 32, ".reads") == 0)
            reads[reads_n++] = (struct cache_entry){path, st.st_mtim};
        else if (strncmp(name, "new-", 4) == 0 && st.st_mtim.tv_sec < now - CACHE_STALE_S)
            cache_sweep(path);
    }
    cache_trim_kind(programs, programs_n);
    cache_trim_kind(reads, reads_n);
}

/* ---- making ---- */

static void cache_wait_tick(void)
{
    nanosleep(&(struct timespec){0, CACHE_TICK_NS}, NULL);
}

/* A moment, by the clock of the file system, after every change made so far and before every change
 * that the compiler could miss. */
static int cache_moment(const char *scratch, struct timespec *ret_moment)
{
    struct stat st;
    const char *path = words_print("%s/moment", scratch);
    cache_wait_tick();
    int rc = disk_write(path, "", 0);
    if (rc == 0 && stat(path, &st) != 0)
        rc = -errno;
    if (rc < 0)
        return rc;
    cache_wait_tick();
    *ret_moment = st.st_ctim;
    return 0;
}

/* Under which name the program may be found again; false: under none. */
static bool cache_is_known(const struct cache *cache, const struct words *reads,
                           const struct timespec *moment, struct digest *ret_content)
{
    struct timespec changed;
    if (!reads->n || cache_content(cache, reads, ret_content, &changed) != 0)
        return false;
    return changed.tv_sec < moment->tv_sec ||
           (changed.tv_sec == moment->tv_sec && changed.tv_nsec < moment->tv_nsec);
}

/* A name that nobody looks for: the program is run once, and goes when it is the oldest. */
static struct digest cache_once(const struct cache *cache, const struct timespec *moment)
{
    struct digest content = cache->order;
    long long facts[] = {getpid(), moment->tv_sec, moment->tv_nsec};
    digest_word(&content, NULL);
    digest_bytes(&content, facts, sizeof facts);
    return content;
}

/* Moves scratch/NAME into its place.  Where another run was quicker, its program is replaced by
 * ours, made from the same text: so a fresh one is what --no-cache gets. */
static int cache_publish(const char *scratch, const char *program)
{
    const char *made = words_print("%s/program/%s", scratch, strrchr(program, '/') + 1);
    const char *made_dir = words_print("%s/program", scratch);
    const char *dir = words_print("%.*s", (int)(strrchr(program, '/') - program), program);
    int rc = -EIO;
    for (int i = 0; i < CACHE_PUBLISH_TRIES; i++) {
        if (rename(made_dir, dir) == 0 || rename(made, program) == 0)
            return 0;
        rc = -errno;
        if (rc != -ENOENT) /* else dropped by another run, between the two renames */
            break;
    }
    return rc;
}

static void cache_save_reads(const struct cache *cache, const char *scratch,
                             const struct words *reads)
{
    size_t size = 0, at = 0;
    for (size_t i = 0; i < reads->n; i++)
        size += strlen(reads->at[i]) + 1;
    char *data = words_alloc(size);
    for (size_t i = 0; i < reads->n; i++) {
        strcpy(data + at, reads->at[i]);
        at += strlen(reads->at[i]) + 1;
    }
    const char *fresh = words_print("%s/list", scratch);
    if (disk_write(fresh, data, size) == 0)
        (void)rename(fresh, cache_reads_path(cache)); /* lost, it costs a compilation */
}

static int cache_fill(const struct cache *cache, const struct compiler_order *order,
                      const char *scratch, struct cache_program *ret_program)
{
    struct words reads = {0};
    struct timespec moment = {0, 0};
    struct digest content;
    const char *dir = words_print("%s/program", scratch);
    int rc = disk_make_dirs(dir);
    if (rc == 0)
        rc = cache_moment(scratch, &moment);
    if (rc < 0)
        return out_error("%s: %s", scratch, disk_reason(rc));
    const char *made = words_print("%s/%s", dir, cache->name);
    if (compiler_make(order, scratch, made, &reads) != 0)
        return OUT_COULD_NOT;
    bool known = !order->takes_files && cache_is_known(cache, &reads, &moment, &content);
    if (!known)
        content = cache_once(cache, &moment);
    const char *path = cache_path(cache, &content);
    int fd = disk_open(made);
    rc = fd < 0 ? fd : cache_publish(scratch, path);
    if (rc < 0)
        return out_error("%s: %s", path, disk_reason(rc));
    if (known)
        cache_save_reads(cache, scratch, &reads);
    *ret_program = (struct cache_program){path, fd};
    return 0;
}

int cache_make(const struct cache *cache, const struct compiler_order *order,
               struct cache_program *ret_program)
{
    const char *scratch;
    int rc = disk_make_unique(words_print("%s/new-XXXXXX", cache->dir), &scratch);
    if (rc < 0)
        return out_error("%s: %s", cache->dir, disk_reason(rc));
    int status = cache_fill(cache, order, scratch, ret_program);
    cache_sweep(scratch);
    if (status == 0)
        cache_trim(cache);
    return status;
}
