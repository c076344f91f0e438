// The charts of docs/performance.md: which tables have one, how the page shows it, and its pictures for a light and a dark page.
import type { TopLevelSpec } from 'vega-lite';
import { styleOf, svgOf, type Theme, themeNames, themes } from '../scripts/picture.mjs';
import { digits, type FoundTable } from './findings.mjs';
import type { Trial, Trials } from './trials.mjs';

/** Which figures of which trials are drawn. The other tables are read well as they are. */
const drawn: Readonly<Record<string, readonly string[]>> = {
  invocation: ['whole invocation'],
  fun: ['whole invocation'],
  runtimes: ['known to be stopped'],
  thaw: ['last member'],
  wake: ['wake-up'],
};

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
      .filter((figure) => drawn[name]?.includes(figure))
      .map((figure) => ({ name: [name, index + 1, ...words(figure)].join('-'), table, figure })),
  );
}

const words = (text: string): string[] => text.toLowerCase().match(/[a-z]+/g) ?? [];

/** The charts of a trial, as the page has them. */
export function shownCharts(trial: Trial): string[] {
  return chartsOf(trial).map(({ name, table, figure }) =>
    [
      '<picture>',
      `  <source media="(prefers-color-scheme: dark)" srcset="pictures/${name}-dark.svg" />`,
      `  <source media="(prefers-color-scheme: light)" srcset="pictures/${name}-light.svg" />`,
      `  <img src="pictures/${name}-light.svg" width="800" alt="${inWords(table, figure)}" />`,
      '</picture>',
    ].join('\n'),
  );
}

function inWords({ rows, unit }: FoundTable, figure: string): string {
  const all = rows.flatMap(({ name, figures }) => {
    const found = figures[figure];
    return found === undefined ? [] : [`${name} ${digits(found.median)} ${unit}`];
  });
  return `${figure[0]?.toUpperCase()}${figure.slice(1)}: ${all.join('; ')}.`;
}

/** Whether a file in docs/pictures has the name of a chart, also of one that is not drawn any more. */
export const isChart = (file: string): boolean => /^[a-z]+-\d+-[a-z-]+-(dark|light)\.svg$/.test(file);

/** Each picture by the name of its file. */
export async function drawnPictures({ trials }: Trials): Promise<Map<string, string>> {
  const pictures = new Map<string, string>();
  for (const chart of trials.flatMap(chartsOf)) {
    const { title } = chart.table;
    for (const theme of themeNames) {
      const svg = await svgOf(specification(chart, theme), { title, words: inWords(chart.table, chart.figure) });
      pictures.set(`${chart.name}-${theme}.svg`, svg);
    }
  }
  return pictures;
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
