import { join } from 'node:path';
import { FreezeMode, FreezeState, FreezeTimeoutError, NotStoppedError } from 'freeze-state';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { valueInNode } from '../helpers/node';
import { running } from '../helpers/proc';
import { family, sleeper, sleepers } from '../helpers/processes';

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
      [join(__dirname, '../../dist'), FreezeMode.ProcessTree, members],
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
      [join(__dirname, '../../dist/sandbox'), sleeper().pid],
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
