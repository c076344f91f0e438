import { FreezeClosedError, FreezeMode, FreezeState } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { runInNode, valueInNode } from '../helpers/node';
import { sleeper } from '../helpers/processes';
import { Thread, type ThreadTools } from './threads';

/** The thread exits with code 7, and blocks in its exit listener. */
function exitAndWait(tools: ThreadTools): void {
  process.on('exit', () => {
    tools.tellId();
    tools.state.waitForStateChangeSync();
  });
  process.exit(7);
}

describe('waitForStateChangeSync in a worker', () => {
  it('blocks until a freeze elsewhere, and gives the state after it', async () => {
    const state = new FreezeState(FreezeMode.Process, sleeper().pid);
    const thread = await Thread.start(state.share());
    const { result } = await thread.block((tools) => {
      tools.tellId();
      return tools.state.waitForStateChangeSync();
    });
    expect(state.freezeAtEpoch(0)).toBe(true);
    expect(await result).toEqual({ epoch: 0, isFrozen: true });
  });

  it.each(['unfreeze', 'forceUnfreeze', 'hold'] as const)('blocks until %s elsewhere', async (change) => {
    const state = new FreezeState();
    const thread = await Thread.start(state.share());
    const { result } = await thread.block((tools) => {
      tools.tellId();
      return tools.state.waitForStateChangeSync({ timeout: 2 ** 31 - 1 });
    });
    const hold = state[change]();
    expect(await result).toEqual({ epoch: 1, isFrozen: false });
    hold?.release();
  });

  it('wakes every thread that is blocked', async () => {
    const state = new FreezeState();
    const threads = await Promise.all(Array.from({ length: 3 }, () => Thread.start(state.share())));
    const blocked = await Promise.all(
      threads.map((thread) =>
        thread.block((tools) => {
          tools.tellId();
          return tools.state.waitForStateChangeSync();
        }),
      ),
    );
    state.unfreeze();
    for (const { result } of blocked) expect(await result).toEqual({ epoch: 1, isFrozen: false });
  });

  it('misses nothing of what changes before it blocks', async () => {
    const state = new FreezeState();
    const thread = await Thread.start(state.share());
    const since = await thread.run((tools) => tools.state.snapshot());
    state.unfreeze();
    state.unfreeze();
    const seen = await thread.run((tools, then) => tools.state.waitForStateChangeSync({ since: then }), since);
    expect(seen).toEqual({ epoch: 2, isFrozen: false });
  });

  it('is not woken by what changes nothing', async () => {
    const state = new FreezeState(FreezeMode.Process, sleeper().pid);
    const thread = await Thread.start(state.share());
    const { result } = await thread.block((tools) => {
      tools.tellId();
      return tools.state.waitForStateChangeSync({ timeout: 200 });
    });
    state.registerPid(sleeper().pid);
    expect(state.freezeAtEpoch(7)).toBe(false);
    expect(await result).toBeUndefined();
  });

  it('throws FreezeClosedError when the state is closed meanwhile', async () => {
    const state = new FreezeState();
    const thread = await Thread.start(state.share());
    const { result } = await thread.block((tools) => {
      function theWaiter(): unknown {
        tools.tellId();
        return tools.state.waitForStateChangeSync();
      }
      return theWaiter();
    });
    state.close();
    const error = await result.catch((reason: unknown) => reason);
    expect(error).toMatchObject({ name: 'FreezeClosedError', code: 'ERR_FREEZE_CLOSED' });
    expect((error as Error).stack).toMatch(/^.*\n {4}at theWaiter/);
  });

  it('follows a thread that changes it a thousand times to the last state', async () => {
    const state = new FreezeState(FreezeMode.Process, sleeper().pid);
    const thread = await Thread.start(state.share());
    const follow = await thread.block((tools) => {
      const epochs = [];
      let seen = tools.state.snapshot();
      tools.tellId();
      while (seen.epoch < 1000) {
        seen = tools.state.waitForStateChangeSync({ since: seen }) ?? seen;
        epochs.push(seen.epoch * 2 + Number(seen.isFrozen));
      }
      return epochs;
    });
    for (let epoch = 0; epoch < 1000; epoch += 1) {
      state.freezeAtEpoch(epoch);
      state.unfreeze();
    }
    const seen = await follow.result;
    expect(seen).toEqual([...new Set(seen)].sort((a, b) => a - b));
    expect(seen.at(-1)).toBe(2000);
  });
});

