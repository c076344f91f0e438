#!/bin/bash
# scripts/test-nodes.sh [VERSION]... [-- OPTION OF VITEST...]: runs the tests of the working tree on each of these versions of Node,
# or on 20, 22, 24 and 26. What was compiled before serves all of them, since it uses Node-API alone.
set -euo pipefail
cd "$(dirname "$0")/.."

versions=()
while (($# > 0)) && [[ $1 != -- ]]; do
  versions+=("$1")
  shift
done
(($# == 0)) || shift
((${#versions[@]} > 0)) || versions=(20 22 24 26)

scripts/install-nodes.sh "${versions[@]}"
package=node-linux-$(node -p process.arch)
results=() status=0
for version in "${versions[@]}"; do
  bin=$PWD/.cache/node/$version/node_modules/$package/bin
  result=ok
  PATH=$bin:$PATH node_modules/.bin/vitest run --project tree "$@" || result=FAILED status=1
  results+=("$result  Node $("$bin/node" --version)")
done
printf '%s\n' "${results[@]}"
exit "$status"
