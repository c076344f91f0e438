#!/bin/bash
# scripts/test-asan.sh [OPTION OF VITEST]...: builds the addon with the address and the undefined-behaviour sanitizer in
# build-addon-asan, and runs the core of the tests with it; dist/ must be there. A report of the address
# sanitizer fails the run, also one of a child whose end no test looks at. The other sanitizer ends the process, with its
# report on standard error. It needs gcc, whose sanitizer is a library that Node can load.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly build=$PWD/build-addon-asan
readonly addon=$build/build/Release/freeze_state.node
export FREEZE_STATE_ADDON=$addon
readonly reports=$build/reports

cmake -S . -B "$build" -DFREEZE_STATE_SANITIZE=address,undefined -DCMAKE_LIBRARY_OUTPUT_DIRECTORY="${addon%/*}"
cmake --build "$build" --target addon -j 2

# Node itself is not built with the sanitizer, so the library has to be there before the addon is.
asan=$(ldd "$addon" | awk '$1 ~ /^libasan/ { print $3 }')
if [[ ! -e $asan ]]; then
  echo "$0: $addon does not use a libasan; compile it with gcc (CXX=g++)" >&2
  exit 1
fi

# Processes of other users write here, too.
rm -rf "$reports"
mkdir -p "$reports"
chmod 1777 "$reports"
# No search for leaks: Node leaves memory to the end of the process, and each would be told. What the addon holds is
# counted by threads/garbage and freeze/resources.
export ASAN_OPTIONS=detect_leaks=0:log_path=$reports/report
export UBSAN_OPTIONS=print_stacktrace=1

env LD_PRELOAD="$asan" node -e 'require(".");
if (!(process.argv[1] in require.cache)) throw new Error(`The tests would not use ${process.argv[1]}.`);' "$addon"

# Not those that measure time or memory, which the sanitizer multiplies, or test what is not the addon. Nor those that
# spawn hundreds of times: a fork(2) of Node with the sanitizer's shadow memory takes many times as long.
core=(test/promises.test.ts test/freeze test/confirm test/inspect test/input test/wait
  test/modes/process-group.test.ts test/modes/process-tree.test.ts test/modes/cgroup.test.ts
  test/threads/{sharing,handles,close,hold,changes,waits}.test.ts)

status=0
env LD_PRELOAD="$asan" node node_modules/vitest/vitest.mjs run --project tree --testNamePattern '^(?!exit codes of children)' \
  "${core[@]}" "$@" || status=$?
for report in "$reports"/*; do
  [[ -e $report ]] || break
  echo "--- ${report#"$PWD"/}"
  cat "$report"
  status=1
done
exit "$status"
