import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  FreezeClosedError,
  FreezeMode,
  FreezeState,
  FreezeTimeoutError,
  NoPidConfiguredError,
  ProcessNotFoundError,
} from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { fitFor, signallingModes } from '../helpers/modes';
import { valueInNode } from '../helpers/node';
import { isStopped, letterOf, running, statField, stopped } from '../helpers/proc';
import {
  exitCodeOf,
  family,
  impossiblePid,
  killNow,
  sleeper,
  sleepers,
  spinner,
  type Target,
  tree,
} from '../helpers/processes';
import { until, untilNow } from '../helpers/until';

/** One that takes no stop for as long as its input is open. */
const stubborn = (): Promise<Target & { pids: readonly number[] }> => family(['vfork'], 1);

describe.each(signallingModes)('a confirmed freeze in mode %s', (mode) => {
  const fit = fitFor(mode);

  it('resolves when all have stopped, with a report', async () => {
    const pids = sleepers(4, fit).map(({ pid }) => pid);
    const state = FreezeState.withPids(mode, pids);
    const report = await state.confirmFreezeAtEpoch(0);
    expect(report).toEqual({
      frozen: true,
      epoch: 0,
      members: pids.map((pid) => ({ pid, outcome: 'stopped' })),
      signalledNs: expect.any(Number),
      stoppedNs: expect.any(Number),
    });
    expect(report.signalledNs).toBeGreaterThan(0);
    expect(report.stoppedNs).toBeGreaterThanOrEqual(report.signalledNs);
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
        const { frozen } = await state.confirmFreezeAtEpoch(0);
        const [one] = state.inspect();
        const letterThen = letter(child.pid);
        state.close();
        child.kill('SIGKILL');
        return { frozen, state: one?.state, letterThen };
      },
      [mode],
      { under: ['taskset', '--cpu-list', '0'] },
    );
    expect(result).toEqual({ frozen: true, state: 'stopped', letterThen: 'T' });
  });

  it('of a process that is not our child', async () => {
    const { pid } = sleeper(fit);
    const result = await valueInNode(
      async ({ FreezeState: State }, ofMode, member) => {
        const state = new State(ofMode, member);
        const { frozen, members } = await state.confirmFreezeAtEpoch(0);
        const [one] = state.inspect();
        state.close();
        return { frozen, members, state: one?.state };
      },
      [mode, pid],
    );
    expect(result).toEqual({ frozen: true, members: [{ pid, outcome: 'stopped' }], state: 'stopped' });
  });

  it('tells of members that are gone, and of those that somebody else had stopped', async () => {
    const [dead, before, last] = sleepers(3, fit) as [Target, Target, Target];
    const pids = [impossiblePid, dead.pid, before.pid, last.pid];
    const state = FreezeState.withPids(mode, pids);
    killNow(dead);
    process.kill(before.pid, 'SIGSTOP');
    await stopped(before.pid);
    const { members } = await state.confirmFreezeAtEpoch(0);
    expect(members.map(({ outcome }) => outcome)).toEqual(['gone', 'gone', 'already-stopped', 'stopped']);
    expect(members.map(({ pid }) => pid)).toEqual(pids);
    expect(state.pids).toEqual([before.pid, last.pid]);
    state.forceUnfreeze();
    state.close();
  });

  it('can be asked for again, and of a freeze that was not confirmed', async () => {
    const { pid } = sleeper(fit);
    const state = new FreezeState(mode, pid);
    state.freezeAtEpoch(0);
    for (let i = 0; i < 2; i += 1) {
      expect(await state.confirmFreezeAtEpoch(0)).toMatchObject({
        frozen: true,
        members: [{ pid, outcome: 'stopped' }],
      });
    }
    state.close();
  });

  it('is false for an epoch that has passed, while the state is held, and signals nobody', async () => {
    const { pid } = sleeper(fit);
    const state = new FreezeState(mode, pid);
    const hold = state.hold();
    for (const epoch of [0, 1, 2]) {
      expect(await state.confirmFreezeAtEpoch(epoch)).toEqual({
        frozen: false,
        epoch,
        members: [],
        signalledNs: 0,
        stoppedNs: 0,
      });
    }
    hold.release();
    expect(isStopped(pid)).toBe(false);
    state.close();
  });

  it('wakes those of this thread that wait for a change', async () => {
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

it('in mode none is false', async () => {
  expect(await new FreezeState('none', 4).confirmFreezeAtEpoch(0)).toMatchObject({ frozen: false, members: [] });
});

// The kernel freezes what is in vfork(2) with its cgroup; a signal has to wait for it.
describe.each(signallingModes.filter((mode) => mode !== FreezeMode.Cgroup))(
  'where a member does not stop, in mode %s,',
  (mode) => {
    it('the confirmation times out, rolls back and names it', async () => {
      const { pid, pids, child } = await stubborn();
      const { pid: other } = sleeper(fitFor(mode));
      const state = FreezeState.withPids(mode, [other, pid]);
      const error = await state.confirmFreezeAtEpoch(0, { timeout: 50 }).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(FreezeTimeoutError);
      expect(error).toMatchObject({ code: 'ERR_FREEZE_TIMEOUT', timeout: 50, pids: [pid] });
      expect((error as Error).message).toContain(`Process ${pid} was signalled and did not stop within 50 ms`);
      expect((error as Error).stack).toMatch(/\n {4}at .*confirm\.test\.ts/);
      expect(state.snapshot()).toEqual({ epoch: 1, isFrozen: false });
      await running(other, pid, ...pids);
      expect(isStopped(other)).toBe(false);
      child.stdin.end();
      state.close();
    });

    it('with a timeout of 0 it looks once', async () => {
      const { pid } = await stubborn();
      const state = new FreezeState(mode, pid);
      await expect(state.confirmFreezeAtEpoch(0, { timeout: 0 })).rejects.toThrow(FreezeTimeoutError);
      expect(isStopped(pid)).toBe(false);
      state.close();
    });

    it('an unfreeze from this thread ends it', async () => {
      const { pid } = await stubborn();
      const state = new FreezeState(mode, pid);
      const confirming = state.confirmFreezeAtEpoch(0, { timeout: 20_000 });
      expect(state.isFrozen).toBe(true);
      state.unfreeze();
      expect(await confirming).toMatchObject({ frozen: false, epoch: 0, members: [] });
      expect(isStopped(pid)).toBe(false);
      state.close();
    });

    it('an unfreeze from another thread ends it', async () => {
      const { pid } = await stubborn();
      const result = await valueInNode(
        async ({ FreezeState: State, worker, letterOf: letter }, ofMode, member) => {
          const state = new State(ofMode, member);
          const confirming = state.confirmFreezeAtEpoch(0, { timeout: 20_000 });
          const frozen = state.isFrozen;
          const thawer = worker(({ FreezeState: Other }, handle) => Other.attach(handle).unfreeze(), state.share());
          // Listened for from here on: it may end before the confirmation does.
          const exit = new Promise((resolve) => thawer.once('exit', resolve));
          const { frozen: confirmed } = await confirming;
          const letterThen = letter(member);
          await exit;
          return { frozen, confirmed, letterThen, epoch: state.currentEpoch };
        },
        [mode, pid],
      );
      expect(result).toEqual({ frozen: true, confirmed: false, letterThen: expect.stringMatching(/[RSD]/), epoch: 1 });
    });

    it('an abort rolls it back and rejects with its reason', async () => {
      const { pid } = await stubborn();
      const state = new FreezeState(mode, pid);
      const reason = new Error('no longer');
      const controller = new AbortController();
      const confirming = state.confirmFreezeAtEpoch(0, { timeout: 20_000, signal: controller.signal });
      controller.abort(reason);
      await expect(confirming).rejects.toBe(reason);
      expect(state.snapshot()).toEqual({ epoch: 1, isFrozen: false });
      expect(isStopped(pid)).toBe(false);
      // An abort that came first leaves everything as it was.
      await expect(state.confirmFreezeAtEpoch(1, { signal: controller.signal })).rejects.toBe(reason);
      expect(state.snapshot()).toEqual({ epoch: 1, isFrozen: false });
      state.close();
    });

    it('an abort that comes just when the last member stops is an abort all the same', async () => {
      const { pid, pids } = await stubborn();
      const state = new FreezeState(mode, pid);
      const controller = new AbortController();
      const confirming = state.confirmFreezeAtEpoch(0, { timeout: 20_000, signal: controller.signal });
      for (const one of pids) process.kill(one, 'SIGKILL');
      // It stops without a turn of the event loop in which the confirmation could see that.
      untilNow(() => statField(pid, 3) === 'T', 'it has stopped');
      controller.abort();
      await expect(confirming).rejects.toMatchObject({ name: 'AbortError' });
      expect(state.isFrozen).toBe(false);
      state.close();
    });

    it('an abort leaves a freeze alone that another call made', async () => {
      const { pid } = await stubborn();
      const state = new FreezeState(mode, pid);
      expect(state.freezeAtEpoch(0)).toBe(true);
      await expect(
        state.confirmFreezeAtEpoch(0, { timeout: 20_000, signal: AbortSignal.timeout(5) }),
      ).rejects.toThrow();
      expect(state.isFrozen).toBe(true);
      state.close();
    });

    it('a member that is unregistered meanwhile is left out of the report', async () => {
      const { pid } = await stubborn();
      const { pid: other } = sleeper(fitFor(mode));
      const state = FreezeState.withPids(mode, [other, pid]);
      const confirming = state.confirmFreezeAtEpoch(0, { timeout: 20_000 });
      state.unregisterPid(pid);
      expect((await confirming).members).toEqual([{ pid: other, outcome: 'stopped' }]);
      state.close();
    });

    it('closing ends it', async () => {
      const { pid } = await stubborn();
      const state = new FreezeState(mode, pid);
      const confirming = state.confirmFreezeAtEpoch(0, { timeout: 20_000 });
      state.close();
      await expect(confirming).rejects.toThrow(FreezeClosedError);
      expect(isStopped(pid)).toBe(false);
    });

    it('closing by another thread ends it', async () => {
      const { pid } = await stubborn();
      const result = await valueInNode(
        async ({ FreezeState: State, worker, letterOf: letter, failure }, ofMode, member) => {
          const state = new State(ofMode, member);
          const confirming = state.confirmFreezeAtEpoch(0, { timeout: 20_000 });
          const closer = worker(({ FreezeState: Other }, handle) => Other.attach(handle).close(), state.share());
          const exit = new Promise((resolve) => closer.once('exit', resolve));
          const error: unknown = await confirming.catch((reason: unknown) => reason);
          const { name } = failure(() => {
            throw error;
          });
          await exit;
          return { name, letter: letter(member) };
        },
        [mode, pid],
      );
      expect(result).toEqual({ name: 'FreezeClosedError', letter: expect.stringMatching(/[RSD]/) });
    });

    it('it resolves when the member dies instead', async () => {
      const { pid, child } = await stubborn();
      const { pid: other } = sleeper(fitFor(mode));
      const state = FreezeState.withPids(mode, [other, pid]);
      const confirming = state.confirmFreezeAtEpoch(0, { timeout: 20_000 });
      const exit = once(child, 'exit');
      process.kill(-pid, 'SIGKILL');
      const { frozen, members } = await confirming;
      await exit;
      expect(frozen).toBe(true);
      expect(members.slice(0, 2)).toEqual([
        { pid: other, outcome: 'stopped' },
        { pid, outcome: 'gone' },
      ]);
      state.close();
    });

    it('a later confirmation at the next epoch is its own', async () => {
      const [first, { pid }] = [await stubborn(), sleeper(fitFor(mode))];
      const state = FreezeState.withPids(mode, [first.pid, pid]);
      const early = state.confirmFreezeAtEpoch(0, { timeout: 20_000 });
      state.unfreeze();
      state.unregisterPid(first.pid);
      const late = state.confirmFreezeAtEpoch(1);
      expect(await early).toMatchObject({ frozen: false, epoch: 0 });
      expect(await late).toMatchObject({ frozen: true, epoch: 1, members: [{ pid, outcome: 'stopped' }] });
      expect(state.isFrozen).toBe(true);
      state.close();
    });
  },
);

describe('a process that is traced', () => {
  it.each(signallingModes)('is confirmed in mode %s', async (mode) => {
    const { pids } = await family(['trace', 'leader'], 1);
    const [pid = 0] = pids;
    const state = new FreezeState(mode, pid);
    expect(await state.confirmFreezeAtEpoch(0)).toMatchObject({
      frozen: true,
      members: [{ pid, outcome: 'stopped' }],
    });
    // It has taken its SIGSTOP; its tracer passes that on in a moment.
    if (mode !== FreezeMode.Cgroup) await until(() => 'Tt'.includes(statField(pid, 3)), 'it is stopped');
    state.unfreeze();
    await until(() => letterOf(pid) === 'S', 'it runs');
    state.close();
  });
});

describe('exit codes', () => {
  const times = 1000;

  it.each(signallingModes)(
    `of children that were frozen, confirmed, thawed and ended are right, ${times} times in mode %s`,
    { timeout: 120_000 },
    async (mode) => {
      const atOnce = 50;
      for (let done = 0; done < times; done += atOnce) {
        const children = Array.from({ length: atOnce }, (_, i) =>
          sleeper({ ...fitFor(mode), exitCode: (done + i) % 256 }),
        );
        const state = FreezeState.withPids(
          mode,
          children.map(({ pid }) => pid),
        );
        expect((await state.confirmFreezeAtEpoch(0)).frozen).toBe(true);
        state.unfreeze();
        const codes = await Promise.all(children.map(exitCodeOf));
        expect(codes).toEqual(children.map((__, i) => (done + i) % 256));
        state.close();
      }
    },
  );
});

describe('inspect()', () => {
  it('tells running, sleeping, stopped, zombie and gone apart', async () => {
    const [asleep, byOther, zombie] = sleepers(3) as [Target, Target, Target];
    const busy = spinner();
    const state = FreezeState.withPids(
      'process',
      [busy, asleep, byOther, zombie].map(({ pid }) => pid),
    );
    state.registerPid(impossiblePid);
    process.kill(byOther.pid, 'SIGSTOP');
    await stopped(byOther.pid);
    await until(() => statField(busy.pid, 3) === 'R', 'it is busy');
    killNow(zombie);
    const registered = { role: 'registered', stoppedByUs: false };
    expect(state.inspect()).toEqual([
      { pid: busy.pid, state: 'running', ...registered },
      { pid: asleep.pid, state: 'sleeping', ...registered },
      { pid: byOther.pid, state: 'stopped', ...registered },
      { pid: zombie.pid, state: 'zombie', ...registered },
      { pid: impossiblePid, state: 'gone', ...registered },
    ]);
    state.close();
  });

  it('shows the descendants of a tree, running and frozen', async () => {
    const whole = await tree(2, 1);
    const state = new FreezeState('process-tree', whole.pid);
    const [, ...below] = whole.pids;
    const roles = () => state.inspect().map(({ pid, role, stoppedByUs }) => [pid, role, stoppedByUs]);
    const expected = (isStoppedByUs: boolean) => [
      [whole.pid, 'registered', isStoppedByUs],
      ...below.map((pid) => [pid, 'descendant', isStoppedByUs]),
    ];
    const byPid = (a: unknown[], b: unknown[]) => Number(a[0]) - Number(b[0]);
    expect(roles().sort(byPid)).toEqual(expected(false).sort(byPid));
    state.freezeAtEpoch(0);
    expect(roles().sort(byPid)).toEqual(expected(true).sort(byPid));
    state.close();
  });

  it('in mode none looks all the same', async () => {
    const { pid } = sleeper();
    await until(() => statField(pid, 3) === 'S', 'it sleeps');
    expect(new FreezeState('none', pid).inspect()).toMatchObject([{ pid, state: 'sleeping', stoppedByUs: false }]);
  });
});
