import { FreezeState } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { fitFor, signallingModes } from './helpers/modes';
import { valueInNode } from './helpers/node';
import { isStopped, letterOf, running, stopped } from './helpers/proc';
import { canBecomeNobody, impossiblePid, killNow, nobody, sleeper, sleepers } from './helpers/processes';

// What docs/semantics.md promises, as far as one thread can show it.

function pidsOf(members: readonly { pid: number }[]): number[] {
  return members.map(({ pid }) => pid);
}

describe.each(signallingModes)('in mode %s', (mode) => {
  const fit = fitFor(mode);

  describe('G1: when an unfreeze returns, no freeze with an older epoch holds a member stopped or will stop one', () => {
    it('after each of many rounds, with every older ticket', () => {
      const pids = pidsOf(sleepers(3, fit));
      const state = FreezeState.withPids(mode, pids);
      const tickets: number[] = [];
      for (let round = 0; round < 50; round += 1) {
        tickets.push(state.currentEpoch);
        state.freezeAtEpoch(state.currentEpoch);
        state.unfreeze();
        expect(pids.some(isStopped)).toBe(false);
      }
      for (const ticket of tickets) expect(state.freezeAtEpoch(ticket)).toBe(false);
      expect(pids.some(isStopped)).toBe(false);
    });

    it('for members that joined the frozen set late', () => {
      const [first, ...late] = pidsOf(sleepers(4, fit)) as [number, ...number[]];
      const state = new FreezeState(mode, first);
      state.freezeAtEpoch(0);
      for (const pid of late) state.registerPid(pid);
      state.unfreeze();
      expect([first, ...late].some(isStopped)).toBe(false);
    });

    it('for the members beside one that died while frozen', () => {
      const [dying, ...others] = sleepers(3, fit) as [ReturnType<typeof sleeper>, ...ReturnType<typeof sleeper>[]];
      const state = FreezeState.withPids(mode, pidsOf([dying, ...others]));
      state.freezeAtEpoch(0);
      killNow(dying);
      state.unfreeze();
      expect(pidsOf(others).some(isStopped)).toBe(false);
    });
  });

  describe('G2: true means that every live member got SIGSTOP, and the state is frozen until a later unfreeze', () => {
    it('for one member and for many, with the dead among them', async () => {
      const pids = pidsOf(sleepers(40, fit));
      const state = FreezeState.withPids(mode, [impossiblePid, ...pids]);
      expect(state.freezeAtEpoch(0)).toBe(true);
      expect(state.isFrozen).toBe(true);
      await stopped(...pids);
      expect(state.freezeAtEpoch(5)).toBe(false);
      expect(state.isFrozen).toBe(true);
      state.unfreeze();
      expect(state.isFrozen).toBe(false);
    });
  });

  describe('G3: false means that this call left no member stopped', () => {
    it('for a stale epoch, a future one, and mode none', () => {
      const pids = pidsOf(sleepers(3, fit));
      const state = FreezeState.withPids(mode, pids);
      state.unfreeze();
      expect([0, 2, 3].map((epoch) => state.freezeAtEpoch(epoch))).toEqual([false, false, false]);
      expect(FreezeState.withPids('none', pids).freezeAtEpoch(0)).toBe(false);
      expect(pids.some(isStopped)).toBe(false);
    });
  });

  describe('G4: a thrown error means the same', () => {
    it('where no member lives', () => {
      const state = FreezeState.withPids(mode, [impossiblePid, impossiblePid - 1]);
      expect(() => state.freezeAtEpoch(0)).toThrow();
      expect(state.isFrozen).toBe(false);
    });

    it.runIf(canBecomeNobody && mode !== 'cgroup').each([0, 1, 2, 3])(
      'where the member at place %i refuses',
      async (place) => {
        const pids = pidsOf(sleepers(3, { ...fit, user: nobody }));
        pids.splice(place, 0, sleeper(fit).pid);
        const letters = await valueInNode(
          ({ FreezeState, failure, letterOf: letter }, members, ofMode) => {
            const state = FreezeState.withPids(ofMode, members);
            const { name } = failure(() => state.freezeAtEpoch(0));
            return [name, state.isFrozen, ...members.map(letter)];
          },
          [pids, mode],
          { launch: [`user=${nobody}`] },
        );
        expect(letters.slice(0, 2)).toEqual(['PermissionDeniedError', false]);
        expect(letters).not.toContain('T');
        expect(pids.some(isStopped)).toBe(false);
      },
    );
  });

  describe('G5: isFrozen is never true while a live member has not been signalled', () => {
    it('before a freeze, after one that failed, and when a process joins', async () => {
      const state = new FreezeState(mode, impossiblePid);
      expect(() => state.freezeAtEpoch(0)).toThrow();
      expect(state.isFrozen).toBe(false);
      const [first, second] = pidsOf(sleepers(2, fit)) as [number, number];
      state.registerPid(first);
      expect(state.isFrozen).toBe(false);
      state.freezeAtEpoch(0);
      state.registerPid(second);
      expect(state.isFrozen).toBe(true);
      await stopped(first, second);
    });
  });

  // G6 is about two threads.

  describe('G7: no signal ever reaches a process that was not registered', () => {
    it('neither a freeze nor a thaw signals a process that was unregistered or never registered', async () => {
      const [member, leaver, foreign] = pidsOf(sleepers(3, fit)) as [number, number, number];
      const state = FreezeState.withPids(mode, [member, leaver]);
      state.unregisterPid(leaver);
      state.freezeAtEpoch(0);
      await stopped(member);
      for (const pid of [leaver, foreign]) {
        expect(isStopped(pid)).toBe(false);
        process.kill(pid, 'SIGSTOP');
      }
      await stopped(leaver, foreign);
      state.forceUnfreeze();
      await running(member);
      state.close();
      expect([leaver, foreign].every(isStopped)).toBe(true);
    });

    it.skipIf(mode === 'process-group')('a freeze of a member stops neither its parent nor its group', async () => {
      const result = await valueInNode(
        ({ FreezeState: State, spawnTarget, stoppedNow, letterOf: letter }, ofMode) => {
          // All of one group: this process, its parent, and its children.
          const [member, sibling] = [spawnTarget('sleep'), spawnTarget('sleep')];
          const state = new State(ofMode, member.pid);
          state.freezeAtEpoch(0);
          stoppedNow(member.pid);
          const letters = [sibling.pid, process.ppid].map(letter);
          state.close();
          member.kill('SIGKILL');
          sibling.kill('SIGKILL');
          return letters;
        },
        [mode],
      );
      expect(result).not.toContain('T');
      expect(letterOf(process.pid)).not.toBe('T');
    });

    // That a pid which was reused is not hit: freeze/reused-pid.test.ts.
    // That our own pid, 0, -1 and 2^32-1 are refused: input/pids.test.ts.
  });

  describe('G8: a wait never misses a change', () => {
    it('between the read of the state and the wait', async () => {
      const state = new FreezeState(mode, sleeper(fit).pid);
      for (const change of [() => state.freezeAtEpoch(state.currentEpoch), () => state.unfreeze()]) {
        const since = state.snapshot();
        change();
        expect(await state.waitForStateChange({ since })).toEqual(state.snapshot());
      }
    });

    it('a freeze and a thaw before the wait end it, although isFrozen is as it was', async () => {
      const state = new FreezeState(mode, sleeper(fit).pid);
      const since = state.snapshot();
      state.freezeAtEpoch(0);
      state.unfreeze();
      expect(await state.waitForStateChange({ since })).toEqual({ epoch: 1, isFrozen: false });
    });
  });
});
