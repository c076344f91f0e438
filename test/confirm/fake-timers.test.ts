import { createRequire } from 'node:module';
import { join } from 'node:path';
import { FreezeMode, FreezeState, FreezeTimeoutError, NotStoppedError } from 'freeze-state';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { valueInNode } from '../helpers/node';
import { running } from '../helpers/proc';
import { family, sleeper, sleepers } from '../helpers/processes';

const dist = join(__dirname, '../../dist');

const everyTimer = ['setTimeout', 'clearTimeout', 'setImmediate', 'clearImmediate', 'Date', 'performance'] as const;

describe('under the fake timers of vitest', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it('a confirmed freeze of a process that does not stop times out', async () => {
    const { pid } = await family(['vfork'], 1);
    const state = new FreezeState(FreezeMode.Process, pid);
    vi.useFakeTimers({ toFake: [...everyTimer] });
    await expect(state.confirmFreezeAtEpoch(0, { timeout: 50 })).rejects.toThrow(NotStoppedError);
    state.close();
  });

  // They are those of sinon, which replace the functions of node:timers and node:timers/promises as well.
  it('a confirmed freeze of a process that does not stop times out, if this package is loaded later', async () => {
    const { pid } = await family(['vfork'], 1);
    vi.useFakeTimers({ toFake: [...everyTimer] });
    const load = createRequire(__filename);
    for (const file of Object.keys(load.cache)) if (file.startsWith(dist)) delete load.cache[file];
    const { FreezeState: State } = load(dist) as typeof import('freeze-state');
    const state = new State(FreezeMode.Process, pid);
    const start = process.hrtime.bigint();
    await expect(state.confirmFreezeAtEpoch(0, { timeout: 50 })).rejects.toThrow('did not stop within 50 ms');
    expect(Number(process.hrtime.bigint() - start) / 1e6).toBeGreaterThanOrEqual(50);
    state.close();
  });

  it('a wait for a change times out', async () => {
    const state = new FreezeState(FreezeMode.Process);
    vi.useFakeTimers({ toFake: [...everyTimer] });
    await expect(state.waitForStateChange({ timeout: 5 })).rejects.toThrow(FreezeTimeoutError);
    state.close();
  });
});

// In a process of its own, which ends where nothing real is left to wait for.
describe('under the fake timers of node:test', () => {
  const node = ['--no-warnings'];

  it('a confirmed freeze of many processes is done', async () => {
    const pids = sleepers(100).map(({ pid }) => pid);
    const stopped = await valueInNode(
      async ({ FreezeState: State }, mode, all) => {
        (require('node:test') as typeof import('node:test')).mock.timers.enable();
        const state = State.withPids(mode, all);
        const { members } = await state.confirmFreezeAtEpoch(0, { timeout: 20_000 });
        state.close();
        return members?.filter(({ outcome }) => outcome === 'stopped').length;
      },
      [FreezeMode.Process, pids],
      { node },
    );
    expect(stopped).toBe(pids.length);
    await running(...pids);
  });

  it('and of an immediate that is fake from before this package was loaded, a confirmed freeze is done', async () => {
    const members = sleepers(3).map(({ pid }) => pid);
    const stopped = await valueInNode(
      async (_, path, mode, all) => {
        globalThis.setImmediate = (() => undefined) as unknown as typeof setImmediate;
        for (const file of Object.keys(require.cache)) delete require.cache[file];
        const { FreezeState: State } = require(path) as typeof import('freeze-state');
        const state = State.withPids(mode, all);
        const { members: found } = await state.confirmFreezeAtEpoch(0, { timeout: 20_000 });
        state.close();
        return found?.length;
      },
      [dist, FreezeMode.ProcessTree, members],
      { node },
    );
    expect(stopped).toBe(members.length);
  });

  // `jest.useFakeTimers()` replaces that too.
  it('and of process.nextTick, a sandbox tells its events', async () => {
    const told = await valueInNode(
      async (_, path, member) => {
        const { Sandbox } = require(path) as typeof import('freeze-state/sandbox');
        const sandbox = new Sandbox({ mode: 'process', freezeAfter: false });
        sandbox.state.registerPid(member);
        const freezing = new Promise((resolve) => sandbox.once('freeze', () => resolve('freeze')));
        process.nextTick = () => {};
        await sandbox.freeze({ timeout: 20_000 });
        // Where it is not told, nothing keeps this process, and it ends without a value.
        const event = await freezing;
        sandbox.state.close();
        return event;
      },
      [join(dist, 'sandbox'), sleeper().pid],
    );
    expect(told).toBe('freeze');
  });

  it('a confirmed freeze of a process that does not stop times out', async () => {
    const { pid } = await family(['vfork'], 1);
    const code = await valueInNode(
      async ({ FreezeState: State }, mode, member) => {
        (require('node:test') as typeof import('node:test')).mock.timers.enable();
        const state = new State(mode, member);
        const error: unknown = await state.confirmFreezeAtEpoch(0, { timeout: 50 }).catch((reason: unknown) => reason);
        state.close();
        return (error as { code?: string }).code;
      },
      [FreezeMode.Process, pid],
      { node },
    );
    expect(code).toBe('ERR_FREEZE_NOT_STOPPED');
  });
});

