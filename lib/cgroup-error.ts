import { FreezeError } from './errors';
import type { SystemAnswer } from './system-answer';

/** Why a control group could not be used; see {@link CgroupError.reason}. */
export type CgroupReason =
  /** No hierarchy of version 2 is mounted, or none is visible from here. */
  | 'not-mounted'
  | 'not-permitted'
  | 'read-only'
  /** No directory of the hierarchy, or one that cannot be frozen, as its root. */
  | 'no-cgroup'
  /** It takes threads and no processes. */
  | 'threaded'
  /** It has controllers enabled for the groups below it (cgroup.subtree_control), and so takes no processes. */
  | 'has-controllers'
  /** This process, or its guardian, is in it or below it, and would be frozen with it. */
  | 'ours'
  /** A foreign process or another state froze it, or a group above it; that is not ours to thaw. */
  | 'frozen-by-another'
  /** The mount does not show the group that the process is in, so it could not be moved back there. */
  | 'not-visible'
  /** Another state of this process has the process in its group: as a member, or as one that a member has started. */
  | 'held-by-another'
  /** A member was moved out of it, so a freeze would not reach that. */
  | 'member-left'
  /** It was removed after this state took it. */
  | 'gone'
  | 'failed';

/** A control group could not be used, in mode `cgroup` (cgroups(7)). Its `cause` is the system's error, where there is one. */
export class CgroupError extends FreezeError {
  override readonly code = 'ERR_FREEZE_CGROUP';
  static {
    FreezeError.named(CgroupError, 'CgroupError');
  }
  constructor(
    message: string,
    readonly reason: CgroupReason,
    { path, errno, syscall }: Partial<SystemAnswer> & { readonly path?: string } = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
    if (path !== undefined) this.path = path;
    if (errno !== undefined) this.errno = errno;
    if (syscall !== undefined) this.syscall = syscall;
  }
  /** The group's directory; absent where there is none. */
  declare readonly path?: string;
  /** See {@link SystemAnswer.errno}; absent where no system call failed, and `syscall` with it. */
  declare readonly errno?: number;
  /** See {@link SystemAnswer.syscall}. */
  declare readonly syscall?: string;
}
