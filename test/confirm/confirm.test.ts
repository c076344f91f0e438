import { execFileSync } from 'node:child_process';
import { FreezeMode, FreezeState, NoPidConfiguredError, ProcessNotFoundError } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { fitFor, signallingModes } from '../helpers/modes';
import { valueInNode } from '../helpers/node';
import { isStopped, letterOf, running, statField, stopped } from '../helpers/proc';
import { family, impossiblePid, killNow, sleeper, sleepers, spinner, type Target } from '../helpers/processes';
import { frozen } from '../helpers/reports';
import { until } from '../helpers/until';

describe.each(signallingModes)('a confirmed freeze in mode %s', (mode) => {
  const fit = fitFor(mode);

  it('resolves when all have stopped, with a report', async () => {
    const pids = sleepers(4, fit).map(({ pid }) => pid);
    const state = FreezeState.withPids(mode, pids);
    const report = await frozen(state.confirmFreezeAtEpoch(0));
    expect(report).toEqual({
      isFrozen: true,
      epoch: 0,
      members: pids.map((pid) => ({ pid, outcome: 'stopped' })),
      signaledNs: expect.any(Number),
      stoppedNs: expect.any(Number),
    });
    expect(report.signaledNs).toBeGreaterThan(0);
    expect(report.stoppedNs).toBeGreaterThanOrEqual(report.signaledNs);
    expect(state.inspect()).toEqual(
      pids.map((pid) => ({ pid, state: 'stopped', role: 'registered', stoppedByUs: true })),
    );
    state.close();
    await running(...pids);
  });

  it('waits for a child that is busy on the same processor', async () => {
    const result = await valueInNode(
      async ({ FreezeState: State, letterOf: letter, spawnLeader, untilNow: wait }, ofMode) => {
        const child = spawnLeader('spin');
        wait(() => letter(child.pid) === 'R', 'it is busy');
        const state = new State(ofMode, child.pid);
        const { isFrozen } = await state.confirmFreezeAtEpoch(0);
        const [one] = state.inspect();
        const letterThen = letter(child.pid);
        state.close();
        child.kill('SIGKILL');
        return { isFrozen, state: one?.state, letterThen };
      },
      [mode],
      { under: ['taskset', '--cpu-list', '0'] },
    );
    expect(result).toEqual({ isFrozen: true, state: 'stopped', letterThen: 'T' });
  });

  it('sees the stop of a process that is not our child', async () => {
    const { pid } = sleeper(fit);
    const result = await valueInNode(
      async ({ FreezeState: State }, ofMode, member) => {
        const state = new State(ofMode, member);
        const { isFrozen, members } = await state.confirmFreezeAtEpoch(0);
        const [one] = state.inspect();
        state.close();
        return { isFrozen, members, state: one?.state };
      },
      [mode, pid],
    );
    expect(result).toEqual({ isFrozen: true, members: [{ pid, outcome: 'stopped' }], state: 'stopped' });
  });

  it('reports members that are gone, and those that a foreign process had stopped', async () => {
    const [dead, before, last] = sleepers(3, fit) as [Target, Target, Target];
    const pids = [impossiblePid, dead.pid, before.pid, last.pid];
    const state = FreezeState.withPids(mode, pids);
    killNow(dead);
    process.kill(before.pid, 'SIGSTOP');
    await stopped(before.pid);
    const { members } = await frozen(state.confirmFreezeAtEpoch(0));
    expect(members.map(({ outcome }) => outcome)).toEqual(['gone', 'gone', 'already-stopped', 'stopped']);
    expect(members.map(({ pid }) => pid)).toEqual(pids);
    expect(state.pids).toEqual([before.pid, last.pid]);
    state.forceUnfreeze();
    state.close();
  });

  it('can follow another confirmed freeze at the same epoch, or one that was not confirmed', async () => {
    const { pid } = sleeper(fit);
    const state = new FreezeState(mode, pid);
    state.freezeAtEpoch(0);
    for (let i = 0; i < 2; i += 1) {
      expect(await state.confirmFreezeAtEpoch(0)).toMatchObject({
        isFrozen: true,
        members: [{ pid, outcome: 'stopped' }],
      });
    }
    state.close();
  });

  it('is false for an epoch that has passed and while the state is held, and sends no signal', async () => {
    const { pid } = sleeper(fit);
    const state = new FreezeState(mode, pid);
    const hold = state.hold();
    for (const [epoch, reason] of [
      [0, 'stale'],
      [1, 'held'],
      [2, 'stale'],
    ] as const) {
      expect(await state.confirmFreezeAtEpoch(epoch)).toEqual({ isFrozen: false, epoch, reason });
    }
    hold.release();
    expect(isStopped(pid)).toBe(false);
    state.close();
  });

  it('ends the waits of this thread for a change', async () => {
    const state = new FreezeState(mode, sleeper(fit).pid);
    const change = state.waitForStateChange();
    await state.confirmFreezeAtEpoch(0);
    expect(await change).toEqual({ epoch: 0, isFrozen: true });
    state.close();
  });

  it('rejects as freezeAtEpoch throws, with a stack that starts at the caller', async () => {
    const state = new FreezeState(mode);
    const failing = state.confirmFreezeAtEpoch(0).catch((error: unknown) => error);
    expect(await failing).toBeInstanceOf(NoPidConfiguredError);
    expect(((await failing) as Error).stack).toMatch(/\n {4}at .*confirm\.test\.ts/);
    state.registerPid(impossiblePid);
    await expect(state.confirmFreezeAtEpoch(0)).rejects.toThrow(ProcessNotFoundError);
    state.close();
  });

  // A thread of a real-time class leaves the processor to the member only when it sleeps. A freeze of a tree sleeps: it
  // has seen all stop when it returns.
  const canOutrun = FreezeState.capabilities.boost && mode !== FreezeMode.ProcessTree;
  it.runIf(canOutrun)('rejects when the state is closed before all have stopped', async () => {
    const { pid } = spinner(fit);
    execFileSync('taskset', ['--cpu-list', '--pid', '0', String(pid)]);
    const result = await valueInNode(
      async ({ FreezeState: State, failure }, ofMode, member) => {
        const state = new State(ofMode, member);
        const confirming = state.confirmFreezeAtEpoch(0, { timeout: 20_000 });
        const [one] = state.inspect();
        state.close();
        const error: unknown = await confirming.catch((reason: unknown) => reason);
        const { name } = failure(() => {
          throw error;
        });
        return { state: one?.state, name };
      },
      [mode, pid],
      { under: ['chrt', '--fifo', '1', 'taskset', '--cpu-list', '0'] },
    );
    expect(result).toEqual({ state: 'running', name: 'FreezeClosedError' });
    await running(pid);
  });
});

