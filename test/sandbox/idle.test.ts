import { getEventListeners, once } from 'node:events';
import { types } from 'node:util';
import { FreezeMode, NoPidConfiguredError, NotStoppedError } from 'freeze-state';
import type { Sandbox } from 'freeze-state/sandbox';
import { describe, expect, it } from 'vitest';
import { signallingModes } from '../helpers/modes';
import { runInNode, type Tools } from '../helpers/node';
import { running, stopped } from '../helpers/proc';
import { family } from '../helpers/processes';
import { targetProgram } from '../helpers/programs';
import { counted, freeze, makeSandbox, output, sleeperIn, started } from '../helpers/sandboxes';
import { turns } from '../helpers/until';
import { Thread } from '../threads/threads';

describe.each(signallingModes)('an idle sandbox, in mode %s', (mode) => {
  it.each([0, 10])('is frozen %s ms after its work is released, and thawed by work', async (freezeAfter) => {
    const sandbox = makeSandbox({ mode, freezeAfter });
    const init = sandbox.work();
    const { pid } = sleeperIn(sandbox);
    const frozen = once(sandbox, 'freeze');
    init.release();
    expect(sandbox.state.isFrozen).toBe(false);
    const [report] = await frozen;
    expect(report).toMatchObject({ isFrozen: true, epoch: 2, members: [{ pid, outcome: 'stopped' }] });
    await stopped(pid);

    const thawed = once(sandbox, 'thaw');
    const work = sandbox.work();
    await running(pid);
    const [thaw] = await thawed;
    expect(thaw).toEqual({ epoch: 3, frozenMs: expect.any(Number) });
    expect(thaw.frozenMs).toBeGreaterThan(0);
    const again = once(sandbox, 'freeze');
    work.release();
    await again;
  });

  it('is frozen without a confirmation', async () => {
    const sandbox = makeSandbox({ mode, confirm: false });
    const { pid } = sleeperIn(sandbox);
    const [report] = await once(sandbox, 'freeze');
    expect(report).toMatchObject({ isFrozen: true, epoch: 1, members: [{ pid, outcome: 'stopped' }] });
    expect(report.stoppedNs).toBe(report.signaledNs);
    await stopped(pid);
  });
});

