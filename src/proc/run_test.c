/* run_test.c - programs in one call: much in and out, cut, cancelled, with somebody left behind.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weft.h>
#include <weft/proc.h>

#include "base/fault.h"
#include "tests/test.h"
#include "tests/tree.h"

static int run_script(const char *script, const weft_proc_options *options,
                      weft_proc_result *ret_result)
{
    const char *const argv[] = {"sh", "-c", script, NULL};
    return weft_proc_run(argv, options, ret_result);
}

static void run_expect_no_children(void)
{
    EXPECT_EQ(waitpid(-1, NULL, WNOHANG), -1);
    EXPECT_EQ(errno, ECHILD);
}

static void run_expect(const char *script, const weft_proc_options *options, const char *out,
                       const char *err, int exit_code)
{
    weft_proc_result result;
    EXPECT_EQ(run_script(script, options, &result), 0);
    EXPECT_STR(result.out, out);
    EXPECT_EQ(result.out_size, strlen(out));
    EXPECT_STR(result.err, err);
    EXPECT_EQ(result.err_size, strlen(err));
    EXPECT(!result.out_cut && !result.err_cut);
    EXPECT_EQ(result.end.exit_code, exit_code);
    EXPECT_EQ(result.end.signal, 0);
    weft_proc_result_free(&result);
    EXPECT(result.out == NULL && result.err == NULL);
    weft_proc_result_free(&result);
}

IO_TEST_REAL(run_tells_all)
{
    run_expect("echo warp; echo weft >&2; exit 3", NULL, "warp\n", "weft\n", 3);
    run_expect("cat", NULL, "", "", 0); /* its stdin is empty */
    run_expect("cat; cat >&2", &(weft_proc_options){.input = "warp", .input_size = 4}, "warp", "",
               0);
    run_expect("cat", &(weft_proc_options){.input = "", .input_size = 0}, "", "", 0);
    run_expect("cat", &(weft_proc_options){.in = WEFT_PROC_PIPE}, "", "", 0);
    run_expect("exec >&-; exec 2>&-; sleep 0.02; exit 4", NULL, "", "", 4);
    run_expect_no_children();
}

IO_TEST_REAL(run_where_it_goes_is_chosen)
{
    weft_proc_result result;
    EXPECT_EQ(run_script("echo 1; echo 2 >&2; echo 3",
                         &(weft_proc_options){.err = WEFT_PROC_STDOUT}, &result), 0);
    EXPECT_STR(result.out, "1\n2\n3\n");
    EXPECT(result.err == NULL);
    weft_proc_result_free(&result);
    EXPECT_EQ(run_script("echo 1; echo 2 >&2",
                         &(weft_proc_options){.out = WEFT_PROC_NULL}, &result), 0);
    EXPECT(result.out == NULL);
    EXPECT_STR(result.err, "2\n");
    weft_proc_result_free(&result);
    int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    EXPECT_EQ(run_script("head -c 100000 | wc -c", &(weft_proc_options){.in = fd}, &result), 0);
    close(fd);
    EXPECT_EQ(atoi(result.out), 100000);
    weft_proc_result_free(&result);
}

IO_TEST_REAL(run_cannot_start)
{
    weft_proc_result result;
    const char *const argv[] = {"weft-no-such-program", NULL};
    EXPECT_EQ(weft_proc_run(argv, NULL, &result), -ENOENT);
    EXPECT_EQ(result.out_size, 0);
    weft_proc_result_free(&result);
    EXPECT_EQ(weft_proc_run(NULL, NULL, &result), -WEFT_EINVAL);
    weft_proc_result_free(&result);
    run_expect_no_children();
}

/* Both pipes are full at once, again and again. */
IO_TEST_REAL(run_much_both_ways)
{
    const size_t size = (size_t)TEST_ROUNDS(64, 256) << 20;
    unsigned char *data = malloc(size);
    uint32_t word = 1;
    for (size_t i = 0; i < size; i++) {
        word = word * 1664525u + 1013904223u;
        data[i] = (unsigned char)(word >> 24);
    }
    weft_proc_result result;
    const char *const argv[] = {"cat", NULL};
    EXPECT_EQ(weft_proc_run(argv, &(weft_proc_options){.input = data,
                                                       .input_size = size,
                                                       .output_max = size}, &result), 0);
    EXPECT_EQ(result.out_size, size);
    EXPECT(!result.out_cut);
    EXPECT_EQ(memcmp(result.out, data, size), 0);
    weft_proc_result_free(&result);
    free(data);
}

