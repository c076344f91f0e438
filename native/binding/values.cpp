#include "values.h"

#include <napi.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "../core/os/process_table.h"
#include "../core/word.h"

namespace freeze_state::binding {

namespace {

struct Named {
  Mode mode;
  const char* name;
};

constexpr std::array kModes{
    Named{Mode::None, "none"},
    Named{Mode::Process, "process"},
    Named{Mode::ProcessGroup, "process-group"},
    Named{Mode::ProcessTree, "process-tree"},
    Named{Mode::Cgroup, "cgroup"},
};

const char* nameOf(ProcessState state) {
  switch (state) {
    // Nothing tells: it lives, and a stop was not seen.
    case ProcessState::Unknown:
    case ProcessState::Running: return "running";
    case ProcessState::Sleeping: return "sleeping";
    case ProcessState::Traced:
    case ProcessState::Stopped: return "stopped";
    case ProcessState::Zombie: return "zombie";
    case ProcessState::Gone: return "gone";
  }
  return "";
}

/// An array of what `entry` makes of each.
template <typename Item, typename Entry>
napi_value arrayOf(napi_env env, const std::vector<Item>& items, Entry entry) {
  const Napi::Array list = Napi::Array::New(env, items.size());
  for (std::uint32_t i = 0; i < items.size(); ++i) list.Set(i, entry(items[i]));
  return list;
}

}  // namespace

const char* modeName(Mode mode) { return std::ranges::find(kModes, mode, &Named::mode)->name; }

Mode modeNamed(std::string_view name) {
  const auto* const found = std::ranges::find(kModes, name, &Named::name);
  return found == kModes.end() ? Mode::None : found->mode;
}

napi_value pidsValue(napi_env env, const std::vector<Pid>& pids) {
  return arrayOf(env, pids, [env](Pid pid) { return Napi::Number::New(env, pid); });
}

napi_value doingsValue(napi_env env, const std::vector<Pid>& pids) {
  return arrayOf(env, pids, [env](Pid pid) {
    const ProcessDoing doing = systemTable().describe(pid);
    const Napi::Object entry = Napi::Object::New(env);
    entry.Set("pid", pid);
    if (!doing.name.empty()) entry.Set("name", doing.name);
    if (doing.state != '\0') entry.Set("state", std::string(1, doing.state));
    if (!doing.waitChannel.empty()) entry.Set("waitChannel", doing.waitChannel);
    if (doing.isInVfork) entry.Set("isInVfork", true);
    return entry;
  });
}

napi_value statusesValue(napi_env env, const std::vector<MemberStatus>& statuses) {
  return arrayOf(env, statuses, [env](const MemberStatus& one) {
    const Napi::Object entry = Napi::Object::New(env);
    entry.Set("pid", one.pid);
    entry.Set("state", nameOf(one.state));
    entry.Set("role", one.isRegistered ? "registered" : "descendant");
    entry.Set("stoppedByUs", one.isStoppedByUs);
    if (one.isUnguarded) entry.Set("isUnguarded", true);
    return entry;
  });
}

napi_value wordValue(napi_env env, std::uint64_t word) {
  napi_value value = nullptr;
  if (word == word::kClosed) {
    napi_get_undefined(env, &value);
  } else {
    napi_create_double(env, word::toNumber(word), &value);
  }
  return value;
}

napi_value failureValue(napi_env env, const Failures& failures) {
  return arrayOf(env, failures, [env](const Failure& failure) {
    const Napi::Object entry = Napi::Object::New(env);
    entry.Set("code", freeze_state::nameOf(failure.code));
    entry.Set("pid", failure.pid);
    entry.Set("errno", failure.error);
    entry.Set("syscall", failure.call);
    entry.Set("isStopped", failure.isStopped);
    entry.Set("path", failure.path);
    return entry;
  });
}

}  // namespace freeze_state::binding
