import fc from 'fast-check';
import { FreezeMode, FreezeState } from 'freeze-state';
import { expect, it } from 'vitest';
import { signallingModes } from '../helpers/modes';
import { turns } from '../helpers/until';
import { operations } from './commands';
import { changing, close, compare, newModel, Pool } from './model';

/** Of all modes together; `npm run test:property -- N` sets it. Without, a few, and no more than fit into a second or two. */
const wanted = process.env['FREEZE_STATE_PROPERTY_RUNS'];
const modes = [FreezeMode.None, ...signallingModes];
const numRuns = Math.ceil((wanted === undefined ? 300 : Number(wanted)) / modes.length);
const time = wanted === undefined ? 1500 : Infinity;
const poolSize = 3;

it.each(modes)(
  'a random sequence of operations in mode %s does what the model says',
  async (mode) => {
    const pool = new Pool(poolSize);
    const end = performance.now() + time;
    let count = 0;
    let hasFailed = false;
    const sequences = fc.commands(operations(poolSize), { maxCommands: 30, size: 'max' });
    const property = fc.asyncProperty(sequences, async (commands) => {
      // One that fails is made shorter however long that takes.
      if (performance.now() > end && !hasFailed) return;
      await pool.refill();
      const model = newModel(mode);
      const real = { state: new FreezeState(mode), pool, holds: [] };
      hasFailed = true;
      try {
        await fc.asyncModelRun(() => ({ model, real }), commands);
      } finally {
        real.state.close();
      }
      await changing(model, () => {
        if (!model.isClosed) close(model);
      });
      await turns(1);
      compare(model, real.state, pool);
      hasFailed = false;
      count += 1;
    });
    await fc.assert(property, { numRuns });
    expect(count).toBeGreaterThan(0);
    if (wanted !== undefined) console.log(`${count} sequences in mode ${mode}`);
  },
  120_000 + numRuns * 200,
);
