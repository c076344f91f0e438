import { FreezeClosedError, FreezeMode, type FreezeSnapshot, FreezeState } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { running, stopped } from '../helpers/proc';
import { sleepers } from '../helpers/processes';
import { Thread } from './threads';

const closed = { name: 'FreezeClosedError', code: 'ERR_FREEZE_CLOSED', message: expect.stringContaining('closed') };

/** Who closes: this thread through its own object, another object of it, or another thread. */
const closers: Record<string, (state: FreezeState, other: Thread) => unknown> = {
  'the thread that made it': (state) => state.close(),
  'another object of that thread': (state) => FreezeState.attach(state.share()).close(),
  'another thread': (_, other) => other.run((tools) => tools.state.close()),
  'using in another thread': (_, other) => other.run((tools) => tools.state[Symbol.dispose]()),
};

describe.each(Object.entries(closers))('a close by %s', (_, close) => {
  it('thaws the members and forgets them', async () => {
    const pids = sleepers(2).map(({ pid }) => pid);
    const state = FreezeState.withPids(FreezeMode.Process, pids);
    const other = await Thread.start(state.share());
    state.freezeAtEpoch(0);
    await stopped(...pids);
    await close(state, other);
    await running(...pids);
  });

  it('ends the waits of every thread', async () => {
    const state = new FreezeState();
    const [waiting, blocked, other] = (await Promise.all(
      Array.from({ length: 3 }, () => Thread.start(state.share())),
    )) as [Thread, Thread, Thread];
    const mine = [state.waitForStateChange(), state.waitForStateChange({ timeout: 60_000, ref: false })];
    const told = waiting.told();
    const theirs = waiting.run((tools) => {
      const waits = [tools.state.waitForStateChange(), tools.state.waitForStateChange({ timeout: 60_000 })];
      tools.tell('waiting');
      return Promise.allSettled(waits).then((all) =>
        all.map((one) => one.status === 'rejected' && { name: one.reason.name, code: one.reason.code }),
      );
    });
    const { result } = await blocked.block((tools) => {
      tools.tellId();
      tools.state.waitForStateChangeSync();
    });
    await told;
    // Each gets its handler before the close.
    const outcomes = Promise.allSettled([...mine, result]);
    await close(state, other);
    for (const outcome of await outcomes) expect(outcome).toMatchObject({ status: 'rejected', reason: closed });
    const { name, code } = closed;
    expect(await theirs).toEqual([
      { name, code },
      { name, code },
    ]);
  });

  it('ends the iterations of every thread', async () => {
    const state = new FreezeState();
    const [iterating, other] = [await Thread.start(state.share()), await Thread.start(state.share())];
    const steps = state.changes();
    const mine = steps.next().catch((error: unknown) => error);
    const told = iterating.told();
    const theirs = iterating.run(async (tools) => {
      const seen: FreezeSnapshot[] = [];
      setImmediate(() => tools.tell('iterating'));
      try {
        for await (const change of tools.state.changes()) seen.push(change);
      } catch (error) {
        return { code: (error as { code: string }).code, seen };
      }
      return undefined;
    });
    await told;
    await close(state, other);
    expect(await mine).toMatchObject(closed);
    expect(await steps.next()).toEqual({ done: true, value: undefined });
    expect(await theirs).toEqual({ code: closed.code, seen: [] });
  });

  it('makes every later operation throw in every thread, but closing again', async () => {
    const state = new FreezeState(FreezeMode.Process);
    const handle = state.share();
    const [one, other] = [await Thread.start(handle), await Thread.start(handle)];
    await one.run((tools) => {
      tools.kept['hold'] = tools.state.hold();
    });
    await close(state, other);
    const all = await one.run(allCodes, handle);
    expect(new Set(Object.values(all))).toEqual(new Set([closed.code]));
    expect(await other.run(allCodes, handle)).toEqual(all);
    expect(await allCodes({ FreezeState, state }, handle)).toEqual(all);
    state.close();
    await one.run((tools) => {
      tools.state.close();
      (tools.kept['hold'] as Disposable)[Symbol.dispose]();
    });
  });
});

/** Runs in the worker as well: nothing but its arguments. */
async function allCodes(
  tools: { FreezeState: typeof FreezeState; state: FreezeState },
  handle: ReturnType<FreezeState['share']>,
): Promise<Record<string, unknown>> {
  const { state } = tools;
  const operations: Record<string, () => unknown> = {
    mode: () => state.mode,
    pid: () => state.pid,
    pids: () => state.pids,
    pidCount: () => state.pidCount,
    isFrozen: () => state.isFrozen,
    currentEpoch: () => state.currentEpoch,
    snapshot: () => state.snapshot(),
    registerPid: () => state.registerPid(2),
    unregisterPid: () => state.unregisterPid(2),
    freezeAtEpoch: () => state.freezeAtEpoch(0),
    unfreeze: () => state.unfreeze(),
    forceUnfreeze: () => state.forceUnfreeze(),
    waitForStateChange: () => state.waitForStateChange(),
    'waitForStateChange since': () => state.waitForStateChange({ since: { epoch: 7, isFrozen: true } }),
    waitForStateChangeSync: () => state.waitForStateChangeSync({ timeout: 60_000 }),
    changes: () => state.changes(),
    hold: () => state.hold(),
    share: () => state.share(),
    attach: () => tools.FreezeState.attach(handle),
  };
  const codes: Record<string, unknown> = {};
  for (const [name, operation] of Object.entries(operations)) {
    try {
      codes[name] = ['returned', await operation()];
    } catch (error) {
      codes[name] = (error as { code: unknown }).code;
    }
  }
  return codes;
}

it('a close while another thread freezes and thaws at full speed ends that thread, and the members run', async () => {
  const pids = sleepers(3).map(({ pid }) => pid);
  for (let round = 0; round < 10; round += 1) {
    const state = FreezeState.withPids(FreezeMode.Process, pids);
    const thread = await Thread.start(state.share());
    const told = thread.told();
    const busy = thread.run((tools) => {
      for (let turn = 0; ; turn += 1) {
        tools.state.freezeAtEpoch(tools.state.currentEpoch);
        tools.state.unfreeze();
        if (turn === 10) tools.tell('busy');
      }
    });
    busy.catch(() => undefined);
    await told;
    state.close();
    await expect(busy).rejects.toMatchObject(closed);
    await running(...pids);
    await thread.worker.terminate();
  }
});

it('a state that two threads close at once is closed for both', async () => {
  const state = new FreezeState();
  const threads = await Promise.all([Thread.start(state.share()), Thread.start(state.share())]);
  await Promise.all(threads.map((thread) => thread.run((tools) => tools.state.close())));
  expect(() => state.isFrozen).toThrow(FreezeClosedError);
});
