import { FreezeMode, FreezeState, InvalidPidError } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { valueInNode } from '../helpers/node';
import { isStopped, letterOf, openPidfds, running, statField, stopped, threadLetters } from '../helpers/proc';
import { canBecomeNobody, type Family, family, nobody, sleeper, tree } from '../helpers/processes';
import { until } from '../helpers/until';

function frozenTree({ pid }: Family): FreezeState {
  const state = new FreezeState(FreezeMode.ProcessTree, pid);
  expect(state.freezeAtEpoch(0)).toBe(true);
  return state;
}

describe('a tree', () => {
  it.each([
    ['wide', 12, 1],
    ['deep', 1, 12],
    ['both', 3, 3],
  ])('that is %s is stopped to its leaves, and continued', async (_, width, depth) => {
    const whole = await tree(width, depth);
    const state = frozenTree(whole);
    // Without waiting: a freeze of a tree has seen each of them stop.
    for (const pid of whole.pids) expect(statField(pid, 3)).toBe('T');
    state.unfreeze();
    await running(...whole.pids);
  });

  it('covers the children of every thread', async () => {
    const { pid, pids } = await family(['threadchild'], 1);
    const state = new FreezeState(FreezeMode.ProcessTree, pid);
    expect(state.freezeAtEpoch(0)).toBe(true);
    expect(pids.every(isStopped)).toBe(true);
    state.unfreeze();
    await running(pid, ...pids);
  });

  it('holds descriptors of its descendants from its first freeze on, until it is closed', async () => {
    const whole = await tree(5, 1);
    const before = openPidfds();
    const state = frozenTree(whole);
    expect(openPidfds()).toBe(before + 6);
    state.unfreeze();
    expect(openPidfds()).toBe(before + 6);
    state.close();
    expect(openPidfds()).toBe(before);
  });

  it('is stopped as it is at each freeze: what is new is found, and what has ended is no error', async () => {
    const whole = await tree(2, 1);
    const state = frozenTree(whole);
    state.unfreeze();
    const [, ended = 0, left = 0] = whole.pids;
    process.kill(ended, 'SIGKILL');
    await until(() => 'ZX'.includes(letterOf(ended)), 'it has ended');
    expect(state.freezeAtEpoch(1)).toBe(true);
    expect(isStopped(left)).toBe(true);
    state.unfreeze();
    await running(whole.pid, left);
  });

  it('leaves a descendant stopped that a foreign process had stopped', async () => {
    const whole = await tree(2, 1);
    const [, before = 0, other = 0] = whole.pids;
    process.kill(before, 'SIGSTOP');
    await stopped(before);
    const state = frozenTree(whole);
    expect(state.inspect().find(({ pid }) => pid === before)).toMatchObject({ state: 'stopped', stoppedByUs: false });
    state.unfreeze();
    await running(whole.pid, other);
    expect(isStopped(before)).toBe(true);
  });

  it('leaves such a descendant stopped even if its first thread has ended', async () => {
    const whole = await family(['headless', 'child'], 1);
    const [child = 0] = whole.pids;
    process.kill(child, 'SIGUSR1');
    await until(() => /^Z[RS]$/.test(threadLetters(child)), 'its first thread has ended');
    process.kill(child, 'SIGSTOP');
    await until(() => threadLetters(child) === 'ZT', 'it has stopped');
    const state = frozenTree({ ...whole, pids: [whole.pid] });
    state.unfreeze();
    await running(whole.pid);
    expect(threadLetters(child)).toBe('ZT');
    state.forceUnfreeze();
    await until(() => /^Z[RS]$/.test(threadLetters(child)), 'it runs');
  });

  it('covers nothing outside of it', async () => {
    const [mine, others] = await Promise.all([tree(2, 1), tree(2, 1)]);
    const state = frozenTree(mine);
    expect(others.pids.some(isStopped)).toBe(false);
    state.unfreeze();
  });
});

describe('a registered process inside the tree of another', () => {
  it('is stopped once, and stays stopped when it is unregistered', async () => {
    const whole = await tree(2, 2);
    const [root, inner = 0, ...others] = whole.pids as [number, ...number[]];
    const state = FreezeState.withPids(FreezeMode.ProcessTree, [root, inner]);
    expect(state.freezeAtEpoch(0)).toBe(true);
    expect(state.inspect().map(({ role }) => role)).toEqual([
      ...Array.from({ length: 2 }, () => 'registered'),
      ...others.map(() => 'descendant'),
    ]);
    expect(state.unregisterPid(inner)).toBe(true);
    expect(whole.pids.every(isStopped)).toBe(true);
    state.unfreeze();
    await running(...whole.pids);
  });

  it('keeps its own descendants stopped when the outer one is unregistered', async () => {
    const whole = await tree(2, 2);
    const [root, inner = 0, ...others] = whole.pids as [number, ...number[]];
    const state = FreezeState.withPids(FreezeMode.ProcessTree, [root, inner]);
    expect(state.freezeAtEpoch(0)).toBe(true);
    expect(state.unregisterPid(root)).toBe(true);
    const below = others.filter((pid) => statField(pid, 4) === String(inner));
    expect(below).toHaveLength(2);
    expect([inner, ...below].every(isStopped)).toBe(true);
    await running(root, ...others.filter((pid) => !below.includes(pid)));
    state.unfreeze();
    await running(...whole.pids);
  });

  it('may join while it is stopped as a descendant', async () => {
    const whole = await tree(2, 2);
    const [, inner = 0] = whole.pids;
    const state = frozenTree(whole);
    state.registerPid(inner);
    expect(state.pids).toEqual([whole.pid, inner]);
    state.unfreeze();
    await running(...whole.pids);
  });
});

