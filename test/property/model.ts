import { FreezeMode, type FreezeSnapshot } from 'freeze-state';

/** What the documentation says that a state is after the operations so far; processes go by their place in the pool. */
export interface Model {
  readonly mode: FreezeMode;
  epoch: number;
  isFrozen: boolean;
  isClosed: boolean;
  holds: number;
  /** Those that live, in the order of their registration. */
  members: number[];
  readonly dead: Set<number>;
  /** Stopped by the state, which has not continued them since. */
  ours: Set<number>;
  /** Those that a SIGSTOP, whosever, holds stopped. */
  signalled: Set<number>;
  readonly waits: Wait[];
}

/** A wait that was begun. */
export interface Wait {
  /** For the last hold to be released; else for a change. */
  readonly isForRelease: boolean;
  /** The state that it resolves with, `closed` where the state was closed, nothing while it is pending; as the model has it and as it is. */
  expected?: FreezeSnapshot | 'closed';
  seen?: unknown;
}

export function newModel(mode: FreezeMode): Model {
  return {
    mode,
    epoch: 0,
    isFrozen: false,
    isClosed: false,
    holds: 0,
    members: [],
    dead: new Set(),
    ours: new Set(),
    signalled: new Set(),
    waits: [],
  };
}

/** Whether a freeze covers the child of a member. */
export const coversChildren = ({ mode }: Model): boolean => mode !== FreezeMode.None && mode !== FreezeMode.Process;

const stateOf = ({ epoch, isFrozen }: Model): FreezeSnapshot => ({ epoch, isFrozen });

/** Gives back what puts the members and the freeze of the model back to what they are now. */
export function undoing(model: Model): () => void {
  const { isFrozen, members, ours, signalled } = model;
  const before = { isFrozen, members: [...members], ours: new Set(ours), signalled: new Set(signalled) };
  return () => Object.assign(model, before);
}

/** Does something to the model, and ends the waits that end with it. */
export async function changing(model: Model, change: () => void | Promise<void>): Promise<void> {
  const before = stateOf(model);
  await change();
  const isChanged = before.epoch !== model.epoch || before.isFrozen !== model.isFrozen;
  for (const wait of model.waits) {
    if (wait.expected !== undefined) continue;
    if (model.isClosed) wait.expected = 'closed';
    else if (wait.isForRelease ? model.holds === 0 : isChanged) wait.expected = stateOf(model);
  }
}

/** A cgroup is frozen without a signal. */
const bySignal = ({ mode }: Model): boolean => mode !== FreezeMode.Cgroup;

export function stop(model: Model, place: number): void {
  model.ours.add(place);
  if (bySignal(model)) model.signalled.add(place);
}

/** Continues what the state has stopped. */
export function resume(model: Model, place: number): void {
  if (model.ours.delete(place) && bySignal(model)) model.signalled.delete(place);
}

export function thaw(model: Model): void {
  model.epoch += 1;
  model.isFrozen = false;
  for (const place of [...model.ours]) resume(model, place);
}

/** Continues all members, whichever process stopped them. */
export function forceThaw(model: Model): void {
  thaw(model);
  if (model.mode !== FreezeMode.None) for (const place of model.members) model.signalled.delete(place);
}

export function close(model: Model): void {
  thaw(model);
  model.isClosed = true;
  model.holds = 0;
}
