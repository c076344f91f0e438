import { constants } from 'node:os';
import { isProxy } from 'node:util/types';
import {
  type AnyFreezeError,
  CgroupError,
  type CgroupReason,
  errnoName,
  FreezeClosedError,
  InvalidPidError,
  MultipleFreezeError,
  NoPidConfiguredError,
  PermissionDeniedError,
  ProcessNotFoundError,
  ResourceExhaustedError,
  SignalFailedError,
  UnsupportedPlatformError,
} from './errors';
import type { CgroupFailureCode, InvalidPidCode, NativeFailure, NativeFailureCode } from './native';

/** What became of it when an operation failed for a process; ends the message, once. */
const aftermaths = {
  FreezeState: 'No state was made.',
  confirmFreezeAtEpoch: 'This freeze left no process stopped.',
  freezeAtEpoch: 'This freeze left no process stopped.',
  unfreeze: 'Every other process runs; the next unfreeze() tries this one once more.',
  registerPid: 'It was not registered.',
  unregisterPid: 'It stays registered.',
  hold: 'Every other process runs; nothing is held, and the next hold() or unfreeze() tries this one once more.',
  close: 'Every other process runs, and the state is closed.',
} as const;

/** An operation that can fail for a process. */
export type Operation = keyof typeof aftermaths;

/** The same in mode `cgroup`, where one group fails, and not one process among others. */
const cgroupAftermaths: Record<Operation, string> = {
  ...aftermaths,
  unfreeze: 'What is in it stays frozen; the next unfreeze() tries it once more.',
  hold: 'What is in it stays frozen, and nothing is held; the next hold() or unfreeze() tries it once more.',
  close: 'The state is closed; what could not be moved out stays where it is.',
};

/** The same where others hold it frozen: there is nothing left for us to do. */
const frozenAftermaths: Record<Operation, string> = {
  ...aftermaths,
  freezeAtEpoch: 'The state is not frozen.',
  confirmFreezeAtEpoch: 'The state is not frozen.',
  unfreeze: 'The state is not frozen.',
  hold: 'The state is not frozen, and nothing is held.',
  close: 'The state is closed.',
};

/** Makes the error of an operation out of what the core handed over. `argument` is the pid that was given to it. */
export function errorOf(failures: readonly NativeFailure[], operation: Operation, argument?: unknown): AnyFreezeError {
  const stuck = failures.filter(({ isStopped, pid }) => isStopped && pid > 0).map(({ pid }) => pid);
  const aftermath = aftermathOf(operation, stuck, failures);
  const [only] = failures;
  if (only === undefined) throw new Error('freeze-state: a failure without a reason; please report this');
  if (failures.length === 1) return single(only, operation, argument, ` ${aftermath}`);
  const errors = failures.map((failure) => single(failure, operation, argument, ''));
  const lines = errors.map(({ message }) => `  ${message}`);
  // Where a control group failed, there is a failure of no process.
  const what = failures.every(({ pid }) => pid > 0) ? 'processes failed' : 'failures';
  return new MultipleFreezeError([`${operation}: ${errors.length} ${what}.`, ...lines, aftermath].join('\n'), errors);
}

/** `stuck` are those that refuse to be continued. */
function aftermathOf(operation: Operation, stuck: readonly number[], failures: readonly NativeFailure[]): string {
  const isOfFrozen = failures.some(({ code }) => code === 'CgroupFrozen');
  // What has a path is about a control group, whatever the code.
  const isOfCgroup = failures.some(({ code, path }) => isCgroupFailure(code) || path !== '');
  const plain = isOfFrozen ? frozenAftermaths : isOfCgroup ? cgroupAftermaths : aftermaths;
  if (stuck.length === 0) return plain[operation];
  const still = `Still stopped: ${stuck.join(', ')}; \`kill -CONT ${stuck.join(' ')}\` by a user who may continues them.`;
  return operation === 'freezeAtEpoch' || operation === 'confirmFreezeAtEpoch'
    ? `${still} The next unfreeze() tries it too; every other process runs.`
    : `${still} ${plain[operation]}`;
}

export function closedError(message = 'This FreezeState was closed, by some thread or at exit.'): FreezeClosedError {
  return new FreezeClosedError(`${message} Make a new one.`);
}

/** Node could not make a thread-safe function (napi_create_threadsafe_function). */
export function noWakeUp(): ResourceExhaustedError {
  return new ResourceExhaustedError(
    'waitForStateChange: out of memory for what wakes this thread. Wait in fewer states at once.',
    0,
    constants.errno.ENOMEM,
    'napi_create_threadsafe_function',
  );
}

function answerOf({ syscall, errno }: NativeFailure): string {
  return `(${syscall}: ${errno === 0 ? '' : errnoName(errno)})`;
}

