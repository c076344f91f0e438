#!/bin/bash
# Fails where docs/api is not what `npm run docs:api` makes of the docstrings, and where TypeDoc objects to these: a public
# name without one, a link in one that leads nowhere, a type that the interface uses and does not export.
set -euo pipefail
cd "$(dirname "$0")/.."

made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
node_modules/.bin/typedoc --logLevel Warn --out "$made"
if ! diff --recursive --unified=1 docs/api "$made"; then
  echo 'docs/api is not what the docstrings say: run npm run docs:api' >&2
  exit 1
fi
