import { expect, it } from 'vitest';
import { run } from './run';

const together = 100;
/** `npm run stress` sets it to 20. */
const times = Number(process.env['FREEZE_STATE_STORM_TIMES'] ?? 1);
const workers = times * together;
const seed = Number(process.env['FREEZE_STATE_STORM_SEED'] ?? Date.now() % 2 ** 31);
const timeout = 60_000 + workers * 500;

it(`a state outlives ${together} workers that use it and are terminated at any moment, ${times} times over`, {
  timeout,
}, async () => {
  const { code, signal, stdout, stderr } = await run('storm.mjs', [workers, together, seed], {
    timeout: timeout - 5000,
  });
  expect({ seed, code, signal, stderr }).toEqual({ seed, code: 0, signal: null, stderr: '' });
  const { codes, ...rest } = JSON.parse(stdout) as { codes: Record<string, number> };
  expect({ seed, ...rest }).toEqual({ seed, errors: [], isFrozen: true, leaked: 0 });
  // 0 where it was terminated before it ran.
  const { 0: early = 0, 1: late = 0, ...others } = codes;
  expect({ ...others, all: early + late }).toEqual({ all: workers + 2 });
  expect(late).toBeGreaterThan(workers / 2);
});
