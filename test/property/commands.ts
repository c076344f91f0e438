import fc from 'fast-check';
import {
  FreezeClosedError,
  type FreezeHold,
  FreezeMode,
  type FreezeState,
  MultipleFreezeError,
  NoPidConfiguredError,
  NotStoppedError,
  ProcessNotFoundError,
} from 'freeze-state';
import { listsDescendants } from '../helpers/descendants';
import { turns } from '../helpers/until';
import { compare, same } from './compare';
import { changing, close, forceThaw, type Model, resume, stop, thaw, undoing, type Wait } from './model';
import type { Pool } from './pool';

/** What a sequence works on. */
export interface Real {
  readonly state: FreezeState;
  readonly pool: Pool;
  readonly holds: FreezeHold[];
}

/** Thrown where an operation gave up for want of processor time, as it may, and changed nothing: the sequence ends there. */
export class Overloaded extends Error {}

/** What every operation that stops a tree throws where it does not stop within seconds. */
function isOfOverload(error: unknown): boolean {
  if (error instanceof MultipleFreezeError) return error.errors.every(isOfOverload);
  return error instanceof NotStoppedError && error.message.includes('The machine may be overloaded');
}

type Step = (model: Model, real: Real) => void | Promise<void>;

/** One operation; its name is what a counter-example shows. */
class Operation implements fc.AsyncCommand<Model, Real> {
  constructor(
    readonly name: string,
    readonly step: Step,
    readonly check: (model: Readonly<Model>) => boolean = () => true,
  ) {}

  async run(model: Model, real: Real): Promise<void> {
    const undo = undoing(model);
    try {
      await changing(model, () => this.step(model, real));
    } catch (error) {
      if (!isOfOverload(error)) throw error;
      undo();
      throw new Overloaded();
    }
    // For the waits to tell what they have seen.
    if (model.waits.length > 0) await turns(1);
    compare(model, real.state, real.pool);
  }

  toString(): string {
    return this.name;
  }
}

/** An operation on the state: once it is closed, it throws for that alone. */
function onState(name: string, act: (real: Real) => unknown, step: Step, check?: Operation['check']): Operation {
  return new Operation(
    name,
    async (model, real) => {
      if (!model.isClosed) return step(model, real);
      const outcome = await Promise.resolve(real)
        .then(act)
        .catch((error: unknown) => error);
      if (!(outcome instanceof FreezeClosedError)) same('outcome', outcome, FreezeClosedError);
    },
    check,
  );
}

const noLiveMember = [NoPidConfiguredError, ProcessNotFoundError, MultipleFreezeError];

/** Of a freeze that finds no member alive; throws any other. */
function outcomeOf(error: unknown): 'error' {
  if (isOfOverload(error) || !noLiveMember.some((kind) => error instanceof kind)) throw error;
  return 'error';
}

/** Whether a freeze at this epoch is one, and what it does to the model; an error where no process can be stopped. */
function freeze(model: Model, epoch: number): boolean | 'error' {
  if (model.mode === FreezeMode.None || epoch !== model.epoch || model.holds > 0) return false;
  if (!model.isFrozen && model.members.length === 0) return 'error';
  if (!model.isFrozen) for (const place of model.members) stop(model, place);
  model.isFrozen = true;
  return true;
}

function register(place: number): Operation {
  const act = ({ state, pool }: Real): void => state.registerPid(pool.pid(place));
  const step: Step = (model, real) => {
    act(real);
    if (model.members.includes(place)) return;
    model.members.push(place);
    if (model.isFrozen) stop(model, place);
  };
  return onState(`registerPid(${place})`, act, step, (model) => !model.dead.has(place));
}

function unregister(place: number): Operation {
  const act = ({ state, pool }: Real): boolean => state.unregisterPid(pool.pid(place));
  const step: Step = (model, real) => {
    same('outcome', act(real), model.members.includes(place));
    model.members = model.members.filter((one) => one !== place);
    resume(model, place);
  };
  return onState(`unregisterPid(${place})`, act, step, (model) => !model.dead.has(place));
}

/** What a counter-example calls the epoch of so many thaws ago. */
const before = (late: number): string => (late === 0 ? 'current' : `current - ${late}`);

function freezeAt(late: number): Operation {
  const step: Step = (model, { state }) => {
    const epoch = Math.max(0, model.epoch - late);
    const expected = freeze(model, epoch);
    let seen: unknown;
    try {
      seen = state.freezeAtEpoch(epoch);
    } catch (error) {
      seen = outcomeOf(error);
    }
    same('outcome', seen, expected);
  };
  return onState(`freezeAtEpoch(${before(late)})`, ({ state }) => state.freezeAtEpoch(0), step);
}

/** Without those that were killed: whoever has such a child now may not have reaped it yet. */
function liveOf<T extends { pid: number }>(seen: readonly T[], { dead }: Model, pool: Pool): T[] {
  const gone = [...dead].flatMap((place) => [pool.pid(place), pool.childOf(place)]);
  return seen.filter(({ pid }) => !gone.includes(pid));
}