function single(failure: NativeFailure, operation: Operation, argument: unknown, aftermath: string): AnyFreezeError {
  const { pid, errno, syscall } = failure;
  const answer = answerOf(failure);
  switch (failure.code) {
    case 'NoPidConfigured':
      return new NoPidConfiguredError(
        `${operation}: no process is registered, or all that were have exited. Call registerPid(pid) first.`,
      );
    case 'ProcessNotFound':
      return new ProcessNotFoundError(
        `${operation}: process ${pid} has exited or never existed ${answer}, and no other member lives. ` +
          'Register the process that takes its place.',
        pid,
      );
    case 'PermissionDenied':
      return new PermissionDeniedError(
        `${operation}: not permitted to signal process ${pid} ${answer}. ` +
          `Run as the user who owns it, or with CAP_KILL.${aftermath}`,
        pid,
      );
    case 'SignalFailed':
      return new SignalFailedError(
        `${operation}: process ${pid} could not be signalled ${answer}. Look up that errno in ${syscall}(2); ` +
          `a seccomp filter or a security module may forbid the call.${aftermath}`,
        pid,
        errno,
        syscall,
      );
    case 'ResourceExhausted':
      return new ResourceExhaustedError(`${operation}: ${whyExhausted(pid, answer)}${aftermath}`, pid, errno, syscall);
    case 'NotAPid':
    case 'PidOutOfRange':
    case 'OwnPid':
    case 'ThreadId':
      return new InvalidPidError(`${operation}: ${whyNoMember(failure.code, argument)} Nothing was changed.`, argument);
    case 'NotGroupLeader':
    case 'OwnGroup':
    case 'OwnAncestor':
      return new InvalidPidError(`${operation}: ${whyNoMember(failure.code, pid)}${aftermath}`, argument ?? pid);
    case 'NeverStopped':
      return new SignalFailedError(
        `${operation}: process ${pid}, or its tree, was sent SIGSTOP and went on, for a second without any progress or for ` +
          `five in all ${answer}, so its descendants cannot be known. The machine may be overloaded: try again, or use FreezeMode.Cgroup.${aftermath}`,
        pid,
        errno,
        syscall,
      );
    case 'Unreadable':
      return new SignalFailedError(
        `${operation}: /proc does not show ${pid === 0 ? 'all processes' : `process ${pid}`} to this user ${answer}, so its ` +
          `children cannot be known. It may be mounted with hidepid (proc(5)): run as the user who owns the processes, or ` +
          `use FreezeMode.ProcessGroup.${aftermath}`,
        pid,
        errno,
        syscall,
      );
    case 'UnsupportedPlatform':
      return new UnsupportedPlatformError(
        `${operation}: ${whyUnsupported()} FreezeState.capabilities says what works.`,
      );
    case 'Closed':
      return closedError();
    default:
      return cgroupError(failure, failure.code, `${operation}: `, aftermath);
  }
}

function whyExhausted(pid: number, answer: string): string {
  return (
    `no descriptor for ${pid === 0 ? 'a file' : `process ${pid}`} ${answer}. Each member takes one, a control group two, ` +
    'and in a tree each descendant while it is frozen: raise the limit (`ulimit -n`), or close states that are done.'
  );
}

function whyUnsupported(): string {
  return process.platform === 'win32'
    ? 'processes cannot be frozen on Windows, which has no SIGSTOP.'
    : 'the children of a process are known by /proc, which is not mounted here.';
}

const cgroupReasons: Record<CgroupFailureCode, CgroupReason> = {
  CgroupNotMounted: 'not-mounted',
  CgroupNotPermitted: 'not-permitted',
  CgroupReadOnly: 'read-only',
  CgroupMissing: 'no-cgroup',
  CgroupThreaded: 'threaded',
  CgroupControllers: 'has-controllers',
  CgroupOurs: 'ours',
  CgroupFrozen: 'frozen-by-another',
  CgroupLeft: 'member-left',
  CgroupGone: 'gone',
  CgroupFailed: 'failed',
};

function cgroupError(failure: NativeFailure, code: CgroupFailureCode, prefix: string, aftermath: string): CgroupError {
  const { path, pid, errno, syscall } = failure;
  const message = `${prefix}${whyNoCgroup(code, path, pid, errno, syscall)}${aftermath}`;
  return new CgroupError(message, cgroupReasons[code], path, errno, syscall);
}

