import { setImmediate } from 'node:timers/promises';
import { FreezeClosedError, FreezeMode, FreezeState, NotStoppedError } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { fitFor, signallingModes } from '../helpers/modes';
import { runInNode } from '../helpers/node';
import { isStopped, letterOf, running, stopped } from '../helpers/proc';
import { sleeper, sleepers, tree } from '../helpers/processes';
import { frozen } from '../helpers/reports';
import { untilNow } from '../helpers/until';

/** Turns of the event loop for as long as the promise is pending. */
async function turnsDuring(promise: Promise<unknown>): Promise<number> {
  let isPending = true;
  const settled = promise.finally(() => {
    isPending = false;
  });
  let turns = 0;
  for (; isPending; turns += 1) await setImmediate();
  await settled;
  return turns;
}

/** A tree whose freeze takes many turns: some 40 processes, of which the call itself can reach two or three. */
async function begun(options = {}) {
  const whole = await tree(3, 3);
  const state = new FreezeState(FreezeMode.ProcessTree, whole.pid);
  const confirming = state.confirmFreezeAtEpoch(0, options);
  confirming.catch(() => undefined);
  // That is what these tests are about: it has begun, and is not done.
  expect(state.snapshot()).toEqual({ epoch: 0, isFrozen: false });
  expect(state.inspect()[0]).toMatchObject({ pid: whole.pid, stoppedByUs: true });
  return { ...whole, state, confirming };
}

describe('a confirmed freeze is done in steps', () => {
  it('in mode process-tree: others have their turns while the tree is being found', async () => {
    const { state, confirming, pids } = await begun();
    expect(await turnsDuring(confirming)).toBeGreaterThan(10);
    const { members, signaledNs, stoppedNs } = await frozen(confirming);
    expect(members.map(({ pid }) => pid).sort()).toEqual([...pids].sort());
    expect(stoppedNs).toBeGreaterThanOrEqual(signaledNs);
    await stopped(...pids);
    state.close();
    await running(...pids);
  });

  it.each(signallingModes.filter((mode) => mode !== FreezeMode.Cgroup))(
    'in mode %s: the signals to many members are not sent in one go',
    async (mode) => {
      const pids = sleepers(300, fitFor(mode)).map(({ pid }) => pid);
      const state = FreezeState.withPids(mode, pids);
      const confirming = state.confirmFreezeAtEpoch(0, { timeout: 20_000 });
      expect(state.isFrozen).toBe(false);
      expect(await turnsDuring(confirming)).toBeGreaterThan(5);
      expect((await confirming).members).toEqual(pids.map((pid) => ({ pid, outcome: 'stopped' })));
      expect(state.isFrozen).toBe(true);
      state.close();
    },
  );

  it('ends the waits for a change when it is done', async () => {
    const { state, confirming } = await begun();
    expect(await state.waitForStateChange()).toEqual({ epoch: 0, isFrozen: true });
    await confirming;
    state.close();
  });
});