/* Its reader goes away, and no SIGPIPE comes of that. */
IO_TEST_REAL(run_input_that_nobody_reads)
{
    const size_t size = 1 << 20;
    char *data = calloc(1, size);
    weft_proc_result result;
    EXPECT_EQ(run_script("exit 3", &(weft_proc_options){.input = data, .input_size = size},
                         &result), 0);
    EXPECT_EQ(result.end.exit_code, 3);
    weft_proc_result_free(&result);
    EXPECT_EQ(run_script("exec <&-; sleep 0.05; exit 4",
                         &(weft_proc_options){.input = data, .input_size = size}, &result), 0);
    EXPECT_EQ(result.end.exit_code, 4);
    weft_proc_result_free(&result);
    free(data);
}

IO_TEST_REAL(run_output_is_cut)
{
    weft_proc_result result;
    const weft_proc_options options = {.output_max = 5000};
    EXPECT_EQ(run_script("head -c 1000000 /dev/zero; head -c 5000 /dev/zero >&2; exit 3", &options,
                         &result), 0);
    EXPECT_EQ(result.out_size, 5000);
    EXPECT(result.out_cut);
    EXPECT_EQ(result.err_size, 5000);
    EXPECT(!result.err_cut); /* just so much */
    EXPECT_EQ(result.end.exit_code, 3);
    EXPECT_EQ(result.out[5000], '\0');
    weft_proc_result_free(&result);
}

/* The program has ended, and one whom it left behind holds its pipes. */
IO_TEST_REAL(run_somebody_is_left_behind)
{
    weft_proc_result result;
    int64_t before = weft_now();
    EXPECT_EQ(run_script("sleep 1000 & echo $!; head -c 60000 /dev/zero; exit 3", NULL, &result),
              0);
    EXPECT(weft_now() - before < 30 * WEFT_SECOND);
    EXPECT_EQ(result.end.exit_code, 3);
    pid_t left = (pid_t)atoi(result.out);
    EXPECT_EQ(result.out_size, (size_t)snprintf(NULL, 0, "%d\n", (int)left) + 60000);
    EXPECT_EQ(kill(left, SIGKILL), 0);
    weft_proc_result_free(&result);
    /* and goes on writing: it is listened to for a while, and no longer */
    EXPECT_EQ(run_script("(while echo again; do :; done) 2>/dev/null & exit 3", NULL, &result), 0);
    EXPECT_EQ(result.end.exit_code, 3);
    weft_proc_result_free(&result);
    run_expect_no_children();
}

IO_TEST_REAL(run_group_is_not_left_behind)
{
    weft_proc_result result;
    EXPECT_EQ(run_script("sleep 1000 & echo $!", &(weft_proc_options){.new_group = true}, &result),
              0);
    pid_t left = (pid_t)atoi(result.out);
    weft_proc_result_free(&result);
    char path[64], text[512] = ") Z ";
    snprintf(path, sizeof path, "/proc/%d/stat", (int)left);
    for (bool is_gone = false; !is_gone;) {
        FILE *file = fopen(path, "r");
        is_gone = !file || (fgets(text, sizeof text, file) && strstr(text, ") Z "));
        if (file) {
            fclose(file);
        }
        EXPECT_EQ(weft_sleep(WEFT_MS), 0);
    }
}

/* ---- cancel ---- */

struct run_case {
    const char *script;
    weft_proc_options options;
    weft_proc_result *result;
    int rc;
};

static int run_as_task(void *arg)
{
    struct run_case *c = *(struct run_case **)arg;
    c->rc = run_script(c->script, &c->options, c->result);
    return c->rc;
}

/* Runs it, waits until it has made the file `mark` (%s in the script), and cancels it. */
static void run_cancelled(const char *format, weft_proc_options options, weft_proc_result *result)
{
    char mark[] = "/tmp/weft-run-XXXXXX", script[256];
    int fd = mkstemp(mark);
    struct run_case c = {.script = script, .options = options, .result = result}, *pointer = &c;
    struct stat st;
    weft_scope scope;
    EXPECT(fd >= 0);
    snprintf(script, sizeof script, format, mark);
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, run_as_task, &pointer), 0);
    do {
        EXPECT_EQ(weft_sleep(WEFT_MS), 0);
        EXPECT_EQ(fstat(fd, &st), 0);
    } while (st.st_size == 0);
    weft_scope_cancel(&scope);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
    EXPECT_EQ(c.rc, -WEFT_ECANCELED);
    close(fd);
    EXPECT_EQ(unlink(mark), 0);
    run_expect_no_children();
}

