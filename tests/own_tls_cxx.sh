# own_tls_cxx.sh - C++ in tasks with .own_tls: exceptions across parks, thread_local objects.
# SPDX-License-Identifier: MIT
set -u
build=$1
source_dir=$2
cxx=${CXX:-g++}
command -v "$cxx" >/dev/null || { echo "skipped: no $cxx"; exit 77; }
[ -f "$build/libweft.a" ] || { echo "skipped: no libweft.a"; exit 77; }
if [ -n "${WEFT_SANITIZE:-}" ] || grep -q '^WEFT_COVERAGE:[A-Z]*=ON' "$build/CMakeCache.txt"; then
    echo "skipped: needs a library without a sanitizer or coverage"
    exit 77
fi
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

cat >"$work/own.cpp" <<'EOF'
#include <weft.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>

static std::atomic<int> gone{0}, caught{0}, wrong{0};

struct Words {
    std::string text = "long enough to need memory from the heap";
    ~Words() { gone++; }
};

static thread_local Words words;

static int body(void *arg)
{
    std::string mine = std::to_string(*static_cast<int *>(arg));
    for (int i = 0; i < 20; i++) {
        words.text += "x";
        try {
            weft_yield();
            throw std::runtime_error(mine);
        } catch (const std::exception &first) {
            weft_yield(); /* within the catch block */
            wrong += first.what() != mine;
            try {
                if (i % 7 == 0)
                    weft_sleep(1000);
                throw;
            } catch (const std::exception &again) {
                wrong += again.what() != mine;
                caught++;
            }
        }
        wrong += std::uncaught_exceptions() != 0;
    }
    wrong += words.text.size() != 60;
    return 0;
}

static int app(void *)
{
    for (int round = 0; round < 3; round++) {
        weft_scope scope;
        weft_task_options options = {};
        options.own_tls = true;
        weft_scope_open(&scope);
        for (int i = 0; i < 100; i++) {
            int rc = weft_go_with(&scope, body, &i, sizeof i, &options);
            if (rc < 0) {
                weft_scope_close(&scope);
                return rc;
            }
        }
        int rc = weft_scope_close(&scope);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int main()
{
    weft_options options = {};
    options.workers = 4;
    options.quiet = true;
    int rc = weft_run_with(app, nullptr, &options);
    if (rc == -WEFT_ENOTSUP)
        return 77;
    std::printf("rc %d, caught %d, gone %d, wrong %d\n", rc, caught.load(), gone.load(),
                wrong.load());
    return !(rc == 0 && caught == 6000 && gone == 300 && wrong == 0);
}
EOF
"$cxx" -std=c++17 -O2 -g -I "$source_dir/include" "$work/own.cpp" "$build/libweft.a" -pthread \
    -o "$work/own" || exit 1
"$work/own"
