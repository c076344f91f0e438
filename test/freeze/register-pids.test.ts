import { FreezeMode, FreezeState, InvalidPidError } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { signallingModes } from '../helpers/modes';
import { cgroupOf, isStopped, openPidfds, running, stopped } from '../helpers/proc';
import { foreignThread, impossiblePid, sleeper, sleepers } from '../helpers/processes';

describe.each(signallingModes)('registerPids in mode %s', (mode) => {
  const fit = { detached: mode === FreezeMode.ProcessGroup };

  it('registers all, in their order, of any iterable', async () => {
    const pids = sleepers(3, fit).map(({ pid }) => pid);
    const state = new FreezeState(mode);
    state.registerPids(new Set(pids.slice(0, 2)));
    state.registerPids(pids);
    state.registerPids([]);
    expect(state.pids).toEqual(pids);
    expect(state.freezeAtEpoch(0)).toBe(true);
    await stopped(...pids);
    state.close();
    await running(...pids);
  });

  it('registers none where one cannot be, and those that were members stay so', () => {
    const [member, ...others] = sleepers(3, fit).map(({ pid }) => pid) as [number, ...number[]];
    const state = new FreezeState(mode, member);
    const descriptors = openPidfds();
    const groups = others.map(cgroupOf);
    for (const bad of [1, process.pid, 7.5, 'x' as never]) {
      let error: unknown;
      try {
        state.registerPids([member, ...others, bad]);
      } catch (caught) {
        error = caught;
      }
      expect(error).toBeInstanceOf(InvalidPidError);
      expect(error).toMatchObject({ pid: bad });
      expect((error as Error).message).toMatch(/^registerPids: /);
      expect(state.pids).toEqual([member]);
    }
    expect(openPidfds()).toBe(descriptors);
    expect(others.map(cgroupOf)).toEqual(groups);
    state.close();
  });

  it('stops those that join a frozen state', async () => {
    const [member, ...others] = sleepers(3, fit).map(({ pid }) => pid) as [number, ...number[]];
    const state = new FreezeState(mode, member);
    expect(state.freezeAtEpoch(0)).toBe(true);
    state.registerPids(others);
    await stopped(member, ...others);
    state.unfreeze();
    await running(member, ...others);
    state.close();
  });

  it('registers none where a process that has exited is listed twice, and another cannot be', async () => {
    const state = new FreezeState(mode);
    const thread = await foreignThread();
    expect(() => state.registerPids([impossiblePid, impossiblePid, thread])).toThrow(InvalidPidError);
    expect(state.pids).toEqual([]);
    state.registerPids([impossiblePid, impossiblePid]);
    expect(state.pids).toEqual([impossiblePid]);
    state.close();
  });

  it('takes an iterable, and nothing else', () => {
    const state = new FreezeState(mode);
    for (const bad of [sleeper(fit).pid, 'text', undefined, null]) {
      expect(() => state.registerPids(bad as never)).toThrow(TypeError);
    }
    expect(state.pids).toEqual([]);
    state.close();
  });
});

// The refusal comes after the others were registered.
it.runIf(signallingModes.includes(FreezeMode.ProcessGroup))(
  'a registerPids that is refused continues and drops the processes that it had registered',
  async () => {
    const [leader, other] = [sleeper({ detached: true }), sleeper()];
    const state = new FreezeState(FreezeMode.ProcessGroup, sleeper({ detached: true }).pid);
    expect(state.freezeAtEpoch(0)).toBe(true);
    expect(() => state.registerPids([leader.pid, other.pid])).toThrow(InvalidPidError);
    await running(leader.pid);
    expect(isStopped(other.pid)).toBe(false);
    expect(state.pidCount).toBe(1);
    state.close();
  },
);
