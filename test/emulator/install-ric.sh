#!/bin/sh
# Installs AWS's own Node runtime interface client for test/emulator/ric.test.ts, in .cache/ric at the root of the
# repository (ignored by git). Its install script compiles the libcurl that it carries, which takes a few minutes and needs:
#   apt-get install autoconf automake libtool cmake make g++
# Run it as often as you like: a finished installation is left as it is.
set -eu

version=3.3.0
ric=$(cd "$(dirname "$0")/../.." && pwd)/.cache/ric
package=$ric/node_modules/aws-lambda-ric

# The addon is what the install script makes last: that it loads says that everything is there. It aborts where the
# variable is missing.
complete() {
  [ "$(node -p "require('$package/package.json').version" 2>/dev/null)" = "$version" ] &&
    AWS_LAMBDA_RUNTIME_API=127.0.0.1:1 node -e "require('$package/dist/rapid-client.node')" 2>/dev/null
}

if complete; then
  echo "aws-lambda-ric $version is installed in $ric"
  exit 0
fi

missing=
for tool in autoconf automake libtoolize cmake make g++; do
  command -v "$tool" >/dev/null || missing="$missing $tool"
done
if [ -n "$missing" ]; then
  echo "aws-lambda-ric cannot be compiled without:$missing" >&2
  echo "apt-get install autoconf automake libtool cmake make g++" >&2
  exit 1
fi

rm -rf "$ric"
mkdir -p "$ric"
# A package.json of its own, or npm would install into the repository above; it allows this one install script, for an
# npm that asks.
echo '{ "private": true, "allowScripts": { "aws-lambda-ric": true } }' >"$ric/package.json"
(cd "$ric" && npm install --no-audit --no-fund "aws-lambda-ric@$version")

if ! complete; then
  echo "aws-lambda-ric $version did not install completely in $ric" >&2
  exit 1
fi
echo "aws-lambda-ric $version is installed in $ric"
