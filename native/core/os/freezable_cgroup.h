#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "cgroup_place.h"
#include "cgroupfs.h"
#include "file_descriptor.h"
#include "ledger.h"

namespace freeze_state {

/// A control group that is frozen and thawed: its directory, and its files cgroup.freeze and cgroup.events, which
/// are kept open, as two more are where descriptors are not few. An owned group
/// was made by us, and is removed at the end; an external one stays.
class FreezableCgroup {
 public:
  /// Opens the external group at the place, or makes an owned one there. On failure it returns null and says why; then
  /// nothing was made. Before it makes one, it thaws the owned groups there whose owners have died, and removes those
  /// that are empty.
  static std::unique_ptr<FreezableCgroup> make(const CgroupPlace& place, Failures& failures);
  /// Opens the group in that directory, without checking that it is fit. `isOwned`: it is locked, and removed at the
  /// end. On failure it returns null and says why.
  static std::unique_ptr<FreezableCgroup> open(const cgroup::Mount& mount, std::string path, bool isOwned,
                                               Failures& failures);
  /// Why `make` with no place would fail; makes nothing.
  static Failures whyNot();

  FreezableCgroup(const FreezableCgroup&) = delete;
  FreezableCgroup& operator=(const FreezableCgroup&) = delete;
  ~FreezableCgroup() { remove(); }

  const std::string& path() const noexcept { return path_; }
  const cgroup::Mount& mount() const noexcept { return mount_; }
  bool isOwned() const noexcept { return isOwned_; }
  /// The directory above it.
  std::string parent() const { return cgroup::parentOf(path_); }

  /// How the ledger records it.
  LedgerCgroup identify() const;

  /// Writes cgroup.freeze. Returns 0, or the errno(3).
  int setFrozen(bool isFrozen) const noexcept;
  /// Whether cgroup.freeze asks for a freeze, no matter which process wrote it. Returns 0, or the errno(3).
  int readSet(bool& isFrozen) const noexcept;
  /// Whether all in it is frozen by now (`frozen` in cgroup.events). False where that cannot be read.
  bool hasFrozen() const noexcept { return event("frozen"); }
  /// Whether any process is in it, or below it (`populated` in cgroup.events). False where that cannot be read.
  bool isPopulated() const noexcept { return event("populated"); }
  /// Whether there are groups below it, by one stat(2). True where that cannot be told.
  bool hasGroupsBelow() const noexcept;
  /// Appends the ids of the living threads in the group itself. Returns 0, or the errno(3).
  int threads(std::vector<Pid>& ids) const;
  /// Appends the processes in it and below it, as `cgroup::processes` does. `known`: the ids, sorted, of threads that
  /// were in the group itself and have not ended since. If the first threads of all processes are among them, threads
  /// are not read again.
  int processes(std::vector<Pid>& pids, std::span<const Pid> known = {}) const;
  /// Moves the process into it, with all its threads. Returns 0, or the errno(3). The kernel asks what the user may do
  /// who has opened cgroup.procs (from Linux 5.16 on), so where our user has changed since, the file is opened anew:
  /// else a process could be moved in that cannot be moved back.
  int join(Pid pid) const;

  /// Closes the files. From here on nothing is to be asked of the group, and `remove` ends it; what has to be opened
  /// for the moves of its processes is opened anew.
  void closeFiles() noexcept;
  /// Closes the files and, if it is owned, removes the directory and what the members made below it. Once that is done,
  /// doing it again does nothing. Returns 0, or the errno(3): EBUSY where a process is in it that is not exiting. May
  /// wait for some milliseconds, and for five seconds in all calls together, so call it at the end only.
  int remove() noexcept;

 private:
  FreezableCgroup(cgroup::Mount mount, std::string path, bool isOwned)
      : mount_(std::move(mount)), path_(std::move(path)), isOwned_(isOwned) {}
  Failures openFiles();
  FileDescriptor keptFile(const char* file, int flags) const;
  bool event(const char* name) const noexcept;

  const cgroup::Mount mount_;
  const std::string path_;
  const bool isOwned_;
  bool isRemoved_ = false;
  int patience_ = 5000;         ///< milliseconds for which `remove` may wait yet
  FileDescriptor freezeFile_;   ///< cgroup.freeze; of an owned group it is locked (fcntl_locking(2))
  FileDescriptor eventsFile_;   ///< cgroup.events
  FileDescriptor threadsFile_;  ///< cgroup.threads
  std::uint32_t opener_ = 0;    ///< the user whose rights the files have
  FileDescriptor procsFile_;    ///< cgroup.procs: opening it to move a process takes longer than all the rest of that
  FileDescriptor directory_;    ///< the group's, to ask for its links: by its path that takes several times as long
};

}  // namespace freeze_state
