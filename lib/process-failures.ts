import {
  type AnyFreezeError,
  InvalidPidError,
  NoPidConfiguredError,
  NotStoppedError,
  PermissionDeniedError,
  ProcessNotFoundError,
  ResourceExhaustedError,
  SignalFailedError,
  UnreadableProcessError,
  UnsupportedPlatformError,
} from './errors';
import type { CgroupFailureCode, InvalidPidCode, NativeFailure, NativeFailureCode } from './native';
import { shown } from './show';
import { answerOf, causedBy, errnoName } from './system-answer';

type ProcessFailureCode = Exclude<NativeFailureCode, CgroupFailureCode | 'Closed'>;

/**
 * The error of a failure that is not about a control group.
 *
 * @param argument the pid that was given to the operation.
 * @param aftermath ends the message.
 */
export function processError(
  code: ProcessFailureCode,
  failure: NativeFailure,
  operation: string,
  argument: unknown,
  aftermath: string,
): AnyFreezeError {
  const { pid, errno, syscall } = failure;
  const answer = shownAnswer(failure);
  const cause = causedBy(errno, syscall);
  switch (code) {
    case 'NoPidConfigured':
      return new NoPidConfiguredError(
        `${operation}: no process is registered, or all that were registered have exited. Call registerPid(pid) first.`,
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
        cause,
      );
    case 'SignalFailed':
      return new SignalFailedError(
        `${operation}: process ${pid} could not be signalled ${answer}. Look up that errno in ${syscall}(2); ` +
          `a seccomp filter or a security module may forbid the call.${aftermath}`,
        pid,
        answerOf(errno, syscall),
        cause,
      );
    case 'ResourceExhausted':
      return new ResourceExhaustedError(
        `${operation}: ${exhaustion(failure).join(' ')}${aftermath}`,
        { ...aboutPid(pid), ...answerOf(errno, syscall) },
        cause,
      );
    case 'NotAPid':
    case 'PidOutOfRange':
    case 'OwnPid':
    case 'OwnGuardian':
    case 'KernelThread':
    case 'ThreadId':
      return new InvalidPidError(`${operation}: ${whyNoMember(code, argument)} Nothing was changed.`, argument);
    case 'NotGroupLeader':
    case 'OwnGroup':
    case 'OwnAncestor':
      return new InvalidPidError(`${operation}: ${whyNoMember(code, pid)}${aftermath}`, argument ?? pid);
    case 'NeverStopped':
      return new NotStoppedError(
        `${operation}: process ${pid}, or its tree, did not stop after SIGSTOP ${answer}: for a second no further process ` +
          'stopped, or the freeze took five seconds. So its descendants cannot be known. The machine may be overloaded: ' +
          `try again, or use FreezeMode.Cgroup.${aftermath}`,
        { processes: [{ pid }] },
      );
    case 'Unreadable':
      return new UnreadableProcessError(
        `${operation}: /proc does not show ${pid === 0 ? 'all processes' : `process ${pid}`} to this user ${answer}, so its ` +
          `children cannot be known. It may be mounted with hidepid (proc(5)): run as the user who owns the processes, or ` +
          `use FreezeMode.ProcessGroup.${aftermath}`,
        aboutPid(pid),
        cause,
      );
    case 'UnsupportedPlatform':
      return new UnsupportedPlatformError(
        `${operation}: ${whyUnsupported()} FreezeState.capabilities says what works.`,
      );
  }
}

/** The core's 0 stands for none. */
function aboutPid(pid: number): { readonly pid?: number } {
  return pid === 0 ? {} : { pid };
}

/** What there were no descriptors for, and how to have more. */
export function exhaustion(failure: NativeFailure): [why: string, remedy: string] {
  const { pid } = failure;
  return [
    `no descriptor for ${pid === 0 ? 'a file' : `process ${pid}`} ${shownAnswer(failure)}. Each member takes one, a control ` +
      'group two to five, and in a tree each descendant while it is frozen.',
    'Raise the limit (`ulimit -n`), or close states that you are done with.',
  ];
}

/** Why processes cannot be frozen on this system at all. */
export function whyUnsupported(): string {
  return process.platform === 'win32'
    ? 'processes cannot be frozen on Windows, which has no SIGSTOP.'
    : 'the children and the control group of a process are found by /proc, which is not mounted here, or is that of another ' +
        'pid namespace.';
}

function whyNoMember(code: InvalidPidCode, pid: unknown): string {
  switch (code) {
    case 'NotAPid':
      return `${shown(pid)} is not a pid; expected an integer from 2 to 2147483647.`;
    case 'PidOutOfRange':
      return `${shown(pid)} is not a pid that can be frozen; expected an integer from 2 to 2147483647.`;
    case 'OwnPid':
      return `${shown(pid)} is this very process, and one that stops itself never runs again.`;
    case 'OwnGuardian':
      return `${shown(pid)} is the guardian of this process, which must run when all else is stopped.`;
    case 'KernelThread':
      return `${shown(pid)} is a thread of the kernel, which takes no signal; expected a process that a program runs in.`;
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
      return `process ${shown(pid)} is an ancestor of this very process, which would be stopped with it. Register what this process started.`;
  }
}

function shownAnswer({ syscall, errno }: NativeFailure): string {
  return `(${syscall}: ${errno === 0 ? '' : errnoName(errno)})`;
}
