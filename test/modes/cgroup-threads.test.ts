import { FreezeMode, type FreezeOptions, FreezeState } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { cgroup, cgroupErrorOf, madeUnder, own, write } from '../helpers/cgroups';
import { signallingModes } from '../helpers/modes';
import { cgroupOf, running, statField, stopped, threadsOf } from '../helpers/proc';
import { family } from '../helpers/processes';
import { until } from '../helpers/until';

const open = (options?: FreezeOptions, pid?: number): FreezeState => new FreezeState(FreezeMode.Cgroup, pid, options);

describe.runIf(signallingModes.includes(FreezeMode.Cgroup))(
  'a process in a cgroup whose first thread has ended',
  () => {
    /** The pid, by which /proc shows the first thread, and the id of another, which lives on. */
    const start = async (): Promise<{ pid: number; thread: number; endFirst: () => Promise<void> }> => {
      const { pid } = await family(['headless'], 1);
      const [thread = 0] = threadsOf(pid).filter((id) => id !== pid);
      const endFirst = (): Promise<void> => {
        process.kill(pid, 'SIGUSR1');
        return until(() => statField(pid, 3) === 'Z', `the first thread of ${pid} has ended`);
      };
      return { pid, thread, endFirst };
    };

    it.each(['before it is registered', 'after that'])('%s is frozen, and leaves', async (when) => {
      const origin = cgroup();
      const { pid, thread, endFirst } = await start();
      write(origin, 'cgroup.procs', pid);
      if (when === 'before it is registered') await endFirst();
      const state = open(undefined, pid);
      if (when === 'after that') await endFirst();
      expect((await state.confirmFreezeAtEpoch(0)).isFrozen).toBe(true);
      await stopped(thread);
      expect(state.inspect()).toMatchObject([{ pid, state: 'stopped', stoppedByUs: true }]);
      expect(state.unregisterPid(pid)).toBe(true);
      expect(cgroupOf(thread)).toBe(origin);
      await running(thread);
      expect(state.inspect()).toEqual([]);
      state.registerPid(pid);
      expect(cgroupOf(thread)).not.toBe(origin);
      state.close();
      expect(cgroupOf(thread)).toBe(origin);
      expect(madeUnder(own)).toEqual([]);
    });

    it('fails the freeze where a foreign process has moved it out, and is moved in when it is registered again', async () => {
      const elsewhere = cgroup();
      const { pid, thread, endFirst } = await start();
      const state = open(undefined, pid);
      await endFirst();
      write(elsewhere, 'cgroup.procs', pid);
      expect(cgroupErrorOf(() => state.freezeAtEpoch(0))).toMatchObject({ reason: 'member-left' });
      expect(state.inspect()).toMatchObject([
        { pid, state: expect.stringMatching('running|sleeping'), stoppedByUs: false },
      ]);
      state.registerPid(pid);
      expect(state.freezeAtEpoch(0)).toBe(true);
      await stopped(thread);
      write(elsewhere, 'cgroup.procs', pid);
      expect(state.inspect()).toMatchObject([
        { pid, state: expect.stringMatching('running|sleeping'), stoppedByUs: false },
      ]);
      state.close();
      expect(cgroupOf(thread)).toBe(elsewhere);
      expect(madeUnder(own)).toEqual([]);
    });
  },
);
