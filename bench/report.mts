// Draws docs/performance.md and its pictures from what the trials found. The page is written by hand around the marked places.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { markdownTable } from 'markdown-table';
import type { TopLevelSpec } from 'vega-lite';
import { styleOf, svgOf, type Theme, themeNames, themes } from '../scripts/picture.mjs';
import { digits, type FoundTable, type Goal } from './findings.mjs';
import type { Trial, Trials } from './trials.mjs';

const docs = join(import.meta.dirname, '../docs');
const [page, data, pictures] = ['performance.md', 'performance.json', 'pictures'].map((name) => join(docs, name)) as [
  string,
  string,
  string,
];

/** Writes the figures, and everything that shows them. */
export async function writeReport(found: Trials): Promise<void> {
  if (found.quick) throw new Error('A report needs figures to rely on: leave out --quick.');
  writeFileSync(data, `${JSON.stringify(found, undefined, 2)}\n`);
  writeFileSync(page, filled(readFileSync(page, 'utf8'), found));
  for (const [name, picture] of await drawnPictures(found)) writeFileSync(join(pictures, name), picture);
}

/** What is in docs/ now: the figures, and the page and the pictures, which are to show these. */
export function written(): { found: Trials; page: string; picture(name: string): string } {
  return {
    found: JSON.parse(readFileSync(data, 'utf8')) as Trials,
    page: readFileSync(page, 'utf8'),
    picture: (name) => readFileSync(join(pictures, name), 'utf8'),
  };
}

/** The page with its marked places filled: `<!-- measured: NAME -->`, up to the next `<!-- end -->`. */
export function filled(text: string, found: Trials): string {
  return text.replace(
    /(<!-- measured: (.+?) -->\n)[\s\S]*?(<!-- end -->)/g,
    (_, before: string, name: string, after: string) => `${before}\n${placed(name, found)}\n\n${after}`,
  );
}

function placed(name: string, found: Trials): string {
  if (name === 'machine') return machineOf(found);
  if (name === 'goals') return goalsOf(found);
  const trial = found.trials.find((other) => other.name === name);
  if (trial === undefined) throw new Error(`docs/performance.md asks for the trial ${name}, which was not run.`);
  return [...chartsOf(trial).map(shown), ...trial.tables.map(tableOf), ...notesOf(trial)].join('\n\n');
}

function machineOf({ date, machine: { processors, system, node, user } }: Trials): string {
  return `Measured on ${date}, on ${processors}, ${system}, Node ${node.slice(1)}, as ${user}.`;
}

function goalsOf({ trials }: Trials): string {
  const goals = trials.flatMap(({ name, goals }) => goals.map((goal) => ({ name, ...goal })));
  return markdownTable(
    [
      ['what', 'measured', 'goal', '', '`npm run bench --`'],
      ...goals.map((goal) => [
        goal.what,
        shownValue(goal, goal.value),
        `≤ ${shownValue(goal, goal.atMost)}`,
        sign(goal),
        goal.name,
      ]),
    ],
    { align: ['l', 'r', 'r', 'c', 'l'] },
  );
}

const sign = ({ value, atMost }: Goal): string => (value <= atMost ? '✓' : 'not met');

const shownValue = ({ unit }: Goal, value: number): string =>
  unit === undefined ? value.toFixed(2) : `${value.toFixed(2)} ${unit}`;

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
  return `**${title}**\n\n${markdownTable([head, ...body], { align: ['l', ...Array(head.length - 1).fill('r')] })}`;
}

function notesOf({ notes }: Trial): string[] {
  return notes.length > 0 ? [notes.map((text) => `- ${text}`).join('\n')] : [];
}

interface Chart {
  /** Of the picture's files, without the theme. */
  readonly name: string;
  readonly table: FoundTable;
  readonly figure: string;
}

/** A chart for each figure of a table that takes one. */
function chartsOf({ name, tables }: Trial): Chart[] {
  return tables.flatMap((table, index) =>
    Object.keys(table.rows[0]?.figures ?? {})
      .filter((figure) => chosen[name]?.includes(figure))
      .map((figure) => ({ name: [name, index + 1, ...words(figure)].join('-'), table, figure })),
  );
}

