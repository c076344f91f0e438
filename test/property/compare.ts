import { isDeepStrictEqual, inspect as show } from 'node:util';
import { FreezeMode, type FreezeState } from 'freeze-state';
import { coversChildren, type Model } from './model';
import type { Pool } from './pool';

/** As a test's `expect` says it, at a hundredth of its cost: a sequence makes hundreds of these. */
export function same(what: string, seen: unknown, expected: unknown): void {
  if (seen === expected || isDeepStrictEqual(seen, expected)) return;
  throw new Error(`${what}: ${show(seen)}, and not ${show(expected)}`);
}

/** Compares all that can be seen of the state, and of the processes, with the model. */
export function compare(model: Model, state: FreezeState, pool: Pool): void {
  const live: number[] = [];
  for (let place = 0; place < pool.size; place += 1) if (!model.dead.has(place)) live.push(place);
  const isGroup = model.mode === FreezeMode.Cgroup;
  const isCovered = coversChildren(model);
  for (const place of live) {
    const isOurs = model.ours.has(place);
    const isSignalled = model.signalled.has(place);
    const isChildSignalled = isCovered && isOurs && !isGroup;
    same(`${place} is stopped by a signal`, pool.isStopped(place, 'leader', isSignalled), isSignalled);
    same(
      `the child of ${place} is stopped by a signal`,
      pool.isStopped(place, 'child', isChildSignalled),
      isChildSignalled,
    );
    if (!isGroup) continue;
    same(`${place} is frozen with its cgroup`, pool.isFrozen(place, 'leader'), isOurs);
    same(`the child of ${place} is frozen with its cgroup`, pool.isFrozen(place, 'child'), isOurs);
  }
  for (const [place, { seen, expected }] of model.waits.entries()) same(`wait ${place} has seen`, seen, expected);
  if (model.isClosed) return;
  same('snapshot()', state.snapshot(), { epoch: model.epoch, isFrozen: model.isFrozen });
  same('holdCount', state.holdCount, model.holds);
  // A process that was killed may be listed until the state has seen its end.
  const pids = new Map(live.map((place) => [pool.pid(place), place]));
  const members = state.pids.map((pid) => pids.get(pid)).filter((place) => place !== undefined);
  same('the live members', members, model.members);
}
