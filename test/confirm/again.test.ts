import { FreezeMode, FreezeState } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { fitFor, signallingModes } from '../helpers/modes';
import { isStopped, running, stopped } from '../helpers/proc';
import { family, killNow, sleepers, type Target } from '../helpers/processes';
import { frozen } from '../helpers/reports';

/** For a machine that is busy; nothing is to take it. */
const timeout = 20_000;

describe.each(signallingModes)('a confirmation of a freeze that was confirmed before, in mode %s,', (mode) => {
  const fit = fitFor(mode);

  // No SIGCONT wakes what the kernel has frozen.
  it.skipIf(mode === FreezeMode.Cgroup)('stops again a member that a foreign process has continued', async () => {
    const pids = sleepers(2, fit).map(({ pid }) => pid) as [number, number];
    const state = FreezeState.withPids(mode, pids);
    await frozen(state.confirmFreezeAtEpoch(0, { timeout }));
    process.kill(pids[1], 'SIGCONT');
    await running(pids[1]);
    const { members } = await frozen(state.confirmFreezeAtEpoch(0, { timeout }));
    expect(members).toEqual(pids.map((pid) => ({ pid, outcome: 'stopped' })));
    expect(pids.map(isStopped)).toEqual([true, true]);
    state.unfreeze();
    await running(...pids);
    state.close();
  });

  it('reports that a member was killed since', async () => {
    const [one, other] = sleepers(2, fit) as [Target, Target];
    const state = FreezeState.withPids(mode, [one.pid, other.pid]);
    await frozen(state.confirmFreezeAtEpoch(0, { timeout }));
    killNow(one);
    const { members } = await frozen(state.confirmFreezeAtEpoch(0, { timeout }));
    expect(members).toEqual([
      { pid: one.pid, outcome: 'gone' },
      { pid: other.pid, outcome: 'stopped' },
    ]);
    state.close();
  });
});

describe.each([
  [FreezeMode.ProcessTree, ['tree', '2', '1']],
  [FreezeMode.ProcessGroup, ['group', '2']],
] as const)('a confirmation of a freeze that was confirmed before, in mode %s,', (mode, words) => {
  it('stops again a process that was not registered, and reports it as it is', async () => {
    const { pid, pids } = await family(words, 3);
    const others = pids.filter((one) => one !== pid) as [number, number];
    const state = new FreezeState(mode, pid);
    await frozen(state.confirmFreezeAtEpoch(0, { timeout }));
    process.kill(others[0], 'SIGCONT');
    await running(others[0]);
    process.kill(others[1], 'SIGKILL');
    const { members } = await frozen(state.confirmFreezeAtEpoch(0, { timeout }));
    await stopped(pid, others[0]);
    const outcomes = new Map(members.map((one) => [one.pid, one.outcome]));
    expect(outcomes.get(pid)).toBe('stopped');
    // A group is reported by its leader.
    if (mode === FreezeMode.ProcessTree) expect(others.map((one) => outcomes.get(one))).toEqual(['stopped', 'gone']);
    state.unfreeze();
    await running(pid, others[0]);
    state.close();
  });
});
