#!/bin/sh
# soak.sh - a short slice of the soak: all primitives mixed, with cancels, on changing workers.
#
#   soak.sh BUILD_DIR SOURCE_DIR
#
# Ten seconds from a seed of the day, which is printed; SOAK_SEED chooses another.  A quarter of it
# has 4 workers on 2 CPUs; half of it is about the outside world alone, over the kernel's ring and
# over epoll.  The long one is that of make night.
# SPDX-License-Identifier: MIT
set -eu
program=$1/soak
[ -x "$program" ] || { echo "no $program"; exit 77; }
seed=${SOAK_SEED:-$(date +%j)}

"$program" 2.5 "$seed"
if command -v taskset >/dev/null && taskset -c 0,1 true 2>/dev/null; then
    taskset -c 0,1 "$program" 2.5 "$seed" 4
else
    "$program" 2.5 "$seed" 4
fi
for io in auto epoll; do
    WEFT_IO=$io "$program" 2.5 "$seed" 0 net_
done
