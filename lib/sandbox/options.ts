import { ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import { FreezeMode, type FreezeOptions } from '../api';
import {
  checkedMilliseconds,
  checkedSignal,
  checkMode,
  checkObject,
  invalidValue,
  taken,
  typeError,
} from '../arguments';
import { whyProcDenied } from '../proc-stat';
import { shown } from '../show';
import type { SandboxOptions, TerminateOptions, WorkOptions } from './types';

/** The checked options of the constructor. */
export interface Policy {
  readonly mode: FreezeMode;
  readonly state: FreezeOptions;
  readonly freezeAfter: number | false;
  /** `undefined`: not confirmed. */
  readonly confirm: { readonly timeout?: number } | undefined;
  readonly endsWithParent: boolean;
}

export function checkedPolicy(given: SandboxOptions): Policy {
  const {
    mode = FreezeMode.ProcessTree,
    state = {},
    freezeAfter = 0,
    confirm = true,
    onParentDeath = 'thaw',
  } = taken('options', given, ['mode', 'state', 'freezeAfter', 'confirm', 'onParentDeath']);
  checkMode(mode);
  const checkedState = stateOptions(state);
  if (freezeAfter !== false) checkedMilliseconds('options.freezeAfter', freezeAfter, 'false to freeze on request only');
  return {
    mode,
    state: checkedState,
    freezeAfter: freezeAfter as number | false,
    confirm: checkedConfirm(confirm),
    endsWithParent: isKill(onParentDeath),
  };
}

/** A sandbox that may not read /proc would leave behind what its processes have started, so none is made. */
export function checkMayReadProc(): void {
  const cause = whyProcDenied();
  if (cause === undefined) return;
  const message =
    `A sandbox finds in /proc what its processes have started, and this process may not read it: ${cause.message}. ` +
    'Give Deno --allow-all, without which it lets nobody read /proc (https://github.com/denoland/deno/issues/25055); or give ' +
    'Node with --permission --allow-fs-read=/proc/*.';
  throw Object.assign(new Error(message, { cause }), { code: 'ERR_ACCESS_DENIED' });
}

/** The values of these options are checked when the state is made. */
function stateOptions(state: unknown): FreezeOptions {
  checkObject('options.state', state);
  if (['onParentDeath', 'mark'].some((name) => Object.hasOwn(state, name) && state[name] !== undefined)) {
    throw typeError('options.state has onParentDeath or mark, which a sandbox sets; expected options.onParentDeath.');
  }
  return taken('options.state', state, ['boost', 'guardian', 'cgroup']);
}

function isKill(onParentDeath: unknown): boolean {
  if (onParentDeath !== 'thaw' && onParentDeath !== 'kill') {
    throw invalidValue(`options.onParentDeath is ${shown(onParentDeath)}; expected "thaw" or "kill".`);
  }
  return onParentDeath === 'kill';
}

function checkedConfirm(confirm: unknown): Policy['confirm'] {
  if (typeof confirm === 'boolean') return confirm ? {} : undefined;
  if (typeof confirm !== 'object') {
    throw typeError(`options.confirm is ${shown(confirm)}; expected a boolean, or { timeout }.`);
  }
  const { timeout } = taken('options.confirm', confirm, ['timeout']);
  return timeout === undefined ? {} : { timeout: checkedMilliseconds('options.confirm.timeout', timeout) };
}

export function checkedWork(given: WorkOptions): WorkOptions {
  const options = taken('options', given, ['label', 'until']);
  const { label, until } = options;
  if (label !== undefined && typeof label !== 'string') {
    throw typeError(`options.label is ${shown(label)}; expected a string.`);
  }
  if (until !== undefined) checkChild('options.until', until);
  return options;
}

export function checkChild(name: string, child: unknown): asserts child is ChildProcess {
  if (!(child instanceof ChildProcess)) throw typeError(`${name} is ${shown(child)}; expected a ChildProcess.`);
}

export type Terms = Required<Omit<TerminateOptions, 'signal'>> & Pick<TerminateOptions, 'signal'>;

export function checkedTerms(given: TerminateOptions): Terms {
  const {
    killSignal = 'SIGTERM',
    forceKillAfter = 2_000,
    timeout = 10_000,
    signal,
  } = taken('options', given, ['killSignal', 'forceKillAfter', 'timeout', 'signal']);
  if (typeof killSignal !== 'string' || !(killSignal in constants.signals)) {
    throw invalidValue(`options.killSignal is ${shown(killSignal)}; expected the name of a signal, such as "SIGTERM".`);
  }
  return {
    killSignal: killSignal as NodeJS.Signals,
    forceKillAfter: checkedMilliseconds('options.forceKillAfter', forceKillAfter),
    timeout: checkedMilliseconds('options.timeout', timeout),
    ...(signal === undefined ? {} : { signal: checkedSignal('options.signal', signal) }),
  };
}
