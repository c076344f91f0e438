import { FreezeMode, FreezeState, InvalidPidError } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { valueInNode } from '../helpers/node';
import { isStopped, openPidfds, running, statField, stopped } from '../helpers/proc';
import { type Family, family, impossiblePid, sleeper, tree } from '../helpers/processes';
import { until } from '../helpers/until';

/** A leader and so many others in its group, which do not end with it. */
function group(others: number): Promise<Family> {
  return family(['group', String(others)], others + 1);
}

async function leaderExits({ pid, child }: Family): Promise<void> {
  child.kill('SIGKILL');
  await until(() => statField(pid, 3) === '', 'the leader is reaped');
}

describe('a group', () => {
  it('is stopped and continued as a whole, by its leader', async () => {
    const { pid, pids } = await group(5);
    const state = new FreezeState(FreezeMode.ProcessGroup, pid);
    expect(state.freezeAtEpoch(0)).toBe(true);
    await stopped(...pids);
    state.unfreeze();
    await running(...pids);
  });

  it('costs one descriptor, whatever its size', async () => {
    const { pid } = await group(5);
    const before = openPidfds();
    const state = new FreezeState(FreezeMode.ProcessGroup, pid);
    state.freezeAtEpoch(0);
    expect(openPidfds()).toBe(before + 1);
    state.close();
  });

  it('is frozen and thawed when its leader has exited', async () => {
    const leader = await group(2);
    const others = leader.pids.filter((pid) => pid !== leader.pid);
    const state = new FreezeState(FreezeMode.ProcessGroup, leader.pid);
    await leaderExits(leader);
    const report = await state.confirmFreezeAtEpoch(0);
    expect(report).toMatchObject({ isFrozen: true, members: [{ pid: leader.pid, outcome: 'stopped' }] });
    expect(others.map((pid) => statField(pid, 3))).toEqual(['T', 'T']);
    expect(state.pids).toEqual([leader.pid]);
    state.unfreeze();
    await running(...others);
  });

  it('is continued when its leader exits while it is frozen', async () => {
    const leader = await group(2);
    const others = leader.pids.filter((pid) => pid !== leader.pid);
    const state = new FreezeState(FreezeMode.ProcessGroup, leader.pid);
    state.freezeAtEpoch(0);
    await leaderExits(leader);
    state.unfreeze();
    await running(...others);
  });

  it('is shown without its leader by what the processes in it do', async () => {
    const leader = await group(2);
    const others = leader.pids.filter((pid) => pid !== leader.pid);
    const state = new FreezeState(FreezeMode.ProcessGroup, leader.pid);
    const shown = () => {
      const [one, ...more] = state.inspect();
      expect(more).toEqual([]);
      return [one?.pid, one?.state, one?.role, one?.stoppedByUs];
    };
    state.freezeAtEpoch(0);
    await leaderExits(leader);
    await stopped(...others);
    expect(shown()).toEqual([leader.pid, 'stopped', 'registered', true]);
    state.unfreeze();
    await until(() => others.every((pid) => statField(pid, 3) === 'S'), 'the others sleep again');
    expect(shown()).toEqual([leader.pid, 'sleeping', 'registered', false]);
    for (const pid of others) process.kill(pid, 'SIGSTOP');
    await stopped(...others);
    expect(shown()).toEqual([leader.pid, 'stopped', 'registered', false]);
    for (const pid of others) process.kill(pid, 'SIGKILL');
    await until(() => others.every((pid) => ['Z', 'X', ''].includes(statField(pid, 3))), 'the others have exited');
    expect(shown()).toEqual([leader.pid, 'gone', 'registered', false]);
    state.close();
  });

  it('is gone with its last process', async () => {
    const leader = await group(1);
    const [other = 0] = leader.pids.filter((pid) => pid !== leader.pid);
    const state = new FreezeState(FreezeMode.ProcessGroup, leader.pid);
    await leaderExits(leader);
    process.kill(other, 'SIGKILL');
    await until(() => 'ZX'.includes(statField(other, 3)), 'the other has exited');
    expect(() => state.freezeAtEpoch(0)).toThrow(`process ${leader.pid} has exited`);
  });

  it('is signalled by kill(2) where the kernel has no flag for groups', async () => {
    const { pid, pids } = await group(3);
    const letters = await valueInNode(
      ({ FreezeState: State, stoppedNow, runningNow, letterOf: letter }, leader, all) => {
        const state = new State('process-group', leader);
        const frozen = state.freezeAtEpoch(0);
        stoppedNow(...all);
        state.unfreeze();
        runningNow(...all);
        return [frozen, ...all.map(letter)];
      },
      [pid, [...pids]],
      { launch: ['no-pidfd-flags'] },
    );
    expect(letters[0]).toBe(true);
    expect(letters).not.toContain('T');
  });
});

describe('a leader that has moved to another group', () => {
  it('fails the freeze, and what it has left runs', async () => {
    const mover = await family(['mover'], 2, { detached: false });
    const state = new FreezeState(FreezeMode.ProcessGroup, mover.pid);
    expect(state.freezeAtEpoch(0)).toBe(true);
    await stopped(...mover.pids);
    state.unfreeze();
    mover.child.kill('SIGUSR1');
    await until(() => Number(statField(mover.pid, 5)) !== mover.pid, 'the leader has moved');
    expect(() => state.freezeAtEpoch(1)).toThrow(InvalidPidError);
    expect(() => state.freezeAtEpoch(1)).toThrow(`process ${mover.pid} does not lead a process group`);
    await expect(state.confirmFreezeAtEpoch(1)).rejects.toThrow(InvalidPidError);
    expect(state.isFrozen).toBe(false);
    await running(...mover.pids);
  });
});

describe('a registration is refused', () => {
  it('of a process that does not lead its group', async () => {
    const { pids } = await tree(1, 1);
    const [, member = 0] = pids;
    const state = new FreezeState(FreezeMode.ProcessGroup);
    expect(() => state.registerPid(member)).toThrow(InvalidPidError);
    expect(() => state.registerPid(member)).toThrow(`process ${member} does not lead a process group`);
    expect(() => state.registerPid(member)).toThrow('detached: true');
    expect(() => FreezeState.withPids(FreezeMode.ProcessGroup, [sleeper().pid])).toThrow(InvalidPidError);
    expect(state.pidCount).toBe(0);
    expect(pids.some(isStopped)).toBe(false);
  });

  it('of the group that this process is in', () => {
    const own = Number(statField('self', 5));
    const state = new FreezeState(FreezeMode.ProcessGroup);
    expect(() => state.registerPid(own)).toThrow(InvalidPidError);
    if (own !== process.pid)
      expect(() => state.registerPid(own)).toThrow('the process group that this very process is in');
  });
});

it('a process that does not exist is registered, and counts as gone', () => {
  const state = new FreezeState(FreezeMode.ProcessGroup, impossiblePid);
  expect(state.pids).toEqual([impossiblePid]);
  expect(state.inspect()).toMatchObject([{ pid: impossiblePid, state: 'gone', stoppedByUs: false }]);
});