function whyNoCgroup(code: CgroupFailureCode, path: string, pid: number, errno: number, syscall: string): string {
  const answer = errno === 0 ? '' : ` (${syscall}: ${errnoName(errno)})`;
  switch (code) {
    case 'CgroupNotMounted':
      if (process.platform !== 'linux') return `${process.platform} has no control groups. Run the emulator on Linux.`;
      return (
        'no control group hierarchy of version 2 is mounted here. On Linux, `mount -t cgroup2 none <directory>` as root ' +
        'mounts it; a container has to be given it.'
      );
    case 'CgroupNotPermitted':
      return pid === 0
        ? `not permitted to use ${path}${answer}. Run as root, or have a group delegated to this user ` +
            '(`systemd-run --user --scope -p Delegate=yes`) and name it in options.cgroup.'
        : `not permitted to move process ${pid} into or out of ${path}${answer}. It takes the right to write to ` +
            'cgroup.procs there, where the process is, and in what is above both.';
    case 'CgroupReadOnly':
      return `${path} is mounted read-only${answer}, as in most containers. Mount it writable, or name another in options.cgroup.`;
    case 'CgroupMissing':
      return (
        `${path} is no control group of version 2 that can be frozen${answer}. Expected a directory of the cgroup2 mount ` +
        'other than its root, on Linux 5.2 or later.'
      );
    case 'CgroupThreaded':
      return `${path} is in a threaded part of the hierarchy${answer}, which takes threads and no processes. Name one whose cgroup.type is \`domain\`.`;
    case 'CgroupControllers':
      return (
        `${pid === 0 ? `${path} takes no processes` : `process ${pid} could not be moved into ${path}${answer}, which takes none`}: ` +
        'it has controllers enabled for the groups below it, in cgroup.subtree_control (cgroups(7), "no internal ' +
        `processes"). Name a group below it, or take them away: \`echo -NAME > ${path}/cgroup.subtree_control\`.`
      );
    case 'CgroupOurs':
      return `this very process is in ${path}, and one that freezes itself never runs again. Name one that it is not in.`;
    case 'CgroupFrozen':
      return (
        `somebody else froze ${path}, or another FreezeState did, so it is not ours to thaw; what is in it stays ` +
        `stopped until they thaw it, or \`echo 0 > ${path}/cgroup.freeze\`.`
      );
    case 'CgroupLeft':
      return (
        `somebody moved process ${pid} out of ${path}, so a freeze would not reach it. registerPid(${pid}) moves it back ` +
        'in, unregisterPid lets it go.'
      );
    case 'CgroupGone':
      return (
        `${path} is gone${answer}: somebody removed that control group after this state took it, so nothing is in it ` +
        'and nothing can be frozen with it. Close this state, and make a new one.'
      );
    case 'CgroupFailed':
      if (syscall === 'rmdir' && errno === constants.errno.EBUSY) {
        return `${path} could not be removed${answer}, since somebody else has put a process there. Move what its cgroup.procs names elsewhere, then \`rmdir ${path}\`.`;
      }
      return `${pid === 0 ? `${path} could not be used` : `process ${pid} could not be moved into ${path}`}${answer}. Look up that errno in ${syscall}(2).`;
  }
}

/** Why a mode cannot work here: a sentence that a person can act on. */
export function whyUnavailable(failure: NativeFailure): string {
  if (isCgroupFailure(failure.code)) {
    const { path, pid, errno, syscall } = failure;
    const why = whyNoCgroup(failure.code, path, pid, errno, syscall);
    return `${why.charAt(0).toUpperCase()}${why.slice(1)}`;
  }
  if (failure.code === 'ResourceExhausted')
    return `It could not be found out: ${whyExhausted(failure.pid, answerOf(failure))}`;
  const why = whyUnsupported();
  return `${why.charAt(0).toUpperCase()}${why.slice(1)} Run the emulator on Linux, or in mode 'none'.`;
}

function isCgroupFailure(code: NativeFailureCode): code is CgroupFailureCode {
  return Object.hasOwn(cgroupReasons, code);
}

function whyNoMember(code: InvalidPidCode, pid: unknown): string {
  switch (code) {
    case 'NotAPid':
      return `${shown(pid)} is not a pid; expected an integer from 2 to 2147483647.`;
    case 'PidOutOfRange':
      return `${shown(pid)} is not a pid that can be frozen; expected an integer from 2 to 2147483647.`;
    case 'OwnPid':
      return `${shown(pid)} is this very process, and one that stops itself never runs again.`;
    case 'ThreadId':
      return `${shown(pid)} is the id of a thread; expected that of a process, which is what a signal stops.`;
    case 'NotGroupLeader':
      return (
        `process ${shown(pid)} does not lead a process group, so a signal to its group would reach others as well. Start it with ` +
        '`detached: true`, or register the leader.'
      );
    case 'OwnGroup':
      return `${shown(pid)} is the process group that this very process is in. Start the member with \`detached: true\`.`;
    case 'OwnAncestor':
      return `process ${shown(pid)} is an ancestor of this very process, which would be stopped with its tree. Register what this process started.`;
  }
}

/** A value as a message shows it: short, on one line, and never failing. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function') return 'a function';
  // A proxy that was revoked throws whatever one asks of it.
  if (!isProxy(value) && Array.isArray(value)) return 'an array';
  if (typeof value === 'object' && value !== null) return 'an object';
  return String(value);
}
