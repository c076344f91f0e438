import { channel, tracingChannel } from 'node:diagnostics_channel';
import { debuglog } from 'node:util';
import { clock } from './clock';
import type { FreezeState } from './freeze-state';
import type { StateHandle } from './native';
import type { FreezeMode, FreezeReport } from './types';
import { epochOf, isFrozen } from './word';

/**
 * What a {@link FreezeMessage} and a {@link ThawMessage} have in common. The subscribers of a channel are given the same object
 * at the start of the operation, at its end, and in between (node:diagnostics_channel, "TracingChannel").
 */
export interface OperationMessage {
  /** What the operation was called on. */
  readonly state: FreezeState;
  /** The mode of the state. */
  readonly mode: FreezeMode;
  /** The registered processes when the operation began. */
  readonly pids: readonly number[];
  /** What it threw or rejected with; set when it ends. */
  readonly error?: unknown;
}

/** The message of the tracing channel `freeze-state:freeze`. */
export interface FreezeMessage extends OperationMessage {
  /** The method that was called. */
  readonly operation: 'freezeAtEpoch' | 'confirmFreezeAtEpoch';
  /** The epoch that was asked for, as it was given. */
  readonly epoch: number;
  /** What it returned or resolved with; set when it ends. */
  readonly result?: boolean | FreezeReport;
}

/** The message of the tracing channel `freeze-state:thaw`. */
export interface ThawMessage extends OperationMessage {
  /** The method that was called. */
  readonly operation: 'unfreeze' | 'forceUnfreeze' | 'hold' | 'close';
  /** The epoch when the operation began, which it ends; absent where the state was closed. */
  readonly epoch?: number;
  /** Whether the state was frozen when the operation began. */
  readonly wasFrozen: boolean;
}

/** The message of the channel `freeze-state:member`. */
export interface MemberMessage {
  /** The state whose members have changed. */
  readonly state: FreezeState;
  /** The mode of the state. */
  readonly mode: FreezeMode;
  /** The id of the process. */
  readonly pid: number;
  /** Whether it became a member, or is one no longer. */
  readonly change: 'registered' | 'unregistered';
}

export const freezing = tracingChannel<unknown, FreezeMessage>('freeze-state:freeze');
export const thawing = tracingChannel<unknown, ThawMessage>('freeze-state:thaw');
const members = channel('freeze-state:member');

export function freezeMessage(
  state: FreezeState,
  handle: StateHandle,
  operation: FreezeMessage['operation'],
  epoch: number,
): FreezeMessage {
  return { state, operation, epoch, mode: handle.mode(), pids: handle.pids() ?? [] };
}

export function thawMessage(state: FreezeState, handle: StateHandle, operation: ThawMessage['operation']): ThawMessage {
  const message = { state, operation, wasFrozen: false, mode: handle.mode(), pids: handle.pids() ?? [] };
  const word = handle.word();
  return word === undefined ? message : { ...message, epoch: epochOf(word), wasFrozen: isFrozen(word) };
}

/** To be asked before a registration: whether it is to be published, as the process is no member yet. */
export function isNews(handle: StateHandle, pid: number): boolean {
  return members.hasSubscribers && !handle.pids()?.includes(pid);
}

export function tellMember(
  state: FreezeState,
  handle: StateHandle,
  pid: number,
  change: MemberMessage['change'],
): void {
  if (members.hasSubscribers) members.publish({ state, mode: handle.mode(), pid, change } satisfies MemberMessage);
}

// NODE_DEBUG=freeze-state is a subscriber like any other.
const debug = debuglog('freeze-state');
if (debug.enabled) {
  const starts = new WeakMap<object, number>();
  const begin = (message: object): unknown => starts.set(message, clock.now());
  const tell = (message: FreezeMessage | ThawMessage): void => {
    const ms = clock.now() - (starts.get(message) ?? Number.NaN);
    const { operation, epoch = '-', mode, pids } = message;
    debug('%s at epoch %s, mode %s, pids %j: %s, %s ms', operation, epoch, mode, pids, outcome(message), ms.toFixed(3));
  };
  // A confirmation ends twice: its call first, and its promise later.
  const of = (operation: FreezeMessage['operation']) => (message: FreezeMessage) => {
    if (message.operation === operation) tell(message);
  };
  const nothing = (): void => {};
  freezing.subscribe({
    start: begin,
    end: of('freezeAtEpoch'),
    asyncStart: nothing,
    asyncEnd: of('confirmFreezeAtEpoch'),
    error: nothing,
  });
  thawing.subscribe({ start: begin, end: tell, asyncStart: nothing, asyncEnd: nothing, error: nothing });
  members.subscribe((message) => {
    const { pid, change, mode } = message as MemberMessage;
    debug('process %d %s, mode %s', pid, change, mode);
  });
}

function outcome(message: FreezeMessage | ThawMessage): string {
  if (message.error !== undefined) return String(message.error);
  if ('wasFrozen' in message) return message.wasFrozen ? 'thawed' : 'was not frozen';
  const { result } = message;
  if (typeof result === 'boolean') return result ? 'frozen' : 'not frozen';
  return result?.isFrozen ? 'frozen, all stopped' : `not frozen (${result?.reason})`;
}
