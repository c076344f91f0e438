import { checkAlone, checkedInit, checkedOptions, checkMode } from './arguments';
import { errorOf } from './failures';
import { warnWithoutGuardian } from './guardian';
import { native, type StateHandle } from './native';
import { below } from './stack';
import { FreezeMode } from './types';

/** What the constructor is to make, by either form of its arguments; `make` checks the mode and the options. */
export function initOf(first: unknown, pid: number | undefined, options: unknown): ReturnType<typeof checkedInit> {
  if (typeof first === 'object' && first !== null && !Array.isArray(first)) {
    checkAlone(pid, options);
    return checkedInit(first);
  }
  return { mode: first, pids: pid === undefined ? [] : [pid], options };
}

/** A state of its own. Throws where there can be none. */
export function make(mode: unknown, options: unknown = {}): StateHandle {
  checkMode(mode);
  const { boost = true, guardian = true, onParentDeath = 'thaw', mark = '', cgroup } = checkedOptions(options, mode);
  const isKill = onParentDeath === 'kill';
  const made = native.make(mode, boost, cgroup?.path, cgroup?.parent, guardian, isKill ? mark : undefined);
  if (isKill || (guardian && mode !== FreezeMode.None)) warnWithoutGuardian(onParentDeath);
  if (Array.isArray(made)) throw below(errorOf(made, 'FreezeState'));
  return made;
}
