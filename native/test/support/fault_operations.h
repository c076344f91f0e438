#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "../../core/state/confirmation.h"
#include "faulty_systems.h"

namespace freeze_state::test {

/// What an operation answered.
struct Answer {
  bool isTrue = true;
  Failures failures;
};

/// An operation that every fault is tried in. Some have a state that is frozen already.
struct Operation {
  const char* name;
  bool isFrozen;
  std::function<Answer(FaultySystem&)> run;
};

/// A confirmation, as lib/confirm.ts does it: in steps, and rolled back where nothing more comes of them.
inline Answer confirm(FaultySystem& system) {
  using Stage = Confirmation::Stage;
  constexpr int kPatience = 20;
  Confirmation confirmation(system.state, 0, nullptr);
  for (int blocked = 0; blocked < kPatience;) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(50);
    auto [stage, step] = confirmation.step(until);
    if (step.hasFailed()) return {false, std::move(step.failures)};
    if (stage == Stage::Stopped) return {};
    if (stage == Stage::Passed) return {false, {}};
    if (step.kind == Step::Kind::Blocked) ++blocked;
  }
  const auto rolledBack = confirmation.rollBack(Confirmation::Whose::Any);
  return {false, rolledBack.value_or(Failures())};
}

inline const std::vector<Operation>& operations() {
  static const auto freeze = [](FaultySystem& system) {
    const FreezeResult result = system.state->freezeAtEpoch(0);
    return Answer{result.frozen, result.failures};
  };
  static const auto enter = [](FaultySystem& system) {
    Failures failures = system.state->registerPid(FaultySystem::kNewcomer);
    return Answer{failures.empty(), failures};
  };
  static const auto leave = [](FaultySystem& system) {
    const UnregisterResult result = system.state->unregisterPid(FaultySystem::kMember);
    return Answer{result.failures.empty(), result.failures};
  };
  static const auto thaw = [](FaultySystem& system) { return Answer{true, system.state->unfreeze()}; };
  static const auto force = [](FaultySystem& system) { return Answer{system.state->forceUnfreeze(), {}}; };
  static const auto close = [](FaultySystem& system) { return Answer{true, system.state->close()}; };
  static const std::vector<Operation> all{
      {"freeze", false, freeze},    {"confirm", false, confirm},
      {"thaw", true, thaw},         {"forced thaw", true, force},
      {"register", false, enter},   {"register while frozen", true, enter},
      {"unregister", false, leave}, {"unregister while frozen", true, leave},
      {"close", false, close},      {"close while frozen", true, close},
  };
  return all;
}

}  // namespace freeze_state::test
