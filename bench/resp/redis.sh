# redis.sh - redis-server as it comes, but for its copies on disk: one thread for all commands.
# SPDX-License-Identifier: MIT
set -eu
port=$3
shift 3
exec redis-server --port "$port" --bind 127.0.0.1 --dir "$TMPDIR" --daemonize no --logfile '' \
    --save '' --appendonly no "$@"
