import { FreezeMode, FreezeState, NoPidConfiguredError } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { letterOf } from '../helpers/proc';
import { impossiblePid, sleeper, sleepers } from '../helpers/processes';

// The unit tests of the Rust crate, by behaviour.

describe('a new state', () => {
  it('has mode none, no pid, epoch 0, and is not frozen', () => {
    const state = new FreezeState();
    expect(state.mode).toBe('none');
    expect(state.pid).toBeUndefined();
    expect(state.pids).toEqual([]);
    expect(state.pidCount).toBe(0);
    expect(state.isFrozen).toBe(false);
    expect(state.currentEpoch).toBe(0);
    expect(state.snapshot()).toEqual({ epoch: 0, isFrozen: false });
  });

  it('takes its mode and its first pid from the constructor', () => {
    const { pid } = sleeper();
    const state = new FreezeState(FreezeMode.Process, pid);
    expect(state.mode).toBe('process');
    expect(state.pid).toBe(pid);
    expect(state.pids).toEqual([pid]);
    expect(state.pidCount).toBe(1);
  });

  it('takes undefined for the defaults', () => {
    const state = new FreezeState(undefined, undefined, undefined);
    expect([state.mode, state.pid]).toEqual(['none', undefined]);
  });

  it('has several pids from withPids, in their order', () => {
    const pids = sleepers(3).map(({ pid }) => pid);
    const state = FreezeState.withPids('process', pids);
    expect(state).toBeInstanceOf(FreezeState);
    expect(state.pidCount).toBe(3);
    expect(state.pid).toBe(pids[0]);
    expect(state.pids).toEqual(pids);
  });

  it('takes the pids from any iterable, and each once', () => {
    const pids = sleepers(2).map(({ pid }) => pid);
    expect(FreezeState.withPids('process', new Set(pids)).pids).toEqual(pids);
    expect(FreezeState.withPids('process', pids.values()).pids).toEqual(pids);
    expect(FreezeState.withPids('process', [...pids, ...pids]).pids).toEqual(pids);
    expect(FreezeState.withPids('process', []).pids).toEqual([]);
  });
});

describe('the epoch', () => {
  it('counts the unfreezes', () => {
    const state = new FreezeState();
    for (const epoch of [1, 2, 3]) {
      state.unfreeze();
      expect(state.currentEpoch).toBe(epoch);
    }
  });

  it('counts forced unfreezes too', () => {
    const state = new FreezeState();
    state.forceUnfreeze();
    expect(state.snapshot()).toEqual({ epoch: 1, isFrozen: false });
  });

  it('is not moved by a freeze', () => {
    const state = new FreezeState('process', sleeper().pid);
    state.freezeAtEpoch(0);
    expect(state.snapshot()).toEqual({ epoch: 0, isFrozen: true });
  });

  it('freezes nothing where it is stale or still to come', () => {
    const { pid } = sleeper();
    const state = new FreezeState('process', pid);
    state.unfreeze();
    for (const epoch of [0, 2, Number.MAX_SAFE_INTEGER]) expect(state.freezeAtEpoch(epoch)).toBe(false);
    expect(state.snapshot()).toEqual({ epoch: 1, isFrozen: false });
    expect(letterOf(pid)).not.toBe('T');
  });
});

describe('mode none', () => {
  it('never freezes, even with a pid', () => {
    const { pid } = sleeper();
    const state = new FreezeState(FreezeMode.None, pid);
    expect(state.freezeAtEpoch(0)).toBe(false);
    expect(state.isFrozen).toBe(false);
    expect(letterOf(pid)).not.toBe('T');
  });

  it('needs no pid', () => {
    expect(new FreezeState(FreezeMode.None).freezeAtEpoch(0)).toBe(false);
  });
});

describe('mode process', () => {
  it('cannot freeze without a pid', () => {
    const state = new FreezeState(FreezeMode.Process);
    expect(() => state.freezeAtEpoch(0)).toThrow(NoPidConfiguredError);
    expect(state.snapshot()).toEqual({ epoch: 0, isFrozen: false });
  });

  it('checks the epoch before it reports that no member is registered', () => {
    expect(new FreezeState(FreezeMode.Process).freezeAtEpoch(1)).toBe(false);
  });
});

describe.each([FreezeMode.None, FreezeMode.Process])('registering in mode %s', (mode) => {
  it('adds each pid to the count, in the order of registration', () => {
    const state = new FreezeState(mode);
    const pids = sleepers(3).map(({ pid }) => pid);
    pids.forEach((pid, index) => {
      state.registerPid(pid);
      expect(state.pidCount).toBe(index + 1);
    });
    expect(state.pids).toEqual(pids);
  });

  it('a live member again changes nothing', () => {
    const { pid } = sleeper();
    const state = new FreezeState(mode, pid);
    state.registerPid(pid);
    expect(state.pids).toEqual([pid]);
  });

  it('takes a pid that nothing has', () => {
    const state = new FreezeState(mode);
    state.registerPid(impossiblePid);
    expect(state.pids).toEqual([impossiblePid]);
  });

  it('can be undone, and says whether it was', () => {
    const [first, second] = sleepers(2).map(({ pid }) => pid) as [number, number];
    const state = FreezeState.withPids(mode, [first, second]);
    expect(state.unregisterPid(first)).toBe(true);
    expect(state.unregisterPid(first)).toBe(false);
    expect(state.pids).toEqual([second]);
  });

  it('hands out its pids in arrays of the caller', () => {
    const { pid } = sleeper();
    const state = new FreezeState(mode, pid);
    state.pids.push(1);
    expect(state.pids).toEqual([pid]);
  });
});