it('a tree that joins a frozen state is stopped as a whole, and leaves it as a whole', async () => {
  const [first, late] = await Promise.all([tree(1, 1), tree(3, 2)]);
  const state = frozenTree(first);
  state.registerPid(late.pid);
  expect(late.pids.every(isStopped)).toBe(true);
  expect(state.unregisterPid(late.pid)).toBe(true);
  await running(...late.pids);
  expect(first.pids.every(isStopped)).toBe(true);
});

describe('a forced unfreeze', () => {
  it('continues descendants that a foreign process stopped, and no process outside of the tree', async () => {
    const [whole, others] = await Promise.all([tree(2, 2), tree(1, 1)]);
    const state = new FreezeState(FreezeMode.ProcessTree, whole.pid);
    for (const isFrozen of [false, true]) {
      for (const pid of [...whole.pids, ...others.pids]) process.kill(pid, 'SIGSTOP');
      await stopped(...whole.pids, ...others.pids);
      if (isFrozen) expect(state.freezeAtEpoch(state.currentEpoch)).toBe(true);
      state.forceUnfreeze();
      await running(...whole.pids);
    }
    expect(others.pids.every(isStopped)).toBe(true);
  });
});

describe('a descendant that is traced', () => {
  it('is stopped and runs again, many times, although its tracer stops it now and then', async () => {
    const { pid, pids } = await family(['trace'], 1);
    const state = new FreezeState(FreezeMode.ProcessTree, pid);
    for (let round = 0; round < 50; round += 1) {
      expect(state.freezeAtEpoch(round)).toBe(true);
      state.unfreeze();
      for (const one of [pid, ...pids]) expect(isStopped(one)).toBe(false);
    }
    await until(() => pids.every((one) => 'RS'.includes(statField(one, 3))), 'the traced one runs');
  });
});

describe('a registration is refused', () => {
  it.each([
    ['the parent', () => process.ppid],
    ['init', () => Number(statField(process.ppid, 4))],
  ])('of %s of this process', (_, ancestor) => {
    const pid = ancestor();
    if (pid < 2) return;
    const state = new FreezeState(FreezeMode.ProcessTree);
    expect(() => state.registerPid(pid)).toThrow(InvalidPidError);
    expect(() => state.registerPid(pid)).toThrow(`process ${pid} is an ancestor of this very process`);
    expect(state.pidCount).toBe(0);
  });
});

describe('a freeze that fails leaves none stopped', () => {
  it.runIf(canBecomeNobody)('where a descendant may not be signalled', async () => {
    const { pid, pids } = await family(['mixed', String(nobody)], 1);
    const mine = sleeper({ user: nobody });
    const result = await valueInNode(
      ({ FreezeState: State, failure }, members) => {
        const state = State.withPids('process-tree', members);
        return [failure(() => state.freezeAtEpoch(0)), state.isFrozen] as const;
      },
      [[mine.pid, pid]],
      { launch: [`user=${nobody}`] },
    );
    expect(result).toMatchObject([{ name: 'PermissionDeniedError', pid: pids[0] }, false]);
    expect([mine.pid, pid, ...pids].some(isStopped)).toBe(false);
  });

  it('where descriptors run out, whatever they are needed for', async () => {
    const whole = await tree(4, 2);
    const result = await valueInNode(
      ({ FreezeState: State, failure, letterOf: letter, openPidfds: pidfds }, [root = 0, ...rest]) => {
        const { openSync, closeSync } = process.getBuiltinModule('node:fs');
        let state = new State('process-tree', root);
        const taken: number[] = [];
        const takeAll = () =>
          failure(() => {
            for (;;) taken.push(openSync('/dev/null', 'r'));
          });
        const giveBack = (count: number) => {
          for (const fd of taken.splice(0, count)) closeSync(fd);
        };
        const failures = [];
        for (let free = 0; !state.isFrozen; free += 1) {
          takeAll();
          giveBack(free);
          const { name } = failure(() => state.freezeAtEpoch(0));
          giveBack(taken.length);
          if (state.isFrozen) break;
          const isAnyStopped = [root, ...rest].map(letter).includes('T');
          // With what it keeps open for the next freeze.
          state.close();
          failures.push([name, isAnyStopped, pidfds()]);
          state = new State('process-tree', root);
        }
        const letters = [root, ...rest].map(letter);
        state.unfreeze();
        const after = [root, ...rest].map(letter);
        state.close();
        return { failures, letters, after, pidfds: pidfds() };
      },
      [whole.pids],
      { launch: ['open-files=128'] },
    );
    // One for each descendant, and one to read /proc with; at each count below it fails, and says so.
    expect(result.failures.length).toBeGreaterThanOrEqual(whole.pids.length - 1);
    for (const failure of result.failures) expect(failure).toEqual(['ResourceExhaustedError', false, 0]);
    expect(new Set(result.letters)).toEqual(new Set(['T']));
    expect(result.after).not.toContain('T');
    expect(result.pidfds).toBe(0);
  });
});

describe('a process in vfork(2)', () => {
  // It cannot be made to stop before its child lets it go; the signal waits, and its child is stopped with it.
  it('counts as signalled, and its child is stopped', async () => {
    const { pid, pids } = await family(['vfork'], 1);
    const state = new FreezeState(FreezeMode.ProcessTree, pid);
    expect(state.freezeAtEpoch(0)).toBe(true);
    expect([pid, ...pids].every(isStopped)).toBe(true);
    state.unfreeze();
    await running(pid, ...pids);
  });
});
