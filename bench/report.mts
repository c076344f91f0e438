// Fills what was measured into the pages that quote it, docs/performance.md above all, and draws its pictures. The pages are
// written by hand around the marked places.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { markdownTable } from 'markdown-table';
import { drawnPictures, isChart, shownCharts } from './charts.mjs';
import { digits, type FoundProfile, type FoundTable, type Goal, isMet, shownGoal } from './findings.mjs';
import { trialOf } from './lookups.mjs';
import { quotes } from './quotes.mjs';
import { missedGoals } from './reasons.mjs';
import type { Trial, Trials } from './trials.mjs';

const root = join(import.meta.dirname, '..');
const data = 'docs/performance.json';
const pictures = 'docs/pictures';

/** The pages that have marked places. */
export const pages = [
  'docs/performance.md',
  'docs/modes.md',
  'docs/threads.md',
  'docs/guardian.md',
  'docs/sandbox.md',
  'README.md',
] as const;

export const read = (file: string): string => readFileSync(join(root, file), 'utf8');

/** The figures that are in docs/ now, which the pages and the pictures are to show. */
export const written = (): Trials => JSON.parse(read(data)) as Trials;

/** Writes the figures, and everything that shows them: all of it, or nothing where a page asks for something that is missing. */
export async function writeReport(found: Trials): Promise<void> {
  const report = await reportOf(found);
  for (const [file, text] of report) writeFileSync(join(root, file), text);
  for (const file of picturesBeside(report)) rmSync(join(root, file));
}

/** The pictures in docs/ of charts that the report does not have. */
export const picturesBeside = (report: ReadonlyMap<string, string>): string[] =>
  readdirSync(join(root, pictures))
    .filter(isChart)
    .map((name) => `${pictures}/${name}`)
    .filter((file) => !report.has(file));

/** What a report consists of: the contents by their files. */
export async function reportOf(found: Trials): Promise<Map<string, string>> {
  if (found.quick) throw new Error('A report needs figures to rely on, and these were measured with --quick.');
  const files = new Map<string, string>([[data, `${JSON.stringify(found, undefined, 2)}\n`]]);
  for (const page of pages) files.set(page, filled(read(page), found));
  for (const [name, picture] of await drawnPictures(found)) files.set(`${pictures}/${name}`, picture);
  return files;
}

/**
 * The page with its marked places filled, each up to the next `<!-- end -->`: those where the line ends after the mark,
 * `<!-- measured: NAME -->`, with lines of their own, the others within their line.
 */
export function filled(text: string, found: Trials): string {
  return text.replace(
    /(<!-- measured: (.+?) -->)(\n?)([\s\S]*?)(<!-- end -->|$)/g,
    (_, before: string, name: string, lineEnd: string, within: string, after: string) => {
      if (after === '' || within.includes('<!-- measured: '))
        throw new Error(`The place ${name} of a page has no end.`);
      const place = placed(name, found);
      return lineEnd === '' ? `${before}${place}${after}` : `${before}\n\n${place}\n\n${after}`;
    },
  );
}

function placed(name: string, found: Trials): string {
  if (name === 'machine') return machineOf(found);
  if (name === 'goals') return goalsOf(found);
  if (name === 'missed goals') return missedGoals(found);
  const profiled = /^profile of (.+)$/.exec(name)?.[1];
  if (profiled !== undefined) return trialOf(found, profiled).profiles.map(profileOf).join('\n\n');
  const quote = quotes[name];
  if (quote !== undefined) return quote(found);
  const trial = found.trials.find((other) => other.name === name);
  if (trial === undefined) throw new Error(`A page asks for the trial ${name}, which has no results here.`);
  const tables = name === 'boost' ? [boostOf(trial)] : trial.tables.map(tableOf);
  return [...shownCharts(trial), ...tables, ...notesOf(trial)].join('\n\n');
}

function machineOf({ date, commit, machine: { processors, system, node, user } }: Trials): string {
  const machine = `Measured on ${date}, on ${processors}, ${system}, Node ${node.slice(1)}, as ${user}`;
  if (commit === undefined) return `${machine}.`;
  return `${machine}. The commit is ${commit.id.slice(0, 12)}${commit.isChanged ? ', with changes to it' : ''}.`;
}

function goalsOf({ trials }: Trials): string {
  const goals = trials.flatMap(({ name, goals }) => goals.map((goal) => ({ name, ...goal })));
  return markdownTable(
    [
      ['what', 'measured', 'goal', '', '`npm run bench --`'],
      ...goals.map((goal) => {
        const { value, atMost } = shownGoal(goal);
        return [goal.what, value, `≤ ${atMost}`, sign(goal), goal.name];
      }),
    ],
    { align: ['l', 'r', 'r', 'c', 'l'] },
  );
}

const sign = (goal: Goal): string => (isMet(goal) ? '✓' : 'not met');

function tableOf({ title, unit, rows }: FoundTable): string {
  const names = Object.keys(rows[0]?.figures ?? {});
  const head = ['', ...names.flatMap((name) => [`${name} (${unit})`, 'middle half', 'ratio'])];
  const body = rows.map(({ name, figures }) => [
    name,
    ...names.flatMap((figure) => {
      const found = figures[figure];
      if (found === undefined) return ['', '', ''];
      return [digits(found.median), `${digits(found.lower)}–${digits(found.upper)}`, digits(found.ratio)];
    }),
  ]);
  return titled(title, [head, ...body]);
}

function profileOf({ title, rows }: FoundProfile): string {
  const kinds = Object.keys(rows[0]?.spent ?? {});
  const body = rows.map(({ name, spent }) => [name, ...kinds.map((kind) => digits(spent[kind] ?? Number.NaN))]);
  return titled(title, [['', ...kinds], ...body]);
}

/** Of its tables, one for each number of members, what the loop in the real-time class takes beside the one that is not in it. */
function boostOf({ tables }: Trial): string {
  const [plain, inClass] = ['kill loop in C', 'kill loop in C, SCHED_FIFO'];
  const names = Object.keys(tables[0]?.rows[0]?.figures ?? {});
  const body = tables.map(({ title, baseline, rows }) => {
    if (baseline !== plain) throw new Error(`The trial boost refers to "${baseline}", which is not the plain loop.`);
    const figures = rows.find(({ name }) => name === inClass)?.figures ?? {};
    return [title, ...names.map((name) => digits(figures[name]?.ratio ?? Number.NaN))];
  });
  return titled('A loop of kill in the class, in terms of the same loop without it', [['', ...names], ...body]);
}

function titled(title: string, table: readonly (readonly string[])[]): string {
  return `**${title}**\n\n${markdownTable(table, { align: ['l', ...Array((table[0]?.length ?? 1) - 1).fill('r')] })}`;
}

function notesOf({ notes }: Trial): string[] {
  return notes.length > 0 ? [notes.map((text) => `- ${text}`).join('\n')] : [];
}
