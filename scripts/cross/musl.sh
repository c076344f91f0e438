#!/bin/bash
# scripts/cross/musl.sh: tries the binary for Linux on x64 with musl, as `npm run try:prebuilt` does, on a machine with glibc. It
# runs in Bun, whose program for musl npm has, and the releases of Node have none. The loader, which is musl itself, is Debian's package
# musl.
set -euo pipefail
cd "$(dirname "$0")/../.."

folder=$PWD/.cache/musl
bun=$folder/node_modules/@oven/bun-linux-x64-musl/bin/bun
[[ -x $bun ]] || npm install --prefix "$folder" --no-save --ignore-scripts --no-audit --no-fund --force --libc=musl \
  @oven/bun-linux-x64-musl@1.4.5

# Debian has no libstdc++ for musl. Bun asks for little of it, none of which depends on the C library: so this much of the one for
# glibc is linked again. The addon has a C++ library of its own, and takes nothing from this one.
asked=$(readelf --dyn-syms --relocs --wide "$bun" | awk '/ UND | R_X86_64_COPY / { print $(/ UND / ? 8 : 5) }' |
  sed -n 's/@.*//; /^_Z\|^__cxa\|^__dynamic_cast\|^__once_proxy/p' | sort -u)
mapfile -t options < <(sed 's/^/-Wl,--undefined=/' <<<"$asked")
gcc -shared -nodefaultlibs -fPIC -w -o "$folder/libstdc++.so.6" "${options[@]}" -x c - -x none \
  "$(gcc -print-file-name=libstdc++.a)" "$(gcc -print-file-name=libgcc_eh.a)" <<'END'
// What it asks of glibc, and musl has not.
char __libc_single_threaded;
int _dl_find_object(void *pc, void *result) { return -1; }
unsigned arc4random(void) { __builtin_trap(); }
END

# Only for Bun: Node is to find the library of this machine.
node scripts/try-prebuilt.mjs linux-x64-musl env LD_LIBRARY_PATH="$folder" "$bun"
