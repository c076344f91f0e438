import { FreezeState, MultipleFreezeError, NoPidConfiguredError, ProcessNotFoundError } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { errorOf } from '../helpers/errors';
import { fitFor, signallingModes } from '../helpers/modes';
import { isStopped, openPidfds, running, stopped } from '../helpers/proc';
import { impossiblePid, killed, killNow, sleeper, sleepers, zombieOfAnother } from '../helpers/processes';

describe.each(signallingModes)('in mode %s', (mode) => {
  const fit = fitFor(mode);

  describe('a member that has exited', () => {
    it('is no error beside a live one, and is dropped', async () => {
      const [dead, live] = sleepers(2, fit) as [ReturnType<typeof sleeper>, ReturnType<typeof sleeper>];
      const state = FreezeState.withPids(mode, [dead.pid, live.pid]);
      await killed(dead);
      expect(state.freezeAtEpoch(0)).toBe(true);
      expect(state.pids).toEqual([live.pid]);
      await stopped(live.pid);
    });

    it('counts as gone while it is our zombie', async () => {
      const [dead, live] = sleepers(2, fit) as [ReturnType<typeof sleeper>, ReturnType<typeof sleeper>];
      const state = FreezeState.withPids(mode, [dead.pid, live.pid]);
      killNow(dead);
      expect(state.freezeAtEpoch(0)).toBe(true);
      expect(state.pids).toEqual([live.pid]);
      await stopped(live.pid);
    });

    it('counts as gone while it is the zombie of another', async () => {
      const zombie = await zombieOfAnother();
      const state = new FreezeState(mode, zombie);
      expect(state.pids).toEqual([zombie]);
      expect(errorOf(() => state.freezeAtEpoch(0))).toMatchObject({ name: 'ProcessNotFoundError', pid: zombie });
      expect(state.pids).toEqual([]);
    });

    it('is found by an unfreeze, which does not mind', async () => {
      const [dead, live] = sleepers(2, fit) as [ReturnType<typeof sleeper>, ReturnType<typeof sleeper>];
      const state = FreezeState.withPids(mode, [dead.pid, live.pid]);
      state.freezeAtEpoch(0);
      killNow(dead);
      state.unfreeze();
      expect(state.pids).toEqual([live.pid]);
      await running(live.pid);
    });

    it('gives its descriptor back when it is dropped', async () => {
      const before = openPidfds();
      const members = sleepers(8, fit);
      const state = FreezeState.withPids(
        mode,
        members.map(({ pid }) => pid),
      );
      // The collector may close those of states that earlier tests dropped: fewer is no leak.
      expect(openPidfds()).toBeGreaterThan(before);
      await Promise.all(members.map(killed));
      expect(() => state.freezeAtEpoch(0)).toThrow(MultipleFreezeError);
      expect(openPidfds()).toBeLessThanOrEqual(before);
    });
  });

  describe('where no member lives', () => {
    it('the freeze fails for one with its pid, and freezes nothing', async () => {
      const dead = sleeper(fit);
      const state = new FreezeState(mode, dead.pid);
      await killed(dead);
      const error = errorOf(() => state.freezeAtEpoch(0));
      expect(error).toBeInstanceOf(ProcessNotFoundError);
      expect(error).toMatchObject({ pid: dead.pid, code: 'ERR_FREEZE_PROCESS_NOT_FOUND' });
      expect(state.snapshot()).toEqual({ epoch: 0, isFrozen: false });
    });

    it('the freeze fails for several with an error for each, in their order', () => {
      const dead = sleeper(fit);
      const state = FreezeState.withPids(mode, [impossiblePid, dead.pid]);
      killNow(dead);
      const error = errorOf(() => state.freezeAtEpoch(0));
      expect(error).toBeInstanceOf(MultipleFreezeError);
      const { errors } = error as MultipleFreezeError;
      expect(errors.every((one) => one instanceof ProcessNotFoundError)).toBe(true);
      expect(errors).toMatchObject([{ pid: impossiblePid }, { pid: dead.pid }]);
      expect(state.isFrozen).toBe(false);
    });

    it('the next freeze finds no member at all', () => {
      const state = new FreezeState(mode, impossiblePid);
      expect(() => state.freezeAtEpoch(0)).toThrow(ProcessNotFoundError);
      expect(() => state.freezeAtEpoch(0)).toThrow(NoPidConfiguredError);
    });

    it('a later member can be frozen at the same epoch', async () => {
      const state = new FreezeState(mode, impossiblePid);
      expect(() => state.freezeAtEpoch(0)).toThrow(ProcessNotFoundError);
      const { pid } = sleeper(fit);
      state.registerPid(pid);
      expect(state.freezeAtEpoch(0)).toBe(true);
      await stopped(pid);
    });

    it('a frozen state stays frozen, and thaws', () => {
      const member = sleeper(fit);
      const state = new FreezeState(mode, member.pid);
      state.freezeAtEpoch(0);
      killNow(member);
      expect(state.isFrozen).toBe(true);
      state.unfreeze();
      expect(state.snapshot()).toEqual({ epoch: 1, isFrozen: false });
      expect(state.pids).toEqual([]);
    });
  });

  describe('registerPid', () => {
    it('sends no signal while the state runs', () => {
      const { pid } = sleeper(fit);
      const state = new FreezeState(mode);
      state.registerPid(pid);
      expect(isStopped(pid)).toBe(false);
    });

    it('stops the process at once if the state is frozen, and the thaw continues it', async () => {
      const [first, late] = sleepers(2, fit).map(({ pid }) => pid) as [number, number];
      const state = new FreezeState(mode, first);
      state.freezeAtEpoch(0);
      state.registerPid(late);
      await stopped(first, late);
      state.unfreeze();
      await running(first, late);
    });

    it('takes a process that is gone, also while the state is frozen', async () => {
      const state = new FreezeState(mode, sleeper(fit).pid);
      state.freezeAtEpoch(0);
      state.registerPid(impossiblePid);
      state.registerPid(await zombieOfAnother());
      expect(state.pidCount).toBe(3);
      state.unfreeze();
      expect(state.pidCount).toBe(1);
    });

    it('sends no signal in mode none', () => {
      const { pid } = sleeper(fit);
      const state = new FreezeState('none', sleeper(fit).pid);
      state.freezeAtEpoch(0);
      state.registerPid(pid);
      expect(isStopped(pid)).toBe(false);
    });
  });

  describe('unregisterPid', () => {
    it('continues the process if the state is frozen, and no other', async () => {
      const [leaver, other] = sleepers(2, fit).map(({ pid }) => pid) as [number, number];
      const state = FreezeState.withPids(mode, [leaver, other]);
      state.freezeAtEpoch(0);
      await stopped(leaver, other);
      expect(state.unregisterPid(leaver)).toBe(true);
      await running(leaver);
      expect(isStopped(other)).toBe(true);
      expect(state.snapshot()).toEqual({ epoch: 0, isFrozen: true });
    });

    it('never continues what a foreign process stopped', async () => {
      const { pid } = sleeper(fit);
      const state = new FreezeState(mode, pid);
      process.kill(pid, 'SIGSTOP');
      await stopped(pid);
      state.unregisterPid(pid);
      expect(isStopped(pid)).toBe(true);
    });

    it('works for a member that is gone', () => {
      const member = sleeper(fit);
      const state = new FreezeState(mode, member.pid);
      state.freezeAtEpoch(0);
      killNow(member);
      expect(state.unregisterPid(member.pid)).toBe(true);
      expect(state.pids).toEqual([]);
    });

    it('takes the process out of later freezes', async () => {
      const [leaver, other] = sleepers(2, fit).map(({ pid }) => pid) as [number, number];
      const state = FreezeState.withPids(mode, [leaver, other]);
      state.unregisterPid(leaver);
      state.freezeAtEpoch(0);
      await stopped(other);
      expect(isStopped(leaver)).toBe(false);
    });
  });
});
