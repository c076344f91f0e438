#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "../../core/modes/process.h"
#include "../../core/state/confirmation.h"
#include "process_freezer.h"
#include "script.h"

namespace freeze_state::test {

/// Always over, so that each step does the least that it can.
inline constexpr Deadline kOver = Deadline::min();

using Stage = Confirmation::Stage;

/// Processes 101 to 104, on a script.
struct Four {
  Four() {
    for (Pid pid = 101; pid <= 104; ++pid) state->registerPid(pid);
  }

  Script script;
  std::shared_ptr<FreezeState> state =
      std::make_shared<FreezeState>(Mode::Process, processFreezer(script, {.boost = false}));
};

/// Takes steps while it is freezing; a test fails where that has no end.
inline Confirmation::Progress finish(Confirmation& confirmation, Deadline until = kOver) {
  constexpr int kMany = 1000;
  Confirmation::Progress progress;
  for (int steps = 0; progress.stage == Stage::Freezing && !progress.step.hasFailed(); ++steps) {
    REQUIRE(steps < kMany);
    progress = confirmation.step(until);
  }
  return progress;
}

/// Takes one step, which works for this long or until it is done.
inline Confirmation::Progress stepFor(Confirmation& confirmation,
                                      std::chrono::steady_clock::duration length = std::chrono::milliseconds(1)) {
  return confirmation.step(std::chrono::steady_clock::now() + length);
}

/// The report of a confirmation: `101, 102 gone, 103 already`; or that it has passed.
inline std::string describe(const std::optional<std::vector<Covered>>& report) {
  if (!report) return "passed";
  std::string text;
  for (const auto& [pid, outcome, isPending] : *report) {
    CHECK_FALSE(isPending);
    if (!text.empty()) text += ", ";
    text += std::to_string(pid);
    if (outcome == Outcome::Gone) text += " gone";
    if (outcome == Outcome::AlreadyStopped) text += " already";
  }
  return text;
}

}  // namespace freeze_state::test
