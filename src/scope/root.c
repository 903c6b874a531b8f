/* root.c - weft_run: the root scope, the first task, and what comes of them.
 *
 * SPDX-License-Identifier: MIT
 */
#include "core/runtime.h"
#include "scope/go.h"
#include "scope/scope.h"
#include "weft/err.h"

#define ROOT_SIGNAL_STATUS 128

struct root {
    struct weft__scope scope; /* first */
    int (*fn)(void *);
    void *arg;
    int rc;
};

static int root_main(void *arg)
{
    struct root *root = *(struct root **)arg;
    root->rc = root->fn(root->arg);
    return 0; /* its code is the run's, and no failure of the root scope */
}

void weft__root_finished(struct weft__scope *root)
{
    (void)root;
    weft__runtime_stop(weft__runtime());
}

static int root_check_caller(int (*fn)(void *))
{
    if (!fn) {
        return -WEFT_EINVAL;
    }
    if (a_load(&weft__forked, relaxed)) {
        return -WEFT_ESHUTDOWN;
    }
    struct weft__thread *self = weft__self();
    return self->runtime || self->task != &self->own ? -WEFT_EBUSY : 0;
}

int weft_run_with(int (*fn)(void *arg), void *arg, const weft_options *options)
{
    static const weft_options defaults;
    struct root root;
    struct root *root_pointer = &root;
    struct weft__runtime *rt;
    bool is_deadlocked = false;
    int rc = root_check_caller(fn);
    if (rc < 0) {
        return rc;
    }
    weft__scope_init_root(&root.scope, __builtin_return_address(0));
    root.fn = fn;
    root.arg = arg;
    root.rc = -WEFT_EPANIC; /* unless it returns */
    rc = weft__runtime_start(options ? options : &defaults, &root.scope, &rt);
    if (rc < 0) {
        return rc;
    }
    struct weft__thread *self = weft__enter();
    rc = weft__go(self, &root.scope,
                  &(struct weft__birth_request){.fn = root_main,
                                                .arg = &root_pointer,
                                                .arg_size = sizeof root_pointer,
                                                .options = &(weft_task_options){.name = "main"},
                                                .home = &root.scope,
                                                .site = __builtin_return_address(0)});
    weft__scope_let_go(&root.scope); /* the first task, and what it opens, hold it now */
    weft__leave(self);
    int signo = weft__runtime_work_until_stop(rt, &is_deadlocked);
    if (rc < 0) {
        return rc;
    }
    if (is_deadlocked) {
        return -WEFT_EDEADLK;
    }
    return signo && root.rc == -WEFT_ECANCELED ? ROOT_SIGNAL_STATUS + signo : root.rc;
}

int weft_run(int (*fn)(void *arg), void *arg)
{
    return weft_run_with(fn, arg, NULL);
}
