/// <reference types="node" preserve="true" />
export { CgroupError, type CgroupReason } from './cgroup-error';
export type { FreezeMessage, MemberMessage, OperationMessage, ThawMessage } from './diagnostics';
export {
  type AnyFreezeError,
  FreezeClosedError,
  FreezeError,
  type FreezeErrorCode,
  FreezeTimeoutError,
  InvalidHandleError,
  InvalidPidError,
  MultipleFreezeError,
  NoPidConfiguredError,
  NotStoppedError,
  PermissionDeniedError,
  ProcessNotFoundError,
  ResourceExhaustedError,
  SignalFailedError,
  UnreadableProcessError,
  UnsupportedPlatformError,
} from './errors';
export { FreezeState } from './freeze-state';
export type { FreezeHold } from './hold';
export type { SystemAnswer } from './system-answer';
export {
  type CgroupOptions,
  type ChangesOptions,
  type ConfirmOptions,
  type ExitOptions,
  type FreezeCapabilities,
  type FreezeHandle,
  type FreezeInit,
  FreezeMode,
  type FreezeOptions,
  type FreezeReport,
  type FreezeSnapshot,
  type FrozenReport,
  type GuardianCapability,
  type MemberOutcome,
  type MemberStatus,
  type ModeCapability,
  type NotFrozenReason,
  type NotFrozenReport,
  type Outcome,
  type ProcessState,
  type RegisterOptions,
  type ReleaseOptions,
  type Signalling,
  type UnstoppedProcess,
  type WaitOptions,
  type WaitSyncOptions,
} from './types';
