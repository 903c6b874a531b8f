/* syscpu_test.c - which CPU this is, and how many are ours, by affinity and by quotas.
 *
 * Quotas are tested on trees of files made here, since the machine's own has only one answer.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/syscpu.h"

#include <limits.h>
#include <sched.h>
#include <unistd.h>

#include "base/sys_probe.h"

/* One cgroup of version 2 with this quota, on a machine of 8. */
static unsigned syscpu_with_v2(const char *quota)
{
    unsigned cpus;

    sys_root_make();
    sys_root_file("/proc/self/cgroup", "0::/user.slice/job\n");
    sys_root_file("/sys/fs/cgroup/user.slice/job/cpu.max", quota);
    cpus = weft__sys_cpus_at(sys_root, 8);
    sys_root_remove();
    return cpus;
}

TEST(syscpu_v2_quota_is_rounded_up)
{
    EXPECT_EQ(syscpu_with_v2("50000 100000\n"), 1);
    EXPECT_EQ(syscpu_with_v2("100000 100000\n"), 1);
    EXPECT_EQ(syscpu_with_v2("150000 100000\n"), 2);
    EXPECT_EQ(syscpu_with_v2("20000 10000\n"), 2);
    EXPECT_EQ(syscpu_with_v2("1 1000000\n"), 1);
    EXPECT_EQ(syscpu_with_v2("1600000 100000\n"), 8);
}

TEST(syscpu_v2_no_quota_or_nonsense)
{
    EXPECT_EQ(syscpu_with_v2("max 100000\n"), 8);
    EXPECT_EQ(syscpu_with_v2(""), 8);
    EXPECT_EQ(syscpu_with_v2("100000"), 8);
    EXPECT_EQ(syscpu_with_v2("100000 0\n"), 8);
    EXPECT_EQ(syscpu_with_v2("-100000 100000\n"), 8);
    EXPECT_EQ(syscpu_with_v2("9223372036854775807 1\n"), 8);
}

TEST(syscpu_v2_tightest_on_the_way_up)
{
    sys_root_make();
    sys_root_file("/proc/self/cgroup", "0::/a/b/c\n");
    sys_root_file("/sys/fs/cgroup/a/b/c/cpu.max", "max 100000\n");
    sys_root_file("/sys/fs/cgroup/a/b/cpu.max", "600000 100000\n");
    sys_root_file("/sys/fs/cgroup/a/cpu.max", "250000 100000\n");
    EXPECT_EQ(weft__sys_cpus_at(sys_root, 8), 3);
    EXPECT_EQ(weft__sys_cpus_at(sys_root, 2), 2);
    sys_root_remove();
}

/* In a container: the host's path, of which only the own end is mounted, as the root. */
TEST(syscpu_v2_path_of_the_host)
{
    sys_root_make();
    sys_root_file("/proc/self/cgroup", "0::/system.slice/docker-1234.scope\n");
    sys_root_file("/sys/fs/cgroup/cpu.max", "200000 100000\n");
    EXPECT_EQ(weft__sys_cpus_at(sys_root, 8), 2);
    sys_root_file("/proc/self/cgroup", "0::/../../other\n");
    EXPECT_EQ(weft__sys_cpus_at(sys_root, 8), 2);
    sys_root_file("/proc/self/cgroup", "0::/\n");
    EXPECT_EQ(weft__sys_cpus_at(sys_root, 8), 2);
    sys_root_remove();
}

TEST(syscpu_v1)
{
    static const char list[] = "12:memory:/other\n"
                               "4:cpuset:/wrong\n"
                               "3:cpuacct,cpu:/docker/1234\n"
                               "1:name=systemd:/x\n"
                               "0::/y\n";

    sys_root_make();
    sys_root_file("/proc/self/cgroup", list);
    sys_root_file("/sys/fs/cgroup/cpu/docker/1234/cpu.cfs_quota_us", "-1\n");
    sys_root_file("/sys/fs/cgroup/cpu/docker/1234/cpu.cfs_period_us", "100000\n");
    sys_root_file("/sys/fs/cgroup/cpu/wrong/cpu.cfs_quota_us", "100000\n");
    sys_root_file("/sys/fs/cgroup/cpu/wrong/cpu.cfs_period_us", "100000\n");
    EXPECT_EQ(weft__sys_cpus_at(sys_root, 8), 8);
    sys_root_file("/sys/fs/cgroup/cpu/docker/1234/cpu.cfs_quota_us", "50000\n");
    EXPECT_EQ(weft__sys_cpus_at(sys_root, 8), 1);
    sys_root_file("/sys/fs/cgroup/cpu/docker/1234/cpu.cfs_quota_us", "350000\n");
    EXPECT_EQ(weft__sys_cpus_at(sys_root, 8), 4);
    sys_root_file("/sys/fs/cgroup/cpu/docker/cpu.cfs_quota_us", "250000\n");
    sys_root_file("/sys/fs/cgroup/cpu/docker/cpu.cfs_period_us", "100000\n");
    EXPECT_EQ(weft__sys_cpus_at(sys_root, 8), 3);
    sys_root_remove();
}

TEST(syscpu_without_cgroups)
{
    sys_root_make();
    EXPECT_EQ(weft__sys_cpus_at(sys_root, 8), 8);
    EXPECT_EQ(weft__sys_cpus_at(sys_root, 0), 1);
    sys_root_remove();
}

TEST(syscpu_follow_affinity)
{
    cpu_set_t one;

    EXPECT(weft__sys_cpus() >= 1);
    EXPECT(weft__sys_cpus() <= (unsigned)sysconf(_SC_NPROCESSORS_CONF));
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    EXPECT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
    EXPECT_EQ(weft__sys_cpus(), 1);
}

/* ---- where we run ---- */

static int syscpu_mine(cpu_set_t *ret_set)
{
    EXPECT_EQ(sched_getaffinity(0, sizeof *ret_set, ret_set), 0);
    return CPU_COUNT(ret_set);
}

/* The kernel may bring us back at any moment: so it need not be seen at the first attempt. */
TEST(syscpu_is_left)
{
    cpu_set_t before, after;
    bool was_left = false;

    if (syscpu_mine(&before) < 2)
        SKIP("there is one CPU");
    while (!was_left) {
        int cpu = weft__sys_cpu();
        EXPECT(cpu >= 0);
        EXPECT_EQ(weft__sys_leave_cpu(cpu), 0);
        was_left = weft__sys_cpu() != cpu;
    }
    (void)syscpu_mine(&after);
    EXPECT(CPU_EQUAL(&before, &after));
}

TEST(syscpu_is_kept_if_there_is_no_other)
{
    const int cpu = weft__sys_cpu();
    cpu_set_t one, after;

    EXPECT(cpu >= 0);
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    EXPECT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
    EXPECT_EQ(weft__sys_leave_cpu(cpu), 0);
    (void)syscpu_mine(&after);
    EXPECT(CPU_EQUAL(&one, &after));
    EXPECT_EQ(weft__sys_cpu(), cpu);
}

TEST(syscpu_that_is_not_ours_is_not_left)
{
    cpu_set_t before, after;

    (void)syscpu_mine(&before);
    EXPECT_EQ(weft__sys_leave_cpu(INT_MAX), 0);
    EXPECT_EQ(weft__sys_leave_cpu(-1), 0);
    (void)syscpu_mine(&after);
    EXPECT(CPU_EQUAL(&before, &after));
}
