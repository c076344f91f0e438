#pragma once

#include <functional>
#include <string>

#include "../cgroupfs.h"

/// The directories of owned groups, which states make for themselves, and which have names of their own. The lock of a
/// group says whether its owner lives: what a state has left behind, the next one under the same parent removes.
namespace freeze_state::owned_cgroup {

/// Opens and locks the group, or removes it and says why not.
using Open = std::function<Failures(const std::string& path)>;
/// Makes a group in `parent`, and has `open` open it. First it thaws the groups there whose owners have died, and
/// removes those that are empty. Says why it failed; then nothing was made.
Failures make(const std::string& parent, const cgroup::Mount& mount, const Open& open);

/// Locks the file cgroup.freeze of the group for as long as its open file description lives. Waits a second at most for
/// a `make` that holds the lock for a moment. Returns 0, or the errno(3): EAGAIN where another process has a lock on
/// it, be it a shared one. `call` is the system call that failed.
int lock(int fd, const char*& call) noexcept;

/// Removes the directory and those below it, which the members made. A process that exits takes a moment to leave;
/// `left` is how many milliseconds the waits for that may still take together. Returns 0, or the errno(3).
int remove(const std::string& path, const cgroup::Mount& mount, int& left);

}  // namespace freeze_state::owned_cgroup
