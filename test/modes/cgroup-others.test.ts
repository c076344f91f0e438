import { mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { FreezeMode, type FreezeOptions, FreezeState } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { cgroup, cgroupErrorOf, madeUnder, own, write } from '../helpers/cgroups';
import { signallingModes } from '../helpers/modes';
import { cgroupOf, isStopped, openPidfds, running, stopped } from '../helpers/proc';
import { killed, sleeper, sleepers, type Target } from '../helpers/processes';

const open = (options?: FreezeOptions, pid?: number): FreezeState => new FreezeState(FreezeMode.Cgroup, pid, options);

describe.runIf(signallingModes.includes(FreezeMode.Cgroup))('a cgroup that others use', () => {
  describe('that two states share', () => {
    it('is frozen by one of the two at a time: the error of the other says that a state may have frozen it', async () => {
      const path = cgroup();
      const { pid } = sleeper();
      const [first, second] = [open({ cgroup: { path } }, pid), open({ cgroup: { path } }, pid)];
      expect(first.freezeAtEpoch(0)).toBe(true);
      await stopped(pid);
      const error = cgroupErrorOf(() => second.freezeAtEpoch(0));
      expect(error).toMatchObject({ reason: 'frozen-by-another', path });
      expect(error.message).toContain('or another FreezeState froze');
      expect(error.message).toContain(`echo 0 > ${path}/cgroup.freeze`);
      expect(error.message).toMatch(/The state is not frozen\.$/);
      // That failed, and so did not thaw what is not its own.
      second.unfreeze();
      expect(isStopped(pid)).toBe(true);
      expect(second.inspect()).toMatchObject([{ pid, state: 'stopped', stoppedByUs: false }]);
      expect(first.inspect()).toMatchObject([{ pid, state: 'stopped', stoppedByUs: true }]);
      for (const state of [first, second]) state.close();
      await running(pid);
    });

    it('may be thawed by the other by force: then the first has nothing stopped', async () => {
      const path = cgroup();
      const { pid } = sleeper();
      const [first, second] = [open({ cgroup: { path } }, pid), open({ cgroup: { path } }, pid)];
      expect(first.freezeAtEpoch(0)).toBe(true);
      await stopped(pid);
      second.forceUnfreeze();
      await running(pid);
      expect(first.inspect()).toMatchObject([{ pid, stoppedByUs: false }]);
      expect(first.inspect()[0]?.state).not.toBe('stopped');
      first.unfreeze();
      expect(first.freezeAtEpoch(first.currentEpoch)).toBe(true);
      expect(first.inspect()).toMatchObject([{ pid, stoppedByUs: true }]);
      for (const state of [first, second]) state.close();
      await running(pid);
    });

    it('is not thawed by the first after the second has ended its freeze by force and frozen it itself', async () => {
      const path = cgroup();
      const { pid } = sleeper();
      const [first, second] = [open({ cgroup: { path } }, pid), open({ cgroup: { path } }, pid)];
      first.freezeAtEpoch(0);
      second.forceUnfreeze();
      expect(second.freezeAtEpoch(second.currentEpoch)).toBe(true);
      await stopped(pid);
      expect(first.inspect()).toMatchObject([{ pid, state: 'stopped', stoppedByUs: false }]);
      first.unfreeze();
      expect(isStopped(pid)).toBe(true);
      first.close();
      expect(isStopped(pid)).toBe(true);
      second.close();
      await running(pid);
    });

    it('refuses a newcomer while the first has it frozen, and says that it was not registered', () => {
      const path = cgroup();
      const [{ pid }, { pid: late }] = [sleeper(), sleeper()];
      const [first, second] = [open({ cgroup: { path } }, pid), open({ cgroup: { path } })];
      first.freezeAtEpoch(0);
      const error = cgroupErrorOf(() => second.registerPid(late));
      expect(error).toMatchObject({ reason: 'frozen-by-another', path });
      expect(error.message).toMatch(/It was not registered\.$/);
      expect(cgroupOf(late)).toBe(own);
      for (const state of [first, second]) state.close();
    });
  });

  it('the error of a thaw below a group that others froze says what is true now, and nothing of other processes', async () => {
    const parent = cgroup();
    const { pid } = sleeper();
    const state = open({ cgroup: { parent } }, pid);
    state.freezeAtEpoch(0);
    await stopped(pid);
    write(parent, 'cgroup.freeze', 1);
    for (const [thaw, end] of [
      [() => state.unfreeze(), 'The state is not frozen.'],
      [() => state.freezeAtEpoch(state.currentEpoch), 'The state is not frozen.'],
    ] as const) {
      const { message, reason } = cgroupErrorOf(thaw);
      expect(reason).toBe('frozen-by-another');
      expect(message.endsWith(`${parent}/cgroup.freeze\`. ${end}`)).toBe(true);
    }
    write(parent, 'cgroup.freeze', 0);
    await running(pid);
    state.freezeAtEpoch(state.currentEpoch);
    write(parent, 'cgroup.freeze', 1);
    const { message } = cgroupErrorOf(() => state.close());
    expect(message).toMatch(/The state is closed\.$/);
    expect(madeUnder(parent)).toEqual([]);
  });

  it('a thaw below a group that others froze fails even before the members have stopped', () => {
    const parent = cgroup();
    const state = open({ cgroup: { parent } });
    for (const { pid } of sleepers(16)) state.registerPid(pid);
    for (let round = 0; round < 20; round += 1) {
      // Each member has to be scheduled before it is frozen; until then the group does not count as frozen.
      state.freezeAtEpoch(state.currentEpoch);
      write(parent, 'cgroup.freeze', 1);
      expect(cgroupErrorOf(() => state.unfreeze())).toMatchObject({ reason: 'frozen-by-another', path: parent });
      write(parent, 'cgroup.freeze', 0);
      state.unfreeze();
    }
    state.close();
  });

  describe('that was removed while the state lives', () => {
    const places = [
      ['that the state made', () => undefined],
      ['that has a path of ours', () => ({ cgroup: { path: cgroup() } })],
    ] as const;

    /** A state with one member that was moved out, and with the group removed. */
    function bereaved(options?: FreezeOptions): { state: FreezeState; member: Target; path: string } {
      const member = sleeper();
      const state = open(options, member.pid);
      const path = cgroupOf(member.pid);
      write(own, 'cgroup.procs', member.pid);
      rmdirSync(path);
      return { state, member, path };
    }

    it.each(places)(
      'one %s: a freeze and a registration fail and say so, a thaw and close do not',
      async (_, place) => {
        const descriptors = openPidfds();
        const { state, member, path } = bereaved(place());
        const { pid: late } = sleeper();
        for (const [operation, end] of [
          [() => state.freezeAtEpoch(0), 'This freeze left no process stopped.'],
          [() => state.registerPid(late), 'It was not registered.'],
          [() => state.registerPid(member.pid), 'It was not registered.'],
        ] as const) {
          const error = cgroupErrorOf(operation);
          expect(error).toMatchObject({ reason: 'gone', path });
          expect(error.message).toContain(`${path} is gone`);
          expect(error.message).toContain('make a new one');
          expect(error.message.endsWith(end)).toBe(true);
        }
        await expect(state.confirmFreezeAtEpoch(0)).rejects.toMatchObject({ reason: 'gone', path });
        expect(state.isFrozen).toBe(false);
        state.unfreeze();
        state.forceUnfreeze();
        expect(state.inspect()).toMatchObject([{ pid: member.pid, stoppedByUs: false }]);
        expect(isStopped(member.pid)).toBe(false);
        expect(state.pids).toEqual([member.pid]);
        expect(state.unregisterPid(member.pid)).toBe(true);
        state.close();
        expect(openPidfds()).toBe(descriptors);
        for (const pid of [member.pid, late]) expect(cgroupOf(pid)).toBe(own);
      },
    );

    it.each(places)('one %s, while the state was frozen and its member was killed', async (_, place) => {
      const member = sleeper();
      const state = open(place(), member.pid);
      const path = cgroupOf(member.pid);
      state.freezeAtEpoch(0);
      await killed(member);
      rmdirSync(path);
      expect(state.isFrozen).toBe(true);
      state.unfreeze();
      expect(state.snapshot()).toEqual({ epoch: 1, isFrozen: false });
      state.close();
    });

    it('is not taken for another that was made under the same name', () => {
      const { state, member, path } = bereaved({ cgroup: { path: cgroup() } });
      mkdirSync(path);
      write(path, 'cgroup.procs', member.pid);
      for (const operation of [() => state.freezeAtEpoch(0), () => state.registerPid(sleeper().pid)]) {
        expect(cgroupErrorOf(operation)).toMatchObject({ reason: 'gone', path });
      }
      expect(readFileSync(join(path, 'cgroup.freeze'), 'latin1')).toBe('0\n');
      state.close();
    });
  });
});
