#pragma once

#include <cstddef>

#include "../slice.h"
#include "../step.h"

namespace freeze_state {

/// The position of a confirmation's probes in a list of processes. The probes go round the list over many calls, so
/// that a process that never stops does not hide the others.
class ConfirmCursor {
 public:
  /// Probes each process in the list once, from where the last call has ended; fewer where the slice is over. `probe`
  /// returns done if it has found anything new, blocked if not, and more if it was cut short. After a probe that was
  /// cut short this returns more, and the next call begins with the same process. `probe` may drop its process by
  /// putting the last of the list in its place. Fails as the probe does; else done.
  template <typename List, typename Probe>
  Step goRound(List& list, const Slice& slice, Probe probe) {
    for (std::size_t probes = list.size(); probes > 0 && !slice.isOver(); --probes) {
      if (next_ >= list.size()) next_ = 0;
      const std::size_t before = list.size();
      Step step = probe(list[next_]);
      // A probe that was cut short counts as progress: it has seen more threads than the one before.
      fruitless_ = step.kind == Step::Kind::Blocked ? fruitless_ + 1 : 0;
      if (step.kind == Step::Kind::More || step.hasFailed()) return step;
      if (list.size() == before) ++next_;
    }
    return Step::done();
  }

  /// The step to return while `count` processes are still to be probed: blocked if that many probes in a row have found
  /// nothing new, else more.
  Step unfinished(std::size_t count) const { return fruitless_ < count ? Step::more() : Step::blocked(); }

 private:
  std::size_t next_ = 0;       ///< the one to be probed next
  std::size_t fruitless_ = 0;  ///< how many probes in a row have found nothing new
};

}  // namespace freeze_state
