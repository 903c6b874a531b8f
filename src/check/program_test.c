/* program_test.c - programs are found, refused, checked and replayed, and nothing is left behind.
 *
 * What is found in programs stands in tests/check_*.sh; here are the calls themselves.
 *
 * SPDX-License-Identifier: MIT
 */
#include "check/program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/child.h"
#include "base/sys.h"
#include "tests/test.h"

static void program_need_library(void)
{
    char path[WEFT__PATH_MAX];
    if (weft__program_library(NULL, path) < 0)
        SKIP("libweft-check.so was not built");
}

/* A file in a directory of our own, which is gone when the test has ended. */
static void program_write(const char *path, const char *text, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
    EXPECT(fd >= 0);
    EXPECT_EQ(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

TEST(program_find)
{
    char path[WEFT__PATH_MAX];
    setenv("PATH", "/no/such/dir::/usr/bin:/bin", 1);
    EXPECT_EQ(weft__program_find("sh", path), 0);
    EXPECT(strcmp(path, "/usr/bin/sh") == 0 || strcmp(path, "/bin/sh") == 0);
    EXPECT_EQ(weft__program_find("/bin/sh", path), 0);
    EXPECT_STR(path, "/bin/sh");
    EXPECT_EQ(weft__program_find("no-such-program-anywhere", path), -ENOENT);
    EXPECT_EQ(weft__program_find("", path), -ENOENT);
    EXPECT_EQ(weft__program_find("./no-such-program", path), -ENOENT);
    EXPECT_EQ(weft__program_find("/etc/passwd", path), -EACCES);
    EXPECT_EQ(weft__program_find("/", path), -EACCES);
}

TEST(program_look)
{
    char dir[] = "/tmp/weft-program-XXXXXX", path[64];
    EXPECT_EQ(weft__program_look("/proc/self/exe"), 0);
    EXPECT_EQ(weft__program_look("/no/such/program"), -ENOENT);
    EXPECT(mkdtemp(dir) != NULL);
    static const char *const texts[] = {"", "#!/bin/sh\n", "\177ELF", "\177ELF\2\1\1 and no more"};
    for (size_t i = 0; i < WEFT_ARRAY_SIZE(texts); i++) {
        snprintf(path, sizeof path, "%s/program", dir);
        program_write(path, texts[i], 0755);
        EXPECT_EQ(weft__program_look(path), -ENOEXEC);
    }
    unlink(path);
    rmdir(dir);
}

/* Descriptor 0 becomes the text, by a pipe or as a file. */
static void program_input_is(const char *text, bool by_pipe)
{
    int ends[2];
    if (by_pipe) {
        EXPECT_EQ(pipe(ends), 0);
        EXPECT_EQ(write(ends[1], text, strlen(text)), strlen(text));
        close(ends[1]);
    } else {
        ends[0] = weft__child_file("program-test");
        EXPECT_EQ(write(ends[0], text, strlen(text)), strlen(text));
        EXPECT_EQ(weft__child_seek(ends[0], 4), 0);
    }
    EXPECT_EQ(dup2(ends[0], 0), 0);
    close(ends[0]);
}

TEST(program_input_is_read_anew)
{
    for (int by_pipe = 0; by_pipe < 2; by_pipe++) {
        struct weft__input input;
        program_input_is("one two", by_pipe);
        EXPECT_EQ(weft__input_open(&input), 0);
        EXPECT(!input.silent);
        int a = weft__input_copy(&input), b = weft__input_copy(&input);
        EXPECT(a >= 0 && b >= 0);
        for (int round = 0; round < 3; round++) {
            char got[16] = "";
            const char *wanted = by_pipe ? "one two" : "two";
            EXPECT_EQ(weft__input_rewind(&input, a), 0);
            EXPECT_EQ(read(a, got, sizeof got - 1), strlen(wanted));
            EXPECT_STR(got, wanted);
        }
        EXPECT_EQ(weft__sys_tell(b), by_pipe ? 0 : 4);
        close(a);
        close(b);
        weft__input_close(&input);
    }
}

TEST(program_input_without_any)
{
    struct weft__input input;
    char got;
    int ends[2];
    int nothing = open("/dev/null", O_RDONLY);
    EXPECT_EQ(dup2(nothing, 0), 0);
    EXPECT_EQ(weft__input_open(&input), 0);
    EXPECT_EQ(input.fd, -1);
    int copy = weft__input_copy(&input);
    EXPECT(copy >= 0);
    EXPECT_EQ(weft__input_rewind(&input, copy), 0);
    EXPECT_EQ(read(copy, &got, 1), 0);
    close(copy);
    weft__input_close(&input);
    /* A pipe that nobody closes. */
    EXPECT_EQ(pipe(ends), 0);
    EXPECT_EQ(dup2(ends[0], 0), 0);
    close(ends[0]);
    EXPECT_EQ(weft__input_open(&input), 0);
    EXPECT(input.silent);
    weft__input_close(&input);
    close(ends[1]);
    EXPECT_EQ(dup2(nothing, 0), 0);
    close(nothing);
}

TEST(program_refusals)
{
    weft_check_report *report = NULL;
    weft_check_options options = {.schedules = 10, .jobs = 1};
    char *missing[] = {(char *)"/no/such/program", NULL}, *none[] = {NULL};
    char *true_argv[] = {(char *)"/bin/true", NULL};
    EXPECT_EQ(weft_check_program(NULL, NULL, &options, &report), -EINVAL);
    EXPECT_EQ(weft_check_program(none, NULL, &options, &report), -EINVAL);
    EXPECT_EQ(weft_check_program(missing, NULL, &options, &report), -ENOENT);
    EXPECT_EQ(weft_check_program(true_argv, "/no/such/library", &options, &report), -ELIBACC);
    EXPECT_EQ(weft_check_program(true_argv, NULL, &options, NULL), -EINVAL);
    options.jobs = 100000;
    EXPECT_EQ(weft_check_program(true_argv, NULL, &options, &report), -EINVAL);
    EXPECT_EQ(weft_replay_program("nonsense", NULL, NULL, false, &report), -EINVAL);
    EXPECT_EQ(weft_replay_program(NULL, NULL, NULL, false, &report), -EINVAL);
    EXPECT(report == NULL);
}

TEST(program_without_library_in_it)
{
    /* Any other file in the place of the library: the loader says so, and main is never reached
     * by a server. */
    weft_check_report *report = NULL;
    weft_check_options options = {.schedules = 10, .jobs = 1};
    char *argv[] = {(char *)"/bin/true", NULL};
    EXPECT_EQ(weft_check_program(argv, "/etc/passwd", &options, &report), -ECHILD);
}

TEST(program_check_and_replay)
{
    program_need_library();
    weft_check_options options = {.schedules = 40, .jobs = 3};
    for (int wrong = 0; wrong < 2; wrong++) {
        char *argv[] = {(char *)(wrong ? "/bin/false" : "/bin/true"), NULL};
        weft_check_report *report, *again;
        weft_check_result result, replayed;
        EXPECT_EQ(weft_check_program(argv, NULL, &options, &report), 0);
        weft_check_result_of(report, &result);
        EXPECT_EQ(result.found, wrong);
        EXPECT_STR(result.class_name, wrong ? "exit-status" : "none");
        EXPECT(wrong || result.schedules == 40);
        if (wrong) {
            EXPECT_EQ(result.preemptions, 0);
            EXPECT_EQ(weft_replay_program(result.replay, NULL, NULL, false, &again), 0);
            weft_check_result_of(again, &replayed);
            EXPECT(replayed.found);
            EXPECT_STR(replayed.class_name, "exit-status");
            weft_check_report_free(again);
        }
        weft_check_report_free(report);
    }
}

TEST(program_stop)
{
    program_need_library();
    int stop = 1;
    weft_check_options options = {.schedules = 1000000, .jobs = 2, .stop = &stop};
    char *argv[] = {(char *)"/bin/true", NULL};
    weft_check_report *report;
    weft_check_result result;
    EXPECT_EQ(weft_check_program(argv, NULL, &options, &report), 0);
    weft_check_result_of(report, &result);
    EXPECT(!result.found);
    EXPECT_EQ(result.schedules, 0);
    weft_check_report_free(report);
}
