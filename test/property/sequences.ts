import fc from 'fast-check';
import { type FreezeMode, FreezeState } from 'freeze-state';
import { turns } from '../helpers/until';
import { Overloaded, operations } from './commands';
import { compare } from './compare';
import { changing, close, newModel } from './model';
import { Pool } from './pool';

export interface Counts {
  /** Sequences that were run to their end. */
  readonly done: number;
  /** Those that ended before, since a tree got no processor time to stop in. */
  readonly overloaded: number;
}

export interface SequencesOptions {
  readonly mode: FreezeMode;
  readonly count: number;
  /** Chooses the sequences: the same number gives the same ones. */
  readonly seed: number;
  /** How long there may begin another one, in ms. One that fails is made shorter however long that takes. */
  readonly time?: number;
  /** Called after each sequence. */
  readonly onSequence?: (counts: Counts) => void;
}

type Failed = Pick<fc.RunDetails<[unknown]>, 'counterexample' | 'errorInstance' | 'seed' | 'numShrinks'>;

const poolSize = 3;

/** Runs random sequences of operations on a state and its members, and counts them; throws where one does not do what the model says. */
export async function checkSequences(options: SequencesOptions): Promise<Counts> {
  const { mode, count, seed, time = Infinity, onSequence } = options;
  const pool = new Pool(poolSize);
  const end = performance.now() + time;
  let done = 0;
  let overloaded = 0;
  const counts = (): Counts => ({ done, overloaded });
  let hasFailed = false;
  let model = newModel(mode);
  const sequences = fc.commands(operations(poolSize), { maxCommands: 30, size: 'max', disableReplayLog: true });
  const property = fc.asyncProperty(sequences, async (commands) => {
    if (performance.now() > end && !hasFailed) return;
    await pool.refill(model.signalled);
    model = newModel(mode);
    const real = { state: new FreezeState(mode), pool, holds: [] };
    hasFailed = true;
    try {
      await fc.asyncModelRun(() => ({ model, real }), commands);
      done += 1;
    } catch (error) {
      if (!(error instanceof Overloaded)) throw error;
      overloaded += 1;
    } finally {
      real.state.close();
    }
    await changing(model, () => {
      if (!model.isClosed) close(model);
    });
    await turns(1);
    compare(model, real.state, pool);
    hasFailed = false;
    onSequence?.(counts());
  });
  try {
    const result = await fc.check(property, { numRuns: count, seed });
    if (result.failed) throw counterExample(mode, result);
  } finally {
    await pool.close();
  }
  return counts();
}

/** What failed, a line for each step of the shortest sequence that does. */
function counterExample(mode: FreezeMode, { counterexample, errorInstance, seed, numShrinks }: Failed): Error {
  const steps = String(counterexample?.[0]).split(',');
  const list = steps.map((step, index) => `  ${index + 1}. ${step}`).join('\n');
  const told = errorInstance instanceof Error ? errorInstance.message : String(errorInstance);
  return new Error(
    `In mode ${mode} a sequence of seed ${seed}, made shorter ${numShrinks} times, does not do what the model says:\n` +
      `${list}\nAfter the last step: ${told}`,
    { cause: errorInstance },
  );
}
