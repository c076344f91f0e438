import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { FreezeMode, type FreezeOptions, FreezeState } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { cgroup, cgroupErrorOf, madeUnder, own, processesOf, write } from '../helpers/cgroups';
import { signallingModes } from '../helpers/modes';
import { runInNode, valueInNode } from '../helpers/node';
import { cgroupOf, isStopped, openPidfds, running, stopped } from '../helpers/proc';
import { killed, sleeper, sleepers, tree } from '../helpers/processes';

describe.runIf(signallingModes.includes(FreezeMode.Cgroup))('mode cgroup', () => {
  const open = (options?: FreezeOptions, pid?: number): FreezeState => new FreezeState(FreezeMode.Cgroup, pid, options);

  describe('the group', () => {
    it('is made under our own, and removed by close', () => {
      const state = open();
      expect(madeUnder(own)).toHaveLength(1);
      state.close();
      expect(madeUnder(own)).toEqual([]);
    });

    it('is made under the parent that is given, which may be reached by a link or with dots', () => {
      const parent = cgroup();
      const state = open({ cgroup: { parent: `${parent}/../${parent.slice(own.length + 1)}/` } }, sleeper().pid);
      expect(madeUnder(parent)).toHaveLength(1);
      expect(state.freezeAtEpoch(0)).toBe(true);
      state.close();
      expect(madeUnder(parent)).toEqual([]);
    });

    it('that exists already is used, and stays', async () => {
      const path = cgroup();
      const { pid } = sleeper();
      const state = open({ cgroup: { path } }, pid);
      expect(processesOf(path)).toEqual([pid]);
      expect(state.freezeAtEpoch(0)).toBe(true);
      await stopped(pid);
      state.close();
      expect(existsSync(path)).toBe(true);
      expect(cgroupOf(pid)).toBe(own);
      await running(pid);
    });

    it('is removed when its process exits without closing the state', async () => {
      const { pid } = sleeper();
      const ending = await runInNode(
        ({ FreezeState: State, stoppedNow }, member) => {
          const state = new State('cgroup', member);
          state.freezeAtEpoch(0);
          stoppedNow(member);
          process.stdout.write(String(process.pid));
          process.exit(3);
        },
        [pid],
      );
      expect(ending).toMatchObject({ code: 3, stderr: '' });
      const names = readdirSync(own).filter((name) => name.startsWith(`freeze-state-${ending.stdout}-`));
      expect(names).toEqual([]);
      expect(cgroupOf(pid)).toBe(own);
      await running(pid);
    });

    it('is not left behind where a member cannot be registered', () => {
      const before = openPidfds();
      expect(() => FreezeState.withPids(FreezeMode.Cgroup, [sleeper().pid, 1])).toThrow();
      expect(madeUnder(own)).toEqual([]);
      expect(openPidfds()).toBeLessThanOrEqual(before);
    });

    // As root it does without the chmod(2); a plain user could not open its own files.
    it('works whatever the umask of the program is', async () => {
      const frozen = await valueInNode(
        ({ FreezeState: State, stoppedNow }, pid) => {
          process.umask(0o777);
          const state = new State('cgroup', pid);
          const result = state.freezeAtEpoch(0);
          stoppedNow(pid);
          state.close();
          return result;
        },
        [sleeper().pid],
      );
      expect(frozen).toBe(true);
    });

    it('costs five descriptors, which close gives back', () => {
      const count = () => readdirSync('/proc/self/fd').length;
      const before = count();
      const state = open();
      expect(count()).toBe(before + 5);
      state.close();
      expect(count()).toBe(before);
    });
  });

  describe('a member', () => {
    it('is moved in when it is registered, and back when it is unregistered', () => {
      const origin = cgroup();
      const { pid } = sleeper();
      write(origin, 'cgroup.procs', pid);
      const state = open(undefined, pid);
      expect(cgroupOf(pid)).not.toBe(origin);
      expect(state.unregisterPid(pid)).toBe(true);
      expect(cgroupOf(pid)).toBe(origin);
      state.close();
    });

    it('runs again when it is unregistered while frozen, with its descendants; the others stay frozen', async () => {
      const [leaver, other] = sleepers(2) as [ReturnType<typeof sleeper>, ReturnType<typeof sleeper>];
      const state = FreezeState.withPids(FreezeMode.Cgroup, [leaver.pid, other.pid]);
      state.freezeAtEpoch(0);
      await stopped(leaver.pid, other.pid);
      state.unregisterPid(leaver.pid);
      await running(leaver.pid);
      expect(isStopped(other.pid)).toBe(true);
      state.close();
    });

    it('brings what it starts from then on, and close moves that back as well', async () => {
      const origin = cgroup();
      const { pid } = sleeper();
      write(origin, 'cgroup.procs', pid);
      const state = open(undefined, pid);
      const whole = await tree(2, 1);
      for (const one of whole.pids) write(cgroupOf(pid), 'cgroup.procs', one);
      expect(state.inspect().map(({ role }) => role)).toEqual(['registered', 'descendant', 'descendant', 'descendant']);
      expect(state.freezeAtEpoch(0)).toBe(true);
      await stopped(pid, ...whole.pids);
      state.close();
      await running(pid, ...whole.pids);
      expect(cgroupOf(pid)).toBe(origin);
      expect(madeUnder(own)).toEqual([]);
    });

    it('whose origin was removed meanwhile is moved to the parent of the group', () => {
      const origin = cgroup();
      const { pid } = sleeper();
      write(origin, 'cgroup.procs', pid);
      const state = open(undefined, pid);
      rmdirSync(origin);
      state.close();
      expect(cgroupOf(pid)).toBe(own);
    });

    it('that has exited leaves descendants, which are frozen and thawed as before', async () => {
      const first = sleeper();
      const whole = await tree(1, 1);
      const state = open(undefined, first.pid);
      for (const one of whole.pids) write(cgroupOf(first.pid), 'cgroup.procs', one);
      await killed(first);
      expect(state.freezeAtEpoch(0)).toBe(true);
      await stopped(...whole.pids);
      state.unfreeze();
      await running(...whole.pids);
      state.close();
    });
  });

  describe('a member that a foreign process moved', () => {
    it('out of the group fails the freeze, until it is registered again', async () => {
      const elsewhere = cgroup();
      const [member, other] = sleepers(2) as [ReturnType<typeof sleeper>, ReturnType<typeof sleeper>];
      const state = FreezeState.withPids(FreezeMode.Cgroup, [other.pid, member.pid]);
      write(elsewhere, 'cgroup.procs', member.pid);
      const error = cgroupErrorOf(() => state.freezeAtEpoch(0));
      expect(error).toMatchObject({ reason: 'member-left' });
      expect(error.message).toContain(`process ${member.pid}`);
      expect([member.pid, other.pid].some(isStopped)).toBe(false);
      state.registerPid(member.pid);
      expect(state.freezeAtEpoch(0)).toBe(true);
      await stopped(member.pid, other.pid);
      state.close();
    });

    it('out of the group stays where it was moved when it leaves, and at the end', () => {
      const elsewhere = cgroup();
      const [one, two] = sleepers(2) as [ReturnType<typeof sleeper>, ReturnType<typeof sleeper>];
      const state = FreezeState.withPids(FreezeMode.Cgroup, [one.pid, two.pid]);
      for (const { pid } of [one, two]) write(elsewhere, 'cgroup.procs', pid);
      state.unregisterPid(one.pid);
      state.close();
      for (const { pid } of [one, two]) expect(cgroupOf(pid)).toBe(elsewhere);
    });

    it('into a group below is frozen with the rest, and moved back with it', async () => {
      const member = sleeper();
      const state = open(undefined, member.pid);
      const below = join(cgroupOf(member.pid), 'below');
      mkdirSync(below);
      write(below, 'cgroup.procs', member.pid);
      expect((await state.confirmFreezeAtEpoch(0)).isFrozen).toBe(true);
      expect(state.inspect()).toMatchObject([{ pid: member.pid, state: 'stopped', stoppedByUs: true }]);
      state.close();
      expect(existsSync(below)).toBe(false);
      expect(cgroupOf(member.pid)).toBe(own);
    });
  });

  it('a process that was born in the group and then registered leaves it as its parent would', async () => {
    const whole = await tree(1, 1);
    const [root, child = 0] = whole.pids as [number, ...number[]];
    const state = open(undefined, root);
    write(cgroupOf(root), 'cgroup.procs', child);
    state.registerPid(child);
    state.freezeAtEpoch(0);
    await stopped(root, child);
    // Each is its own member: what leaves is the one.
    expect(state.unregisterPid(root)).toBe(true);
    await running(root);
    expect(isStopped(child)).toBe(true);
    expect(state.unregisterPid(child)).toBe(true);
    await running(child);
    expect(cgroupOf(child)).toBe(own);
    state.close();
    expect(madeUnder(own)).toEqual([]);
  });

  it('is not woken by the SIGCONT of a foreign process', async () => {
    const [inside, outside] = sleepers(2) as [ReturnType<typeof sleeper>, ReturnType<typeof sleeper>];
    const state = open(undefined, inside.pid);
    const byEach = new FreezeState(FreezeMode.Process, outside.pid);
    for (const one of [state, byEach]) expect((await one.confirmFreezeAtEpoch(0)).isFrozen).toBe(true);
    for (const { pid } of [inside, outside]) process.kill(pid, 'SIGCONT');
    // The one that was stopped by a signal runs: so the signals have had their effect.
    await running(outside.pid);
    expect(readFileSync(join(cgroupOf(inside.pid), 'cgroup.events'), 'latin1')).toContain('frozen 1');
    expect(state.inspect()).toMatchObject([{ pid: inside.pid, state: 'stopped', stoppedByUs: true }]);
    state.close();
    byEach.close();
  });
});
