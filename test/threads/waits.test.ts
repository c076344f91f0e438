import { FreezeClosedError, FreezeMode, type FreezeSnapshot, FreezeState, FreezeTimeoutError } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { runInNode, valueInNode } from '../helpers/node';
import { sleeper } from '../helpers/processes';
import { Thread } from './threads';

const ended = { code: 0, signal: null, stderr: '' };

describe('a wait for a change that another thread makes', () => {
  it('ends on the main thread, by a change in a worker', async () => {
    const state = new FreezeState(FreezeMode.Process, sleeper().pid);
    const thread = await Thread.start(state.share());
    const frozen = state.waitForStateChange();
    await thread.run((tools) => tools.state.freezeAtEpoch(0));
    expect(await frozen).toEqual({ epoch: 0, isFrozen: true });
    for (const [index, change] of (['unfreeze', 'forceUnfreeze', 'hold'] as const).entries()) {
      const thawed = state.waitForStateChange();
      await thread.run((tools, operation) => void tools.state[operation](), change);
      expect(await thawed).toEqual({ epoch: index + 1, isFrozen: false });
    }
  });

  it('ends in a worker, by a change on the main thread', async () => {
    const state = new FreezeState(FreezeMode.Process, sleeper().pid);
    const thread = await Thread.start(state.share());
    for (let epoch = 0; epoch < 3; epoch += 1) {
      for (const isFrozen of [true, false]) {
        const told = thread.told();
        const change = thread.run((tools) => {
          const wait = tools.state.waitForStateChange();
          tools.tell('waiting');
          return wait;
        });
        await told;
        if (isFrozen) state.freezeAtEpoch(epoch);
        else state.unfreeze();
        expect(await change).toEqual({ epoch: isFrozen ? epoch : epoch + 1, isFrozen });
      }
    }
  });

  it('ends in a worker, by a change in another worker', async () => {
    const state = new FreezeState();
    const [one, two] = await Promise.all([Thread.start(state.share()), Thread.start(state.share())]);
    const told = one.told();
    const change = one.run((tools) => {
      const wait = tools.state.waitForStateChange();
      tools.tell('waiting');
      return wait;
    });
    await told;
    await two.run((tools) => tools.state.unfreeze());
    expect(await change).toEqual({ epoch: 1, isFrozen: false });
  });

  it('ends together with a thousand others', async () => {
    const state = new FreezeState();
    const thread = await Thread.start(state.share());
    const waits = Array.from({ length: 1000 }, () => state.waitForStateChange());
    await thread.run((tools) => tools.state.unfreeze());
    expect(new Set((await Promise.all(waits)).map(({ epoch }) => epoch))).toEqual(new Set([1]));
  });

  it('ends at once if it is since an earlier state', async () => {
    const state = new FreezeState(FreezeMode.Process, sleeper().pid);
    const thread = await Thread.start(state.share());
    const since = state.snapshot();
    await thread.run((tools) => tools.state.freezeAtEpoch(0));
    expect(await state.waitForStateChange({ since, timeout: 0 })).toEqual({ epoch: 0, isFrozen: true });
  });

  it('still ends by its timeout and by its signal, and then later changes are heard', async () => {
    const state = new FreezeState();
    const thread = await Thread.start(state.share());
    await expect(state.waitForStateChange({ timeout: 5 })).rejects.toBeInstanceOf(FreezeTimeoutError);
    const abort = new AbortController();
    const aborted = state.waitForStateChange({ signal: abort.signal });
    abort.abort('enough');
    await expect(aborted).rejects.toBe('enough');
    const change = state.waitForStateChange();
    await thread.run((tools) => tools.state.unfreeze());
    expect(await change).toEqual({ epoch: 1, isFrozen: false });
  });

  it('is not missed, however the two threads are timed: each waits for the other one 2,000 times', async () => {
    const state = new FreezeState();
    const thread = await Thread.start(state.share());
    const last = 4000;
    // This thread makes the odd epochs, the other the even ones. Where one misses a change, neither moves again.
    const others = thread.run(async (tools, until) => {
      for (let epoch = 1; epoch < until; epoch += 2) {
        await tools.state.waitForStateChange({ since: { epoch: epoch - 1, isFrozen: false }, timeout: 10_000 });
        for (let idle = 0; idle < (epoch * 7919) % 997; idle += 1) Math.random();
        tools.state.unfreeze();
      }
    }, last);
    for (let epoch = 0; epoch < last; epoch += 2) {
      state.unfreeze();
      const since = { epoch: epoch + 1, isFrozen: false };
      expect(await state.waitForStateChange({ since, timeout: 10_000 })).toEqual({ epoch: epoch + 2, isFrozen: false });
    }
    await others;
  });

  it('ends once for many changes that come while it is busy, with the newest state', async () => {
    const state = new FreezeState();
    const thread = await Thread.start(state.share());
    const turn = () => new Promise((resolve) => setImmediate(resolve));
    const seen: FreezeSnapshot[] = [];
    const follow = (async () => {
      for await (const change of state.changes()) {
        seen.push(change);
        if (change.epoch >= 2000) return;
      }
    })();
    await turn();
    for (const last of [1000, 2000]) {
      const done = new Int32Array(new SharedArrayBuffer(4));
      const changes = thread.run(
        (tools, until, flag) => {
          while (tools.state.currentEpoch < until) tools.state.unfreeze();
          Atomics.store(flag, 0, 1);
          Atomics.notify(flag, 0);
        },
        last,
        done,
      );
      // Busy, as far as its event loop can tell.
      expect(Atomics.wait(done, 0, 0, 10_000)).not.toBe('timed-out');
      await changes;
      await turn();
      expect(seen.splice(0)).toEqual([{ epoch: last, isFrozen: false }]);
    }
    await follow;
  });
});

