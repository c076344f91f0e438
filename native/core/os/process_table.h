#pragma once

#include <vector>

#include "../deadline.h"
#include "../failure.h"

namespace freeze_state {

/// Who is whose child. Behind an interface, so that a test can put a scripted table in its place. One object serves
/// one freezer, under its state's lock.
class ProcessTable {
 public:
  ProcessTable() = default;
  ProcessTable(const ProcessTable&) = delete;
  ProcessTable& operator=(const ProcessTable&) = delete;
  virtual ~ProcessTable() = default;

  /// Whether anything here tells.
  virtual bool isKnown() const noexcept = 0;

  /// Drops what is under way: what is asked next is asked anew.
  virtual void startOver() noexcept = 0;

  /// Begins a pass: what `children` answers from now on is not older than the first call of this. Returns 0, or the
  /// errno(3); EAGAIN where the deadline cut it short: the next call goes on from there.
  virtual int beginPass(Deadline until) = 0;

  /// Appends the children of the process, of all its threads, zombies among them; of each thread the oldest first.
  /// Returns 0, or the errno(3): ESRCH where there is no such process, or it is hidden; EAGAIN where the deadline cut
  /// it short: a call for the same process goes on from there.
  virtual int children(Pid pid, std::vector<Pid>& list, Deadline until) = 0;

  /// Whose child it is now, and whether it is stopped. Returns 0, or the errno(3); ESRCH as above.
  struct Relation {
    Pid parent = 0;
    bool isStopped = false;
  };
  virtual int relation(Pid pid, Relation& relation) = 0;

  /// Whether the two use the same memory: so a parent that waits in vfork(2), and its child. Where nothing can tell,
  /// yes.
  virtual bool sharesMemory(Pid parent, Pid child) = 0;

  /// Lets a little time pass while signals arrive. At most 50 microseconds: a thaw may be waiting (G6).
  virtual void pause() = 0;
};

}  // namespace freeze_state
