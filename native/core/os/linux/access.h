#pragma once

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

// Linux 5.8; the same on every architecture.
#ifndef SYS_faccessat2
#define SYS_faccessat2 439
#endif

namespace freeze_state {

/// Whether this thread may access the file so (R_OK, W_OK, X_OK). Returns 0, or the errno(3). It asks as the effective
/// user, with the capabilities of the thread, as open(2) and execve(2) do. access(2) asks as the real user, and counts
/// no capability unless that is root. Before Linux 5.8 the C library asks as the effective user, and counts no
/// capability either. Where a filter answers EPERM, the library may take that for the answer, so access(2) has to do.
inline int findAccess(const char* path, int mode) noexcept {
  if (syscall(SYS_faccessat2, AT_FDCWD, path, mode, AT_EACCESS) == 0) return 0;
  if (errno == ENOSYS) return faccessat(AT_FDCWD, path, mode, AT_EACCESS) == 0 ? 0 : errno;
  if (errno != EPERM) return errno;
  return access(path, mode) == 0 ? 0 : errno;
}

}  // namespace freeze_state