const words = (text: string): string[] => text.toLowerCase().match(/[a-z]+/g) ?? [];

/** Which figures of which trials are drawn. The other tables are read well as they are. */
const chosen: Readonly<Record<string, readonly string[]>> = {
  invocation: ['whole invocation'],
  fun: ['whole invocation'],
  runtimes: ['known to be stopped'],
  thaw: ['last member'],
  wake: ['wake-up'],
};

function shown({ name, table, figure }: Chart): string {
  const description = `${inWords(table, figure)}`;
  return [
    '<picture>',
    `  <source media="(prefers-color-scheme: dark)" srcset="pictures/${name}-dark.svg" />`,
    `  <source media="(prefers-color-scheme: light)" srcset="pictures/${name}-light.svg" />`,
    `  <img src="pictures/${name}-light.svg" width="800" alt="${description}" />`,
    '</picture>',
  ].join('\n');
}

function inWords({ rows, unit }: FoundTable, figure: string): string {
  const all = rows.map(({ name, figures }) => `${name} ${digits(figures[figure]?.median ?? Number.NaN)} ${unit}`);
  return `${figure[0]?.toUpperCase()}${figure.slice(1)}: ${all.join('; ')}.`;
}

/** Each picture by the name of its file. */
export async function drawnPictures({ trials }: Trials): Promise<Map<string, string>> {
  const drawn = new Map<string, string>();
  for (const chart of trials.flatMap(chartsOf)) {
    const { title } = chart.table;
    for (const theme of themeNames) {
      const svg = await svgOf(specification(chart, theme), { title, words: inWords(chart.table, chart.figure) });
      drawn.set(`${chart.name}-${theme}.svg`, svg);
    }
  }
  return drawn;
}

/** A bar up to each median, a line over the middle half of the samples, and the ratio to what is grey. */
function specification({ table: { title, unit, baseline, rows }, figure }: Chart, theme: Theme): TopLevelSpec {
  const colour = themes[theme];
  const values = rows.flatMap(({ name, figures }) => {
    const found = figures[figure];
    if (found === undefined) return [];
    const label = `${digits(found.median)} ${unit}, ${digits(found.ratio)}×`;
    return [{ name, ...found, label, isBase: name === baseline }];
  });
  const widest = Math.max(...values.map(({ upper }) => upper));
  return {
    width: 800,
    height: 44 + 30 * values.length,
    title: { text: title, subtitle: `${figure}, in ${unit}: medians, and how often they are the grey one` },
    autosize: { type: 'fit', contains: 'padding' },
    padding: { left: 8, right: 16, top: 8, bottom: 8 },
    background: colour.page,
    data: { values },
    encoding: {
      y: {
        field: 'name',
        type: 'nominal',
        sort: null,
        scale: { padding: 0.25 },
        axis: { title: null, domain: false, ticks: false, labelFontSize: 13, labelLimit: 0, labelPadding: 8 },
      },
    },
    layer: [
      {
        mark: { type: 'bar', cornerRadius: 3 },
        encoding: {
          x: {
            field: 'median',
            type: 'quantitative',
            // Room for what is written beside the longest.
            scale: { domain: [0, widest * 1.3], nice: false },
            axis: { title: null, grid: false, labelFontSize: 13 },
          },
          color: { condition: { test: 'datum.isBase', value: colour.muted }, value: colour.frozen },
        },
      },
      {
        mark: { type: 'rule', color: colour.text },
        encoding: { x: { field: 'lower', type: 'quantitative' }, x2: { field: 'upper' } },
      },
      {
        mark: { type: 'text', align: 'left', dx: 8, fontSize: 13, color: colour.text },
        encoding: { x: { field: 'upper', type: 'quantitative' }, text: { field: 'label' } },
      },
    ],
    config: styleOf(theme),
  };
}
