#include "confirmations.h"

#include <chrono>
#include <optional>
#include <span>
#include <vector>

#include "values.h"

namespace freeze_state::binding {

namespace {

std::int64_t idOf(const Napi::CallbackInfo& info) { return info[0].As<Napi::Number>().Int64Value(); }

/// `progressOf` in lib/native.ts is the counterpart.
double numberOf(Confirmation::Stage stage, bool isBlocked) {
  return (2 * static_cast<double>(stage)) + (isBlocked ? 1 : 0);
}

std::span<double> numbersOf(const Napi::Value& array) {
  auto numbers = array.As<Napi::Float64Array>();
  return {numbers.Data(), numbers.ElementLength()};
}

/// `confirmationReport` in lib/native.ts says in which order.
void writeReport(std::span<double> into, const Confirmation& one, const std::vector<Covered>& outcomes) {
  double* next = into.data();
  *next++ = static_cast<double>(one.toSignalled().count());
  *next++ = static_cast<double>(one.toStopped().count());
  for (const Covered& each : outcomes) {
    *next++ = each.pid;
    *next++ = static_cast<double>(each.outcome);
  }
}

}  // namespace

/// The one with the id that the caller has sent; null where it was ended.
Confirmation* Confirmations::find(const Napi::CallbackInfo& info) noexcept {
  const auto found = begun_.find(idOf(info));
  return found == begun_.end() ? nullptr : &found->second;
}

Napi::Value Confirmations::step(const Napi::CallbackInfo& info) {
  const auto until =
      std::chrono::steady_clock::now() + std::chrono::microseconds(info[2].As<Napi::Number>().Int64Value());
  const auto epoch = static_cast<std::uint64_t>(info[1].As<Napi::Number>().DoubleValue());
  const auto one = begun_.try_emplace(idOf(info), attachment_.state().shared_from_this(), epoch, &attachment_).first;
  const auto [stage, step] = one->second.step(until);
  if (step.hasFailed() || stage == Confirmation::Stage::Passed) begun_.erase(one);
  if (step.hasFailed()) return {info.Env(), failureValue(info.Env(), step.failures)};
  return Napi::Number::New(info.Env(), numberOf(stage, step.kind == Step::Kind::Blocked));
}

Napi::Value Confirmations::pending(const Napi::CallbackInfo& info) {
  Confirmation* const one = find(info);
  const auto pids = one == nullptr ? std::nullopt : one->pending();
  return pids ? Napi::Value(info.Env(), doingsValue(info.Env(), *pids)) : info.Env().Undefined();
}

Napi::Value Confirmations::rollBack(const Napi::CallbackInfo& info) {
  const bool onlyOwn = info[1].As<Napi::Boolean>();
  const auto whose = onlyOwn ? Confirmation::Whose::Own : Confirmation::Whose::Any;
  Confirmation* const one = find(info);
  const auto failures = one == nullptr ? std::nullopt : one->rollBack(whose);
  if (failures && !failures->empty()) return {info.Env(), failureValue(info.Env(), *failures)};
  return Napi::Boolean::New(info.Env(), failures.has_value());
}

Napi::Value Confirmations::report(const Napi::CallbackInfo& info) {
  Confirmation* const one = find(info);
  const auto covered = one == nullptr ? std::nullopt : one->report();
  if (!covered) return info.Env().Undefined();
  const std::span<double> into = numbersOf(info[1]);
  const std::size_t length = 2 + (2 * covered->size());
  if (length <= into.size()) {
    writeReport(into, *one, *covered);
    begun_.erase(idOf(info));
  }
  return Napi::Number::New(info.Env(), static_cast<double>(length));
}

void Confirmations::end(const Napi::CallbackInfo& info) noexcept { begun_.erase(idOf(info)); }

}  // namespace freeze_state::binding