describe('a wait for a change that its own thread makes', () => {
  it('ends in the same turn of the event loop, though it listens to others', async () => {
    const state = new FreezeState(FreezeMode.Process, sleeper().pid);
    const thread = await Thread.start(state.share());
    let turns = 0;
    const wait = state.waitForStateChange().then((seen) => ({ seen, turns }));
    const counting = setImmediate(() => {
      turns += 1;
    });
    state.freezeAtEpoch(0);
    expect(await wait).toEqual({ seen: { epoch: 0, isFrozen: true }, turns: 0 });
    clearImmediate(counting);
    const inWorker = await thread.run(async (tools) => {
      let passed = 0;
      const change = tools.state.waitForStateChange().then((seen) => ({ seen, passed }));
      setImmediate(() => {
        passed += 1;
      });
      tools.state.unfreeze();
      return await change;
    });
    expect(inWorker).toEqual({ seen: { epoch: 1, isFrozen: false }, passed: 0 });
  });
});

describe('what wakes a thread for changes made elsewhere', () => {
  it('exists once for a state, however many objects of it wait, and is released after the last wait', async () => {
    const counts = await valueInNode(async ({ FreezeState }) => {
      const open = new Set<number>();
      const { createHook } = process.getBuiltinModule('node:async_hooks');
      let given: () => void = () => undefined;
      createHook({
        init: (id, type) => void (type === 'freeze-state:change' && open.add(id)),
        destroy: (id) => void (open.delete(id) && given()),
      }).enable();
      const state = new FreezeState();
      const objects = [state, FreezeState.attach(state.share()), FreezeState.attach(state.share())];
      const waits = [...objects, ...objects].map((object) => object.waitForStateChange());
      const steps = objects.map((object) => object.changes().next());
      const whileTheyWait = open.size;
      const isGivenBack = new Promise<boolean>((resolve) => {
        given = () => resolve(true);
      });
      setTimeout(() => state.unfreeze(), 20);
      await Promise.all([...waits, ...steps]);
      // Nothing else happens in this process: a hand-over that waits for the next event comes too late.
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<boolean>((resolve) => {
        timer = setTimeout(resolve, 3000, false);
      });
      const inTime = await Promise.race([isGivenBack, late]);
      clearTimeout(timer);
      return { whileTheyWait, inTime, afterwards: open.size };
    }, []);
    expect(counts).toEqual({ whileTheyWait: 1, inTime: true, afterwards: 0 });
  });
});