function confirmAt(late: number): Operation {
  const step: Step = async (model, { state, pool }) => {
    const epoch = Math.max(0, model.epoch - late);
    const expected = freeze(model, epoch);
    // A foreign process may have continued some since, which a confirmation stops again.
    if (expected === true) for (const place of model.members) stop(model, place);
    const seen = await state.confirmFreezeAtEpoch(epoch, { timeout: 30_000 }).catch(outcomeOf);
    same('outcome', seen === 'error' ? seen : seen.isFrozen, expected);
    if (seen === 'error' || !seen.isFrozen) return;
    const members = model.members.map((place) => pool.pid(place));
    const covered = liveOf(seen.members, model, pool)
      .filter(({ outcome }) => outcome !== 'gone')
      .map(({ pid }) => pid);
    same('members in the report', covered.slice(0, members.length), members);
    const children = listsDescendants(model.mode) ? model.members.map((place) => pool.childOf(place)) : [];
    same('children in the report', covered.slice(members.length).sort(), children.sort());
  };
  return onState(`confirmFreezeAtEpoch(${before(late)})`, ({ state }) => state.confirmFreezeAtEpoch(0), step);
}

function plain(name: string, act: (real: Real) => unknown, change: (model: Model) => void): Operation {
  const step: Step = (model, real) => {
    act(real);
    change(model);
  };
  return onState(name, act, step);
}

function inspect(): Operation {
  const step: Step = (model, { state, pool }) => {
    const seen = liveOf(state.inspect(), model, pool).filter(({ stoppedByUs }) => stoppedByUs);
    const stopped = model.isFrozen ? model.members : [];
    const pidsOf = (role: string): number[] => seen.filter((one) => one.role === role).map(({ pid }) => pid);
    same(
      'members stopped by us',
      pidsOf('registered'),
      stopped.map((place) => pool.pid(place)),
    );
    const children = listsDescendants(model.mode) ? stopped.map((place) => pool.childOf(place)) : [];
    same('children stopped by us', pidsOf('descendant').sort(), children.sort());
  };
  return onState('inspect()', ({ state }) => state.inspect(), step);
}

/** Begins a wait: for a change from the state before that many thaws, or for a release. */
function wait(name: string, late: number | 'release'): Operation {
  const begin = ({ state }: Real, { epoch, isFrozen }: { epoch: number; isFrozen: boolean }): Promise<unknown> =>
    late === 'release'
      ? state.waitForRelease({ ref: false })
      : state.waitForStateChange({ since: { epoch: Math.max(0, epoch - late), isFrozen }, ref: false });
  const step: Step = (model, real) => {
    const isOver = late === 'release' ? model.holds === 0 : Math.max(0, model.epoch - late) !== model.epoch;
    const begun: Wait = { isForRelease: late === 'release', seen: undefined };
    if (isOver) begun.expected = { epoch: model.epoch, isFrozen: model.isFrozen };
    model.waits.push(begun);
    begin(real, model).then(
      (seen) => (begun.seen = seen),
      (error: unknown) => (begun.seen = error instanceof FreezeClosedError ? 'closed' : error),
    );
  };
  return onState(
    name,
    (real) => begin(real, { epoch: 0, isFrozen: false }),
    step,
    ({ waits }) => waits.length < 8,
  );
}

function kill(place: number): Operation {
  const step: Step = async (model, { pool }) => {
    await pool.kill(place);
    model.dead.add(place);
    model.members = model.members.filter((one) => one !== place);
    model.ours.delete(place);
    model.signalled.delete(place);
  };
  return new Operation(`kill(${place})`, step, (model) => !model.dead.has(place));
}

function foreignSignal(signal: 'SIGSTOP' | 'SIGCONT', place: number): Operation {
  const step: Step = ({ signalled }, { pool }) => {
    process.kill(pool.pid(place), signal);
    if (signal === 'SIGSTOP') signalled.add(place);
    else signalled.delete(place);
  };
  return new Operation(`${signal} by a foreign process to ${place}`, step, (model) => !model.dead.has(place));
}

function release(): Operation {
  const step: Step = (model, { holds }) => {
    holds.pop()?.release();
    model.holds -= 1;
  };
  return new Operation('release()', step, (model) => model.holds > 0);
}

/** Every operation there is, on any process of a pool of that size. What ends a sequence early comes seldom. */
export function operations(poolSize: number): fc.Arbitrary<fc.AsyncCommand<Model, Real>>[] {
  const place = fc.nat(poolSize - 1);
  const late = fc.nat(2);
  const takeHold = ({ state, holds }: Real): unknown => holds.push(state.hold());
  const held = (model: Model): void => {
    thaw(model);
    model.holds += 1;
  };
  const closing: Step = (model, { state }) => {
    state.close();
    if (!model.isClosed) close(model);
  };
  const often = [
    place.map(register),
    place.map(register),
    place.map(unregister),
    fc.constant(freezeAt(0)),
    late.map(freezeAt),
    fc.constant(confirmAt(0)),
    late.map(confirmAt),
    fc.constant(plain('unfreeze()', ({ state }) => state.unfreeze(), thaw)),
    fc.constant(plain('forceUnfreeze()', ({ state }) => state.forceUnfreeze(), forceThaw)),
    fc.constant(plain('hold()', takeHold, held)),
    fc.constant(release()),
    fc.constant(release()),
    fc.constant(inspect()),
    late.map((one) => wait(`waitForStateChange(since ${before(one)})`, one)),
    fc.constant(wait('waitForRelease()', 'release')),
    place.map(kill),
    place.map((one) => foreignSignal('SIGSTOP', one)),
    place.map((one) => foreignSignal('SIGCONT', one)),
  ];
  return [...often, ...often, fc.constant(new Operation('close()', closing))];
}
