import { FreezeMode, type FreezeSnapshot, type FreezeState } from 'freeze-state';
import { expect } from 'vitest';
import { isStopped, letterOf } from '../helpers/proc';
import { type Family, family, killed } from '../helpers/processes';
import { until } from '../helpers/until';

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
  readonly ours: Set<number>;
  /** Those that a SIGSTOP, whosever, holds stopped. */
  readonly signalled: Set<number>;
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

/** Processes that one sequence after the other uses. Each leads a group and has a child, which dies with it. */
export class Pool {
  readonly #families: Family[] = [];

  constructor(readonly size: number) {}

  /** Replaces those that a sequence has killed, and continues those that it has stopped. */
  async refill(): Promise<void> {
    for (let place = 0; place < this.size; place += 1) {
      const child = this.#families[place]?.child;
      if (child === undefined || child.signalCode !== null) {
        this.#families[place] = await family(['tree', '1', '1'], 2);
      }
      process.kill(-this.pid(place), 'SIGCONT');
    }
  }

  #at(place: number): Family {
    return this.#families[place] as Family;
  }

  pid(place: number): number {
    return this.#at(place).pid;
  }

  childOf(place: number): number {
    return this.#at(place).pids.find((pid) => pid !== this.pid(place)) as number;
  }

  async kill(place: number): Promise<void> {
    await killed(this.#at(place));
    await until(() => ['', 'Z', 'X'].includes(letterOf(this.childOf(place))), 'its child has died with it');
  }
}

/** Compares all that can be seen of the state, and of the processes, with the model. */
export function compare(model: Model, state: FreezeState, pool: Pool): void {
  const places = Array.from({ length: pool.size }, (_, place) => place).filter((place) => !model.dead.has(place));
  const live = new Map(places.map((place) => [pool.pid(place), place]));
  expect(
    places.filter((place) => isStopped(pool.pid(place))),
    'stopped',
  ).toEqual(places.filter((place) => model.signalled.has(place) || (!bySignal(model) && model.ours.has(place))));
  expect(
    places.filter((place) => isStopped(pool.childOf(place))),
    'stopped children',
  ).toEqual(places.filter((place) => coversChildren(model) && model.ours.has(place)));
  expect(
    model.waits.map(({ seen }) => seen),
    'waits',
  ).toEqual(model.waits.map(({ expected }) => expected));
  if (model.isClosed) return;
  expect(state.snapshot()).toEqual({ epoch: model.epoch, isFrozen: model.isFrozen });
  expect(state.holdCount, 'holds').toBe(model.holds);
  const listed = state.pids.map((pid) => live.get(pid)).filter((place) => place !== undefined);
  expect(listed, 'members').toEqual(model.members);
}
