import Table from 'cli-table3';
import { median, quantile } from 'simple-statistics';

/** One thing that is measured, and its samples by the name of what was measured. */
export interface Contestant {
  readonly name: string;
  /** Takes one sample of each of its figures, or a promise of them. */
  sample(): Record<string, number> | Promise<Record<string, number>>;
}

/** Samples of one contestant: figure → values. */
type Samples = Map<string, number[]>;

/**
 * Takes turns: every contestant once a round, the order rotating, so that a machine that becomes slower or faster does so
 * for all of them alike. The first rounds warm up and do not count.
 */
export async function interleave(
  contestants: readonly Contestant[],
  rounds: number,
  warmup = Math.ceil(rounds / 10),
): Promise<Map<string, Samples>> {
  const results = new Map(contestants.map(({ name }) => [name, new Map() as Samples]));
  for (let round = -warmup; round < rounds; round += 1) {
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
  return results;
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

/**
 * Prints a table: a row for each contestant, and for each figure its median and the ratio of that to the median of
 * `baseline`; the middle half of the samples too, where there is one figure and so room for it.
 */
export function print(title: string, unit: string, results: Map<string, Samples>, baseline: string): void {
  const figures = [...(results.values().next().value as Samples).keys()];
  const isSpread = figures.length === 1;
  const table = new Table({
    head: ['', ...figures.flatMap((figure) => [`${figure} (${unit})`, ...(isSpread ? ['middle half'] : []), 'ratio'])],
    colAligns: ['left', ...Array.from({ length: figures.length * 3 }, () => 'right' as const)],
    style: { head: [], border: [], compact: true },
  });
  for (const [name, samples] of results) {
    const cells = figures.flatMap((figure) => {
      const values = samples.get(figure) ?? [];
      const base = results.get(baseline)?.get(figure) ?? [];
      const middleHalf = `${digits(quantile(values, 0.25))}–${digits(quantile(values, 0.75))}`;
      const toBase = `${digits(median(values) / median(base))}×`;
      return [digits(median(values)), ...(isSpread ? [middleHalf] : []), toBase];
    });
    table.push([name, ...cells]);
  }
  console.log(`\n${title}\n${table.toString()}`);
}

/** Three significant digits, without an exponent. */
function digits(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 1 ? value.toPrecision(3) : value.toFixed(3);
}

/** The ratio of two contestants' medians of a figure, for the line that says whether a goal was met. */
export function ratio(results: Map<string, Samples>, figure: string, of: string, to: string): number {
  const middle = (name: string): number => median(results.get(name)?.get(figure) ?? []);
  return middle(of) / middle(to);
}
