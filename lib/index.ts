export {
  type AnyFreezeError,
  CgroupError,
  FreezeClosedError,
  FreezeError,
  type FreezeErrorCode,
  FreezeTimeoutError,
  InvalidHandleError,
  InvalidPidError,
  MultipleFreezeError,
  NoPidConfiguredError,
  PermissionDeniedError,
  ProcessNotFoundError,
  ResourceExhaustedError,
  SignalFailedError,
  UnsupportedPlatformError,
} from './errors';
export { FreezeState } from './freeze-state';
export type { FreezeHold } from './hold';
export {
  type ChangesOptions,
  type FreezeCapabilities,
  type FreezeHandle,
  FreezeMode,
  type FreezeOptions,
  type FreezeSnapshot,
  type ModeCapability,
  type Signalling,
  type WaitOptions,
  type WaitSyncOptions,
} from './types';
