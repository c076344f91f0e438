import { availableParallelism } from 'node:os';
import { FreezeMode, FreezeState } from 'freeze-state';
import { describe, expect, it } from 'vitest';
import { valueInNode } from '../helpers/node';
import { statField } from '../helpers/proc';
import { sleeper } from '../helpers/processes';
import { until } from '../helpers/until';
import { Thread, type ThreadTools } from './threads';

/** The longest: a second. */
const spin = 1_000_000;
const spinMs = spin / 1000;

/** Clock ticks of 10 ms that a thread of this process has used. */
function ticks(id: unknown): number {
  const used = (field: number) => Number(statField(`self/task/${id}`, field));
  return used(14) + used(15);
}

/** Runs a function that calls `tellId` and then polls; returns once it does, or once it sleeps where it may not poll. */
async function poll<R, A extends unknown[]>(
  thread: Thread,
  body: (tools: ThreadTools, ...args: A) => R,
  ...args: A
): Promise<{ result: Promise<Awaited<R>>; start: number }> {
  // Before the wait begins, so that one which polls to the end takes longer than its `spin`.
  const start = performance.now();
  if (availableParallelism() === 1) return { ...(await thread.block(body, ...args)), start };
  const told = thread.told();
  const result = thread.run(body, ...args);
  result.catch(() => undefined);
  const id = await told;
  const before = ticks(id);
  // Many times what is left to do before the wait begins. One that sleeps, and is woken to ask, takes far longer to use it.
  await until(() => ticks(id) > before + 3, `thread ${id} polls`, 5 * spinMs);
  return { result, start };
}

/** Milliseconds that the quickest of some attempts takes. A loaded machine may delay any one of them. */
async function quickest(least: number, attempt: () => number | Promise<number>): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let tries = 0; tries < 5 && best >= least; tries += 1) best = Math.min(best, await attempt());
  return best;
}

