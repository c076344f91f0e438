#include <atomic>
#include <cerrno>

#include "../child_stops.h"
#include "../process_control.h"
#include "../signal_loop.h"

#ifdef _WIN32
#include <process.h>
#endif

namespace freeze_state {

namespace {

/// For systems without signals: processes can be registered, and every freeze says that it is not supported.
class NullControl final : public ProcessControl {
 public:
  const char* name() const noexcept override { return "none"; }
  bool isSupported() const noexcept override { return false; }
  Pid ownPid() const noexcept override {
#ifdef _WIN32
    return _getpid();
#else
    return 0;
#endif
  }
  const char* sendCall() const noexcept override { return "kill"; }
  Failures open(Pid pid, Process& process) noexcept override {
    process.pid = pid;
    return {};
  }
  void release(Process&) noexcept override {}
  int send(const Process&, Signal) noexcept override { return ENOSYS; }
  ProcessState probe(const Process&) noexcept override { return ProcessState::Unknown; }
  void findExited(std::span<Process* const>) noexcept override {}
};

}  // namespace

ProcessControl& systemControl() noexcept {
  static NullControl& only = *new NullControl();
  return only;
}

/// There is no SIGCHLD: what the program wants is remembered, and nothing else.
namespace child_stops {

namespace {
std::atomic<bool> isWanted{false};
}

bool areWanted() noexcept { return isWanted; }
void want(bool yes) noexcept { isWanted = yes; }
void quiet() noexcept {}

}  // namespace child_stops

SignalLoop::SignalLoop(const LoopOptions&, std::size_t) noexcept {}
SignalLoop::~SignalLoop() = default;
bool SignalLoop::canBoost() noexcept { return false; }

}  // namespace freeze_state
