import { describe, expect, it } from 'vitest';
import { valueInNode } from '../helpers/node';

describe('with 10,000 pending waits', () => {
  it.each([1, 4])('the pool of %i threads still reads files, and there is no other thread', async (poolSize) => {
    const result = await valueInNode(
      async ({ FreezeState, worker }, size) => {
        // Before the pool starts.
        process.env['UV_THREADPOOL_SIZE'] = String(size);
        const { readdirSync, promises } = process.getBuiltinModule('node:fs');
        const { once } = process.getBuiltinModule('node:events');
        const threads = (): number => readdirSync('/proc/self/task').length;
        const state = new FreezeState();
        const other = worker((tools, handle) => {
          const attached = tools.FreezeState.attach(handle);
          const { parentPort } = require('node:worker_threads');
          parentPort.once('message', () => attached.unfreeze());
          parentPort.postMessage('here');
        }, state.share());
        await once(other, 'message');
        // From now on the pool has all its threads.
        await promises.readFile('/proc/self/comm');
        const before = threads();
        const waits = Array.from({ length: 10_000 }, () => state.waitForStateChange());
        const during = threads();
        const text = await promises.readFile('/proc/self/comm', 'latin1');
        const after = threads();
        other.postMessage('go');
        const seen = await Promise.all(waits);
        return { more: [during - before, after - before], text, epochs: [...new Set(seen.map(({ epoch }) => epoch))] };
      },
      [poolSize],
    );
    expect(result).toEqual({ more: [0, 0], text: expect.stringMatching(/\w/), epochs: [1] });
  });

  it('each costs little more memory than a promise and its record', async () => {
    const { waits, bare } = await valueInNode(
      ({ FreezeState }) => {
        const heap = (): number => {
          for (let round = 0; round < 3; round += 1) globalThis.gc?.();
          const { heapUsed, external } = process.memoryUsage();
          return heapUsed + external;
        };
        const count = 10_000;
        const state = new FreezeState();
        const kept: unknown[] = [];
        const set = new Set<unknown>();
        const measure = (add: () => unknown): number => {
          const before = heap();
          for (let i = 0; i < count; i += 1) kept.push(add());
          return (heap() - before) / count;
        };
        const add = {
          waits: () => state.waitForStateChange({ ref: false }),
          bare: () =>
            new Promise((resolve, reject) => set.add({ since: 0, ref: false, resolve, reject, release: undefined })),
        };
        // Once for the code, and once for the measure.
        measure(add.bare);
        measure(add.waits);
        return { bare: measure(add.bare), waits: measure(add.waits) };
      },
      [],
      { node: ['--expose-gc'] },
    );
    console.log(`a pending wait: ${waits.toFixed(0)} bytes; a promise and its record: ${bare.toFixed(0)} bytes`);
    expect(bare).toBeGreaterThan(50);
    expect(waits / bare).toBeLessThan(2);
  });
});
