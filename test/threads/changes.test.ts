import { getEventListeners } from 'node:events';
import { FreezeClosedError, FreezeMode, type FreezeSnapshot, FreezeState } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { valueInNode } from '../helpers/node';
import { sleeper } from '../helpers/processes';
import { turns } from '../helpers/until';
import { Thread } from './threads';

const done = { done: true, value: undefined };

function frozenState(): FreezeState {
  return new FreezeState(FreezeMode.Process, sleeper().pid);
}

describe('changes', () => {
  it('gives the state after each change', async () => {
    const state = frozenState();
    const steps = state.changes();
    const seen: FreezeSnapshot[] = [];
    const changes = [() => state.freezeAtEpoch(0), () => state.unfreeze(), () => state.hold().release()];
    for (const change of changes) {
      const step = steps.next();
      await turns();
      change();
      seen.push((await step).value as FreezeSnapshot);
    }
    expect(seen).toEqual([
      { epoch: 0, isFrozen: true },
      { epoch: 1, isFrozen: false },
      { epoch: 2, isFrozen: false },
    ]);
  });

  it('begins with the call: a change before the first step is seen', async () => {
    const state = new FreezeState();
    const steps = state.changes();
    state.unfreeze();
    expect(await steps.next()).toEqual({ done: false, value: { epoch: 1, isFrozen: false } });
  });

  it('gives a slow consumer the newest state only', async () => {
    const state = frozenState();
    const seen: FreezeSnapshot[] = [];
    const steps = state.changes();
    state.freezeAtEpoch(0);
    for await (const change of steps) {
      seen.push(change);
      if (change.epoch === 100) break;
      for (let epoch = change.epoch; epoch < 100; epoch += 1) {
        state.unfreeze();
        state.freezeAtEpoch(epoch + 1);
      }
      await turns();
    }
    expect(seen).toEqual([
      { epoch: 0, isFrozen: true },
      { epoch: 100, isFrozen: true },
    ]);
  });

  it('gives nothing where nothing changed', async () => {
    const state = frozenState();
    const step = state.changes().next();
    const first = await Promise.race([step, turns(5).then(() => 'nothing')]);
    expect(first).toBe('nothing');
    state.unfreeze();
    expect(await step).toEqual({ done: false, value: { epoch: 1, isFrozen: false } });
  });

  it('serves two consumers, each with every newest state', async () => {
    const state = new FreezeState();
    const [one, two] = [state.changes(), state.changes()];
    const first = [one.next(), two.next()];
    state.unfreeze();
    await Promise.all(first);
    state.unfreeze();
    const value = { epoch: 2, isFrozen: false };
    expect(await Promise.all([one.next(), two.next()])).toEqual([
      { done: false, value },
      { done: false, value },
    ]);
  });

  it('answers several calls of next one by one, in their order, with different states', async () => {
    const state = new FreezeState();
    const steps = state.changes();
    const epochs: number[] = [];
    const calls = Array.from({ length: 5 }, () =>
      steps.next().then(({ value }) => epochs.push((value as FreezeSnapshot).epoch)),
    );
    for (let change = 0; change < 5; change += 1) {
      state.unfreeze();
      await turns();
    }
    await Promise.all(calls);
    expect(epochs).toEqual([1, 2, 3, 4, 5]);
  });

  it('is its own iterator', () => {
    const steps = new FreezeState().changes();
    expect(steps[Symbol.asyncIterator]()).toBe(steps);
  });
});

