#!/bin/bash
# Format and static analysis of the C++ code. The versions are fixed, because another one formats and warns differently.
set -euo pipefail
cd "$(dirname "$0")/.."

find native bench -name build -prune -o \( -name '*.cpp' -o -name '*.h' \) -print0 |
  xargs -0 clang-format-19 --dry-run -Werror

# What is compiled on this platform: the core and the addon; with --tests the native tests as well, which takes minutes.
only='/native/(core|binding)/'
if [ "${1:-}" = --tests ]; then only='/native/'; fi
cmake -S . -B build-native -DFREEZE_STATE_TESTS=ON --log-level=WARNING >/dev/null
node -p '[...new Set(require("./build-native/compile_commands.json").map(({ file }) => file))].join("\n")' |
  grep -E "$only" |
  xargs -P 2 -n 2 clang-tidy-19 -p build-native --quiet --warnings-as-errors='*'
