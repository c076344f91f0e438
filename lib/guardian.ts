import { constants } from 'node:os';
import { clock } from './clock';
import { type GuardianFailure, native } from './native';
import { errnoName } from './system-answer';
import type { FreezeOptions, GuardianCapability } from './types';

/** Milliseconds; `kLongestStart` of native/core/os/linux/guardian_program.cpp, and some. */
const longestStart = 2_500;

/** What is known of the guardian now; it may be replaced at any time. */
export function guardianCapability(): GuardianCapability {
  const { pid, failures } = native.guardian();
  const [failure] = failures;
  if (failure === undefined) return Object.freeze(pid === undefined ? { available: true } : { available: true, pid });
  if (pid === undefined) return Object.freeze({ available: false, reason: whyNone(failure) });
  const reason = failure.code === 'GuardianDenied' ? whyNone(failure) : `${notReplaced} ${whyNone(failure)}`;
  return Object.freeze({ available: true, pid, reason });
}

const notReplaced =
  'The user of this process has changed, and no guardian of the new user could be started. The old guardian goes on; it has ' +
  'taken on the new user if it may.';

type Loss = NonNullable<FreezeOptions['onParentDeath']>;

const losses: Record<Loss, string> = {
  thaw:
    'If this process is killed while a state is frozen, what it froze stays frozen. To accept that without this warning, set ' +
    'the option guardian: false.',
  kill: "If this process is killed, the processes that should end with it (onParentDeath: 'kill') live on, and frozen ones stay frozen.",
};

const expected = new Set<Loss>();

/**
 * Warns once in a process that there is no guardian: at once if its program cannot be executed, and otherwise when it should
 * have been ready. On systems other than Linux there never is one, which docs/platforms.md says. Only a state that asks for
 * more than a thaw is warned there.
 */
export function warnWithoutGuardian(loss: Loss): void {
  const { pid, isStarting, failures } = native.guardian();
  if (pid !== undefined) return;
  const [failure] = failures;
  if (isStarting && failure === undefined && !expected.has(loss)) {
    expected.add(loss);
    clock.setTimeout(warnWithoutGuardian, longestStart, loss).unref();
  }
  if (failure === undefined || isPassing(failure)) return;
  if (failure.code === 'UnsupportedPlatform' && loss === 'thaw') return;
  if (!native.isFirstWarning(loss)) return;
  process.emitWarning(`freeze-state has no guardian. ${whyNone(failure)} ${losses[loss]}`, {
    code: 'FREEZE_STATE_NO_GUARDIAN',
  });
}

/** Whether it may work next time: the next state starts a guardian, if there is a descriptor for it then. */
function isPassing({ errno }: GuardianFailure): boolean {
  return errno === constants.errno.EMFILE || errno === constants.errno.ENFILE;
}

/** Why there is no guardian, in a sentence or two that a person can act on. */
function whyNone(failure: GuardianFailure): string {
  const { code, errno, syscall, path } = failure;
  const answer = `(${syscall}${errno === 0 ? '' : `: ${errnoName(errno)}`})`;
  switch (code) {
    case 'UnsupportedPlatform':
      return 'It works only on Linux.';
    case 'GuardianMissing':
      return (
        `There is no program at ${path} ${answer}. It lies beside the addon: copy both where the package is bundled, and ` +
        'keep both out of an archive.'
      );
    case 'GuardianBlind':
      return (
        `It would be in another ${syscall} namespace than this process, and take other processes for the members: what this process ` +
        'starts is put into a new namespace (unshare(1)). Start the emulator itself in that namespace.'
      );
    case 'GuardianWeak':
      return (
        'It would lack capabilities of this process, which are not passed on to it (capabilities(7), "Ambient"). So it could not ' +
        'continue all that this process may stop. Run the emulator as the user of the processes that it freezes, or as root.'
      );
    case 'GuardianDenied':
      return (
        `The new user of this process may not write to cgroup.freeze of ${path} ${answer}, so a guardian of that user would not thaw ` +
        'the group. The guardian from before the change has opened the file, and thaws the group as long as it runs. Change the user ' +
        'before the state is made, or give that user the control group.'
      );
    case 'GuardianFailed':
      if (syscall === 'version')
        return `${path} is of another version than the addon. Install the package anew, and copy both files where it is bundled.`;
      if (syscall === 'recv')
        return `It ended before it was ready ${answer}: a seccomp filter may forbid what it does, or memory is short.`;
      if (path !== '')
        return (
          `${path} could not be executed ${answer}. Where its file system is mounted noexec, or its mode was changed, install ` +
          'the package elsewhere.'
        );
      return `It could not be started ${answer}. ${remedyFor(failure)}`;
  }
}

/** What to do if the system refused to start it, whatever the program. */
function remedyFor({ errno, syscall }: GuardianFailure): string {
  switch (errno) {
    case constants.errno.EAGAIN:
      return 'No more processes or threads are allowed: raise `ulimit -u`, or pids.max of the control group.';
    case constants.errno.ENOMEM:
    case constants.errno.ENOSPC:
      return 'Memory is short: allow this process more of it.';
    case constants.errno.EFBIG:
      return 'Raise `ulimit -f` to 34 MB.';
    case constants.errno.EPERM:
    case constants.errno.EACCES:
    case constants.errno.ENOSYS:
      return 'A seccomp filter or a security module forbids that: allow it.';
    case constants.errno.EINVAL:
      if (syscall === 'pthread_create')
        return 'What this process starts is put into a new pid namespace (unshare(1)): start the emulator itself in that namespace.';
      break;
  }
  return `Look up that errno in the manual of ${syscall}.`;
}
