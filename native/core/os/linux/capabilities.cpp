#include "capabilities.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

// Linux 4.3; older C libraries do not have the names.
#ifndef PR_CAP_AMBIENT
#define PR_CAP_AMBIENT 47
#define PR_CAP_AMBIENT_RAISE 2
#endif

namespace freeze_state::capabilities {

namespace {

constexpr std::array kRelevant{CAP_KILL, CAP_DAC_OVERRIDE, CAP_SYS_PTRACE};

constexpr unsigned kBits = 32;
using Halves = std::array<__user_cap_data_struct, 2>;

constexpr std::uint64_t bit(int capability) { return std::uint64_t{1} << static_cast<unsigned>(capability); }

/// capget(2), which the C library does not have, of this thread.
bool get(Halves& halves) noexcept {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  return syscall(SYS_capget, &header, halves.data()) == 0;
}

}  // namespace

std::uint64_t relevant() noexcept {
  std::uint64_t all = 0;
  for (const int one : kRelevant) all |= bit(one);
  return all;
}

std::uint64_t effective() noexcept {
  Halves halves{};
  if (!get(halves)) return 0;
  return halves[0].effective | (std::uint64_t{halves[1].effective} << kBits);
}

void passOn() noexcept {
  Halves halves{};
  // Root's are inherited anyway.
  if (geteuid() == 0 || !get(halves)) return;
  // All relevant ones are in the first half.
  const auto passed = static_cast<std::uint32_t>(halves[0].permitted & relevant());
  if (passed == 0) return;
  halves[0].inheritable |= passed;
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  if (syscall(SYS_capset, &header, halves.data()) != 0) return;
  for (const int one : kRelevant) {
    if ((passed & bit(one)) != 0) prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, one, 0, 0);
  }
}

}  // namespace freeze_state::capabilities