describe('between two steps of a confirmed freeze', () => {
  it('an unfreeze ends the freeze, and continues what was stopped so far', async () => {
    const { state, confirming, pids } = await begun();
    state.unfreeze();
    await running(...pids);
    expect(await confirming).toMatchObject({ isFrozen: false, epoch: 0, reason: 'thawed' });
    expect(state.snapshot()).toEqual({ epoch: 1, isFrozen: false });
    expect(pids.filter(isStopped)).toEqual([]);
    expect((await state.confirmFreezeAtEpoch(1)).members).toHaveLength(pids.length);
    state.close();
  });

  it('an abort ends the freeze, and the promise rejects with the reason of the abort', async () => {
    const controller = new AbortController();
    const { state, confirming, pids } = await begun({ signal: controller.signal });
    controller.abort(new Error('no longer'));
    await expect(confirming).rejects.toThrow('no longer');
    expect(state.snapshot()).toEqual({ epoch: 1, isFrozen: false });
    await running(...pids);
    state.close();
  });

  it('a deadline that passes ends the freeze, and the error says that not all were found', async () => {
    // Longer than a machine with other work keeps this thread from its processor: the call itself must come back before.
    const timeout = 200;
    const { state, confirming, pids } = await begun({ timeout });
    const start = performance.now();
    untilNow(() => performance.now() > start + timeout, 'the deadline has passed');
    const error = await confirming.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(NotStoppedError);
    expect((error as Error).message).toMatch(/(not complete after 200 ms|not stop within 200 ms), so .*rolled back/);
    expect(state.snapshot()).toEqual({ epoch: 1, isFrozen: false });
    await running(...pids);
    state.close();
  });

  it('closing the state ends the freeze', async () => {
    const { state, confirming, pids } = await begun();
    state.close();
    await running(...pids);
    await expect(confirming).rejects.toThrow(FreezeClosedError);
    expect(pids.filter(isStopped)).toEqual([]);
  });

  it('a hold that is taken ends the freeze', async () => {
    const { state, confirming, pids } = await begun();
    const hold = state.hold();
    await running(...pids);
    expect((await confirming).isFrozen).toBe(false);
    hold.release();
    state.close();
  });

  it('a freezeAtEpoch of this thread finishes the freeze', async () => {
    const { state, confirming, pids } = await begun();
    expect(state.freezeAtEpoch(0)).toBe(true);
    await stopped(...pids);
    expect((await confirming).members).toHaveLength(pids.length);
    state.close();
  });

  it('a process that is registered is frozen with the rest', async () => {
    const { state, confirming, pids } = await begun();
    const { pid } = sleeper();
    state.registerPid(pid);
    expect((await confirming).members).toHaveLength(pids.length + 1);
    await stopped(pid, ...pids);
    state.close();
  });

  it('a process that is unregistered runs on, with its tree', async () => {
    const { state, confirming, pid, pids } = await begun();
    const other = sleeper();
    state.registerPid(other.pid);
    state.unregisterPid(pid);
    expect((await confirming).members).toEqual([{ pid: other.pid, outcome: 'stopped' }]);
    await running(...pids);
    state.close();
  });

  it('the thread may end: nothing stays stopped', async () => {
    const { pid, pids } = await tree(3, 3);
    const ending = await runInNode(
      async ({ FreezeState: State, worker, letterOf: letter, runningNow, turn }, root, all) => {
        const state = new State('process-tree', root);
        const other = worker(({ FreezeState: There }, handle) => {
          void There.attach(handle).confirmFreezeAtEpoch(0);
          // It has taken the first step, and takes no other.
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
        }, state.share());
        while (letter(root) !== 'T') await turn();
        if (state.isFrozen) throw new Error('It was done at once.');
        await other.terminate();
        runningNow(...all);
        if (state.snapshot().epoch !== 0 || !state.freezeAtEpoch(0)) throw new Error('It is not as it was.');
        state.close();
      },
      [pid, pids],
    );
    expect(ending).toMatchObject({ code: 0, signal: null, stderr: '' });
    await running(...pids);
  });

  it.each(['process.exit', 'an uncaught error'])('the process may end, by %s: nothing stays stopped', async (how) => {
    const { pid, pids } = await tree(3, 3);
    const { stdout } = await runInNode(
      ({ FreezeState: State, letterOf: letter, untilNow: wait }, root, by) => {
        const state = new State('process-tree', root);
        void state.confirmFreezeAtEpoch(0);
        wait(() => letter(root) === 'T', 'the root is stopped');
        console.log(state.isFrozen);
        if (by === 'process.exit') process.exit(0);
        throw new Error(by);
      },
      [pid, how],
    );
    expect(stdout).toBe('false\n');
    await running(...pids);
    expect(pids.map(letterOf).filter((letter) => letter === 'T')).toEqual([]);
  });
});
