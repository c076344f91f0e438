#include "process_table.h"

#include <linux/kcmp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <unordered_map>
#include <utility>

#include "kernel_file.h"
#include "process_files.h"
#include "procfs.h"
#include "thread_scan.h"
#include "thread_states.h"

namespace freeze_state {

namespace {

class PidWalk final : public ProcessWalk {
 public:
  bool next(Pid& pid) noexcept override { return pids_.next(pid); }
  int error() const noexcept override { return pids_.error(); }

 private:
  procfs::Processes pids_;
};

int readChildren(Pid pid, Pid thread, std::vector<Pid>& list) {
  std::array<char, 64> path{};
  std::snprintf(path.data(), path.size(), "/proc/%d/task/%d/children", pid, thread);
  const FileDescriptor file = kernel_file::open(path.data());
  if (!file.isOpen()) return errno == ENOENT ? ESRCH : errno;
  return kernel_file::readPids(file.get(), list);
}

/// Reads the children files.
class ChildrenFiles final : public ChildReader {
 public:
  void reset() noexcept override {
    asked_ = 0;
    listing_.reset();
    kept_.reset();
  }
  std::optional<int> beginPass(const Slice& /*slice*/) override { return 0; }
  std::optional<int> readOf(const Process& process, Extent extent, std::vector<Pid>& children,
                            const Slice& slice) override {
    if (!process.files) return read(process.pid, children, slice);
    const auto error = readKept(process.files, extent, children, slice);
    if (error) reset();
    return error;
  }
  std::optional<int> read(Pid pid, std::vector<Pid>& children, const Slice& slice) override {
    if (asked_ != pid) {
      reset();
      ProcessEntry entry;
      if (const int error = procfs::read(pid, entry); error != 0) return error;
      if (entry.threads <= 1) return readChildren(pid, pid, children);
      asked_ = pid;
      threads_.clear();
      listing_.emplace(pid);
    }
    std::optional<int> error = 0;
    if (listing_) error = listThreads(*listing_, slice);
    if (error == 0) {
      listing_.reset();
      error = readThreads(children, slice);
    }
    if (error) reset();
    return error;
  }

 private:
  /// Reads by the present list of threads where that will do, else by a new one.
  std::optional<int> readKept(const std::shared_ptr<ProcessFiles>& files, Extent extent, std::vector<Pid>& children,
                              const Slice& slice) {
    // A probe may have listed its threads anew since.
    if (kept_ != files || (isListed_ && lists_ != files->lists())) {
      reset();
      isListed_ = files->isQuiescent() || (extent == Extent::Cheapest && files->isListed());
      if (!isListed_) {
        ProcessEntry entry;
        if (const int error = files->read(entry); error != 0) return error;
        if (entry.threads <= 1) return files->readChildren(0, children);
      }
      kept_ = files;
      lists_ = files->lists();
      left_ = files->count();
    }
    if (!isListed_) {
      const auto error = files->list(slice);
      if (error != 0) return error;
      isListed_ = true;
      lists_ = files->lists();
      left_ = files->count();
    }
    while (left_ > 0) {
      if (const int error = files->readChildren(left_ - 1, children); error != 0 && error != ESRCH) return error;
      --left_;
      if (left_ > 0 && slice.isOver()) return std::nullopt;
    }
    return 0;
  }

  std::optional<int> listThreads(procfs::Threads& listing, const Slice& slice) {
    for (Pid thread = 0; listing.next(thread);) {
      threads_.push_back(thread);
      if (slice.isOver()) return std::nullopt;
    }
    return listing.error() == ENOENT ? ESRCH : listing.error();
  }

  /// A child belongs to the thread that forked it, until that ends. An orphan comes to the first thread that lives, so
  /// that one is read last: else the orphan could move there from below another thread, after the first was read.
  std::optional<int> readThreads(std::vector<Pid>& children, const Slice& slice) {
    while (!threads_.empty()) {
      const Pid thread = threads_.back();
      if (const int error = readChildren(asked_, thread, children); error != 0 && error != ESRCH) return error;
      threads_.pop_back();
      if (!threads_.empty() && slice.isOver()) return std::nullopt;
    }
    return 0;
  }

  Pid asked_ = 0;                           ///< the process that is being read
  std::optional<procfs::Threads> listing_;  ///< of its threads, while it is in progress
  std::vector<Pid> threads_;                ///< those that were not read yet, the first one first

