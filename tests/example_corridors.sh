#!/bin/sh
# example_corridors.sh - examples/corridors.c draws the one shortest way.
#
#   example_corridors.sh BUILD_DIR SOURCE_DIR
#
# SPDX-License-Identifier: MIT
set -eu
program=$1/examples/corridors
[ -x "$program" ] || { echo "no $program"; exit 77; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

"$program" > "$tmp/said"
diff "$tmp/said" - <<'END'
###############################
....#...#  .....#...#   #  ...#
###.#.#.###.###.#.#.# # # #.#.#
#  .#.#...#.  #...#.....# #.#.#
# #.#.###.#.# #########.# #.#.#
#  ...#  .#.# #   #   #.# #.#.#
####### #.#.# # # ### #.###.#.#
#     # #...  # #     #.....#.#
# ### # # #####   ### #######.#
#   #   # #     #           #.#
# # ##### # # ######### # ###.#
#         # #                ..
###############################
the shortest way has 76 steps
END