describe('an idle sandbox', () => {
  it('does not keep this process alive while a freeze is due', async () => {
    const arm = (_: Tools, file: string): void => {
      const { Sandbox: Box } = process.getBuiltinModule('node:module').createRequire(file)('freeze-state/sandbox');
      new Box({ mode: 'process', freezeAfter: 1_000_000, state: { guardian: false } }).work().release();
    };
    // It would be killed after 90 s.
    expect(await runInNode(arm, [__filename])).toMatchObject({ code: 0, signal: null });
  });

  it('is not frozen before the first release', async () => {
    const sandbox = makeSandbox({ mode: FreezeMode.Process });
    sandbox.state.registerPid(sleeperIn(makeSandbox({ mode: FreezeMode.Process, freezeAfter: false })).pid);
    await turns(50);
    expect(sandbox.state.isFrozen).toBe(false);
    const work = sandbox.work();
    await turns(50);
    expect(sandbox.state.isFrozen).toBe(false);
    work.release();
    await once(sandbox, 'freeze');
  });

  it('is never frozen by itself where freezeAfter is false', async () => {
    const sandbox = makeSandbox({ mode: FreezeMode.Process, freezeAfter: false });
    sleeperIn(sandbox);
    sandbox.work().release();
    await turns(50);
    expect(sandbox.state.isFrozen).toBe(false);
    await freeze(sandbox);
  });

  it.each([
    ['before', true],
    ['after', false],
  ])('is due again after work that comes just %s a freeze is aborted', async (_, isWorkFirst) => {
    const sandbox = makeSandbox({ mode: FreezeMode.Process, freezeAfter: 10, confirm: { timeout: 1 } });
    // So that each freeze is in progress until its deadline.
    const { pid } = await family(['vfork'], 1);
    sandbox.state.registerPid(pid);
    const due = once(sandbox, 'freezeFailed');
    const abort = new AbortController();
    const freezing = sandbox.freeze({ signal: abort.signal, timeout: 60_000 });
    const reasons = expect(freezing).rejects.toThrow('enough');
    if (!isWorkFirst) abort.abort(new Error('enough'));
    const work = sandbox.work();
    if (isWorkFirst) abort.abort(new Error('enough'));
    await reasons;
    work.release();
    expect(await due).toEqual([expect.any(NotStoppedError)]);
  });

  it('is not due again since a freeze was aborted', async () => {
    const sandbox = makeSandbox({ mode: FreezeMode.Process, freezeAfter: 0, confirm: { timeout: 1 } });
    const { pid } = await family(['vfork'], 1);
    sandbox.state.registerPid(pid);
    const failed = counted(sandbox, 'freezeFailed');
    const abort = new AbortController();
    const freezing = sandbox.freeze({ signal: abort.signal, timeout: 60_000 });
    abort.abort(new Error('enough'));
    await expect(freezing).rejects.toThrow('enough');
    expect(sandbox.state.snapshot()).toMatchObject({ epoch: 1, isFrozen: false });
    await turns(50);
    expect(failed.told).toEqual([]);
    sandbox.work().release();
    await failed.reach(1);
  });

  it('is due after a child that was started just when a freeze failed, since there was no process', async () => {
    const sandbox = makeSandbox({ mode: FreezeMode.Process });
    const failed = expect(sandbox.freeze()).rejects.toThrow(NoPidConfiguredError);
    const frozen = counted(sandbox, 'freeze');
    sleeperIn(sandbox);
    await failed;
    await frozen.reach(1);
  });

  it('leaves nothing on a signal that is given to many freezes', async () => {
    const sandbox = makeSandbox({ mode: FreezeMode.Process, freezeAfter: false });
    sleeperIn(sandbox);
    const { signal } = new AbortController();
    for (let time = 0; time < 3; time += 1) {
      expect(await sandbox.freeze({ signal })).toMatchObject({ isFrozen: true });
      sandbox.work().release();
    }
    expect(getEventListeners(signal, 'abort')).toEqual([]);
    // What Node keeps of signals that depend on this one.
    const kept = Object.getOwnPropertySymbols(signal).map((name) => (signal as never)[name] as unknown);
    expect(kept.filter(types.isSet).filter(({ size }) => size > 0)).toEqual([]);
  });

  it('is not frozen by a signal that is aborted already', async () => {
    const sandbox = makeSandbox({ mode: FreezeMode.Process, freezeAfter: false });
    sleeperIn(sandbox);
    await expect(sandbox.freeze({ signal: AbortSignal.abort(new Error('before')) })).rejects.toThrow('before');
    expect(sandbox.state.isFrozen).toBe(false);
  });

  it('waits for the work of other threads too', async () => {
    const sandbox = makeSandbox({ mode: FreezeMode.Process });
    const thread = await Thread.start(sandbox.state.share());
    await thread.run(({ state, kept }) => {
      kept['hold'] = state.hold();
    });
    sleeperIn(sandbox);
    sandbox.work().release();
    await turns(50);
    expect(sandbox.state.isFrozen).toBe(false);
    expect(sandbox.works).toEqual([]);
    const frozen = once(sandbox, 'freeze');
    await thread.run(({ kept }) => (kept['hold'] as { release(): void }).release());
    await frozen;
    const thawed = once(sandbox, 'thaw');
    await thread.run(({ state }) => state.unfreeze());
    await thawed;
  });

  it('tells of a freeze that did not happen since work came first', async () => {
    const sandbox = makeSandbox({ mode: FreezeMode.Process, freezeAfter: 1 });
    sleeperIn(sandbox);
    const cancelled = counted(sandbox, 'cancel');
    // The countdown begins, and is over while there is work again.
    while (cancelled.told.length === 0) {
      const work = sandbox.work();
      // Longer than the countdown. It may still not be over in time; then comes another round.
      await new Promise((resolve) => setTimeout(resolve, 3));
      work.release();
      await turns(2);
    }
    expect(cancelled.told[0]).toEqual({ epoch: expect.any(Number), reason: expect.stringMatching(/^(stale|thawed)$/) });
  });

  it('tells that mode none freezes nothing', async () => {
    const sandbox = makeSandbox({ mode: FreezeMode.None });
    sandbox.work().release();
    expect(await once(sandbox, 'cancel')).toEqual([{ epoch: 1, reason: 'mode-none' }]);
  });

  it('is not frozen, and nothing is told, where its child has exited', async () => {
    const sandbox = makeSandbox({ mode: FreezeMode.Process });
    const failures = counted(sandbox, 'freezeFailed');
    const child = sleeperIn(sandbox);
    const job = sandbox.work({ until: child });
    const exited = once(sandbox, 'exit');
    child.stdin?.end();
    expect(await exited).toEqual([child]);
    expect(job.isReleased).toBe(true);
    await turns(50);
    expect(sandbox.state.isFrozen).toBe(false);
    expect(failures.told).toEqual([]);
  });

  it.each([
    ['its state is closed', ({ state }: Sandbox) => state.close()],
    ['it is killed', (sandbox: Sandbox) => sandbox.kill()],
  ])('tells that it was thawed when %s', async (_, end) => {
    const sandbox = makeSandbox({ mode: FreezeMode.Process, freezeAfter: false });
    const { pid } = sleeperIn(sandbox);
    const frozen = counted(sandbox, 'freeze');
    const thawed = counted(sandbox, 'thaw');
    await freeze(sandbox);
    end(sandbox);
    await thawed.reach(1);
    expect(frozen.told).toMatchObject([{ epoch: 1, members: [{ pid }] }]);
    expect(thawed.told).toEqual([{ epoch: 2, frozenMs: expect.any(Number) }]);
    await turns();
    expect(thawed.told).toHaveLength(1);
  });

  it('tells nothing inside of work(), whatever a listener throws', async () => {
    const sandbox = makeSandbox({ mode: FreezeMode.Process });
    sleeperIn(sandbox);
    await once(sandbox, 'freeze');
    let isInside = false;
    const thawed = new Promise((resolve) => sandbox.once('thaw', () => resolve(isInside)));
    isInside = true;
    sandbox.work().release();
    isInside = false;
    expect(await thawed).toBe(false);
  });
});