describe('a pending wait, and the life of its thread', () => {
  it('keeps the process alive until the change comes from a worker that does not', async () => {
    const ending = await runInNode(({ FreezeState, worker }) => {
      const state = new FreezeState();
      const thread = worker((tools, handle) => {
        const attached = tools.FreezeState.attach(handle);
        setTimeout(() => attached.unfreeze(), 50);
      }, state.share());
      thread.unref();
      return state.waitForStateChange().then(({ epoch }) => epoch);
    }, []);
    expect(ending).toEqual({ ...ended, stdout: '1' });
  });

  it('ends with the change even if this thread was too busy to notice it before the timeout', async () => {
    const state = new FreezeState();
    const thread = await Thread.start(state.share());
    const timeout = 20;
    const wait = state.waitForStateChange({ timeout });
    const start = performance.now();
    const change = thread.run((tools) => tools.state.unfreeze());
    while (state.currentEpoch === 0 || performance.now() - start < 2 * timeout);
    expect(await wait).toEqual({ epoch: 1, isFrozen: false });
    await change;

    const closing = state.waitForStateChange({ timeout });
    const late = performance.now();
    const close = thread.run((tools) => tools.state.close());
    const isClosed = () => {
      try {
        return state.currentEpoch < 0;
      } catch {
        return true;
      }
    };
    while (!isClosed() || performance.now() - late < 2 * timeout);
    await expect(closing).rejects.toBeInstanceOf(FreezeClosedError);
    await close;
  });

  it('with ref: false lets the process end, listening or not', async () => {
    const ending = await runInNode(async ({ FreezeState, worker }) => {
      const state = new FreezeState();
      const thread = worker((tools, handle) => {
        const attached = tools.FreezeState.attach(handle);
        attached.unfreeze();
        void attached.waitForStateChange({ ref: false });
        void attached.changes({ ref: false }).next();
      }, state.share());
      await process.getBuiltinModule('node:events').once(thread, 'exit');
      if (state.currentEpoch !== 1) throw new Error('The worker did nothing.');
      void state.changes({ ref: false }).next();
      return state.waitForStateChange({ ref: false });
    }, []);
    expect(ending).toEqual({ ...ended, stdout: '' });
  });

  it('keeps a worker alive until the main thread makes the change', async () => {
    const seen = await valueInNode(async ({ FreezeState, worker }) => {
      const { once } = process.getBuiltinModule('node:events');
      const state = new FreezeState();
      const thread = worker((tools, handle) => {
        const { parentPort } = require('node:worker_threads');
        const wait = tools.FreezeState.attach(handle).waitForStateChange();
        parentPort.postMessage('waiting');
        void wait.then(({ epoch }) => parentPort.postMessage(epoch));
      }, state.share());
      await once(thread, 'message');
      const exit = once(thread, 'exit');
      setTimeout(() => state.unfreeze(), 50);
      const [epoch] = await once(thread, 'message');
      return { epoch, exit: await exit };
    }, []);
    expect(seen).toEqual({ epoch: 1, exit: [0] });
  });

  it('keeps it alive no longer once it has timed out, even if a wait with ref: false goes on', async () => {
    const ending = await runInNode(({ FreezeState }) => {
      const state = new FreezeState();
      void state.waitForStateChange({ ref: false });
      return state.waitForStateChange({ timeout: 5 }).catch(({ name }) => name);
    }, []);
    expect(ending).toEqual({ ...ended, stdout: '"FreezeTimeoutError"' });
  });

  it('keeps it alive no longer once a change from elsewhere has ended it', async () => {
    const ending = await runInNode(async ({ FreezeState, worker }) => {
      const state = new FreezeState();
      for (let round = 0; round < 3; round += 1) {
        const wait = Promise.all([state.waitForStateChange(), state.waitForStateChange({ ref: false })]);
        worker((tools, handle) => tools.FreezeState.attach(handle).unfreeze(), state.share());
        await wait;
      }
      return state.currentEpoch;
    }, []);
    expect(ending).toEqual({ ...ended, stdout: '3' });
  });
});
