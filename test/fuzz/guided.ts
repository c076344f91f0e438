import type { Random } from './random';

/** What is fuzzed, with inputs of any kind. */
export interface Subject<Input> {
  fresh(random: Random): Input;
  /** One that differs a little, and may have taken something over from another. */
  mutated(input: Input, other: Input, random: Random): Input;
  /** Those that lack something of it. */
  shorter(input: Input): Iterable<Input>;
  /** Throws where the input is one to be found. */
  run(input: Input): void | Promise<void>;
  /** Whether the last run has reached what none before it has. */
  hasReachedMore(): boolean;
}

export interface Found<Input> {
  readonly input: Input;
  readonly error: unknown;
}

export interface Outcome<Input> {
  readonly runs: number;
  /** How many inputs reached more than those before them. */
  readonly kept: number;
  readonly found?: Found<Input>;
}

/** How many mutations in a row an input has at most. */
const atOnce = 4;

/**
 * Runs inputs until one fails, which it makes as short as it can, or until it is over. Those that reach more of the code
 * than any before are kept, and the others are made of them: what takes several unlikely steps is found step by step.
 *
 * @param variations of ten inputs, so many are variations of those that were kept; the others are all new.
 */
export async function guided<Input>(
  subject: Subject<Input>,
  random: Random,
  isOver: (runs: number) => boolean,
  variations = 5,
): Promise<Outcome<Input>> {
  const kept: Kept<Input>[] = [];
  let runs = 0;
  while (!isOver(runs)) {
    const isVaried = kept.length > 0 && random.below(10) < variations;
    const input = isVaried ? varied(subject, kept, random) : subject.fresh(random);
    runs += 1;
    const start = performance.now();
    const error = await errorOf(subject, input);
    if (error !== undefined) return { runs, kept: kept.length, found: await shortest(subject, { input, error }) };
    if (subject.hasReachedMore()) kept.push({ input, time: performance.now() - start });
  }
  return { runs, kept: kept.length };
}

interface Kept<Input> {
  readonly input: Input;
  /** How long it ran, in ms. */
  readonly time: number;
}

function varied<Input>(subject: Subject<Input>, kept: readonly Kept<Input>[], random: Random): Input {
  let input = picked(kept, random);
  for (let left = 1 + random.below(atOnce); left > 0; left -= 1) {
    input = subject.mutated(input, picked(kept, random), random);
  }
  return input;
}

/** The faster of two: in the time of one that enters a cgroup a hundred others run. */
function picked<Input>(kept: readonly Kept<Input>[], random: Random): Input {
  const [one, other] = [random.of(kept), random.of(kept)];
  return (one.time < other.time ? one : other).input;
}

async function errorOf<Input>(subject: Subject<Input>, input: Input): Promise<unknown> {
  try {
    await subject.run(input);
    return undefined;
  } catch (error) {
    return error ?? new Error('It threw nothing.');
  }
}

/** Of the same error. */
async function shortest<Input>(subject: Subject<Input>, found: Found<Input>): Promise<Found<Input>> {
  for (const input of subject.shorter(found.input)) {
    const error = await errorOf(subject, input);
    if (error !== undefined && nameOf(error) === nameOf(found.error)) return shortest(subject, { input, error });
  }
  return found;
}

function nameOf(error: unknown): string {
  return error instanceof Error ? `${error.name} ${String((error as NodeJS.ErrnoException).code)}` : typeof error;
}