// Before the whole program of a process, hence before this package.
describe.each(['still-globals.cjs', 'mock-timers.cjs'])('under fake timers that come first, those of %s', (file) => {
  const node = ['--no-warnings', '--require', join(__dirname, 'fixtures', file)];

  it('a confirmed freeze of a process that does not stop times out', async () => {
    const { pid } = await family(['vfork'], 1);
    const [code, ms] = await valueInNode(
      async ({ FreezeState: State }, mode, member) => {
        const state = new State(mode, member);
        const start = process.hrtime.bigint();
        const error: unknown = await state.confirmFreezeAtEpoch(0, { timeout: 50 }).catch((reason: unknown) => reason);
        const took = process.hrtime.bigint() - start;
        state.close();
        return [(error as { code?: string }).code, Number(took) / 1e6] as const;
      },
      [FreezeMode.Process, pid],
      { node },
    );
    expect(code).toBe('ERR_FREEZE_NOT_STOPPED');
    expect(ms).toBeGreaterThanOrEqual(50);
  });

  it('a confirmed freeze of many processes is done', async () => {
    const pids = sleepers(100).map(({ pid }) => pid);
    const stopped = await valueInNode(
      async ({ FreezeState: State }, mode, all) => {
        const state = State.withPids(mode, all);
        const { members } = await state.confirmFreezeAtEpoch(0, { timeout: 20_000 });
        state.close();
        return members?.length;
      },
      [FreezeMode.ProcessTree, pids],
      { node },
    );
    expect(stopped).toBe(pids.length);
  });
});

describe('under fake timers that come first and leave node:timers alone', () => {
  const node = ['--require', join(__dirname, 'fixtures/still-globals.cjs')];

  it('waits for a change, for a release and for an exit time out', async () => {
    const codes = await valueInNode(
      async ({ FreezeState: State }, mode, other) => {
        const state = new State(mode);
        const hold = state.hold();
        const waits = await Promise.allSettled([
          state.waitForStateChange({ timeout: 5 }),
          state.waitForRelease({ timeout: 5 }),
          State.waitForExit([other], { timeout: 5 }),
        ]);
        hold?.release();
        state.close();
        return waits.map((wait) =>
          wait.status === 'rejected' ? (wait.reason as { code?: string }).code : wait.status,
        );
      },
      [FreezeMode.Process, sleeper().pid],
      { node },
    );
    expect(codes).toEqual(Array(3).fill('ERR_FREEZE_TIMEOUT'));
  });

  it('a sandbox is frozen when it was idle for so long, and killed when it was asked to end for so long', async () => {
    const [isFrozen, killed] = await valueInNode(
      async (_, path, member) => {
        const { Sandbox } = require(path) as typeof import('freeze-state/sandbox');
        const sandbox = new Sandbox({ mode: 'process', freezeAfter: 5 });
        sandbox.state.registerPid(member);
        const work = sandbox.work();
        // Of its own, the timer of the sandbox does not keep this process alive.
        const change = sandbox.state.waitForStateChange();
        work.release();
        const { isFrozen } = await change;
        const ended = await sandbox.terminate({ killSignal: 'SIGWINCH', forceKillAfter: 20 });
        return [isFrozen, ended.map(({ wasKilled }) => wasKilled)] as const;
      },
      [join(dist, 'sandbox'), sleeper().pid],
      { node },
    );
    expect(isFrozen).toBe(true);
    expect(killed).toEqual([true]);
  });
});
