import { FreezeClosedError, FreezeState } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { impossiblePid, sleeper } from '../helpers/processes';
import { turns } from '../helpers/until';

/** A promise, and whether it has settled. */
function watched<T>(promise: Promise<T>) {
  const watch = { promise, settled: false };
  const settle = (): void => {
    watch.settled = true;
  };
  promise.then(settle, settle);
  return watch;
}

describe('a wait for a change', () => {
  it('ends with a freeze, and gives the state after it', async () => {
    const state = new FreezeState('process', sleeper().pid);
    const change = state.waitForStateChange();
    state.freezeAtEpoch(0);
    expect(await change).toEqual({ epoch: 0, isFrozen: true });
  });

  it('ends with an unfreeze, and gives the state after it', async () => {
    const state = new FreezeState('process', sleeper().pid);
    state.freezeAtEpoch(0);
    const change = state.waitForStateChange();
    state.unfreeze();
    expect(await change).toEqual({ epoch: 1, isFrozen: false });
  });

  it('ends with a forced unfreeze', async () => {
    const state = new FreezeState();
    const change = state.waitForStateChange();
    state.forceUnfreeze();
    expect(await change).toEqual({ epoch: 1, isFrozen: false });
  });

  it('ends with an unfreeze in mode none, and one that had nothing to continue', async () => {
    for (const mode of ['none', 'process'] as const) {
      const state = new FreezeState(mode);
      const change = state.waitForStateChange();
      state.unfreeze();
      expect(await change).toEqual({ epoch: 1, isFrozen: false });
    }
  });

  it('goes on until something happens', async () => {
    const state = new FreezeState('process', sleeper().pid);
    const change = watched(state.waitForStateChange());
    await turns();
    expect(change.settled).toBe(false);
    state.unfreeze();
    await turns();
    expect(change.settled).toBe(true);
  });

  it('begins with the state at the time of the call', async () => {
    const state = new FreezeState('process', sleeper().pid);
    state.unfreeze();
    state.freezeAtEpoch(1);
    const change = watched(state.waitForStateChange());
    await turns();
    expect(change.settled).toBe(false);
    state.unfreeze();
    expect(await change.promise).toEqual({ epoch: 2, isFrozen: false });
  });

  it('is not ended by what changes nothing', async () => {
    const state = new FreezeState('process', sleeper().pid);
    state.freezeAtEpoch(0);
    const change = watched(state.waitForStateChange());
    expect(state.freezeAtEpoch(0)).toBe(true);
    expect(state.freezeAtEpoch(7)).toBe(false);
    expect(() => state.freezeAtEpoch(-1)).toThrow(RangeError);
    expect(() => state.registerPid(0)).toThrow();
    state.registerPid(sleeper().pid);
    state.registerPid(impossiblePid);
    state.unregisterPid(impossiblePid);
    await turns();
    expect(change.settled).toBe(false);
    state.unfreeze();
    expect(await change.promise).toEqual({ epoch: 1, isFrozen: false });
  });

  it('is not ended by a freeze that fails', async () => {
    const state = new FreezeState('process', impossiblePid);
    const change = watched(state.waitForStateChange());
    expect(() => state.freezeAtEpoch(0)).toThrow();
    await turns();
    expect(change.settled).toBe(false);
    state.unfreeze();
    expect(await change.promise).toEqual({ epoch: 1, isFrozen: false });
  });

  it('hears of its own state only', async () => {
    const [mine, other] = [new FreezeState(), new FreezeState()];
    const change = watched(mine.waitForStateChange());
    other.unfreeze();
    await turns();
    expect(change.settled).toBe(false);
    mine.unfreeze();
    await change.promise;
  });

  it('gives the first of several changes that are made in one turn', async () => {
    const state = new FreezeState('process', sleeper().pid);
    const change = state.waitForStateChange();
    state.freezeAtEpoch(0);
    state.unfreeze();
    state.unfreeze();
    expect(await change).toEqual({ epoch: 0, isFrozen: true });
  });

  it('is one of 10,000 that all end', async () => {
    const state = new FreezeState('process', sleeper().pid);
    const changes = Array.from({ length: 10_000 }, () => state.waitForStateChange());
    state.freezeAtEpoch(0);
    const seen = await Promise.all(changes);
    expect(seen).toHaveLength(10_000);
    expect(new Set(seen.map((one) => JSON.stringify(one)))).toEqual(new Set(['{"epoch":0,"isFrozen":true}']));
  });

  it('may begin another from its continuation', async () => {
    const state = new FreezeState();
    const epochs: number[] = [];
    const follow = (async () => {
      let since = state.snapshot();
      while (epochs.length < 3) {
        since = await state.waitForStateChange({ since });
        epochs.push(since.epoch);
      }
    })();
    for (let i = 0; i < 3; i += 1) {
      state.unfreeze();
      await turns(1);
    }
    await follow;
    expect(epochs).toEqual([1, 2, 3]);
  });
});

describe('a wait since a snapshot', () => {
  it('ends at once where the state has changed since', async () => {
    const state = new FreezeState('process', sleeper().pid);
    const since = state.snapshot();
    state.freezeAtEpoch(0);
    expect(await state.waitForStateChange({ since })).toEqual({ epoch: 0, isFrozen: true });
    state.unfreeze();
    expect(await state.waitForStateChange({ since })).toEqual({ epoch: 1, isFrozen: false });
  });

  it('ends at once after a freeze and a thaw: the epoch differs though both are running', async () => {
    const state = new FreezeState('process', sleeper().pid);
    const since = state.snapshot();
    state.freezeAtEpoch(0);
    state.unfreeze();
    expect(await state.waitForStateChange({ since })).toEqual({ epoch: 1, isFrozen: false });
  });

  it('goes on where the state is still the same', async () => {
    const state = new FreezeState();
    const change = watched(state.waitForStateChange({ since: { epoch: 0, isFrozen: false } }));
    await turns();
    expect(change.settled).toBe(false);
    state.unfreeze();
    await change.promise;
  });

  it('misses no change in a loop that reads the state and waits', async () => {
    const state = new FreezeState('process', sleeper().pid);
    let seen = state.snapshot();
    for (let round = 0; round < 100; round += 1) {
      state.freezeAtEpoch(state.currentEpoch);
      const frozen = await state.waitForStateChange({ since: seen });
      expect(frozen).toEqual({ epoch: round, isFrozen: true });
      state.unfreeze();
      seen = await state.waitForStateChange({ since: frozen });
      expect(seen).toEqual({ epoch: round + 1, isFrozen: false });
    }
  });
});

describe('closing', () => {
  it('ends every wait with FreezeClosedError', async () => {
    const state = new FreezeState('process', sleeper().pid);
    const waits = Array.from({ length: 3 }, () => state.waitForStateChange());
    state.close();
    for (const outcome of await Promise.allSettled(waits)) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: expect.any(FreezeClosedError) });
    }
  });

  it('makes a later wait reject, not throw', async () => {
    const state = new FreezeState();
    state.close();
    const wait = state.waitForStateChange();
    await expect(wait).rejects.toBeInstanceOf(FreezeClosedError);
  });
});
