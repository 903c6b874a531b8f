# proc_signals.sh - a program that is told to end ends the programs that it has started first.
# SPDX-License-Identifier: MIT
. "$2/tests/command.inc"

# Runs two: one that ends when asked, and one that must be made to.  The scope of the first is left
# by the code of weft_proc_run, the other by a deferred close.
cat >parent.c <<'EOF2'
#include <stdio.h>
#include <weft.h>

static void close_it(void *proc)
{
    weft_proc_close(proc);
}

static int app(void *arg)
{
    const char *const stubborn[] = {"sh", "-c", "trap '' TERM; echo $$ >second; exec sleep 1000",
                                    NULL};
    const char *const willing[] = {"sh", "-c", "echo $$ >first; exec sleep 1000", NULL};
    weft_proc *proc;
    weft_proc_result result;
    (void)arg;
    int rc = weft_proc_start(stubborn, &(weft_proc_options){.grace_ns = 50 * WEFT_MS,
                                                            .new_group = true}, &proc);
    if (rc < 0 || (rc = weft_defer(close_it, proc)) < 0)
        return rc;
    rc = weft_proc_run(willing, &(weft_proc_options){.new_group = true}, &result);
    weft_proc_result_free(&result);
    return rc;
}

int main(void)
{
    int rc = weft_run(app, NULL);
    return rc < 0 ? 1 : rc;
}
EOF2

"$weft" build parent.c -o parent >said 2>&1 || { cat said; fail "parent.c is not built"; finish; }

here=$(pwd -P)

# ended PID: it is gone, or a zombie that its new parent has not looked at yet, which is in no
# directory; a process that has got its number meanwhile is not in ours.
ended()
{
    [ "$(readlink "/proc/$1/cwd" 2>/dev/null)" != "$here" ]
}

# signalled NAME WANTED-STATUS
signalled()
{
    rm -f first second
    ./parent &
    pid=$!
    await "start for $1" test -s first -a -s second || return
    for child in $(cat first second); do
        ended "$child" && fail "before SIG$1 the child $child does not run"
    done
    kill -s "$1" $pid
    wait $pid
    same "status after SIG$1" "$2" $?
    for child in $(cat first second); do
        ended "$child" || fail "after SIG$1 the child $child still runs"
    done
}

signalled TERM 143 # a plain shell has its background jobs ignore SIGINT
finish
