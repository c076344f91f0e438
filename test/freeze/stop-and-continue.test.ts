import { FreezeState } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { fitFor, signallingModes } from '../helpers/modes';
import { isStopped, letterOf, running, stopped } from '../helpers/proc';
import { exitCodeOf, sleeper, sleepers, spinner } from '../helpers/processes';

describe.each(signallingModes)('in mode %s', (mode) => {
  const fit = fitFor(mode);

  function threeFrozen() {
    const pids = sleepers(3, fit).map(({ pid }) => pid);
    const state = FreezeState.withPids(mode, pids);
    expect(state.freezeAtEpoch(0)).toBe(true);
    return { state, pids };
  }

  describe('a freeze', () => {
    it('stops every member, and an unfreeze continues every one', async () => {
      const { state, pids } = threeFrozen();
      expect(state.isFrozen).toBe(true);
      await stopped(...pids);
      state.unfreeze();
      expect(state.isFrozen).toBe(false);
      await running(...pids);
    });

    it('stops a process that is busy', async () => {
      const { pid } = spinner(fit);
      const state = new FreezeState(mode, pid);
      state.freezeAtEpoch(0);
      await stopped(pid);
      state.unfreeze();
      await running(pid);
    });

    it('does nothing with a ticket from before an unfreeze', async () => {
      const { state, pids } = threeFrozen();
      state.unfreeze();
      expect(state.freezeAtEpoch(0)).toBe(false);
      expect(pids.some(isStopped)).toBe(false);
      expect(state.freezeAtEpoch(1)).toBe(true);
      await stopped(...pids);
    });

    // No SIGCONT wakes what is frozen with its cgroup.
    it.skipIf(mode === 'cgroup')('is true again at the epoch that is frozen, and sends no signal', async () => {
      const { state, pids } = threeFrozen();
      await stopped(...pids);
      const [first = 0] = pids;
      process.kill(first, 'SIGCONT');
      await running(first);
      expect(state.freezeAtEpoch(0)).toBe(true);
      expect(letterOf(first)).not.toBe('T');
    });

    it('is false at another epoch while frozen, and leaves the members stopped', async () => {
      const { state, pids } = threeFrozen();
      await stopped(...pids);
      expect(state.freezeAtEpoch(1)).toBe(false);
      expect(pids.every(isStopped)).toBe(true);
      expect(state.snapshot()).toEqual({ epoch: 0, isFrozen: true });
    });

    it('can follow a thaw many times', async () => {
      const { pid } = sleeper(fit);
      const state = new FreezeState(mode, pid);
      for (let round = 0; round < 200; round += 1) {
        expect(state.freezeAtEpoch(state.currentEpoch)).toBe(true);
        if (round % 2 === 0) await stopped(pid);
        state.unfreeze();
        expect(isStopped(pid)).toBe(false);
      }
      expect(state.currentEpoch).toBe(200);
    });

    // A process is in one cgroup, so a second state is refused it.
    it.skipIf(mode === 'cgroup')('is neither seen nor undone by another state that has the same member', async () => {
      const { pid } = sleeper(fit);
      const [one, other] = [new FreezeState(mode, pid), new FreezeState(mode, pid)];
      one.freezeAtEpoch(0);
      expect(other.isFrozen).toBe(false);
      await stopped(pid);
      // It stopped no process, so it continues none.
      other.unfreeze();
      expect(isStopped(pid)).toBe(true);
      one.unfreeze();
      await running(pid);
    });

    it('lets a member exit with its own code after the thaw', async () => {
      const child = sleeper({ ...fit, exitCode: 42 });
      const state = new FreezeState(mode, child.pid);
      state.freezeAtEpoch(0);
      await stopped(child.pid);
      state.unfreeze();
      expect(await exitCodeOf(child)).toBe(42);
    });
  });

  describe('an unfreeze', () => {
    it('leaves alone what a foreign process stopped', async () => {
      const { pid } = sleeper(fit);
      const state = new FreezeState(mode, pid);
      process.kill(pid, 'SIGSTOP');
      await stopped(pid);
      state.unfreeze();
      expect(isStopped(pid)).toBe(true);
    });
  });

  describe('a forced unfreeze', () => {
    it('continues a member that a foreign process stopped', async () => {
      const { pid } = sleeper(fit);
      const state = new FreezeState(mode, pid);
      process.kill(pid, 'SIGSTOP');
      await stopped(pid);
      state.forceUnfreeze();
      await running(pid);
      expect(state.snapshot()).toEqual({ epoch: 1, isFrozen: false });
    });

    it('ends a freeze', async () => {
      const { state, pids } = threeFrozen();
      await stopped(...pids);
      state.forceUnfreeze();
      await running(...pids);
      expect(state.snapshot()).toEqual({ epoch: 1, isFrozen: false });
      expect(state.freezeAtEpoch(0)).toBe(false);
    });

    it('is silent in mode none', async () => {
      const { pid } = sleeper(fit);
      const state = new FreezeState('none', pid);
      process.kill(pid, 'SIGSTOP');
      await stopped(pid);
      state.forceUnfreeze();
      expect(isStopped(pid)).toBe(true);
      expect(state.currentEpoch).toBe(1);
    });
  });

  describe.each(['close', Symbol.dispose] as const)('%s', (method) => {
    it('continues the members that the state has stopped', async () => {
      const { state, pids } = threeFrozen();
      await stopped(...pids);
      state[method]();
      await running(...pids);
    });

    it('leaves alone what a foreign process stopped', async () => {
      const { pid } = sleeper(fit);
      const state = new FreezeState(mode, pid);
      process.kill(pid, 'SIGSTOP');
      await stopped(pid);
      state[method]();
      expect(isStopped(pid)).toBe(true);
    });

    it('does nothing where the state is closed already', () => {
      const { state } = threeFrozen();
      state[method]();
      expect(state[method]()).toBeUndefined();
    });
  });
});
