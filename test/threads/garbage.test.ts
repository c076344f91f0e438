import { describe, expect, it } from 'vitest';
import { run } from './run';

/** What is made and dropped, and how many of it, in sixteenths: more than 100,000 together. */
const kinds: Record<string, number> = {
  state: 40_000,
  'frozen state': 5_120,
  handle: 10_000,
  'attached state': 10_000,
  'state attached twice': 10_000,
  hold: 10_000,
  'hold of its own state': 5_120,
  'released hold': 10_000,
  'ended wait': 10_000,
  'wait with a signal': 5_120,
  'begun iteration': 5_120,
};

describe('what is made and dropped leaves nothing behind', () => {
  it.each(Object.entries(kinds))('%s, %i times', { timeout: 120_000 }, async (kind, count) => {
    // In one thread and without the optimizing compiler, a run weighs the same each time. Otherwise it depends on when the
    // compiler's threads are scheduled, by 200 kB, where 1,280 small leaks make 20 kB.
    const node = ['--expose-gc', '--no-warnings', '--single-threaded', '--no-opt'];
    const { stdout, ...ending } = await run('garbage.mjs', [kind, count], { node, timeout: 110_000 });
    expect(ending).toEqual({ code: 0, signal: null, stderr: '' });
    const { weights, isHeld, warnings, letter } = JSON.parse(stdout);
    /** In a quarter: what is lost grows in each, while what is compiled at some time, or kept by an allocator, does not. */
    const growth = (of: 'heap' | 'rss'): number =>
      Math.min(...[1, 2, 3].map((i) => weights[i][of] - weights[i - 1][of]));
    const each = growth('heap') / (count / 4);
    console.log(`${kind}: ${each.toFixed(1)} bytes of heap for each; the process grew by ${growth('rss') >> 10} kB`);
    // The least that one of them could leave is a small object, and a word that refers to it.
    expect(each).toBeLessThan(16);
    // Pages come and go. The core of a state has more than 500 bytes, and 10,000 of those are made in a quarter.
    expect(growth('rss')).toBeLessThan(2 ** 21);
    expect(weights[3].descriptors).toBe(weights[0].descriptors);
    expect(isHeld).toBe(false);
    expect(letter).toMatch(/[RSD]/);
    expect(warnings).toBe(kind.startsWith('hold') ? count : 0);
  });
});
