#pragma once

#include <cerrno>
#include <map>
#include <string>
#include <vector>

#include "../../core/failure.h"

namespace freeze_state::test {

/// How errno(3) spells it; musl has no function for that.
inline std::string nameOfError(int error) {
  static const std::map<int, std::string> names{
      {EACCES, "EACCES"}, {EAGAIN, "EAGAIN"},   {EBADF, "EBADF"},           {EBUSY, "EBUSY"},   {ECHILD, "ECHILD"},
      {EFAULT, "EFAULT"}, {EINTR, "EINTR"},     {EINVAL, "EINVAL"},         {EIO, "EIO"},       {EMFILE, "EMFILE"},
      {ENFILE, "ENFILE"}, {ENODEV, "ENODEV"},   {ENOENT, "ENOENT"},         {ENOLCK, "ENOLCK"}, {ENOMEM, "ENOMEM"},
      {ENOSPC, "ENOSPC"}, {ENOTDIR, "ENOTDIR"}, {EOPNOTSUPP, "EOPNOTSUPP"}, {EPERM, "EPERM"},   {EROFS, "EROFS"},
      {ESRCH, "ESRCH"},
  };
  return names.at(error);
}

/// The errors that the man page of a call lists, each with the code of an operation that fails because of it. No
/// operation may fail because of those in `harmless`: the process has exited, or nothing depends on the answer.
struct FaultyCall {
  std::map<int, FailureCode> failing;
  std::vector<int> harmless;
};

inline const std::map<std::string, FaultyCall>& faultyCalls() {
  using enum FailureCode;
  const std::map<int, FailureCode> reading{
      {EACCES, Unreadable},        {EINTR, Unreadable},         {EIO, Unreadable},  {EMFILE, ResourceExhausted},
      {ENFILE, ResourceExhausted}, {ENOMEM, ResourceExhausted}, {ESRCH, Unreadable}};
  const std::map<int, FailureCode> signalling{{EBADF, SignalFailed}, {EINVAL, SignalFailed}, {EPERM, PermissionDenied}};
  const std::map<int, FailureCode> group{{EINVAL, SignalFailed}, {EPERM, PermissionDenied}};
  const std::map<int, FailureCode> opening{
      {EACCES, CgroupNotPermitted}, {EINTR, CgroupFailed}, {EIO, CgroupFailed},  {EMFILE, ResourceExhausted},
      {ENFILE, ResourceExhausted},  {ENODEV, CgroupGone},  {ENOENT, CgroupGone}, {ENOMEM, ResourceExhausted}};
  std::map<int, FailureCode> placing = opening;
  placing.erase(ENODEV);
  placing.erase(ENOENT);
  std::map<int, FailureCode> moving = opening;
  moving.insert({{EAGAIN, CgroupFailed},
                 {EBUSY, CgroupControllers},
                 {EINVAL, CgroupFailed},
                 {ENOSPC, CgroupFailed},
                 {EOPNOTSUPP, CgroupThreaded},
                 {EPERM, CgroupNotPermitted},
                 {EROFS, CgroupReadOnly}});
  static const std::map<std::string, FaultyCall> all{
      {"pidfd_open",
       {{{EINVAL, ResourceExhausted},
         {EMFILE, ResourceExhausted},
         {ENFILE, ResourceExhausted},
         {ENODEV, ResourceExhausted},
         {ENOMEM, ResourceExhausted}},
        {ESRCH}}},
      {"pidfd_send_signal SIGSTOP", {signalling, {ESRCH}}},
      {"pidfd_send_signal SIGCONT", {signalling, {ESRCH}}},
      {"kill SIGSTOP", {group, {ESRCH}}},
      {"kill SIGCONT", {group, {ESRCH}}},
      {"kill 0", {{}, {EINVAL, EPERM, ESRCH}}},
      {"getpgid", {{}, {EPERM, ESRCH}}},
      {"poll", {{}, {EFAULT, EINTR, EINVAL, ENOMEM}}},
      {"waitid", {{}, {ECHILD, EINTR, EINVAL}}},
      {"open /proc/PID/stat", {{}, {EACCES, EINTR, EMFILE, ENFILE, ENOENT, ENOMEM}}},
      {"read /proc/PID/stat", {reading, {}}},
      {"read /proc/PID/task/TID/children", {reading, {}}},
      {"getdents64 /proc",
       {{{EACCES, Unreadable},
         {EBADF, Unreadable},
         {EINVAL, Unreadable},
         {EMFILE, ResourceExhausted},
         {ENFILE, ResourceExhausted},
         {ENOENT, Unreadable},
         {ENOMEM, ResourceExhausted},
         {ENOTDIR, Unreadable}},
        {}}},
      {"open /proc/PID/cgroup", {placing, {ESRCH}}},
      {"write cgroup.procs", {moving, {ESRCH}}},
      {"open cgroup.threads", {opening, {}}},
      {"open cgroup.procs", {opening, {}}},
      {"open cgroup.freeze", {opening, {}}},
      {"read", {{{EINTR, CgroupFailed}, {EIO, CgroupFailed}, {ENODEV, CgroupGone}, {ENOMEM, ResourceExhausted}}, {}}},
      {"pread", {{{EINTR, CgroupFailed}, {EIO, CgroupFailed}, {ENODEV, CgroupGone}}, {}}},
      {"pwrite cgroup.freeze",
       {{{EACCES, CgroupNotPermitted},
         {EAGAIN, CgroupFailed},
         {EINTR, CgroupFailed},
         {EIO, CgroupFailed},
         {ENOSPC, CgroupFailed},
         {EPERM, CgroupNotPermitted}},
        {}}},
      {"sigaction", {{}, {EFAULT, EINVAL}}},
      {"getrlimit", {{}, {EFAULT, EINVAL, EPERM}}},
      {"prctl", {{}, {EFAULT, EINVAL, EPERM}}},
      {"sched_getscheduler", {{}, {EINVAL, EPERM, ESRCH}}},
      {"sched_setscheduler", {{}, {EINVAL, EPERM, ESRCH}}},
  };
  return all;
}

}  // namespace freeze_state::test
