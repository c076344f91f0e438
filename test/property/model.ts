import { FreezeMode, type FreezeState } from 'freeze-state';
import { expect } from 'vitest';
import { fitFor } from '../helpers/modes';
import { isStopped } from '../helpers/proc';
import { killed, sleeper, type Target } from '../helpers/processes';

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
  };
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

/** Processes that one sequence after the other uses. */
export class Pool {
  readonly #targets: Target[] = [];

  constructor(
    readonly size: number,
    readonly mode: FreezeMode,
  ) {
    this.refill();
  }

  /** Replaces those that a sequence has killed, and continues those that it has stopped. */
  refill(): void {
    for (let place = 0; place < this.size; place += 1) {
      const child = this.#targets[place]?.child;
      if (child === undefined || child.signalCode !== null) {
        this.#targets[place] = sleeper(fitFor(this.mode));
      }
      process.kill(this.pid(place), 'SIGCONT');
    }
  }

  pid(place: number): number {
    return (this.#targets[place] as Target).pid;
  }

  kill(place: number): Promise<void> {
    return killed(this.#targets[place] as Target);
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
  if (model.isClosed) return;
  expect(state.snapshot()).toEqual({ epoch: model.epoch, isFrozen: model.isFrozen });
  expect(state.holdCount, 'holds').toBe(model.holds);
  const listed = state.pids.map((pid) => live.get(pid)).filter((place) => place !== undefined);
  expect(listed, 'members').toEqual(model.members);
}
