#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "../../failure.h"

namespace freeze_state {

/// Which of the states that share a group has frozen it; 0: none. The claim stays until that state thaws, or any of
/// them thaws by force. Until then the others may not freeze the group, even if a foreign process has thawed it since.
using Claim = std::shared_ptr<std::atomic<std::uint64_t>>;

/// For processes that a state has taken: the directory of the control group that each was in before. It goes back
/// there.
using OriginMap = std::unordered_map<Pid, std::string>;

/// Which processes each state of this process has taken into its group, so that none takes a process from another. One
/// lock guards what is noted. That lock is taken last, and neither a freeze nor a thaw takes it.
class Origins {
 public:
  /// The only one, which is never destroyed: states may outlive the static objects of this library at exit.
  static Origins& all();

  /// A state's entry: its id here, and the claim that it shares with the other states of the group.
  struct Place {
    std::uint64_t owner;
    Claim claim;
  };
  /// Enters a state with the group of that path. `isOwned`: every process in the group is held by the state.
  Place enter(const std::string& path, bool isOwned);
  /// The state has no group any more. Returns the processes that it had taken.
  OriginMap leave(std::uint64_t owner);

  /// A state holds this while it finds out where a process is and moves it. Without it, two states that take the same
  /// process could both find it free. Taken after a state's own lock, and by no freeze and no thaw.
  std::mutex& moving() noexcept { return moving_; }

  /// The state has taken the process out of the directory.
  void note(std::uint64_t owner, Pid pid, const std::string& directory);
  void forget(std::uint64_t owner, Pid pid);
  /// Forgets all of the state's but these.
  void keepOnly(std::uint64_t owner, const std::vector<Pid>& pids);
  /// How many the state has taken.
  std::size_t countOf(std::uint64_t owner);

  /// Where the state has taken the process from; empty where it has not.
  std::optional<std::string> of(std::uint64_t owner, Pid pid);
  /// Where another state with the group of that path has taken the process from; empty where none has.
  std::optional<std::string> ofSharers(std::uint64_t owner, const std::string& path, Pid pid);
  /// Those that other states with the group of that path have taken.
  std::vector<Pid> takenBySharers(std::uint64_t owner, const std::string& path);
  /// The group of another state that holds the process, which is in the directory now; empty where none does. States
  /// with the same group as the owner do not count.
  std::string holderOf(std::uint64_t owner, Pid pid, const std::string& directory);

 private:
  struct Group {
    std::string path;
    bool isOwned;
    Claim claim;
    OriginMap taken;
  };
  std::vector<const Group*> sharersOf(std::uint64_t owner, const std::string& path) const;

  std::mutex moving_;
  std::mutex mutex_;
  std::uint64_t last_ = 0;
  std::map<std::uint64_t, Group> groups_;
};

}  // namespace freeze_state
