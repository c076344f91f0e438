#include "tree.h"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <unordered_set>

namespace freeze_state {

bool TreeFreezer::isOurAncestor(Pid pid) {
  ProcessTable::Relation relation{ownPid()};
  // Init, and whatever is outside of our pid namespace, is where it ends; so it does where /proc hides them, and then
  // `TreeWalk` refuses to stop us.
  while (table_->relation(relation.parent, relation) == 0 && relation.parent > 0) {
    if (relation.parent == pid) return true;
  }
  return false;
}

Failures TreeFreezer::add(Pid pid, const Ticket* frozen) {
  if (isOurAncestor(pid)) return {{FailureCode::OwnAncestor, pid}};
  std::optional<Member> newcomer;
  if (Failures failures = open(pid, newcomer); !failures.empty() || !newcomer) return failures;
  if (frozen != nullptr && frozen->isCurrent() && !newcomer->gone) return addFrozen(*newcomer, *frozen);
  members_.add(*newcomer);
  return {};
}

Failures TreeFreezer::addFrozen(Member newcomer, const Ticket& frozen) {
  const Pid pid = newcomer.process.pid;
  // Those that are gone stay until the thaw: they are the links between the others and their members.
  descendants_.findGone();
  if (Member* known = descendants_.find(pid); known != nullptr && !known->gone) {
    // Stopped already, with all that is below it.
    newcomer.stopped = known->stopped && !known->wasStopped;
    newcomer.wasStopped = known->wasStopped;
    newcomer.hasStopped = known->hasStopped;
    descendants_.remove(*known);
    members_.add(newcomer);
    return {};
  }
  const SignalLoop loop(options_, 2);
  if (const auto failure = members_.stop(newcomer, false); failure) {
    control_.release(newcomer.process);
    return {*failure};
  }
  members_.add(newcomer);
  Failures failures = TreeWalk(control_, *table_, members_, descendants_).run(frozen, kWholly).failures;
  if (failures.empty()) return {};
  append(failures, resumeBelow(pid));
  if (Member* member = members_.find(pid); member != nullptr) {
    if (const auto failure = members_.resume(*member); failure) failures.push_back(*failure);
    members_.remove(*member);
  }
  return failures;
}

UnregisterResult TreeFreezer::remove(Pid pid) {
  Member* member = members_.find(pid);
  if (member == nullptr) return {};
  if (member->stopped && !member->gone) {
    ProcessTable::Relation relation;
    const int error = table_->relation(pid, relation);
    const bool isWant = error == EMFILE || error == ENFILE || error == ENOMEM;
    if (error != 0 && error != ESRCH)
      return {true, {{isWant ? FailureCode::ResourceExhausted : FailureCode::Unreadable, pid, error, "open"}}};
    const bool isChild =
        error == 0 && (members_.find(relation.parent) != nullptr || descendants_.find(relation.parent) != nullptr);
    if (isChild && !isBelow(relation.parent, pid)) {
      Member descendant = *member;
      descendant.parent = relation.parent;
      member->process.fd = -1;  // the descendant's now
      members_.remove(*member);
      descendants_.add(descendant);
      return {true, {}};
    }
    const SignalLoop loop(options_, 2);
    if (const auto failure = members_.resume(*member); failure) return {true, {*failure}};
  }
  if (Failures failures = resumeBelow(pid); !failures.empty()) return {true, std::move(failures)};
  members_.remove(*members_.find(pid));
  return {true, {}};
}

/// Whether the process came with that member, and with no other one in between.
bool TreeFreezer::isBelow(Pid pid, Pid root) noexcept {
  // The number of one that is dead may be given anew, and so make a circle.
  for (std::size_t steps = 0; pid != root; ++steps) {
    const Member* const member = descendants_.find(pid);
    if (member == nullptr || steps > descendants_.size()) return false;
    pid = member->parent;
  }
  return true;
}

Failures TreeFreezer::resumeBelow(Pid root) {
  Failures failures;
  std::vector<Pid> below;
  for (const Member& member : descendants_.all()) {
    if (isBelow(member.process.pid, root)) below.push_back(member.process.pid);
  }
  for (const Pid pid : below) {
    Member& member = *descendants_.find(pid);
    if (!member.wasStopped && !member.gone) {
      if (const auto failure = descendants_.resume(member); failure) failures.push_back(*failure);
    }
  }
  // Only now: their places in the tree led to one another.
  for (const Pid pid : below) {
    Member& member = *descendants_.find(pid);
    if (!member.stopped || member.wasStopped || member.gone) descendants_.remove(member);
  }
  return failures;
}

void TreeFreezer::beginStop() {
  ProcessFreezer::beginStop();
  endStop();
}

/// With what it held open of /proc.
void TreeFreezer::endStop() noexcept {
  stop_.reset();
  table_->startOver();
}

StopResult TreeFreezer::stop(const Ticket& ticket, bool isNoting, Deadline until) {
  // How many there will be nobody knows yet.
  const SignalLoop loop(options_, 2);
  StopResult result = members_.stop(ticket, isNoting, until, signalled_);
  if (!result.isDone || !result.failures.empty() || !ticket.isCurrent()) return result;
  if (!stop_) stop_.emplace(control_, *table_, members_, descendants_);
  result = stop_->run(ticket, until);
  if (result.isDone) endStop();
  return result;
}

Failures TreeFreezer::resume(Whom whom) {
  Failures failures;
  endStop();
  if (whom == Whom::Stopped && !isAnyStopped()) return failures;
  const SignalLoop loop(options_, members_.size() + descendants_.size());
  members_.resume(whom, failures);
  if (whom == Whom::All) continueStrangers();
  for (Member& member : descendants_.all()) {
    if (member.wasStopped && whom == Whom::Stopped) member.stopped = false;
  }
  descendants_.resume(Whom::Stopped, failures);
  // Those that refuse stay, with their marks.
  for (Member& member : descendants_.all()) member.gone = member.gone || !member.stopped;
  descendants_.dropGone();
  return failures;
}

Failures TreeFreezer::clear() {
  endStop();
  descendants_.clear();
  return ProcessFreezer::clear();
}

std::vector<Pid> TreeFreezer::unstopped(const Ticket& frozen, Deadline until) {
  std::vector<Pid> pids = ProcessFreezer::unstopped(frozen, until);
  descendants_.unstopped(frozen, until, descendantsCursor_, pids);
  return pids;
}

std::vector<Pid> TreeFreezer::awaited() const {
  std::vector<Pid> pids = ProcessFreezer::awaited();
  descendants_.awaited(pids);
  return pids;
}

std::vector<MemberOutcome> TreeFreezer::outcomes() {
  std::vector<MemberOutcome> list = ProcessFreezer::outcomes();
  descendants_.outcomes(list);
  return list;
}

std::vector<Pid> TreeFreezer::everyone() {
  std::vector<Pid> pids = ProcessFreezer::everyone();
  for (const Member& member : descendants_.all()) pids.push_back(member.process.pid);
  return pids;
}

std::optional<MemberStatus> TreeFreezer::inspect(Pid pid, std::vector<Pid>& found) {
  auto status = ProcessFreezer::inspect(pid, found);
  if (!isAnyStopped()) {
    // A pass for each tree.
    if (status) table_->startOver();
    if (!status || table_->beginPass(kWholly) == 0) table_->children(pid, found, kWholly);
  }
  if (status) return status;
  const Member* const member = descendants_.find(pid);
  if (member == nullptr) return MemberStatus{pid, lookAt(control_, pid), false, false};
  return MemberStatus{pid, control_.look(member->process), false, member->stopped && !member->wasStopped};
}

/// For a forced thaw: whoever is below the members now, whether or not a freeze of ours has met it. They run on
/// meanwhile, so what is forked now may be missed; and nobody stopped that.
void TreeFreezer::continueStrangers() {
  table_->startOver();
  if (table_->beginPass(kWholly) != 0) return;
  std::vector<Pid> queue = everyone();
  std::unordered_set<Pid> known(queue.begin(), queue.end());
  for (std::size_t next = 0; next < queue.size(); ++next) {
    std::vector<Pid> children;
    table_->children(queue[next], children, kWholly);
    for (const Pid pid : children) {
      if (!known.insert(pid).second) continue;
      queue.push_back(pid);
      continueStranger(pid, known);
    }
  }
}

void TreeFreezer::continueStranger(Pid pid, const std::unordered_set<Pid>& known) {
  Member child;
  if (!control_.open(pid, child).empty()) return;
  ProcessTable::Relation now;
  const bool isOurs = !child.gone && table_->relation(pid, now) == 0 && now.isStopped && known.contains(now.parent);
  // Only now: if it lives, the number is its own, and was when its parent was asked for.
  control_.findGone({&child, 1});
  if (isOurs && !child.gone) control_.send(child.process, Signal::Continue);
  control_.release(child.process);
}

}  // namespace freeze_state
