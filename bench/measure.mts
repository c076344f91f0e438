/** One thing that is measured, and its samples by the name of what was measured. */
export interface Contestant {
  readonly name: string;
  /** Takes one sample of each of its figures, or a promise of them. */
  sample(): Record<string, number> | Promise<Record<string, number>>;
}

/** Samples of one contestant: figure → values. */
export type Samples = Map<string, number[]>;

/** The samples of each contestant by its name. */
export type Results = Map<string, Samples>;

/** Whether a look is wanted, and no figures to rely on: `npm run bench -- --quick`. */
const isQuick = process.env['FREEZE_STATE_BENCH_QUICK'] === '1';
/** For one table, in milliseconds; after so many rounds at least. */
const [quickTime, quickRounds] = [250, 5];

/** What a look takes in the place of what figures to rely on take: fewer cases, or smaller ones. */
export function orQuick<T>(forFigures: T, forLook: T): T {
  return isQuick ? forLook : forFigures;
}

/** How many rounds to make where `rounds` are for figures to rely on. For what {@link interleave} does not repeat. */
export function atMost(rounds: number): number {
  return isQuick ? Math.min(rounds, quickRounds) : rounds;
}

/**
 * Takes turns: every contestant once a round, the order rotating, so that a machine that becomes slower or faster does so
 * for all of them alike. The first rounds warm up and do not count.
 */
export async function interleave(
  contestants: readonly Contestant[],
  rounds: number,
  warmup = Math.ceil(atMost(rounds) / 10),
): Promise<Results> {
  const results: Results = new Map(contestants.map(({ name }) => [name, new Map()]));
  const start = performance.now();
  for (let round = -warmup; round < rounds; round += 1) {
    if (isQuick && round >= quickRounds && performance.now() - start > quickTime) break;
    showProgress(round + warmup, rounds + warmup);
    for (let i = 0; i < contestants.length; i += 1) {
      const contestant = contestants[(i + round + warmup) % contestants.length] as Contestant;
      const figures = await contestant.sample();
      if (round < 0) continue;
      const samples = results.get(contestant.name) as Samples;
      for (const [figure, value] of Object.entries(figures)) {
        const values = samples.get(figure);
        if (values === undefined) samples.set(figure, [value]);
        else values.push(value);
      }
    }
  }
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  return results;
}

/** Adds more samples, of these contestants or of others. */
export function addTo(results: Results, more: Results): void {
  for (const [name, samples] of more) {
    const all: Samples = results.get(name) ?? new Map();
    for (const [figure, values] of samples) all.set(figure, [...(all.get(figure) ?? []), ...values]);
    results.set(name, all);
  }
}

/** The same with these figures alone. */
export function only(results: Results, ...figures: readonly string[]): Results {
  return new Map(
    [...results].map(([name, samples]) => [name, new Map([...samples].filter(([figure]) => figures.includes(figure)))]),
  );
}

let lastShown = 0;

/** On a terminal, a line that the next output replaces; so rarely that no figure notices it. */
function showProgress(round: number, rounds: number): void {
  if (!process.stderr.isTTY || performance.now() - lastShown < 500) return;
  lastShown = performance.now();
  process.stderr.write(`\r\x1b[Kround ${round} of ${rounds}`);
}

/** Nanoseconds that a call of `batch(calls)` takes for each of its calls. */
export function perCall(batch: (calls: number) => void, calls: number): number {
  const start = process.hrtime.bigint();
  batch(calls);
  return Number(process.hrtime.bigint() - start) / calls;
}

/** Microseconds since a `process.hrtime.bigint()`. */
export function microsecondsSince(start: bigint): number {
  return Number(process.hrtime.bigint() - start) / 1000;
}
