#!/bin/bash
# Format and static analysis of the C++ code. The versions are fixed, because another one formats and warns differently.
set -euo pipefail
cd "$(dirname "$0")/.."

find native bench -name build -prune -o \( -name '*.cpp' -o -name '*.h' \) -print0 |
  xargs -0 clang-format-19 --dry-run -Werror

# The sources of other systems, as far as a compiler for Linux can read them: it finds a missing header and an undeclared name.
for file in native/core/os/no_*.cpp native/core/os/{posix,darwin,windows}/*.cpp native/core/platform/{posix,windows}.cpp; do
  g++ -std=c++20 -U__linux__ -Wall -Wextra -Werror -fsyntax-only "$file"
done

# What is compiled on this platform: the core, the addon, and what the native tests share; with --tests the native tests
# as well.
only='/native/(core|binding|guardian|joiner|test/support|test/programs)/'
if [ "${1:-}" = --tests ]; then only='/native/'; fi
cmake -S . -B build-native -DFREEZE_STATE_TESTS=ON -DCMAKE_UNITY_BUILD=OFF --log-level=WARNING >/dev/null
node scripts/clang-tidy-units.mjs build-native "$only" |
  xargs -P "$(nproc)" -n 1 clang-tidy-19 -p build-native/clang-tidy --quiet --warnings-as-errors='*'