  std::shared_ptr<ProcessFiles> kept_;  ///< of the process that is being read by them
  bool isListed_ = false;               ///< all of its threads
  unsigned lists_ = 0;                  ///< which list that is
  std::size_t left_ = 0;                ///< how many were not read yet
};

/// Reads the parents in all of /proc/<pid>/stat, once a pass.
class ParentScan final : public ChildReader {
 public:
  void reset() noexcept override { walk_.reset(); }
  std::optional<int> beginPass(const Slice& slice) override {
    const auto error = scan(slice);
    if (error) reset();
    return error;
  }
  std::optional<int> read(Pid pid, std::vector<Pid>& children, const Slice& /*slice*/) override {
    ProcessEntry entry;
    if (const int error = procfs::read(pid, entry); error != 0) return error;
    const auto [first, last] = childrenOf_.equal_range(pid);
    for (auto child = first; child != last; ++child) children.push_back(child->second);
    return 0;
  }

 private:
  std::optional<int> scan(const Slice& slice) {
    if (!walk_) {
      childrenOf_.clear();
      walk_.emplace();
    }
    for (Pid pid = 0; walk_->next(pid);) {
      ProcessEntry entry;
      const int error = procfs::read(pid, entry);
      if (error != 0 && error != ESRCH) return error;
      if (error == 0) childrenOf_.emplace(entry.parent, pid);
      if (slice.isOver()) return std::nullopt;
    }
    return walk_->error();
  }

  std::unordered_multimap<Pid, Pid> childrenOf_;  ///< as the last scan found them
  std::optional<procfs::Processes> walk_;         ///< of the scan in progress
};

}  // namespace

LinuxProcessTable::Means LinuxProcessTable::bestMeans() noexcept {
  std::array<char, 64> path{};
  std::snprintf(path.data(), path.size(), "/proc/%d/task/%d/children", getpid(), getpid());
  return access(path.data(), R_OK) == 0 ? Means::ChildrenFiles : Means::ParentScan;
}

bool LinuxProcessTable::isAvailable() const noexcept { return procfs::isOurs(); }

bool LinuxProcessTable::showsAll() const noexcept { return procfs::showsAll(); }

int LinuxProcessTable::read(Pid pid, ProcessEntry& entry) noexcept { return procfs::read(pid, entry); }

int LinuxProcessTable::readOf(const Process& process, ProcessEntry& entry) noexcept {
  return process.files ? process.files->read(entry) : procfs::read(process.pid, entry);
}

ProcessState LinuxProcessTable::probe(Pid pid) noexcept { return procfs::probe(pid); }

std::optional<ProcessState> LinuxProcessTable::probe(Pid pid, ThreadScan& scan, const Slice& slice) noexcept {
  return procfs::probe(pid, scan, slice);
}

std::shared_ptr<ProcessFiles> LinuxProcessTable::filesOf(Pid pid) { return std::make_shared<ProcessFiles>(pid); }

std::optional<ProcessState> LinuxProcessTable::probeBy(ProcessFiles& files, ThreadScan& scan,
                                                       const Slice& slice) noexcept {
  return procfs::probe(files, scan, slice);
}

bool LinuxProcessTable::isExiting(Pid pid) noexcept { return procfs::isExiting(pid); }

bool LinuxProcessTable::delaysFreeze(Pid pid) noexcept { return procfs::delaysFreeze(pid); }

Pid LinuxProcessTable::groupOf(Pid pid) noexcept { return procfs::groupOf(pid); }

bool LinuxProcessTable::sharesMemory(Pid parent, Pid child) noexcept {
#ifdef SYS_kcmp
  // 0 is equal, 1 to 3 are an order.
  const auto order = syscall(SYS_kcmp, parent, child, KCMP_VM, 0, 0);
  return order == 0 || (order < 0 && errno != ESRCH);
#else
  return true;
#endif
}

ProcessDoing LinuxProcessTable::describe(Pid pid) {
  ProcessDoing doing;
  ProcessEntry entry;
  if (procfs::read(pid, entry) != 0) return doing;
  doing.state = entry.state;
  doing.name = procfs::line(pid, "comm");
  doing.waitChannel = procfs::line(pid, "wchan");
  // The kernel writes 0 where the process does not sleep, or this user may not know.
  if (doing.waitChannel == "0") doing.waitChannel.clear();
  // A wait in vfork(2) is uninterruptible: state D.
  std::vector<Pid> born;
  if (entry.state == 'D' && children()->read(pid, born, {}) == 0)
    doing.isInVfork = std::ranges::any_of(born, [&](Pid child) { return sharesMemory(pid, child); });
  return doing;
}

std::unique_ptr<ProcessWalk> LinuxProcessTable::walk() { return std::make_unique<PidWalk>(); }

std::unique_ptr<ChildReader> LinuxProcessTable::children() {
  if (means_ == Means::ParentScan) return std::make_unique<ParentScan>();
  return std::make_unique<ChildrenFiles>();
}

ProcessTable& systemTable() noexcept {
  // Never destroyed: states may outlive the static objects of this library at exit.
  static ProcessTable& only = *new LinuxProcessTable(LinuxProcessTable::bestMeans());
  return only;
}

}  // namespace freeze_state
