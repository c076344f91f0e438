// What a trial found: it prints that as tables and goals, and leaves it as data for the process that runs the trials.
import { writeFileSync } from 'node:fs';
import Table from 'cli-table3';
import pc from 'picocolors';
import { median, quantile } from 'simple-statistics';
import type { Results } from './measure.mjs';

export interface Figure {
  readonly median: number;
  /** The quartiles, between which is the middle half of the samples. */
  readonly lower: number;
  readonly upper: number;
  readonly samples: number;
  /** The median in terms of the baseline's. */
  readonly ratio: number;
}

export interface FoundTable {
  readonly title: string;
  readonly unit: string;
  readonly baseline: string;
  readonly rows: readonly { readonly name: string; readonly figures: Record<string, Figure> }[];
}

export interface Goal {
  /** What was compared, as `A, against B`. */
  readonly what: string;
  readonly value: number;
  readonly atMost: number;
  /** A ratio has none. */
  readonly unit?: string;
}

/** Where the time of some contestants went: for each of them the microseconds of each kind, and how many system calls. */
export interface FoundProfile {
  readonly title: string;
  readonly rows: readonly { readonly name: string; readonly spent: Readonly<Record<string, number>> }[];
}

export interface Findings {
  readonly tables: FoundTable[];
  readonly profiles: FoundProfile[];
  readonly goals: Goal[];
  readonly notes: string[];
}

const findings: Findings = { tables: [], profiles: [], goals: [], notes: [] };

// At the exit, since several trials end by process.exit().
const { FREEZE_STATE_BENCH_FINDINGS: file } = process.env;
if (file !== undefined) process.on('exit', () => writeFileSync(file, JSON.stringify(findings)));

/**
 * Prints a table: a row for each contestant, and for each figure its median and the ratio of that to the median of
 * `baseline`; the middle half of the samples too, where there is one figure and so room for it.
 */
export function print(title: string, unit: string, results: Results, baseline: string): void {
  const rows = [...results].map(([name, samples]) => {
    const figures = [...samples].map(
      ([figure, values]) => [figure, summary(values, results, figure, baseline)] as const,
    );
    return { name, figures: Object.fromEntries(figures) };
  });
  const found: FoundTable = { title, unit, baseline, rows };
  findings.tables.push(found);
  console.log(`\n${pc.bold(title)}\n${drawn(found)}`);
}

function summary(values: readonly number[], results: Results, figure: string, baseline: string): Figure {
  const [lower, middle, upper] = [0.25, 0.5, 0.75].map((part) => quantile([...values], part)) as [
    number,
    number,
    number,
  ];
  return { median: middle, lower, upper, samples: values.length, ratio: middle / medianOf(results, figure, baseline) };
}

function drawn({ unit, rows }: FoundTable): string {
  const names = Object.keys(rows[0]?.figures ?? {});
  const isSpread = names.length === 1;
  const table = new Table({
    head: ['', ...names.flatMap((name) => [`${name} (${unit})`, ...(isSpread ? ['middle half'] : []), 'ratio'])],
    colAligns: ['left', ...Array.from({ length: names.length * 3 }, () => 'right' as const)],
    style: { head: [], border: [], compact: true },
  });
  for (const { name, figures } of rows) {
    const cells = names.flatMap((figure) => {
      const found = figures[figure];
      if (found === undefined) return ['', ...(isSpread ? [''] : []), ''];
      const middleHalf = `${digits(found.lower)}–${digits(found.upper)}`;
      return [digits(found.median), ...(isSpread ? [middleHalf] : []), `${digits(found.ratio)}×`];
    });
    table.push([name, ...cells]);
  }
  return table.toString();
}

/** Three significant digits, without an exponent. */
export function digits(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 1 ? value.toPrecision(3) : value.toFixed(3);
}

function medianOf(results: Results, figure: string, name: string): number {
  const values = results.get(name)?.get(figure);
  if (values === undefined) throw new Error(`No "${figure}" of "${name}" was measured.`);
  return median(values);
}

/** Prints where the time went. */
export function printProfile(found: FoundProfile): void {
  findings.profiles.push(found);
  const kinds = Object.keys(found.rows[0]?.spent ?? {});
  const table = new Table({
    head: ['', ...kinds],
    colAligns: ['left', ...kinds.map(() => 'right' as const)],
    style: { head: [], border: [], compact: true },
  });
  for (const { name, spent } of found.rows) table.push([name, ...kinds.map((kind) => digits(spent[kind] ?? 0))]);
  console.log(`\n${pc.bold(`${found.title}: where the time goes, in µs`)}\n${table}`);
}

/** The ratio of two contestants' medians of a figure. */
export function ratio(results: Results, figure: string, of: string, to: string): number {
  return medianOf(results, figure, of) / medianOf(results, figure, to);
}

/** Says whether a goal is met: a ratio, or with `unit` a difference. */
export function goal(what: string, value: number, atMost: number, unit?: string): void {
  const found: Goal = { what, value, atMost, ...(unit !== undefined && { unit }) };
  findings.goals.push(found);
  const shown = shownGoal(found);
  const sign = isMet(found) ? pc.green('met') : pc.yellow('not met');
  console.log(`${what}: ${shown.value} (goal: at most ${shown.atMost}, ${sign})`);
}

export const isMet = ({ value, atMost }: Goal): boolean => value <= atMost;

/** Both with two decimals; the value with as many more as it takes to tell on which side of the limit it is. */
export function shownGoal(goal: Goal): Record<'value' | 'atMost', string> {
  const { value, atMost, unit } = goal;
  const limit = atMost.toFixed(2);
  let decimals = 2;
  while (decimals < 6 && Number(value.toFixed(decimals)) <= Number(limit) !== isMet(goal)) decimals += 1;
  const withUnit = (number: string): string => (unit === undefined ? number : `${number} ${unit}`);
  return { value: withUnit(value.toFixed(decimals)), atMost: withUnit(limit) };
}

/** Says something else that was found, in one sentence or two. */
export function note(text: string): void {
  findings.notes.push(text);
  console.log(text);
}
