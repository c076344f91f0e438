#!/bin/bash
# scripts/cross/musl.sh [x64|arm64]: tries the binary for Linux with musl, as `npm run try:prebuilt` does, on a machine with glibc, and
# for arm64 in an emulator, by arm64.sh. It runs in Bun, whose programs for musl npm has, and the releases of Node have none. The
# loader, which is musl itself, is Debian's package musl: for x64 that of this machine, for arm64 a copy in .cache.
set -euo pipefail
cd "$(dirname "$0")/../.."

readonly arch=${1:-x64} folder=$PWD/.cache/musl-${1:-x64}
case $arch in
  x64) cpu=x64 bun=bun-linux-x64-musl gcc=gcc copies=R_X86_64_COPY within=() ;;
  arm64)
    cpu=arm64 bun=bun-linux-aarch64-musl copies=R_AARCH64_COPY within=(env QEMU_LD_PREFIX="$folder/root" scripts/cross/arm64.sh)
    # Debian: gcc-aarch64-linux-gnu and libstdc++-12-dev-arm64-cross.
    gcc=aarch64-linux-gnu-gcc
    ;;
  *)
    echo "$0: there is no binary for $arch" >&2
    exit 2
    ;;
esac
program=$folder/node_modules/@oven/$bun/bin/bun
[[ -x $program ]] || npm install --prefix "$folder" --no-save --ignore-scripts --no-audit --no-fund --force --cpu="$cpu" --libc=musl \
  "@oven/$bun@1.4.5"

# A package of another architecture, without telling this machine's package manager of that.
if [[ $arch == arm64 && ! -x $folder/root/lib/aarch64-linux-musl/libc.so ]]; then
  mkdir -p "$folder"/apt/{state/lists,cache/archives}/partial "$folder/root"
  touch "$folder/apt/status"
  apt=(apt-get -qq -o APT::Architecture=arm64 -o APT::Architectures::=arm64 -o Dir::State="$folder/apt/state"
    -o Dir::State::status="$folder/apt/status" -o Dir::Cache="$folder/apt/cache")
  "${apt[@]}" update
  (cd "$folder/apt" && "${apt[@]}" download musl && dpkg-deb -x musl_*_arm64.deb "$folder/root")
  rm -rf "$folder/apt"
  # Not in the package, but made when it is installed.
  ln -sf aarch64-linux-musl/libc.so "$folder/root/lib/ld-musl-aarch64.so.1"
fi

# Debian has no libstdc++ for musl. Bun asks for little of it, none of which depends on the C library: so this much of the one for
# glibc is linked again. The addon has a C++ library of its own, and takes nothing from this one.
asked=$(readelf --dyn-syms --relocs --wide "$program" | awk -v copies="$copies" '/ UND / { print $8 } $0 ~ copies { print $5 }' |
  sed -n 's/@.*//; /^_Z\|^__cxa\|^__dynamic_cast\|^__once_proxy/p' | sort -u)
mapfile -t options < <(sed 's/^/-Wl,--undefined=/' <<<"$asked")
"$gcc" -shared -nodefaultlibs -fPIC -w -o "$folder/libstdc++.so.6" "${options[@]}" -x c - -x none \
  "$("$gcc" -print-file-name=libstdc++.a)" "$("$gcc" -print-file-name=libgcc_eh.a)" "$("$gcc" -print-file-name=libgcc.a)" <<'END'
// What it asks of glibc, and musl has not.
char __libc_single_threaded;
int _dl_find_object(void *pc, void *result) { return -1; }
unsigned arc4random(void) { __builtin_trap(); }
unsigned long getauxval(unsigned long type);
unsigned long __getauxval(unsigned long type) { return getauxval(type); }
END

# Only for Bun: Node is to find the library of this machine.
"${within[@]}" node scripts/try-prebuilt.mjs "linux-$arch-musl" env LD_LIBRARY_PATH="$folder" "$program"