/* T48. */
IO_TEST_REAL(run_cancelled_ends_it)
{
    weft_proc_result result;
    run_cancelled("echo early; echo >%s; exec sleep 1000", (weft_proc_options){0}, &result);
    EXPECT_STR(result.out, "early\n");
    EXPECT_EQ(result.end.signal, SIGTERM);
    weft_proc_result_free(&result);
}

/* What it says when it is asked to end is heard, also if that is more than a pipe holds. */
IO_TEST_REAL(run_cancelled_hears_last_words)
{
    weft_proc_result result;
    run_cancelled("trap 'head -c 300000 /dev/zero; exit 5' TERM; echo >%s; "
                  "while :; do sleep 0.01; done",
                  (weft_proc_options){.grace_ns = 1000 * WEFT_SECOND}, &result);
    EXPECT_EQ(result.out_size, 300000);
    EXPECT_EQ(result.end.exit_code, 5);
    weft_proc_result_free(&result);
}

IO_TEST_REAL(run_cancelled_kills_after_the_grace)
{
    weft_proc_result result;
    run_cancelled("trap '' TERM; echo >%s; exec sleep 1000",
                  (weft_proc_options){.grace_ns = 30 * WEFT_MS}, &result);
    EXPECT_EQ(result.end.signal, SIGKILL);
    weft_proc_result_free(&result);
}

/* It waits to be read, and to be written to. */
IO_TEST_REAL(run_cancelled_in_the_middle_of_input)
{
    weft_proc_result result;
    const size_t size = 1 << 20;
    char *data = calloc(1, size);
    run_cancelled("echo >%s; exec sleep 1000",
                  (weft_proc_options){.input = data, .input_size = size}, &result);
    EXPECT_EQ(result.end.signal, SIGTERM);
    weft_proc_result_free(&result);
    free(data);
}

IO_TEST_REAL(run_deadline)
{
    weft_proc_result result;
    weft_scope scope;
    weft_scope_open(&scope);
    weft_scope_deadline(&scope, weft_after(20 * WEFT_MS));
    EXPECT_EQ(run_script("exec sleep 1000", NULL, &result), -WEFT_ECANCELED);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ETIMEDOUT);
    EXPECT_EQ(result.end.exit_code, -1);
    weft_proc_result_free(&result);
    run_expect_no_children();
}

IO_TEST_REAL(run_in_a_cancelled_scope)
{
    weft_proc_result result;
    weft_scope scope;
    weft_scope_open(&scope);
    weft_scope_cancel(&scope);
    EXPECT_EQ(run_script("exit 0", NULL, &result), -WEFT_ECANCELED);
    EXPECT(result.out_size == 0);
    weft_proc_result_free(&result);
    EXPECT_EQ(weft_scope_close(&scope), -WEFT_ECANCELED);
    run_expect_no_children();
}

/* A cancel at whatever moment: before it has begun, while it runs, when it has ended. */
IO_TEST_REAL(run_cancelled_at_any_moment)
{
    for (int i = 0; i < TEST_ROUNDS(100, 2000); i++) {
        weft_proc_result result;
        struct run_case c = {.script = "echo warp", .result = &result}, *pointer = &c;
        weft_scope scope;
        weft_scope_open(&scope);
        EXPECT_EQ(weft_go(&scope, run_as_task, &pointer), 0);
        EXPECT_EQ(weft_sleep((i % 40) * 100 * WEFT_US), 0);
        weft_scope_cancel(&scope);
        int rc = weft_scope_close(&scope);
        EXPECT(rc == c.rc || rc == -WEFT_ECANCELED); /* the wait was cut short, but it had ended */
        EXPECT(c.rc == 0 || c.rc == -WEFT_ECANCELED);
        if (c.rc == 0) {
            EXPECT_STR(result.out, "warp\n");
        }
        weft_proc_result_free(&result);
    }
    run_expect_no_children();
}

/* ---- crowds and odd surroundings ---- */

