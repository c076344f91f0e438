#include "tree_pass.h"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace freeze_state {

TreePass::TreePass(TreeSet& set, ChildReader& reader, Kind kind, const std::vector<Pid>& toAsk)
    : set_(set), reader_(reader), kind_(kind), toAsk_(toAsk) {
  // A closing pass takes the last first. That is from the leaves to the roots for nearly all; `endParent` puts the rest
  // right.
  if (kind == Kind::Spreading) std::ranges::reverse(toAsk_);
  reader_.reset();
}

Step TreePass::step(const Slice& slice) {
  if (!hasBegun_) {
    const auto error = reader_.beginPass(slice);
    if (!error) return Step::more();
    hasBegun_ = true;
    return *error == 0 ? Step::more() : Step::failed({readFailure(0, *error)});
  }
  if (!parent_) parent_ = nextParent();
  if (!parent_) return Step::done();
  return Step::continued(parent_->isListed ? takeNextChild(*parent_, slice) : listChildren(*parent_, slice));
}

std::optional<TreePass::Parent> TreePass::nextParent() {
  while (!toAsk_.empty()) {
    const Pid pid = toAsk_.back();
    toAsk_.pop_back();
    if (asked_.contains(pid)) continue;
    return Parent{.pid = pid, .children = {}, .unasked = {}, .isListed = false, .hasChanged = false};
  }
  return std::nullopt;
}

Failures TreePass::listChildren(Parent& parent, const Slice& slice) {
  Member* const member = set_.find(parent.pid);
  parent.isListed = true;
  if (member == nullptr || member->hasExited()) return {};
  // What a spreading pass leaves out, the closing one finds.
  const auto extent = isClosing() ? ChildReader::Extent::All : ChildReader::Extent::Cheapest;
  const auto error = reader_.readOf(member->process, extent, parent.children, slice);
  parent.isListed = error.has_value();
  if (!error || *error == 0) return {};
  parent.children.clear();
  if (*error == ESRCH && set_.checkExited(*member)) {
    parent.hasChanged = hasMetNew_ = true;
    return {};
  }
  return {readFailure(parent.pid, *error == ESRCH ? EACCES : *error)};
}

/// The youngest first: where children fork and exit, the only one that still lives is the last. The others are zombies,
/// which their parent, being stopped, does not reap.
Failures TreePass::takeNextChild(Parent& parent, const Slice& slice) {
  while (!parent.children.empty()) {
    const Pid pid = parent.children.back();
    parent.children.pop_back();
    const bool isKnown = set_.isKnown(pid);
    if (!isKnown && !set_.isDead(pid)) {
      parent.hasChanged = hasMetNew_ = true;
      TreeSet::Adoption adoption = set_.adopt(pid, parent.pid, slice);
      if (adoption.isNew) found_.push_back(pid);
      return std::move(adoption.failures);
    }
    if (hasMetNoneNew() && isKnown && !asked_.contains(pid)) parent.unasked.push_back(pid);
  }
  endParent(parent);
  parent_.reset();
  return {};
}

void TreePass::endParent(const Parent& parent) {
  // A root may be the descendant of another root. Then the children that were not asked yet come first, and this
  // process is asked again.
  if (hasMetNoneNew() && !parent.unasked.empty()) {
    toAsk_.push_back(parent.pid);
    toAsk_.insert(toAsk_.end(), parent.unasked.begin(), parent.unasked.end());
    return;
  }
  asked_.insert(parent.pid);
  // A process that has stopped forks no more, so its new children are orphans from below. Where children fork and exit,
  // the one that still lives is hard to catch, so this process is asked again at once.
  const Member* const member = set_.find(parent.pid);
  if (parent.hasChanged && member != nullptr && member->isQuiescent()) again_.push_back(parent.pid);
}

std::vector<Pid> TreePass::next() const {
  std::vector<Pid> pids = again_;
  pids.insert(pids.end(), found_.begin(), found_.end());
  return pids;
}

}  // namespace freeze_state