/** One in vfork(2): it cannot be stopped. */
async function unstoppable(confirm: { timeout: number }) {
  const sandbox = makeSandbox({ mode: FreezeMode.Process, confirm });
  const work = sandbox.work();
  const child = started(sandbox.spawn(targetProgram, ['vfork'], { stdio: ['pipe', 'pipe', 'inherit'] }));
  await output(child);
  return { sandbox, work, pid: child.pid };
}

describe('a freeze that fails', () => {
  it('is an event, leaves the sandbox running, and the next one waits longer', async () => {
    const { sandbox, work, pid } = await unstoppable({ timeout: 20 });
    const failures = counted(sandbox, 'freezeFailed');
    const at: number[] = [];
    sandbox.on('freezeFailed', () => at.push(performance.now()));
    work.release();
    await failures.reach(1);
    const [error] = failures.told;
    expect(error).toBeInstanceOf(NotStoppedError);
    expect(error).toMatchObject({ processes: [{ pid, isInVfork: true }] });
    await running(pid);
    sandbox.work().release();
    await failures.reach(2);
    expect((at[1] ?? 0) - (at[0] ?? 0)).toBeGreaterThan(900);
  });

  it('is one process warning where it has no listener', async () => {
    const warnings: Error[] = [];
    const listen = (warning: Error): void => {
      if (warning.name === 'FreezeFailedWarning') warnings.push(warning);
    };
    process.on('warning', listen);
    try {
      for (let time = 0; time < 2; time += 1) {
        const { sandbox, work } = await unstoppable({ timeout: 10 });
        const listeners = sandbox.listenerCount('freezeFailed');
        expect(listeners).toBe(0);
        work.release();
        const { epoch } = sandbox.state.snapshot();
        // It is rolled back by a thaw.
        await sandbox.state.waitForStateChange({ since: { epoch, isFrozen: true } });
        while (sandbox.state.currentEpoch === epoch) await turns(1);
        await turns(5);
      }
      expect(warnings).toHaveLength(1);
      expect(warnings[0]).toMatchObject({
        code: 'ERR_FREEZE_NOT_STOPPED',
        detail: expect.stringContaining('freezeFailed'),
      });
    } finally {
      process.off('warning', listen);
    }
  });
});

describe('works', () => {
  it('says what holds, for how long, and under which name', () => {
    const sandbox = makeSandbox({ mode: FreezeMode.None });
    expect(sandbox.works).toEqual([]);
    const [first, second] = [sandbox.work({ label: 'init' }), sandbox.work()];
    expect(sandbox.works).toEqual([{ label: 'init', sinceMs: expect.any(Number) }, { sinceMs: expect.any(Number) }]);
    first.release();
    expect(sandbox.works).toHaveLength(1);
    second.release();
    for (let i = 0; i < 100; i += 1) sandbox.work({ label: `event ${i}` }).release();
    expect(sandbox.works).toEqual([]);
    expect(sandbox.state.holdCount).toBe(0);
  });

  it('has one listener a child, however many works end with it, and all end', async () => {
    const sandbox = makeSandbox({ mode: FreezeMode.None });
    const child = sleeperIn(sandbox);
    const listeners = child.listenerCount('exit');
    for (let i = 0; i < 50; i += 1) sandbox.work({ until: child }).release();
    const held = [sandbox.work({ until: child }), sandbox.work({ until: child })];
    expect(child.listenerCount('exit')).toBe(listeners + 1);
    expect(sandbox.state.holdCount).toBe(2);
    child.stdin?.end();
    await once(child, 'exit');
    expect(held.map(({ isReleased }) => isReleased)).toEqual([true, true]);
  });

  it('ends with a child that has exited, or was never started, at once', async () => {
    const sandbox = makeSandbox({ mode: FreezeMode.None });
    const missing = sandbox.spawn('/no/such/program');
    const failed = once(missing, 'error');
    expect(sandbox.work({ until: missing }).isReleased).toBe(true);
    await failed;
    const child = sleeperIn(sandbox);
    child.stdin?.end();
    await once(child, 'exit');
    expect(sandbox.work({ until: child }).isReleased).toBe(true);
  });
});
