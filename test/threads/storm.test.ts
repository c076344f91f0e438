import { FreezeMode } from 'freeze-state';
import { expect, it } from 'vitest';
import { signallingModes } from '../helpers/modes';
import { run } from './run';

/** `npm run stress` sets it to 20. */
const { FREEZE_STATE_STORM_TIMES } = process.env;
const times = Number(FREEZE_STATE_STORM_TIMES ?? 1);
/** Without that, a taste of it on every run of the tests. */
const together = FREEZE_STATE_STORM_TIMES === undefined ? 40 : 100;
const seed = Number(process.env['FREEZE_STATE_STORM_SEED'] ?? Date.now() % 2 ** 31);
/** The threads are the same in every mode: most of the times are for one. */
const storms = signallingModes.map(
  (mode) => [mode, mode === FreezeMode.Process ? times : Math.ceil(times / 20)] as const,
);
const timeout = 60_000 + times * together * 500;

it.each(storms)(
  `a state of mode %s outlives ${together} workers that use it and are terminated at any moment, %i times over`,
  {
    timeout,
  },
  async (mode, count) => {
    const workers = count * together;
    const { code, signal, stdout, stderr } = await run('storm.mjs', [mode, workers, together, seed], {
      timeout: timeout - 5000,
    });
    const told = `seed ${seed}; it printed:\n${stdout}${stderr}`;
    expect({ code, signal, stderr }, told).toEqual({ code: 0, signal: null, stderr: '' });
    const { codes, errors, ...rest } = JSON.parse(stdout) as { codes: Record<string, number>; errors: string[] };
    expect(errors, `seed ${seed}:\n${errors.join('\n')}`).toEqual([]);
    expect({ seed, ...rest }).toEqual({ seed, isFrozen: true, leaked: 0 });
    // 0 where it was terminated before it ran.
    const { 0: early = 0, 1: late = 0, ...others } = codes;
    expect({ ...others, all: early + late }).toEqual({ all: workers + 2 });
    expect(late).toBeGreaterThan(workers / 2);
  },
);
