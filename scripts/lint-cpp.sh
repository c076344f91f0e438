#!/bin/bash
# Format and static analysis of the C++ code. The versions are fixed, because another one formats and warns differently.
set -euo pipefail
cd "$(dirname "$0")/.."

find native bench -name build -prune -o \( -name '*.cpp' -o -name '*.h' \) -print0 |
  xargs -0 clang-format-19 --dry-run -Werror

# The sources of other systems, as far as a compiler for Linux can read them: it finds a missing header and an undeclared name.
for file in native/core/os/no_*.cpp native/core/os/posix/*.cpp native/core/platform/{posix,windows}.cpp \
  native/core/os/windows/*.cpp; do
  g++ -std=c++20 -U__linux__ -Wall -Wextra -Werror -fsyntax-only "$file"
done

# What is compiled on this platform: the core, the addon, and what the native tests share; with --tests the native tests
# as well, which takes ten minutes.
only='/native/(core|binding|guardian|joiner|test/support|test/programs)/'
if [ "${1:-}" = --tests ]; then only='/native/'; fi
cmake -S . -B build-native -DFREEZE_STATE_TESTS=ON --log-level=WARNING >/dev/null
# A source of the core is compiled for the addon and for the tests, and clang-tidy would check it twice: here once, by a
# list of its own. The largest first, so that no processor waits for the last one.
readonly once=build-native/clang-tidy
node -e '
  const { mkdirSync, statSync, writeFileSync } = require("node:fs");
  const [only, folder] = process.argv.slice(1);
  const commands = require("./build-native/compile_commands.json").filter(({ file }) => new RegExp(only).test(file));
  const unique = [...new Map(commands.map((command) => [command.file, command])).values()];
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}/compile_commands.json`, JSON.stringify(unique));
  const sizes = unique.map(({ file }) => [file, statSync(file).size]).sort(([, a], [, b]) => b - a);
  console.log(sizes.map(([file]) => file).join("\n"));
' "$only" "$once" |
  xargs -P "$(nproc)" -n 1 clang-tidy-19 -p "$once" --quiet --warnings-as-errors='*'
