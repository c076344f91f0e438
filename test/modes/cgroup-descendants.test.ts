import { once } from 'node:events';
import { FreezeMode, type FreezeOptions, FreezeState } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { cgroup, cgroupErrorOf, madeUnder, own, processesOf, write } from '../helpers/cgroups';
import { end, endWithGroup } from '../helpers/children';
import { signallingModes } from '../helpers/modes';
import { cgroupOf, isStopped, running, stopped } from '../helpers/proc';
import { sleeper, start, tree } from '../helpers/processes';

const open = (options?: FreezeOptions, pid?: number): FreezeState => new FreezeState(FreezeMode.Cgroup, pid, options);

describe.runIf(signallingModes.includes(FreezeMode.Cgroup))('mode cgroup: what descends from a member', () => {
  it('is in the group though it was born before: a shell that starts three sleepers, 40 times', async () => {
    const script = 'for i in 1 2 3; do sleep 600 >&- 2>&- & done; echo started; wait';
    for (let round = 0; round < 40; round += 1) {
      const shell = start('sh', ['-c', script], { detached: true });
      endWithGroup(shell);
      const started = once(shell.stdout, 'data');
      // At moments that differ: before the shell runs, and between any two of its forks.
      const until = performance.now() + round * 0.05;
      while (performance.now() < until);
      const state = open(undefined, shell.pid);
      await started;
      expect({ round, inside: processesOf(state.cgroup as string).length }).toEqual({ round, inside: 4 });
      await end(shell);
      state.close();
    }
  });

  it.each(['unregisterPid', 'close'] as const)('goes back to its own origin by %s', async (how) => {
    const origins = [cgroup(), cgroup(), cgroup()] as const;
    const { pids } = await tree(1, 2);
    for (const [i, pid] of pids.entries()) write(origins[i as 0 | 1 | 2], 'cgroup.procs', pid);
    const state = open(undefined, pids[0] as number);
    for (const pid of pids) expect(cgroupOf(pid)).toBe(state.cgroup);
    expect(state.inspect().map(({ role }) => role)).toEqual(['registered', 'descendant', 'descendant']);
    expect(state.pids).toEqual(pids.slice(0, 1));
    expect(state.freezeAtEpoch(0)).toBe(true);
    await stopped(...pids);
    if (how === 'close') state.close();
    else state.unregisterPid(pids[0] as number);
    await running(...pids);
    expect(pids.map(cgroupOf)).toEqual(origins);
    state.close();
    expect(madeUnder(own)).toEqual([]);
  });

  it('joins a frozen state with it, and is frozen', async () => {
    const { pids } = await tree(2, 1);
    const state = open(undefined, sleeper().pid);
    expect(state.freezeAtEpoch(0)).toBe(true);
    state.registerPid(pids[0] as number);
    await stopped(...pids);
    state.close();
    await running(...pids);
  });

  it('is moved back in when the member is registered again, after a foreign process has moved both out', async () => {
    const { pids } = await tree(1, 1);
    const state = open(undefined, pids[0] as number);
    for (const pid of pids) write(own, 'cgroup.procs', pid);
    state.registerPid(pids[0] as number);
    for (const pid of pids) expect(cgroupOf(pid)).toBe(state.cgroup);
    state.close();
  });

  it('stays in the group of another state, which has registered it', async () => {
    const { pids } = await tree(1, 1);
    const [parent = 0, child = 0] = pids;
    const [first, second] = [open(undefined, child), open(undefined, parent)];
    expect([child, parent].map(cgroupOf)).toEqual([first.cgroup, second.cgroup]);
    expect(second.freezeAtEpoch(0)).toBe(true);
    await stopped(parent);
    expect(isStopped(child)).toBe(false);
    for (const state of [second, first]) state.close();
    await running(parent);
    expect(pids.map(cgroupOf)).toEqual([own, own]);
  });

  it('fails the registration of the member if it is in a frozen group, and no process is moved', async () => {
    const { pids } = await tree(2, 1);
    const frozen = cgroup();
    const last = pids.at(-1) as number;
    write(frozen, 'cgroup.procs', last);
    write(frozen, 'cgroup.freeze', 1);
    const state = open();
    expect(cgroupErrorOf(() => state.registerPid(pids[0] as number))).toMatchObject({
      reason: 'frozen-by-another',
      path: frozen,
    });
    expect(state.pids).toEqual([]);
    expect(processesOf(state.cgroup as string)).toEqual([]);
    write(frozen, 'cgroup.freeze', 0);
    expect(pids.map(cgroupOf)).toEqual([own, own, frozen]);
    state.close();
    await running(...pids);
  });

  it('cannot be this very process: an ancestor of ours is refused', () => {
    const state = open();
    const here = cgroupOf(process.ppid);
    expect(() => state.registerPid(process.ppid)).toThrow(
      `process ${process.ppid} is an ancestor of this very process`,
    );
    expect(state.pids).toEqual([]);
    expect(cgroupOf(process.ppid)).toBe(here);
    state.close();
  });

  it('is in the directory that the state names, and no other mode names one', () => {
    const path = cgroup();
    const states = [open({ cgroup: { path } }), open(), new FreezeState(FreezeMode.Process)] as const;
    expect(states[0].cgroup).toBe(path);
    expect(states[1].cgroup).toMatch(new RegExp(`^${own}/freeze-state-${process.pid}-`));
    expect(states[2].cgroup).toBeUndefined();
    for (const state of states) state.close();
  });
});