it('a confirmed freeze in mode none is false', async () => {
  expect(await new FreezeState('none', 4).confirmFreezeAtEpoch(0)).toEqual({
    isFrozen: false,
    epoch: 0,
    reason: 'mode-none',
  });
});

describe('a process that is traced', () => {
  it.each(signallingModes)('is confirmed in mode %s', async (mode) => {
    const { pids } = await family(['trace', 'leader'], 1);
    const [pid = 0] = pids;
    const state = new FreezeState(mode, pid);
    expect(await state.confirmFreezeAtEpoch(0)).toMatchObject({
      isFrozen: true,
      members: [{ pid, outcome: 'stopped' }],
    });
    // It has taken its SIGSTOP; its tracer passes that on in a moment.
    if (mode !== FreezeMode.Cgroup) await until(() => 'Tt'.includes(statField(pid, 3)), 'it is stopped');
    state.unfreeze();
    await until(() => letterOf(pid) === 'S', 'it runs');
    state.close();
  });

  it.each([FreezeMode.Process, FreezeMode.ProcessTree])(
    'is confirmed in mode %s where its tracer, which has stopped it, is stopped with it',
    async (mode) => {
      const { pid: tracer, pids } = await family(['hold'], 1);
      const [pid = 0] = pids;
      // The tracee first, so that it is probed before its tracer is seen stopped.
      const state = FreezeState.withPids(mode, [pid, tracer]);
      expect(await state.confirmFreezeAtEpoch(0, { timeout: 2000 })).toMatchObject({
        isFrozen: true,
        members: [
          { pid, outcome: 'already-stopped' },
          { pid: tracer, outcome: 'stopped' },
        ],
      });
      expect([tracer, pid].map((one) => statField(one, 3))).toEqual(['T', 't']);
      state.unfreeze();
      await until(() => letterOf(tracer) === 'S', 'the tracer runs');
      state.close();
    },
  );

  it('is confirmed as the descendant of its tracer', async () => {
    const { pid: tracer, pids } = await family(['hold'], 1);
    const [pid = 0] = pids;
    const state = new FreezeState(FreezeMode.ProcessTree, tracer);
    const report = await state.confirmFreezeAtEpoch(0, { timeout: 2000 });
    expect(report).toMatchObject({ isFrozen: true, members: [{ pid: tracer }, { pid }] });
    state.close();
  });

  it('is confirmed in the group of its tracer', async () => {
    const { pid: tracer, pids } = await family(['hold'], 1);
    const [pid = 0] = pids;
    const state = new FreezeState(FreezeMode.ProcessGroup, tracer);
    expect((await state.confirmFreezeAtEpoch(0, { timeout: 2000 })).isFrozen).toBe(true);
    expect([tracer, pid].map((one) => statField(one, 3))).toEqual(['T', 't']);
    state.close();
  });

  const bySignal = [FreezeMode.Process, FreezeMode.ProcessGroup, FreezeMode.ProcessTree];
  it.each(bySignal)('is not confirmed in mode %s where its tracer, which has stopped it, runs', async (mode) => {
    const { pids } = await family(['hold', 'leader'], 1);
    const [pid = 0] = pids;
    const state = new FreezeState(mode, pid);
    await expect(state.confirmFreezeAtEpoch(0, { timeout: 100 })).rejects.toMatchObject({
      code: 'ERR_FREEZE_NOT_STOPPED',
    });
    state.close();
  });
});
