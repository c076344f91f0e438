#include "describe.h"

#include <cerrno>

namespace freeze_state::test {

namespace {

std::string errorName(int error) {
  switch (error) {
    case EPERM: return "EPERM";
    case ESRCH: return "ESRCH";
    case EINVAL: return "EINVAL";
    case EMFILE: return "EMFILE";
    case ENOENT: return "ENOENT";
    case EACCES: return "EACCES";
    default: return std::to_string(error);
  }
}

}  // namespace

std::string describe(const Failures& failures) {
  std::string text;
  for (const Failure& failure : failures) {
    if (!text.empty()) text += ", ";
    text += nameOf(failure.code);
    if (failure.pid != 0) text += ' ' + std::to_string(failure.pid);
    if (failure.error != 0) text += ' ' + errorName(failure.error);
    if (failure.isStopped) text += " (stopped)";
  }
  return text;
}

std::string describe(const FreezeResult& result) {
  if (result.failures.empty()) return result.frozen ? "frozen" : "not frozen";
  return (result.frozen ? "frozen but " : "") + describe(result.failures);
}

std::string describe(const UnregisterResult& result) {
  if (result.failures.empty()) return result.found ? "found" : "not found";
  return describe(result.failures);
}

std::string describe(const std::optional<std::vector<Pid>>& pids) {
  if (!pids) return "closed";
  std::string text;
  for (const Pid pid : *pids) {
    if (!text.empty()) text += ' ';
    text += std::to_string(pid);
  }
  return text;
}

}  // namespace freeze_state::test