static int run_one_of_many(void *arg)
{
    const int number = *(int *)arg;
    char word[16], wanted[16];
    snprintf(word, sizeof word, "%d", number);
    snprintf(wanted, sizeof wanted, "%d\n", 2 * number);
    run_expect("read n; echo $((2 * n))", &(weft_proc_options){.input = word,
                                                               .input_size = strlen(word)},
               wanted, "", 0);
    return 0;
}

IO_TEST_REAL(run_fifty_at_once)
{
    weft_scope scope;
    weft_scope_open(&scope);
    for (int i = 0; i < 50; i++) {
        EXPECT_EQ(weft_go(&scope, run_one_of_many, &i), 0);
    }
    EXPECT_EQ(weft_scope_close(&scope), 0);
    run_expect_no_children();
}

/* Tasks on threads of their own, and threads of others. */
static void *run_in_a_thread(void *arg)
{
    int number = 7;
    (void)arg;
    EXPECT_EQ(run_one_of_many(&number), 0);
    return NULL;
}

IO_TEST_REAL(run_from_other_threads)
{
    pthread_t thread;
    weft_scope scope;
    EXPECT_EQ(pthread_create(&thread, NULL, run_in_a_thread, NULL), 0);
    weft_scope_open(&scope);
    for (int i = 0; i < 4; i++) {
        EXPECT_EQ(weft_go_with(&scope, run_one_of_many, &i, sizeof i,
                               &(weft_task_options){.on = WEFT_THREAD}), 0);
    }
    EXPECT_EQ(weft_scope_close(&scope), 0);
    EXPECT_EQ(pthread_join(thread, NULL), 0);
}

/* Has ten turns once the program has said that it is at work, and then tells it to end. */
static int run_turns(void *arg)
{
    char path[TREE_PATH_MAX + 8];
    const char *dir = *(const char **)arg;
    snprintf(path, sizeof path, "%s/begun", dir);
    while (access(path, F_OK) != 0) {
        EXPECT_EQ(weft_yield(), 0);
    }
    for (int i = 0; i < 10; i++) {
        EXPECT_EQ(weft_yield(), 0);
    }
    snprintf(path, sizeof path, "%s/seen", dir);
    return mkdir(path, 0700);
}

/* Whoever has much to copy lets others run: else this one would go on for ever. */
IO_TEST_REAL(run_lets_others_run)
{
    char dir[TREE_PATH_MAX], script[256], *at = dir;
    weft_proc_result result;
    weft_scope scope;
    tree_make(dir, "run");
    snprintf(script, sizeof script, "head -c 30000000 /dev/zero; mkdir %s/begun; "
             "while [ ! -e %s/seen ]; do head -c 1000000 /dev/zero; done", dir, dir);
    weft_scope_open(&scope);
    EXPECT_EQ(weft_go(&scope, run_turns, &at), 0);
    EXPECT_EQ(run_script(script, &(weft_proc_options){.output_max = 30000000}, &result), 0);
    EXPECT_EQ(result.out_size, 30000000);
    EXPECT_EQ(weft_scope_close(&scope), 0);
    weft_proc_result_free(&result);
    tree_remove(dir);
}

IO_TEST_REAL(run_every_call_fails_once)
{
    for (uint64_t n = 1;; n++) {
        weft_proc_result result;
        weft__fault_arm(WEFT_FAULT_MASK(WEFT_FAULT_ALLOC) | WEFT_FAULT_MASK(WEFT_FAULT_SYS), n);
        int rc = run_script("cat; head -c 10000 /dev/zero",
                            &(weft_proc_options){.input = "warp", .input_size = 4}, &result);
        uint64_t calls = weft__fault_disarm();
        if (rc == 0) {
            EXPECT_EQ(result.out_size, 10004);
        }
        weft_proc_result_free(&result);
        if (calls < n) {
            EXPECT_EQ(rc, 0);
            break;
        }
    }
    run_expect_no_children();
}

TEST(run_in_a_plain_program)
{
    static const char much[100000];
    weft_proc_result result;
    EXPECT_EQ(run_script("exit 3", &(weft_proc_options){.input = much, .input_size = sizeof much},
                         &result), 0);
    EXPECT_EQ(result.end.exit_code, 3);
    weft_proc_result_free(&result);
    sigset_t pending;
    EXPECT(sigpending(&pending) == 0 && !sigismember(&pending, SIGPIPE));
    run_expect("cat; echo weft >&2; exit 3", &(weft_proc_options){.input = "warp",
                                                                  .input_size = 4},
               "warp", "weft\n", 3);
    run_expect_no_children();
}
