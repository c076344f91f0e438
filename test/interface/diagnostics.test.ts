import { channel, tracingChannel } from 'node:diagnostics_channel';
import {
  type FreezeMessage,
  FreezeMode,
  FreezeState,
  type MemberMessage,
  NoPidConfiguredError,
  type ThawMessage,
} from 'freeze-state';
import { afterEach, describe, expect, it } from 'vitest';
import { runInNode, valueInNode } from '../helpers/node';
import { sleeper } from '../helpers/processes';

const freezing = tracingChannel<unknown, FreezeMessage>('freeze-state:freeze');
const thawing = tracingChannel<unknown, ThawMessage>('freeze-state:thaw');
const members = channel('freeze-state:member');

let unsubscribe: (() => void)[] = [];
afterEach(() => {
  for (const end of unsubscribe) end();
  unsubscribe = [];
});

/** Everything that is published from now on: the event, and the message as it was at that moment. */
function record<M extends object>(tracing: ReturnType<typeof tracingChannel<unknown, M>>) {
  const heard: { event: string; message: M; copy: M }[] = [];
  const hear = (event: string) => (message: M) => heard.push({ event, message, copy: { ...message } });
  const handlers = {
    start: hear('start'),
    end: hear('end'),
    asyncStart: hear('asyncStart'),
    asyncEnd: hear('asyncEnd'),
    error: hear('error'),
  };
  tracing.subscribe(handlers);
  unsubscribe.push(() => tracing.unsubscribe(handlers));
  return heard;
}

describe('the channel freeze-state:freeze', () => {
  it('tells of freezeAtEpoch, with one message from its start to its end', () => {
    const { pid } = sleeper();
    using state = new FreezeState(FreezeMode.Process, pid);
    const heard = record(freezing);
    expect(state.freezeAtEpoch(0)).toBe(true);
    const begun = { state, operation: 'freezeAtEpoch', epoch: 0, mode: 'process', pids: [pid] };
    expect(heard.map(({ event, copy }) => [event, copy])).toEqual([
      ['start', begun],
      ['end', { ...begun, result: true }],
    ]);
    expect(heard[1]?.message).toBe(heard[0]?.message);
  });

  it('tells of one that is stale, and of one that fails, by its error', () => {
    const state = new FreezeState(FreezeMode.Process);
    const heard = record(freezing);
    expect(() => state.freezeAtEpoch(0)).toThrow(NoPidConfiguredError);
    state.unfreeze();
    expect(state.freezeAtEpoch(0)).toBe(false);
    expect(heard.map(({ event }) => event)).toEqual(['start', 'error', 'end', 'start', 'end']);
    expect(heard[1]?.copy.error).toBeInstanceOf(NoPidConfiguredError);
    expect(heard[4]?.copy.result).toBe(false);
  });

  it('tells of confirmFreezeAtEpoch, with its report when that is there', async () => {
    using state = new FreezeState(FreezeMode.Process, sleeper().pid);
    const heard = record(freezing);
    const report = await state.confirmFreezeAtEpoch(0);
    expect(heard.map(({ event }) => event)).toEqual(['start', 'end', 'asyncStart', 'asyncEnd']);
    expect(heard[3]?.copy).toMatchObject({ operation: 'confirmFreezeAtEpoch', result: report });
  });

  it('tells nothing of a confirmation with an argument of the wrong type: nothing began', async () => {
    using state = new FreezeState(FreezeMode.Process, sleeper().pid);
    const heard = record(freezing);
    await expect(state.confirmFreezeAtEpoch(-1)).rejects.toThrow(RangeError);
    expect(heard).toEqual([]);
  });
});

