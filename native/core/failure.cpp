#include "failure.h"

namespace freeze_state {

const char* nameOf(FailureCode code) noexcept {
  switch (code) {
    case FailureCode::NoPidConfigured: return "NoPidConfigured";
    case FailureCode::ProcessNotFound: return "ProcessNotFound";
    case FailureCode::PermissionDenied: return "PermissionDenied";
    case FailureCode::UnsupportedPlatform: return "UnsupportedPlatform";
    case FailureCode::SignalFailed: return "SignalFailed";
    case FailureCode::ResourceExhausted: return "ResourceExhausted";
    case FailureCode::Closed: return "Closed";
    case FailureCode::NotAPid: return "NotAPid";
    case FailureCode::PidOutOfRange: return "PidOutOfRange";
    case FailureCode::OwnPid: return "OwnPid";
    case FailureCode::OwnGuardian: return "OwnGuardian";
    case FailureCode::KernelThread: return "KernelThread";
    case FailureCode::ThreadId: return "ThreadId";
    case FailureCode::NotGroupLeader: return "NotGroupLeader";
    case FailureCode::OwnGroup: return "OwnGroup";
    case FailureCode::OwnAncestor: return "OwnAncestor";
    case FailureCode::NeverStopped: return "NeverStopped";
    case FailureCode::Unreadable: return "Unreadable";
    case FailureCode::CgroupNotMounted: return "CgroupNotMounted";
    case FailureCode::CgroupNotPermitted: return "CgroupNotPermitted";
    case FailureCode::CgroupReadOnly: return "CgroupReadOnly";
    case FailureCode::CgroupMissing: return "CgroupMissing";
    case FailureCode::CgroupThreaded: return "CgroupThreaded";
    case FailureCode::CgroupControllers: return "CgroupControllers";
    case FailureCode::CgroupOurs: return "CgroupOurs";
    case FailureCode::CgroupFrozen: return "CgroupFrozen";
    case FailureCode::CgroupUnseen: return "CgroupUnseen";
    case FailureCode::CgroupHeld: return "CgroupHeld";
    case FailureCode::CgroupLeft: return "CgroupLeft";
    case FailureCode::CgroupGone: return "CgroupGone";
    case FailureCode::CgroupFailed: return "CgroupFailed";
    case FailureCode::GuardianMissing: return "GuardianMissing";
    case FailureCode::GuardianFailed: return "GuardianFailed";
    case FailureCode::GuardianBlind: return "GuardianBlind";
    case FailureCode::GuardianWeak: return "GuardianWeak";
    case FailureCode::GuardianDenied: return "GuardianDenied";
  }
  return "";
}

}  // namespace freeze_state
