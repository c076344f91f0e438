#!/bin/sh
# Installs AWS's SDK for test/emulator/sdk.test.ts, in .cache/sdk at the root of the repository (ignored by git): 19 MB.
# Run it as often as you like: a finished installation is left as it is.
set -eu

version=3.1164.0
sdk=$(cd "$(dirname "$0")/../.." && pwd)/.cache/sdk
package=$sdk/node_modules/@aws-sdk/client-lambda

complete() {
  [ "$(node -p "require('$package').LambdaClient && require('$package/package.json').version" 2>/dev/null)" = "$version" ]
}

if ! complete; then
  rm -rf "$sdk"
  mkdir -p "$sdk"
  # A package.json of its own, or npm would install into the repository above.
  echo '{ "private": true }' >"$sdk/package.json"
  (cd "$sdk" && npm install --no-audit --no-fund --ignore-scripts "@aws-sdk/client-lambda@$version")
fi
complete || {
  echo "@aws-sdk/client-lambda $version did not install completely in $sdk" >&2
  exit 1
}
echo "@aws-sdk/client-lambda $version is installed in $sdk"
