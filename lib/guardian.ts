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
  'The user of this process has changed, and no guardian of the new user could be started. The one before goes on; it has ' +
  'taken on the new user if it may.';

type Loss = NonNullable<FreezeOptions['onParentDeath']>;

const losses: Record<Loss, string> = {
  thaw:
    'If this process is killed while a state is frozen, what it froze stays frozen. Option guardian: false takes that as ' +
    'it is.',
  kill: "If this process is killed, the processes that were to end with it (onParentDeath: 'kill') live on, and those that were frozen stay frozen.",
};

const expected = new Set<Loss>();

/**
 * Tells once a process that there is none: at once where its program cannot be executed, and else when it should have been
 * ready. On other systems than Linux there never is one, which docs/platforms.md says; a state that asks for more than a
 * thaw is told there, too.
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

/** The next state starts one, if there is a descriptor for it then. */
function isPassing({ errno }: GuardianFailure): boolean {
  return errno === constants.errno.EMFILE || errno === constants.errno.ENFILE;
}

/** Why there is no guardian, in a sentence or two that a person can act on. */
function whyNone(failure: GuardianFailure): string {
  const { code, errno, syscall, path } = failure;
  const answer = `(${syscall}${errno === 0 ? '' : `: ${errnoName(errno)}`})`;
  switch (code) {
    case 'UnsupportedPlatform':
      return 'It works on Linux alone.';
    case 'GuardianMissing':
      return (
        `There is no program at ${path} ${answer}. It lies beside the addon: copy both where the package is bundled, and ` +
        'keep both out of an archive.'
      );
    case 'GuardianBlind':
      return (
        `It would be in another ${syscall} namespace than this process, and take others for its members: processes that this one ` +
        'starts are put into a new namespace (unshare(1)). Start the emulator itself in that namespace.'
      );
    case 'GuardianWeak':
      return (
        'It would lack capabilities that this process has, since they are not passed on to it (capabilities(7), "Ambient"), and ' +
        'could not continue all that this one may stop. Run the emulator as the user of the processes that it freezes, or as root.'
      );
    case 'GuardianDenied':
      return (
        `The user that this process has by now may not write to cgroup.freeze of ${path} ${answer}, so a guardian of that user would ` +
        'not thaw it. The one from before the change has opened the file and thaws it, as long as that one runs. Change the user ' +
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

/** For a start that the system refused, whatever the program. */
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
