#!/bin/bash
# scripts/cross/test-suite.sh [OPTION OF VITEST]...: runs the tests of the working tree with the binaries of prebuilds/ for Linux on
# x64 with glibc; dist/ must be there. In a copy of the tree, where the binaries lie where a compilation would put them, and
# nothing else is compiled: so each process of a test, each worker and each copy of the package has no other to load. At the end
# it checks that each of them was read, and that nothing has read the addon that was compiled in this tree.
set -euo pipefail
cd "$(dirname "$0")/../.."

readonly from=prebuilds/linux-x64 compiled=build/Release/freeze_state.node
place=$(mktemp -d "${TMPDIR:-/tmp}/freeze-state-cross.XXXXXX")
trap 'rm -rf "$place"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

tar -c --exclude=./.git --exclude=./.cache --exclude='./build*' --exclude=./native/build --exclude=./prebuilds \
  --exclude=./scripts/cross/node_modules . | tar -x -C "$place"
readonly release=$place/build/Release
mkdir -p "$release"
cp "$from/freeze-state.glibc.node" "$release/freeze_state.node"
cp "$from"/freeze-state-{guardian,joiner} "$release"

# With the mount option relatime, the default, the first read that follows sets the time of access (mount(8)); finding a file does not.
readonly binaries=("$release"/{freeze_state.node,freeze-state-guardian,freeze-state-joiner}) control=$place/control
forget() { touch -a -d '2 days ago' "$1"; }
was_read() { [[ $(stat -c %X "$1") -gt $(date -d yesterday +%s) ]]; }
echo text >"$control"
forget "$control"
cat "$control" >/dev/null
if ! was_read "$control"; then
  echo "$0: the file system of $place keeps no times of access, so nothing would tell which binaries are read; set TMPDIR" >&2
  exit 1
fi
for file in "${binaries[@]}"; do forget "$file"; done
[[ ! -e $compiled ]] || forget "$compiled"

status=0
(
  unset FREEZE_STATE_ADDON
  cd "$place"
  exec node_modules/.bin/vitest run --project tree "$@"
) || status=$?

if [[ -d $place/.cache/reports ]]; then
  mkdir -p .cache
  cp -r "$place/.cache/reports" .cache/
fi
for file in "${binaries[@]}"; do
  if was_read "$file"; then continue; fi
  echo "$0: no test has used ${file#"$place"/} of $from" >&2
  status=1
done
if [[ -e $compiled ]] && was_read "$compiled"; then
  echo "$0: $compiled of this tree was read meanwhile: by a test, unless something else uses it" >&2
  status=1
fi
((status != 0)) || echo "All three binaries of $from were used, and $compiled of this tree was not."
exit "$status"
