#!/usr/bin/env bash
# Checks the models in docs/model with spin: what must hold holds in every interleaving, and with a rule taken out it does not.
# Needs spin and a C compiler (Debian: apt-get install spin gcc). `npm run model -- --large` adds a configuration that takes
# several minutes and gigabytes.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v spin >/dev/null || { echo 'spin is missing: apt-get install spin' >&2; exit 1; }
mkdir -p build-model
cd build-model

model=freeze

# check EXPECTED NAME [-D…]: EXPECTED is holds or fails.
check() {
  local expected=$1 name=$2 result start=$SECONDS
  shift 2
  spin -a "$@" "../docs/model/$model.pml" >spin.log 2>&1 || { cat spin.log >&2; exit 1; }
  # DSAFETY: no liveness, so no acceptance cycles; the search is exhaustive, nothing is hashed away.
  cc -O2 -DSAFETY -DCOLLAPSE -DMEMLIM=16000 -w -o pan pan.c
  ./pan -m1000000 >pan.log 2>&1 || true
  if ! grep -q 'Search not completed\|errors: [1-9]' pan.log && grep -q 'errors: 0' pan.log; then
    result=holds
  elif grep -q 'errors: [1-9]' pan.log && grep -q 'assertion violated' pan.log; then
    # By an assertion: a deadlock would be another fault.
    result=fails
  else
    echo "$name: the search did not come to an end" >&2
    tail -n 20 pan.log >&2
    exit 1
  fi
  local states
  states=$(awk '/states, stored/ {print $1}' pan.log)
  printf '%-6s %-58s %10s states %4d s\n' "$result" "$name" "$states" $((SECONDS - start))
  if [ "$result" != "$expected" ]; then
    echo "$name: expected that it $expected" >&2
    cat pan.log >&2
    exit 1
  fi
}

check holds '2 freezers, 2 thawers' -DFREEZERS=2 -DTHAWERS=2
check holds '2 freezers, 2 thawers, a registrar' -DFREEZERS=2 -DTHAWERS=2 -DREGISTRAR
check holds '2 freezers, a thawer, a holder, a registrar, a closer' -DFREEZERS=2 -DTHAWERS=1 -DHOLDER -DREGISTRAR -DCLOSER
check holds '2 freezers, 2 thawers, a holder' -DFREEZERS=2 -DTHAWERS=2 -DHOLDER
check holds '2 freezers, a thawer, a forced thaw, a registrar' -DFREEZERS=2 -DTHAWERS=1 -DFORCER -DREGISTRAR
check holds '2 that confirm, a thawer, a registrar' -DFREEZERS=0 -DCONFIRMERS=2 -DTHAWERS=1 -DREGISTRAR
check holds 'one that confirms, a freezer, 2 thawers' -DFREEZERS=1 -DCONFIRMERS=1 -DTHAWERS=2 -DREGISTRAR
check holds 'one that confirms, a thawer, a holder, a closer' -DFREEZERS=0 -DCONFIRMERS=1 -DTHAWERS=1 -DHOLDER -DREGISTRAR -DCLOSER
check holds 'no check of the word between two signals' -DFREEZERS=2 -DTHAWERS=2 -DREGISTRAR -DWITHOUT_RECHECK
check holds 'the word moved under the lock' -DFREEZERS=2 -DTHAWERS=2 -DREGISTRAR -DLATE_WORD
check fails 'without the even-word rule' -DFREEZERS=2 -DTHAWERS=2 -DWITHOUT_EVEN_RULE
check fails 'without the roll-back' -DFREEZERS=2 -DTHAWERS=2 -DWITHOUT_ROLLBACK
check fails 'with a hold counted after its thaw' -DFREEZERS=2 -DTHAWERS=1 -DHOLDER -DHOLD_AFTER_THAW
check fails 'with a newcomer stopped outside of the lock' -DFREEZERS=1 -DTHAWERS=1 -DREGISTRAR -DUNLOCKED_NEWCOMER
check fails 'where a freeze inherits the stops of an older one' -DFREEZERS=1 -DCONFIRMERS=1 -DTHAWERS=2 -DINHERITED_STOPS
check fails 'where a confirmation that is dropped leaves its stops' -DFREEZERS=0 -DCONFIRMERS=1 -DTHAWERS=0 -DREGISTRAR -DWITHOUT_UNDOING
check fails 'where a newcomer makes such stops forgotten' -DFREEZERS=0 -DCONFIRMERS=1 -DTHAWERS=0 -DREGISTRAR -DFORGOTTEN_STOPS

model=closing_pass
check holds 'the closing pass, from the leaves to the roots' -DMAX_FORKS=3
check holds 'the same, and a known process is killed' -DMAX_FORKS=3 -DKILLS
check fails 'from the root to the leaves' -DMAX_FORKS=3 -DROOTS_FIRST
check fails 'where a known process that dies in it does not count' -DMAX_FORKS=3 -DKILLS -DDEATHS_IGNORED

model=freeze
if [ "${1:-}" = --large ]; then
  check holds '3 freezers, 2 thawers, a holder, a registrar' -DFREEZERS=3 -DTHAWERS=2 -DHOLDER -DREGISTRAR
fi