describe('waitForStateChangeSync with spin', () => {
  it('polls, and ends by a change before it would sleep', async () => {
    const took = await quickest(spinMs, async () => {
      const state = new FreezeState(FreezeMode.Process, sleeper().pid);
      const thread = await Thread.start(state.share());
      const { result, start } = await poll(
        thread,
        (tools, limit) => {
          tools.tellId();
          return tools.state.waitForStateChangeSync({ spin: limit });
        },
        spin,
      );
      expect(state.freezeAtEpoch(0)).toBe(true);
      expect(await result).toEqual({ epoch: 0, isFrozen: true });
      return performance.now() - start;
    });
    expect(took).toBeLessThan(spinMs);
  });

  it.each([0, 0.5, 1000])('of %s µs ends by a change that comes later', async (limit) => {
    const state = new FreezeState();
    const thread = await Thread.start(state.share());
    const { result } = await thread.block((tools, short) => {
      tools.tellId();
      return tools.state.waitForStateChangeSync({ spin: short });
    }, limit);
    state.unfreeze();
    expect(await result).toEqual({ epoch: 1, isFrozen: false });
  });

  it('misses nothing of what changes before it', () => {
    const state = new FreezeState();
    const since = state.snapshot();
    state.unfreeze();
    expect(state.waitForStateChangeSync({ since, timeout: 60_000, spin })).toEqual({ epoch: 1, isFrozen: false });
    expect(state.waitForStateChangeSync({ since, timeout: 0, spin })).toEqual({ epoch: 1, isFrozen: false });
  });

  it('ends by its timeout while it polls, and not before', async () => {
    const state = new FreezeState();
    const took = await quickest(spinMs, () => {
      const start = performance.now();
      expect(state.waitForStateChangeSync({ timeout: 50, spin })).toBeUndefined();
      return performance.now() - start;
    });
    expect(took).toBeGreaterThanOrEqual(49.99);
    expect(took).toBeLessThan(spinMs);
    expect(state.waitForStateChangeSync({ timeout: 0, spin })).toBeUndefined();
  });

  it('counts its timeout from the call on, and not from the end of the polling', async () => {
    const state = new FreezeState();
    const took = await quickest(900, () => {
      const start = performance.now();
      expect(state.waitForStateChangeSync({ timeout: 500, spin: 400_000 })).toBeUndefined();
      return performance.now() - start;
    });
    expect(took).toBeGreaterThanOrEqual(499.99);
    expect(took).toBeLessThan(900);
  });

  it('throws FreezeClosedError when the state is closed while it polls', async () => {
    const state = new FreezeState();
    const thread = await Thread.start(state.share());
    const { result } = await poll(
      thread,
      (tools, limit) => {
        tools.tellId();
        return tools.state.waitForStateChangeSync({ spin: limit });
      },
      spin,
    );
    state.close();
    await expect(result).rejects.toMatchObject({ name: 'FreezeClosedError', code: 'ERR_FREEZE_CLOSED' });
  });

  it('is ended by terminate while it polls', async () => {
    const took = await quickest(spinMs, async () => {
      const state = new FreezeState();
      const thread = await Thread.start(state.share());
      const { start } = await poll(
        thread,
        (tools, limit) => {
          tools.tellId();
          tools.state.waitForStateChangeSync({ spin: limit });
          tools.tell('it went on');
        },
        spin,
      );
      let wentOn = false;
      thread.worker.on('message', () => {
        wentOn = true;
      });
      expect(await thread.worker.terminate()).toBe(1);
      expect(wentOn).toBe(false);
      return performance.now() - start;
    });
    expect(took).toBeLessThan(spinMs);
  });

  it('sleeps at once where all threads share one processor', async () => {
    const wait = () =>
      valueInNode(
        ({ FreezeState }, limit) => {
          const state = new FreezeState();
          const before = process.cpuUsage();
          state.waitForStateChangeSync({ timeout: limit / 1000, spin: limit });
          const { user, system } = process.cpuUsage(before);
          return user + system;
        },
        [spin],
        { under: ['taskset', '--cpu-list', '0'] },
      );
    expect(await wait()).toBeLessThan(spin / 5);
  });

  it.each<[unknown, string, string]>([
    ['5', 'ERR_INVALID_ARG_TYPE', 'options.spin is "5"; expected microseconds.'],
    [null, 'ERR_INVALID_ARG_TYPE', 'options.spin is null; expected microseconds.'],
    [5n, 'ERR_INVALID_ARG_TYPE', 'options.spin is 5n; expected microseconds.'],
    [true, 'ERR_INVALID_ARG_TYPE', 'options.spin is true; expected microseconds.'],
    [Number.NaN, 'ERR_OUT_OF_RANGE', 'options.spin is NaN; expected microseconds from 0 to 1000000.'],
    [-1, 'ERR_OUT_OF_RANGE', 'options.spin is -1; expected microseconds from 0 to 1000000.'],
    [1_000_001, 'ERR_OUT_OF_RANGE', 'options.spin is 1000001; expected microseconds from 0 to 1000000.'],
    [
      Number.POSITIVE_INFINITY,
      'ERR_OUT_OF_RANGE',
      'options.spin is Infinity; expected microseconds from 0 to 1000000.',
    ],
  ])('refuses %s', (value, code, message) => {
    const state = new FreezeState();
    const wait = () => state.waitForStateChangeSync({ timeout: 0, spin: value as never });
    expect(wait).toThrow(code === 'ERR_OUT_OF_RANGE' ? RangeError : TypeError);
    expect(wait).toThrow(expect.objectContaining({ code, message }));
  });

  it('is not for the asynchronous wait', async () => {
    await expect(new FreezeState().waitForStateChange({ timeout: 0, spin: 5 } as never)).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_TYPE',
      message: 'options.spin is not for this call; it takes since, timeout, signal and ref.',
    });
  });
});
