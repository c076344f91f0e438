#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "../../failure.h"

namespace freeze_state {

/// A control group that a process came from.
struct Origin {
  std::string directory;
  std::uint64_t owner = 0;  ///< the state of this process whose group that is; 0: none of ours
  Pid member = 0;           ///< for which process the owner has it there; 0: for whoever is in it
};

/// Those that a process came from, the latest first: it goes back to the first that still is one.
using OriginChain = std::vector<Origin>;

/// Which state has frozen a group that may be given to several; 0: none. Another one takes it over by freezing what was
/// thawed behind the back of the first.
using Claim = std::shared_ptr<std::atomic<std::uint64_t>>;

/// Who is registered in which group, over all states of this process: one may take a process out of the group of
/// another. Where that one has closed meanwhile, or has let the process go, it belongs where it was before. One lock
/// guards it, the last that is taken; no freeze and no thaw does.
class Origins {
 public:
  /// The only one, which is never destroyed: states may outlive the static objects of this library at exit.
  static Origins& all();

  /// A state with a group, and what it shares with those that have the same. Made: whatever is in it goes with it.
  struct Place {
    std::uint64_t owner;
    Claim claim;
  };
  Place enter(const std::string& path, bool isOwned);
  /// From now on no process goes back to its group.
  void leave(std::uint64_t owner);

  /// The process is the state's, and was in these before.
  void note(std::uint64_t owner, Pid pid, const OriginChain& chain);
  void forget(std::uint64_t owner, Pid pid);
  /// Forgets all of the state's but these.
  void keepOnly(std::uint64_t owner, const std::vector<Pid>& pids);

  /// Where a process that is in the directory now is to go back to, if the state takes it.
  OriginChain of(std::uint64_t taker, Pid pid, const std::string& directory);

  /// Whether the process still belongs there; and, if so, `move`, before that can change. Else ENOENT.
  int ifOrigin(const Origin& origin, const std::function<int()>& move);

  /// Those that other states have registered in a group of the same path.
  std::vector<Pid> ofOthersAt(std::uint64_t owner, const std::string& path);

 private:
  struct Group {
    std::string path;
    bool isOwned;
    Claim claim;
    std::unordered_map<Pid, OriginChain> members;
  };

  std::mutex mutex_;
  std::uint64_t last_ = 0;
  std::map<std::uint64_t, Group> groups_;
};

}  // namespace freeze_state
