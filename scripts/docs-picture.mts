// npm run docs:picture: draws docs/pictures/demo.json, which `npm run demo -- --save docs/pictures/demo.json` has measured, as
// docs/pictures/demo-light.svg and demo-dark.svg. The same measurement gives the same files, to the byte.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TopLevelSpec } from 'vega-lite';
import { Story } from '../examples/demo/story.js';
import { monospace, styleOf, svgOf, type Theme, themeNames, themes } from './picture.mjs';

const folder = join(import.meta.dirname, '../docs/pictures');

const title = 'A sandbox is frozen between its events';

/** The measurement that the pictures in docs/ show. */
export function measured(): Story {
  return Story.parse(readFileSync(join(folder, 'demo.json'), 'utf8'));
}

/** The picture in words, for those who do not see it. It tells the order of what happened, and no figures. */
export function inWords(story: Story): string {
  const names = [...story.beats.keys()];
  const frozenAfter = story.freezes.map(({ fromUs }) => story.eventsUntil(fromUs));
  return [
    `A timeline with a row for each of ${names.length} processes: ${list(names)}.`,
    `Events 1 to ${story.entries('deliver').length} arrive, and all processes run until the work is done.`,
    `Then they are frozen together: after events ${list(frozenAfter)} no heart beats until the next event, or the end, thaws them.`,
    ...cancellations(story),
  ].join(' ');
}

function cancellations(story: Story): string[] {
  return story.entries('cancelled').map(({ atUs }) => {
    const event = story.eventsUntil(atUs);
    return `The freeze after event ${event - 1} is cancelled, since event ${event} arrives before it is due.`;
  });
}

function list(words: readonly (string | number)[]): string {
  return `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}

/** The picture as Vega-Lite describes it: two rows that the emulator's log tells, and below them a row for each process. */
function specification(story: Story, theme: Theme): TopLevelSpec {
  const colour = themes[theme];
  const seconds = (us: number) => (us - story.startUs) / 1e6;
  const span = ({ fromUs, toUs }: { fromUs: number; toUs: number }) => ({ from: seconds(fromUs), to: seconds(toUs) });
  const names = [...story.beats.keys()];
  const runs = names.flatMap((name) => story.runs(name).map((run) => ({ row: name, ...span(run) })));
  const freezes = story.freezes.map((freeze) => ({
    ...span(freeze),
    middle: seconds((freeze.fromUs + freeze.toUs) / 2),
    label: `${Math.round((freeze.toUs - freeze.fromUs) / 1000)} ms`,
  }));
  const events = story.entries('deliver').map(({ atUs }, index) => ({ at: seconds(atUs), label: String(index + 1) }));
  const cancelled = story.entries('cancelled').map(({ atUs }) => ({ at: seconds(atUs) }));

  return {
    width: 800,
    height: 380,
    title: { text: title, subtitle: cancellations(story) },
    autosize: { type: 'fit', contains: 'padding' },
    padding: { left: 8, right: 16, top: 8, bottom: 8 },
    background: colour.page,
    encoding: {
      y: {
        type: 'nominal',
        scale: { domain: ['events', 'freezes', ...names], padding: 0.25 },
        axis: { title: null, domain: false, ticks: false, labelFont: monospace, labelFontSize: 15, labelPadding: 12 },
      },
      x: {
        type: 'quantitative',
        scale: { domain: [0, seconds(story.endUs)], nice: false },
        axis: { title: null, grid: false, tickMinStep: 1, labelExpr: "datum.label + ' s'", labelFontSize: 13 },
      },
    },
    layer: [
      // The time of each freeze, behind all rows: no process runs in it.
      {
        data: { values: freezes },
        mark: { type: 'rect', color: colour.frozen, opacity: 0.14 },
        encoding: { x: { field: 'from' }, x2: { field: 'to' }, y: { value: 0 }, y2: { value: 'height' } },
      },
      {
        data: { values: runs },
        mark: { type: 'bar', cornerRadius: 3 },
        encoding: {
          x: { field: 'from' },
          x2: { field: 'to' },
          y: { field: 'row' },
          color: { datum: 'its heart beats' },
        },
      },
      {
        data: { values: freezes },
        mark: { type: 'bar', cornerRadius: 3 },
        encoding: {
          x: { field: 'from' },
          x2: { field: 'to' },
          y: { datum: 'freezes' },
          color: { datum: 'frozen, by the log' },
        },
      },
      {
        data: { values: freezes },
        mark: { type: 'text', color: colour.page, fontSize: 12 },
        encoding: { x: { field: 'middle' }, y: { datum: 'freezes' }, text: { field: 'label' } },
      },
      {
        data: { values: events },
        mark: { type: 'point', filled: true, size: 480, opacity: 1, color: colour.text },
        encoding: { x: { field: 'at' }, y: { datum: 'events' } },
      },
      {
        data: { values: events },
        mark: { type: 'text', color: colour.page, fontSize: 14, fontWeight: 'bold' },
        encoding: { x: { field: 'at' }, y: { datum: 'events' }, text: { field: 'label' } },
      },
      {
        data: { values: cancelled },
        mark: {
          type: 'point',
          shape: 'cross',
          angle: 45,
          filled: true,
          size: 200,
          opacity: 1,
          color: colour.cancelled,
          yOffset: -7,
        },
        encoding: { x: { field: 'at' }, y: { datum: 'freezes' } },
      },
      {
        data: { values: cancelled },
        mark: { type: 'text', text: 'cancelled', color: colour.cancelled, fontSize: 13, dy: 12 },
        encoding: { x: { field: 'at' }, y: { datum: 'freezes' } },
      },
    ],
    config: { ...styleOf(theme), range: { category: [colour.runs, colour.frozen] } },
  };
}

/** The picture as a file of SVG. */
export function draw(story: Story, theme: Theme): Promise<string> {
  return svgOf(specification(story, theme), { title, words: inWords(story) });
}

if (process.argv[1] === import.meta.filename) {
  const story = measured();
  for (const theme of themeNames) {
    writeFileSync(join(folder, `demo-${theme}.svg`), await draw(story, theme));
  }
}