describe('waitForStateChangeSync on the main thread', () => {
  it('needs a timeout', () => {
    const state = new FreezeState();
    for (const options of [undefined, {}, { since: state.snapshot() }, { timeout: undefined as unknown as number }]) {
      expect(() => state.waitForStateChangeSync(options)).toThrow(TypeError);
      expect(() => state.waitForStateChangeSync(options)).toThrow(
        expect.objectContaining({
          code: 'ERR_INVALID_ARG_VALUE',
          message: expect.stringMatching(/main thread .*timeout/),
        }),
      );
    }
  });

  it('gives undefined after the timeout, and not before', () => {
    const state = new FreezeState();
    for (const timeout of [0, 0.5, 50]) {
      const start = performance.now();
      expect(state.waitForStateChangeSync({ timeout })).toBeUndefined();
      expect(performance.now() - start).toBeGreaterThanOrEqual(timeout - 0.01);
    }
  });

  it('gives the state at once where it differs from since', () => {
    const state = new FreezeState(FreezeMode.Process, sleeper().pid);
    const since = state.snapshot();
    state.freezeAtEpoch(0);
    const longest = 2 ** 31 - 1;
    expect(state.waitForStateChangeSync({ since, timeout: longest })).toEqual({ epoch: 0, isFrozen: true });
    const frozen = state.snapshot();
    expect(state.waitForStateChangeSync({ since: frozen, timeout: 0 })).toBeUndefined();
    state.unfreeze();
    expect(state.waitForStateChangeSync({ since: frozen, timeout: 0 })).toEqual({ epoch: 1, isFrozen: false });
    expect(state.waitForStateChangeSync({ since, timeout: 0 })).toEqual({ epoch: 1, isFrozen: false });
  });

  it('hears of a change in a worker', async () => {
    const state = new FreezeState();
    const thread = await Thread.start(state.share());
    const go = new SharedArrayBuffer(4);
    const told = thread.told();
    const done = thread.run((tools, memory) => {
      tools.tell('here');
      Atomics.wait(new Int32Array(memory), 0, 0);
      tools.state.unfreeze();
    }, go);
    await told;
    const since = state.snapshot();
    Atomics.store(new Int32Array(go), 0, 1);
    Atomics.notify(new Int32Array(go), 0);
    expect(state.waitForStateChangeSync({ since, timeout: 20_000 })).toEqual({ epoch: 1, isFrozen: false });
    await done;
  });

  it('throws FreezeClosedError on a closed state, before it checks the options', () => {
    const state = new FreezeState();
    state.close();
    expect(() => state.waitForStateChangeSync()).toThrow(FreezeClosedError);
    expect(() => state.waitForStateChangeSync({ timeout: -1 })).toThrow(FreezeClosedError);
  });

  it.each<[string, unknown, string]>([
    ['options null', null, 'ERR_INVALID_ARG_TYPE'],
    ['options 5', 5, 'ERR_INVALID_ARG_TYPE'],
    ['an array', [], 'ERR_INVALID_ARG_TYPE'],
    ['a timeout string', { timeout: '5' }, 'ERR_INVALID_ARG_TYPE'],
    ['a timeout null', { timeout: null }, 'ERR_INVALID_ARG_TYPE'],
    ['a timeout bigint', { timeout: 5n }, 'ERR_INVALID_ARG_TYPE'],
    ['a timeout NaN', { timeout: Number.NaN }, 'ERR_OUT_OF_RANGE'],
    ['a timeout -1', { timeout: -1 }, 'ERR_OUT_OF_RANGE'],
    ['a timeout Infinity', { timeout: Number.POSITIVE_INFINITY }, 'ERR_OUT_OF_RANGE'],
    ['a timeout 2^31', { timeout: 2 ** 31 }, 'ERR_OUT_OF_RANGE'],
    ['since a number', { since: 0, timeout: 0 }, 'ERR_INVALID_ARG_TYPE'],
    ['since empty', { since: {}, timeout: 0 }, 'ERR_INVALID_ARG_TYPE'],
    ['since an epoch -1', { since: { epoch: -1, isFrozen: false }, timeout: 0 }, 'ERR_INVALID_ARG_TYPE'],
    ['since without isFrozen', { since: { epoch: 0 }, timeout: 0 }, 'ERR_INVALID_ARG_TYPE'],
  ])('refuses %s', (_, options, code) => {
    const state = new FreezeState();
    expect(() => state.waitForStateChangeSync(options as never)).toThrow(expect.objectContaining({ code }));
  });
});

