#pragma once

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

#include <array>
#include <cstddef>

namespace freeze_state::test {

namespace seccomp {

template <std::size_t Length>
bool filter(std::array<sock_filter, Length> code) noexcept {
  const sock_fprog program{static_cast<unsigned short>(Length), code.data()};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

}  // namespace seccomp

/// These numbers are the same on every architecture, and older C libraries do not have them.
inline constexpr unsigned kPidfdSendSignal = 424;
inline constexpr unsigned kPidfdOpen = 434;
inline constexpr unsigned kCloseRange = 436;

/// From now on the system call answers with that errno(3), here and in all that we start.
inline bool deny(unsigned call, unsigned error) noexcept {
  return seccomp::filter(std::array{
      sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
      sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
      sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  });
}

/// From now on the system call ends the process where its first argument is greater.
inline bool dieAbove(unsigned call, unsigned most) noexcept {
  return seccomp::filter(std::array{
      sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 3),
      sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args)),
      sock_filter BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, most, 0, 1),
      sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
      sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  });
}

}  // namespace freeze_state::test
