# command_files.sh - the program of the design, token for token, on 200 files.
# SPDX-License-Identifier: MIT
. "$2/tests/command.inc"

cat >sums.c <<'EOF'
#include <weft.h>

struct sum { const char *path; uint64_t *ret_bytes; };

static int sum_file(void *arg)              /* runs as a task; looks like plain blocking C */
{
    struct sum *s = arg;
    char buf[64 * 1024];
    int fd = weft_open(s->path, O_RDONLY, 0);
    if (fd < 0)
        return fd;                          /* negative code: fails the scope */
    ssize_t n;
    while ((n = weft_read(fd, buf, sizeof buf)) > 0)
        *s->ret_bytes += (uint64_t)n;
    weft_close(fd);
    return n < 0 ? (int)n : 0;
}

static int app(void *arg)
{
    char **paths = arg;
    uint64_t bytes[200] = {0};
    weft_scope scope;
    weft_scope_open(&scope);
    weft_scope_deadline(&scope, weft_after(2 * WEFT_SECOND));
    for (int i = 0; i < 200; i++)
        weft_go(&scope, sum_file, &(struct sum){paths[i], &bytes[i]});
    return weft_scope_close(&scope);        /* waits for all 200; first failure, or -ETIMEDOUT */
}

int main(int argc, char **argv) { return weft_run(app, argv + 1); }
EOF

mkdir files
i=0
total=0
while [ $i -lt 200 ]; do
    head -c $((i * 997)) /dev/zero >"files/$(printf '%03d' $i)"
    total=$((total + i * 997))
    i=$((i + 1))
done
# As it stands it is built; what runs has more patience, with a machine that has much to do.
"$weft" build sums.c -o sums || fail "it cannot be built"
sed 's/weft_after(2 \* WEFT_SECOND)/weft_after(200 * WEFT_SECOND)/' sums.c >patient.c
cmp -s sums.c patient.c && fail "the deadline is not where it was"
"$weft" run patient.c files/* >said 2>&1
same "200 files" 0 $?
# There a task may be held up, and is then reported, too: that is no fault.
same "it says nothing" "" "$(grep -v -e '^weft: task .* has held its worker' -e '^  #' \
    -e 'spare threads are stuck' -e 'such reports were left out$' said)"

# The same program, made to say what it found.
{
    echo '#include <stdio.h>'
    sed '/return weft_scope_close/,$d' patient.c
    cat <<'EOF'
    int rc = weft_scope_close(&scope);
    uint64_t all = 0;
    for (int i = 0; i < 200; i++)
        all += bytes[i];
    printf("%llu\n", (unsigned long long)all);
    return rc;
}

int main(int argc, char **argv) { return weft_run(app, argv + 1); }
EOF
} >said.c
same "bytes in 200 files" "$total" "$("$weft" run said.c files/*)"

# One file missing: the scope fails with -ENOENT, of which the exit status is the low byte.
rm files/100
"$weft" run patient.c files/0* files/1* missing >/dev/null 2>&1
same "a missing file" 254 $?
finish