describe('a thread that is blocked in waitForStateChangeSync', () => {
  it('is ended by terminate', async () => {
    const state = new FreezeState();
    const thread = await Thread.start(state.share());
    await thread.block((tools) => {
      tools.tellId();
      tools.state.waitForStateChangeSync();
      tools.tell('it went on');
    });
    let wentOn = false;
    thread.worker.on('message', () => {
      wentOn = true;
    });
    expect(await thread.worker.terminate()).toBe(1);
    expect(wentOn).toBe(false);
    state.unfreeze();
    expect(state.currentEpoch).toBe(1);
  });

  it('is ended by terminate in a loop that catches whatever it throws', async () => {
    const state = new FreezeState();
    const thread = await Thread.start(state.share());
    await thread.block((tools) => {
      tools.tellId();
      for (;;) {
        try {
          tools.state.waitForStateChangeSync();
        } catch {}
      }
    });
    expect(await thread.worker.terminate()).toBe(1);
  });

  it('is ended by terminate in an exit listener of its own', async () => {
    const state = new FreezeState();
    const thread = await Thread.start(state.share());
    await thread.block(exitAndWait);
    expect(await thread.worker.terminate()).toBe(1);
  });

  it('ends with its own code where the change comes in its exit listener', async () => {
    const state = new FreezeState();
    const thread = await Thread.start(state.share());
    await thread.block(exitAndWait);
    state.unfreeze();
    expect(await thread.exit).toBe(7);
  });

  it.each(['process.exit', 'an uncaught error'])('does not keep the process from ending by %s', async (way) => {
    const ending = await runInNode(
      ({ FreezeState, worker }, how) => {
        const state = new FreezeState();
        const blocked = worker((tools, handle) => {
          const attached = tools.FreezeState.attach(handle);
          require('node:worker_threads').parentPort.postMessage('here');
          attached.waitForStateChangeSync();
        }, state.share());
        blocked.once('message', () => {
          // By now, or in a moment, it is blocked: an end must be heard at either moment.
          setTimeout(() => {
            if (how === 'process.exit') process.exit(6);
            throw new Error('on purpose');
          }, Math.random() * 30);
        });
      },
      [way],
    );
    expect(ending).toMatchObject({ code: way === 'process.exit' ? 6 : 1, signal: null });
  });

  it('does not keep the process from ending when its main thread throws in an exit listener', async () => {
    const ending = await runInNode(({ FreezeState, worker }) => {
      const state = new FreezeState();
      const blocked = worker((tools, handle) => {
        const attached = tools.FreezeState.attach(handle);
        require('node:worker_threads').parentPort.postMessage('here');
        attached.waitForStateChangeSync();
      }, state.share());
      blocked.once('message', () => {
        process.on('exit', () => process.exit(9));
        process.exit(6);
      });
    }, []);
    expect(ending).toMatchObject({ code: 9, signal: null });
  });

  it('keeps the process alive, as a worker does, until it is woken', async () => {
    const seen = await valueInNode(({ FreezeState, worker }) => {
      const state = new FreezeState();
      const blocked = worker((tools, handle) => {
        const attached = tools.FreezeState.attach(handle);
        require('node:worker_threads').parentPort.postMessage('here');
        const { epoch } = attached.waitForStateChangeSync({ since: { epoch: 0, isFrozen: false } }) ?? {};
        require('node:worker_threads').parentPort.postMessage(epoch);
      }, state.share());
      return new Promise((resolve) => {
        blocked.once('message', () => {
          blocked.once('message', resolve);
          setTimeout(() => state.unfreeze(), 20).unref();
        });
      });
    }, []);
    expect(seen).toBe(1);
  });
});
