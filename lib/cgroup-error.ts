import { FreezeError } from './errors';
import type { SystemAnswer } from './system-answer';

/**
 * Why a control group could not be used; see {@link CgroupError.reason}.
 *
 * - `not-mounted`: no hierarchy of version 2 is mounted, or none is visible from here.
 * - `not-permitted`: this user may not write there, or may not move a process into it or out of it.
 * - `read-only`: it is mounted read-only, as in most containers.
 * - `no-cgroup`: it is no directory of the hierarchy, or one that cannot be frozen, as the root.
 * - `threaded`: it takes threads and no processes.
 * - `has-controllers`: it has controllers enabled for the groups below it (cgroup.subtree_control), and so takes no
 *   processes.
 * - `ours`: this process, or its guardian, is in it or below it, and would be frozen with it.
 * - `frozen-by-another`: a foreign process or another state froze it, or a group above it; that is not ours to thaw.
 * - `not-visible`: the mount does not show the group that the process is in, so it could not be moved back there.
 * - `held-by-another`: another state of this process has the process in its group: as a member, or as one that a member has
 *   started.
 * - `member-left`: a member was moved out of it, so a freeze would not reach that.
 * - `gone`: it was removed after this state took it.
 * - `failed`: the system gave another answer; the error has it as `errno` and `syscall`.
 */
export type CgroupReason =
  | 'not-mounted'
  | 'not-permitted'
  | 'read-only'
  | 'no-cgroup'
  | 'threaded'
  | 'has-controllers'
  | 'ours'
  | 'frozen-by-another'
  | 'not-visible'
  | 'held-by-another'
  | 'member-left'
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
    /** Why the group could not be used. */
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
