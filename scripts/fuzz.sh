#!/bin/bash
# Fuzzes for so many seconds in all, a third each: what is read out of mountinfo, what is read out of /proc/<pid>, by clang's
# libFuzzer, and the arguments of the package, in an addon that is built for that. All three are guided by what they cover.
# What a fuzzer has found before is in .cache/fuzz, and so is an input that fails: run build-fuzz/native/test/fuzz/NAME_fuzz
# FILE for it alone. Calls that end the process of the third are in .cache/fuzz/arguments-last.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
[[ $seconds =~ ^[1-9][0-9]*$ ]] || { echo 'npm run fuzz -- SECONDS: a whole number, 1 or more' >&2; exit 2; }
each=$(((seconds + 2) / 3))

# ccache and its like are for the compiler that the other builds use.
export FREEZE_STATE_ADDON=$PWD/build-fuzz/addon/build/Release/freeze_state.node
env -u CC -u CXX cmake -S . -B build-fuzz -DFREEZE_STATE_FUZZ=ON -DCMAKE_CXX_COMPILER=clang++-19 \
  -DCMAKE_LIBRARY_OUTPUT_DIRECTORY="${FREEZE_STATE_ADDON%/*}" --log-level=WARNING
cmake --build build-fuzz -j 2 --target mountinfo_fuzz proc_fuzz addon

failed=0
for name in mountinfo proc; do
  mkdir -p ".cache/fuzz/$name"
  echo "What is read out of $name, for $each s:"
  "build-fuzz/native/test/fuzz/${name}_fuzz" -max_total_time="$each" -timeout=20 -max_len=16384 -verbosity=0 -print_funcs=0 \
    -print_final_stats=1 -artifact_prefix=".cache/fuzz/$name-" ".cache/fuzz/$name" "native/test/fuzz/corpus/$name" || failed=1
done
node --import tsx test/fuzz/arguments.ts "$each" --coverage build-fuzz/native/test/fuzz/coverage.node || failed=1
exit "$failed"
