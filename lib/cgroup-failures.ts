import { constants } from 'node:os';
import { CgroupError, type CgroupReason } from './cgroup-error';
import type { CgroupFailureCode, NativeFailure, NativeFailureCode } from './native';
import { answerOf, causedBy, errnoName } from './system-answer';

const cgroupReasons: Record<CgroupFailureCode, CgroupReason> = {
  CgroupNotMounted: 'not-mounted',
  CgroupNotPermitted: 'not-permitted',
  CgroupReadOnly: 'read-only',
  CgroupMissing: 'no-cgroup',
  CgroupThreaded: 'threaded',
  CgroupControllers: 'has-controllers',
  CgroupOurs: 'ours',
  CgroupFrozen: 'frozen-by-another',
  CgroupUnseen: 'not-visible',
  CgroupHeld: 'held-by-another',
  CgroupLeft: 'member-left',
  CgroupGone: 'gone',
  CgroupFailed: 'failed',
};

export function isCgroupFailure(code: NativeFailureCode): code is CgroupFailureCode {
  return Object.hasOwn(cgroupReasons, code);
}

/** @param aftermath ends the message. */
export function cgroupError(
  code: CgroupFailureCode,
  failure: NativeFailure,
  operation: string,
  aftermath: string,
): CgroupError {
  const { path, errno, syscall } = failure;
  const message = `${operation}: ${whyNoCgroup(code, failure)}${aftermath}`;
  const fields = { ...(path === '' ? {} : { path }), ...(errno === 0 ? {} : answerOf(errno, syscall)) };
  return new CgroupError(message, cgroupReasons[code], fields, causedBy(errno, syscall));
}

/** Why a control group could not be used, and what to do: the end of a message, without its beginning. */
export function whyNoCgroup(code: CgroupFailureCode, failure: NativeFailure): string {
  return explanation(code, failure).join(' ');
}

/** What a capability has of it. */
export function reasonNoCgroup(code: CgroupFailureCode): CgroupReason {
  return cgroupReasons[code];
}

/** A sentence that says why, without its beginning, and one or more that say what to do. */
export function explanation(
  code: CgroupFailureCode,
  { path, pid, errno, syscall }: NativeFailure,
): [why: string, remedy: string] {
  const answer = errno === 0 ? '' : ` (${syscall}: ${errnoName(errno)})`;
  switch (code) {
    case 'CgroupNotMounted':
      if (process.platform !== 'linux')
        return [`${process.platform} has no control groups.`, 'Run the emulator on Linux.'];
      return [
        'no control group hierarchy of version 2 is mounted here.',
        'On Linux, `mount -t cgroup2 none <directory>` as root mounts it; a container has to be given it.',
      ];
    case 'CgroupNotPermitted':
      return pid === 0
        ? [
            `not permitted to use ${path}${answer}.`,
            'Run as root, or have a group delegated to this user (`systemd-run --user --scope -p Delegate=yes`) and name it in ' +
              'options.cgroup.',
          ]
        : [
            `not permitted to move process ${pid} into or out of ${path}${answer}.`,
            'This needs the right to write to cgroup.procs of that group, of the group that the process is in, and of one above both.',
          ];
    case 'CgroupReadOnly':
      return [
        `${path} is mounted read-only${answer}, as in most containers.`,
        'Mount it writable, or name another group in options.cgroup.',
      ];
    case 'CgroupMissing':
      return [
        `${path} is no control group of version 2 that can be frozen${answer}.`,
        'Expected a directory of the cgroup2 mount other than its root, on Linux 5.2 or later.',
      ];
    case 'CgroupThreaded':
      return [
        `${path} is in a threaded part of the hierarchy${answer}, which takes threads and no processes.`,
        'Name a group whose cgroup.type is `domain`.',
      ];
    case 'CgroupControllers':
      return [
        `${pid === 0 ? `${path} takes no processes` : `process ${pid} could not be moved into ${path}${answer}, which takes no processes`}: ` +
          'it has controllers enabled for the groups below it, in cgroup.subtree_control (cgroups(7), "no internal processes").',
        `Name a group below it, or disable the controllers: \`echo -NAME > ${path}/cgroup.subtree_control\`.`,
      ];
    case 'CgroupOurs':
      if (pid !== process.pid) {
        return [
          `process ${pid} is in ${path} or below. It is the guardian of this process, which thaws nothing while it is frozen.`,
          'Move it out, or name another group.',
        ];
      }
      return [
        `this very process is in ${path}, and one that freezes itself never runs again.`,
        'Name a group that it is not in.',
      ];
    case 'CgroupFrozen':
      return [
        `a foreign process or another FreezeState froze ${path}, so it is not ours to thaw.`,
        `What is in it stays stopped until whoever froze it thaws it, for example by \`echo 0 > ${path}/cgroup.freeze\`.`,
      ];
    case 'CgroupUnseen':
      return [
        `process ${pid} is in a control group that the mount at ${path} does not show, so it could not be moved back there.`,
        'Mount the whole hierarchy where this program sees it, or move the process into a group that it sees.',
      ];
    case 'CgroupHeld':
      return [
        `process ${pid} is in ${path}, the group of another FreezeState in mode 'cgroup', and a process is in one group only.`,
        'Unregister it there first, or close that state.',
      ];
    case 'CgroupLeft':
      return [
        `process ${pid} was moved out of ${path}, so a freeze would not reach it.`,
        `registerPid(${pid}) moves it back in, unregisterPid releases it.`,
      ];
    case 'CgroupGone':
      return [
        `${path} is gone${answer}: that control group was removed after this state took it, so nothing is in it and ` +
          'nothing can be frozen with it.',
        'Close this state, and make a new one.',
      ];
    case 'CgroupFailed':
      if (syscall === 'rmdir' && errno === constants.errno.EBUSY) {
        if (pid !== 0) {
          return [
            `${path} could not be removed${answer}, since process ${pid} has been exiting for seconds.`,
            `The next state under the same parent removes it, or \`rmdir ${path}\`.`,
          ];
        }
        return [
          `${path} could not be removed${answer}, since a foreign process was put there.`,
          `Move what its cgroup.procs names elsewhere, then \`rmdir ${path}\`.`,
        ];
      }
      if (errno === constants.errno.EAGAIN && (syscall === 'flock' || syscall === 'fcntl')) {
        return [
          `${path} could not be locked${answer}: another process has held a lock on its cgroup.freeze for a second. ` +
            'So the group was removed again.',
          'Only a process of this user or of root can do that. End that process, or name another parent in options.cgroup.',
        ];
      }
      return [
        `${pid === 0 ? `${path} could not be used` : `process ${pid} could not be moved into ${path}`}${answer}.`,
        `Look up that errno in ${syscall}(2).`,
      ];
  }
}
