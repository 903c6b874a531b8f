# redis_io.sh - redis-server with a thread for each CPU that reads, cuts and writes; one of these
# does all commands.  Redis itself advises this from four CPUs on.
# SPDX-License-Identifier: MIT
set -eu
exec sh "$(dirname "$0")/redis.sh" "$@" --io-threads "$2" --io-threads-do-reads yes