describe('the channel freeze-state:thaw', () => {
  it.each([
    ['unfreeze', (state: FreezeState) => state.unfreeze()],
    ['forceUnfreeze', (state: FreezeState) => state.forceUnfreeze()],
    ['hold', (state: FreezeState) => state.hold().release()],
    ['close', (state: FreezeState) => state.close()],
  ] as const)('tells of %s, and whether the state was frozen', (operation, thaw) => {
    const { pid } = sleeper();
    using state = new FreezeState(FreezeMode.Process, pid);
    const heard = record(thawing);
    state.freezeAtEpoch(0);
    thaw(state);
    expect(heard.map(({ event }) => event)).toEqual(['start', 'end']);
    const first = { state, operation, epoch: 0, wasFrozen: true, mode: 'process', pids: [pid] };
    expect(heard[0]?.copy).toEqual(first);

    if (operation === 'close') return;
    thaw(state);
    expect(heard[2]?.copy).toEqual({ ...first, epoch: 1, wasFrozen: false });
  });

  it('tells the error of an operation on a state that is closed, which has no epoch', () => {
    const state = new FreezeState();
    state.close();
    const heard = record(thawing);
    expect(() => state.unfreeze()).toThrow('closed');
    expect(heard.map(({ event }) => event)).toEqual(['start', 'error', 'end']);
    expect(heard[0]?.copy).toEqual({ state, operation: 'unfreeze', wasFrozen: false, mode: 'none', pids: [] });
  });
});

describe('the channel freeze-state:member', () => {
  it('tells who is registered, by the constructor too, and unregistered', () => {
    const heard: MemberMessage[] = [];
    const hear = (message: unknown) => heard.push(message as MemberMessage);
    members.subscribe(hear);
    unsubscribe.push(() => members.unsubscribe(hear));
    const [one, other] = [sleeper().pid, sleeper().pid];
    using state = new FreezeState(FreezeMode.Process, one);
    // Twice in one call.
    state.registerPids([other, other]);
    // It is a member already.
    state.registerPid(other);
    state.registerPids([one, other]);
    state.unregisterPid(one);
    expect(state.unregisterPid(one)).toBe(false);
    expect(() => state.registerPid(0)).toThrow();
    const of = { state, mode: 'process' };
    expect(heard).toEqual([
      { ...of, pid: one, change: 'registered' },
      { ...of, pid: other, change: 'registered' },
      { ...of, pid: one, change: 'unregistered' },
    ]);
  });
});

it('a thread hears of its own operations alone', async () => {
  const heard = await valueInNode(async ({ FreezeState: State, worker }) => {
    const { tracingChannel: channels } =
      require('node:diagnostics_channel') as typeof import('node:diagnostics_channel');
    const state = new State();
    const operations: string[] = [];
    const hear = (message: object) => operations.push((message as { operation: string }).operation);
    channels('freeze-state:thaw').start.subscribe(hear as never);
    const other = worker(({ FreezeState: There }, handle) => There.attach(handle).unfreeze(), state.share());
    await new Promise((resolve) => other.once('exit', resolve));
    state.forceUnfreeze();
    return { operations, epoch: state.currentEpoch };
  }, []);
  expect(heard).toEqual({ operations: ['forceUnfreeze'], epoch: 2 });
});

it('NODE_DEBUG=freeze-state prints each of these', async () => {
  const under = ['env', 'NODE_DEBUG=freeze-state'];
  const { stderr, code } = await runInNode(
    async ({ FreezeState: State, spawnTarget }) => {
      const { pid } = spawnTarget('sleep');
      const state = new State('process', pid);
      state.freezeAtEpoch(0);
      state.unfreeze();
      await state.confirmFreezeAtEpoch(1);
      await state.confirmFreezeAtEpoch(0);
      state.close();
      process.kill(pid, 'SIGKILL');
    },
    [],
    { under },
  );
  expect(code, stderr).toBe(0);
  expect(
    stderr
      .replace(/FREEZE-STATE \d+: /g, '')
      .replace(/\[\d+\]/g, '[P]')
      .replace(/process \d+/g, 'process P'),
  ).toMatch(
    new RegExp(
      [
        '^process P registered, mode process',
        'freezeAtEpoch at epoch 0, mode process, pids \\[P\\]: frozen, [\\d.]+ ms',
        'unfreeze at epoch 0, mode process, pids \\[P\\]: thawed, [\\d.]+ ms',
        'confirmFreezeAtEpoch at epoch 1, mode process, pids \\[P\\]: frozen, all stopped, [\\d.]+ ms',
        'confirmFreezeAtEpoch at epoch 0, mode process, pids \\[P\\]: not frozen \\(stale\\), [\\d.]+ ms',
        'close at epoch 1, mode process, pids \\[P\\]: thawed, [\\d.]+ ms\n$',
      ].join('\n'),
    ),
  );
});
