#!/bin/bash
# scripts/install-nodes.sh VERSION...: puts the program of each of these versions of Node, such as 22 or 20.19.0, into
# .cache/node/VERSION, by npm, which has them for Linux. One that is there already is kept.
set -euo pipefail
cd "$(dirname "$0")/.."

package=node-linux-$(node -p process.arch)
for version in "$@"; do
  program=.cache/node/$version/node_modules/$package/bin/node
  [[ -x $program && $("$program" --version). == "v$version."* ]] ||
    npm install --prefix ".cache/node/$version" --no-audit --no-fund "$package@$version"
done
