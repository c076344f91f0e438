#!/bin/bash
# Installs what the checks need on a Debian machine besides Node. .ci/run and the development container call it.
set -euo pipefail

readonly packages=(
  build-essential python3              # node-gyp
  cmake doctest-dev                    # the native tests
  clang-format-19 clang-tidy-19        # npm run lint
  clang-19 libclang-rt-19-dev          # npm run fuzz
  procps util-linux                    # ps, unshare and setpriv, in the tests and for the plain user
  spin                                 # the model of the protocol
  autoconf automake libtool            # AWS's runtime interface client, which compiles its own libcurl
)

export DEBIAN_FRONTEND=noninteractive
as_root=()
(($(id -u) == 0)) || as_root=(sudo -n --preserve-env=DEBIAN_FRONTEND)
"${as_root[@]}" apt-get update
"${as_root[@]}" apt-get install -y --no-install-recommends "${packages[@]}"