describe('the end of changes', () => {
  it('comes with break', async () => {
    const state = new FreezeState();
    const steps = state.changes();
    state.unfreeze();
    for await (const _ of steps) break;
    expect(await steps.next()).toEqual(done);
  });

  it('comes with an error in the loop, which is thrown on', async () => {
    const state = new FreezeState();
    const steps = state.changes();
    state.unfreeze();
    const loop = (async () => {
      for await (const _ of steps) throw new Error('on purpose');
    })();
    await expect(loop).rejects.toThrow('on purpose');
    expect(await steps.next()).toEqual(done);
  });

  it('comes with return, also while steps are pending', async () => {
    const state = new FreezeState();
    const steps = state.changes();
    const pending = [steps.next(), steps.next(), steps.next()];
    await turns();
    expect(await steps.return?.()).toEqual(done);
    expect(await Promise.all(pending)).toEqual([done, done, done]);
    expect(await steps.return?.()).toEqual(done);
    state.unfreeze();
    expect(await steps.next()).toEqual(done);
  });

  it('comes with an abort: the pending step rejects with the reason, the next ones are done', async () => {
    const state = new FreezeState();
    const abort = new AbortController();
    const steps = state.changes({ signal: abort.signal });
    const pending = [steps.next(), steps.next()];
    const outcomes = Promise.allSettled(pending);
    await turns();
    abort.abort('enough');
    expect(await outcomes).toEqual([
      { status: 'rejected', reason: 'enough' },
      { status: 'fulfilled', value: done },
    ]);
    state.unfreeze();
    expect(await steps.next()).toEqual(done);
  });

  it('comes with an abort, even if another listener stops its propagation', async () => {
    const controller = new AbortController();
    controller.signal.addEventListener('abort', (event) => event.stopImmediatePropagation());
    const step = new FreezeState().changes({ signal: controller.signal }).next();
    await turns();
    controller.abort('enough');
    await expect(step).rejects.toBe('enough');
  });

  it('is an unhandled rejection where the step that fails has no handler, as everywhere in Node', async () => {
    const codes = await valueInNode(async ({ FreezeState, turn }) => {
      const seen: unknown[] = [];
      process.on('unhandledRejection', (error: NodeJS.ErrnoException) => seen.push(error.code));
      const state = new FreezeState();
      void state.changes().next();
      state.close();
      await turn();
      return seen;
    }, []);
    expect(codes).toEqual(['ERR_FREEZE_CLOSED']);
  });

  it('comes with an abort between two steps, or before the first', async () => {
    const state = new FreezeState();
    const abort = new AbortController();
    const steps = state.changes({ signal: abort.signal });
    state.unfreeze();
    await steps.next();
    abort.abort('enough');
    await expect(steps.next()).rejects.toBe('enough');
    const late = state.changes({ signal: abort.signal });
    await expect(late.next()).rejects.toBe('enough');
    expect(await late.next()).toEqual(done);
  });

  it('leaves no listener on the signal', async () => {
    const state = new FreezeState();
    const { signal } = new AbortController();
    for (let round = 0; round < 20; round += 1) {
      const steps = state.changes({ signal });
      const step = steps.next();
      if (round % 2 === 0) state.unfreeze();
      await steps.return?.();
      await step;
    }
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('is not needed: an iterator that is dropped between two steps keeps neither its state nor a listener on the signal', async () => {
    const left = await valueInNode(
      async ({ FreezeState, turn }) => {
        const { getEventListeners } = process.getBuiltinModule('node:events');
        const { signal } = new AbortController();
        const states: WeakRef<object>[] = [];
        const drop = async (): Promise<void> => {
          const state = new FreezeState();
          const steps = state.changes({ signal });
          state.unfreeze();
          await steps.next();
          states.push(new WeakRef(state));
        };
        for (let round = 0; round < 20; round += 1) await drop();
        const alive = () => states.filter((state) => state.deref() !== undefined).length;
        // A look keeps what it finds for the rest of its turn.
        for (let round = 0; round < 50 && alive() > 0; round += 1) {
          await turn();
          globalThis.gc?.();
          await turn();
        }
        return { alive: alive(), listeners: getEventListeners(signal, 'abort').length };
      },
      [],
      { node: ['--expose-gc'] },
    );
    expect(left).toEqual({ alive: 0, listeners: 0 });
  });

  it('comes with a close, by FreezeClosedError, and then it is done', async () => {
    const state = new FreezeState();
    const [pending, between] = [state.changes(), state.changes()];
    const step = pending.next();
    const outcome = expect(step).rejects.toBeInstanceOf(FreezeClosedError);
    state.close();
    await outcome;
    expect(await pending.next()).toEqual(done);
    await expect(between.next()).rejects.toBeInstanceOf(FreezeClosedError);
    expect(await between.next()).toEqual(done);
    expect(() => state.changes()).toThrow(FreezeClosedError);
  });

  it('does not end a pending wait of another kind', async () => {
    const state = new FreezeState();
    const wait = state.waitForStateChange();
    const steps = state.changes();
    const step = steps.next();
    await steps.return?.();
    expect(await step).toEqual(done);
    state.unfreeze();
    expect(await wait).toEqual({ epoch: 1, isFrozen: false });
  });
});

describe('changes in a worker while the main thread freezes and thaws at full speed', () => {
  it('come in order, none twice, and the last is the final state', { timeout: 120_000 }, async () => {
    const state = frozenState();
    const threads = await Promise.all([Thread.start(state.share()), Thread.start(state.share())]);
    const rounds = 2000;
    const ready = threads.map((thread) => thread.told());
    const followed = threads.map((thread) =>
      thread.run(async (tools, last) => {
        const seen: number[] = [];
        const steps = tools.state.changes();
        tools.tell('ready');
        for await (const { epoch, isFrozen } of steps) {
          seen.push(2 * epoch + Number(isFrozen));
          if (epoch === last && isFrozen) break;
        }
        return seen;
      }, rounds),
    );
    await Promise.all(ready);
    for (let epoch = 0; epoch < rounds; epoch += 1) {
      if (!state.freezeAtEpoch(epoch)) throw new Error(`It did not freeze at epoch ${epoch}.`);
      state.unfreeze();
      if (epoch % 100 === 0) await turns(1);
    }
    state.freezeAtEpoch(rounds);
    for (const seen of await Promise.all(followed)) {
      expect(seen).toEqual([...new Set(seen)].sort((a, b) => a - b));
      expect(seen.at(-1)).toBe(2 * rounds + 1);
    }
  });
});

describe('changes refuses', () => {
  it.each<[string, unknown]>([
    ['null', null],
    ['a number', 5],
    ['a signal that is none', { signal: {} }],
    ['a ref that is a number', { ref: 1 }],
  ])('%s', (_, options) => {
    expect(() => new FreezeState().changes(options as never)).toThrow(TypeError);
  });
});
