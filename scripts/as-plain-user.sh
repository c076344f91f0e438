#!/bin/bash
# scripts/as-plain-user.sh COMMAND [ARGUMENT...]: runs the command in a copy of this tree as a user who has no privileges
# and owns a delegated cgroup. Needs root, Linux and cgroups of version 2. The files that the command leaves in
# .cache/reports of the copy are brought back to this tree. The copy, the cgroup and the processes in it go at the end;
# a process that outlives the command is an error.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() {
  echo "$0: $*" >&2
  exit 1
}

(($# > 0)) || fail 'say which command to run'
(($(id -u) == 0)) || fail 'this needs root, to become another user and to delegate a cgroup to it'
for program in setpriv tar pkill; do command -v "$program" >/dev/null || fail "there is no $program here"; done

# A user without a name, and without any process or file. Runs at the same time get different ones.
uid=$((60000 + $$ % 5000))
while getent passwd "$uid" >/dev/null || getent group "$uid" >/dev/null || ps -o pid= -U "$uid" >/dev/null; do
  uid=$((uid + 1))
done
readonly uid command=$*
as_user=(setpriv --reuid="$uid" --regid="$uid" --clear-groups --inh-caps=-all --bounding-set=-all)

place= cgroup=

# left_within SECONDS: whether the user has processes for so long. Those that were killed take a moment to end.
left_within() {
  local end=$((SECONDS + $1))
  while ps -o pid= -U "$uid" >/dev/null; do
    ((SECONDS < end)) || return 0
    sleep 0.05
  done
  return 1
}

finish() {
  local status=$?
  trap '' INT TERM HUP
  # After a failure or a signal there is nothing to wait for.
  if left_within $((status == 0 ? 5 : 0)); then
    if ((status == 0)); then
      echo "Left behind by $command:" >&2
      ps -o pid,ppid,stat,args -U "$uid" >&2 || true
      status=1
    fi
    pkill -KILL -U "$uid" || true
    ! left_within 5 || status=1
  fi
  if [[ -n $cgroup ]]; then
    find "$cgroup" -depth -type d -exec rmdir {} \; || true
    [[ ! -d $cgroup ]] || status=1
  fi
  if [[ -d $place/tree/.cache/reports ]]; then
    mkdir -p .cache
    cp -r --no-dereference "$place/tree/.cache/reports" .cache/ || status=1
  fi
  [[ -z $place ]] || rm -rf "$place"
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# This tree may lie where the user may not go, and what is built is root's.
place=$(mktemp -d /tmp/freeze-state-plain-user.XXXXXX)
chmod 755 "$place"
mkdir -p "$place"/{home,tmp,tree/.cache/reports}
tar -c --exclude=./.git --exclude=./.cache --exclude='./build-*' . | tar -x -C "$place/tree" --no-same-owner
node=$(readlink -f "$(command -v node)")
if ! "${as_user[@]}" test -x "$node"; then
  mkdir "$place/bin"
  cp "$node" "$place/bin/node"
  export PATH=$place/bin:$PATH
fi
chown -R "$uid:$uid" "$place"

# As "Delegation" in the kernel's guide to cgroup v2 has it, below the cgroup that we are in. The command begins in a
# child, so that whatever it moves stays within what is the user's. Mounts: "ID PARENT DEVICE ROOT MOUNT ... - TYPE ...".
mount=$(awk '$4 == "/" && / - cgroup2 / { print $5; exit }' /proc/self/mountinfo)
path=${mount}$(sed -n 's/^0::\/*/\//p' /proc/self/cgroup)/freeze-state-plain-user-$$
if [[ -n $mount ]] && mkdir "$path"; then
  cgroup=$path
  mkdir "$cgroup/command"
  for path in "$cgroup" "$cgroup/command"; do
    chown "$uid:$uid" "$path" "$path"/cgroup.{procs,subtree_control,threads}
  done
else
  echo "$0: no cgroup of version 2 can be made here, so none is delegated" >&2
fi

export HOME=$place/home TMPDIR=$place/tmp USER=plain-user LOGNAME=plain-user
# In the background, where a signal to this script is heeded at once.
(
  [[ -z $cgroup ]] || echo "$BASHPID" >"$cgroup/command/cgroup.procs"
  cd "$place/tree"
  PATH=$place/tree/node_modules/.bin:$PATH exec "${as_user[@]}" -- "$@"
) <&0 &
wait $!
