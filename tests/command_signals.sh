# command_signals.sh - the program under weft run is what signals and the terminal reach.
# SPDX-License-Identifier: MIT
. "$2/tests/command.inc"

# caught.c says that it is ready, ends with 30 + the signal, or by the signal when told "plain".
cat >caught.c <<'EOF'
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
static void caught(int signal)
{
    _exit(30 + signal);
}
int main(int argc, char **argv)
{
    int plain = argc > 2 && strcmp(argv[2], "plain") == 0;
    int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1};
    for (int i = 0; i < 4; i++)
        signal(signals[i], plain ? SIG_DFL : caught);
    char ready[4096], made[4100];
    snprintf(ready, sizeof ready, "%s", argv[1]);
    snprintf(made, sizeof made, "%s.new", ready);
    FILE *file = fopen(made, "w");
    fprintf(file, "%ld\n", (long)getpid());
    fclose(file);
    rename(made, ready);
    for (;;)
        pause();
}
EOF

# signalled NAME MODE WANTED-STATUS
signalled()
{
    rm -f ready
    "$weft" run caught.c ready "$2" &
    pid=$!
    await "start for $1" test -e ready || return
    same "process id" $pid "$(cat ready)"
    kill -s "$1" $pid
    wait $pid
    same "status after SIG$1, $2" "$3" $?
}

signalled TERM handler 45
signalled INT handler 32
signalled HUP handler 31
signalled USR1 handler 40
signalled TERM plain 143
signalled KILL plain 137

# Ctrl-C at a terminal.
if command -v script >/dev/null; then
    rm -f ready
    mkfifo keys
    script -qec "'$weft' run caught.c ready handler" /dev/null <keys >/dev/null 2>&1 &
    pid=$!
    exec 9>keys
    if await "start at a terminal" test -e ready; then
        printf '\003' >&9
        wait $pid
        same "status after Ctrl-C" 32 $?
    fi
    exec 9>&-
fi

# What we were given to ignore is still ignored, and nothing else is; children can be waited for.
cat >ignored.c <<'EOF'
#include <signal.h>
#include <stdio.h>
int main(void)
{
    for (int i = 1; i < 32; i++) {
        struct sigaction action;
        if (sigaction(i, NULL, &action) == 0 && action.sa_handler == SIG_IGN)
            printf("%d ", i);
    }
    return 0;
}
EOF
"$weft" build ignored.c -o ignored || fail "ignored.c"
same "ignored signals, compiled" "$(./ignored)" "$("$weft" run ignored.c)"
same "ignored signals, from the cache" "$(./ignored)" "$("$weft" run ignored.c)"
(
    trap '' HUP
    same "SIGHUP ignored" "$(./ignored)" "$("$weft" run ignored.c)"
    finish
) || fail "SIGHUP ignored"
python3 - "$weft" ignored.c <<'EOF' || fail "SIGCHLD ignored"
import signal, subprocess, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for extra in ([], ["-O1"]):
    out = subprocess.Popen([sys.argv[1], "run", "--no-cache", *extra, sys.argv[2]],
                           stdout=subprocess.PIPE).stdout.read()
    if b"17 " not in out:
        sys.exit(f"lost: {out}")
EOF

# No file of ours stays open in the program.
cat >open.c <<'EOF'
#include <fcntl.h>
#include <stdio.h>
int main(void)
{
    for (int fd = 3; fd < 200; fd++)
        if (fcntl(fd, F_GETFD) >= 0)
            printf("%d ", fd);
    return 0;
}
EOF
"$weft" build open.c -o open || fail "open.c"
same "open files, compiled" "$(./open)" "$("$weft" run open.c)"
same "open files, from the cache" "$(./open)" "$("$weft" run open.c)"
finish
